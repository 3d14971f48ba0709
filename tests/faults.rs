//! Faults of disks, mirrors and trees, in the words of the command line: what failed, where, what to do; and nothing is lost.

use crate::blame::Desk;
use crate::support::demo::said;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TABLES: &str = "\
[mappings.app]\nrepository = \"fleet\"\npath = \"app\"\n\
[mappings.below]\nrepository = \"fleet\"\npath = \"link/app\"\n\
[mappings.inside]\nrepository = \"fleet\"\npath = \"vendor/app\"\n";

fn map(text: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\ndata:\n  key: {text}\n")
}

/// Letters that do not compress, so that the file on the disk is about as long.
fn noise(length: usize) -> String {
    let mut state = 2026_u64;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'a' + (state >> 33) as u8 % 26)
    };
    (0..length).map(|_| letter()).collect()
}

fn desk() -> Desk {
    let desk = Desk::new(TABLES, std::env::var_os("PATH").unwrap());
    desk.publish("Ana", &[("app/one.yaml", &map("blue"))]);
    // So that a push may move the branch.
    desk.git("Ana", &["-C", "fleet", "checkout", "-q", "--detach"]);
    desk
}

/// Runs gitdeck where no file may be longer than so many blocks of 512 bytes, which stands for the space that is left.
fn cramped(desk: &Desk, blocks: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"", "sh", blocks])
        .arg(env!("CARGO_BIN_EXE_gitdeck"))
        .arg("--config")
        .arg(desk.root().join("config.toml"))
        .args(arguments)
        .env("HOME", desk.root())
        .env("NO_COLOR", "1");
    let output = shell.output().unwrap();
    (output.status.code(), said(&output))
}

fn waiting(desk: &Desk) -> u64 {
    desk.document(&["repo", "show", "fleet"])["repositories"][0]["pending"].as_u64().unwrap()
}

#[test]
fn a_full_disk_is_named_and_no_commit_is_lost() {
    let desk = desk();
    let local = desk.root().join("local.yaml");
    let file = format!("one.yaml={}", local.display());
    let commit = ["commit", "app", "--file", &file, "-m", "grow", "--no-push", "--no-validate"];
    fs::write(&local, map(&noise(200_000))).unwrap();
    // Mirror and outbox are there already.
    assert_eq!(desk.run(&["log", "fleet"]).0, Some(0));

    // The journal comes before anything else.
    let (code, words) = cramped(&desk, "0", &commit);
    assert!(code == Some(3) && words.contains("the disk refused: "), "{words}");
    assert!(words.contains("free space in the data directory"), "{words}");
    // Then the outbox.
    let (code, words) = cramped(&desk, "64", &commit);
    let outbox = desk.root().join("data/outbox").display().to_string();
    assert!(code == Some(3) && words.contains(&outbox), "{words}");
    assert!(words.contains("check the space and the permissions there"), "{words}");
    assert_eq!(waiting(&desk), 0);
    let (code, _, notes) = desk.run(&commit);
    assert_eq!(code, Some(0), "{notes}");
    assert_eq!(waiting(&desk), 1);

    // A commit that waits goes on waiting.
    for blocks in ["0", "64"] {
        let (code, words) = cramped(&desk, blocks, &["push", "fleet"]);
        assert!(code == Some(3), "{blocks}: {words}");
        let names = ["the disk refused: ", "check the space and the permissions there"];
        assert!(names.iter().any(|name| words.contains(name)), "{blocks}: {words}");
        assert_eq!(waiting(&desk), 1, "{words}");
    }
    let (code, _, notes) = desk.run(&["push", "fleet"]);
    assert_eq!(code, Some(0), "{notes}");
    assert_eq!(waiting(&desk), 0);
    assert!(desk.git("Ana", &["-C", "fleet", "show", "main:app/one.yaml"]).contains(&noise(99)));
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            files_below(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

/// Changes the packs of the mirror.
fn damage(desk: &Desk, change: impl Fn(&mut Vec<u8>)) {
    let mut files = Vec::new();
    files_below(&desk.root().join("cache/mirrors"), &mut files);
    let packs: Vec<&PathBuf> =
        files.iter().filter(|file| file.extension().is_some_and(|end| end == "pack")).collect();
    assert!(!packs.is_empty());
    for pack in packs {
        let mut bytes = fs::read(pack).unwrap();
        change(&mut bytes);
        // Packs are read-only, so that the file is replaced.
        fs::remove_file(pack).unwrap();
        fs::write(pack, bytes).unwrap();
    }
}

#[test]
fn a_damaged_mirror_is_said_and_built_anew_with_what_waits() {
    let desk = desk();
    assert_eq!(desk.run(&["log", "fleet"]).0, Some(0));
    // The file is the last object, before the sum of the pack.
    damage(&desk, |pack| {
        let at = pack.len() - 28;
        pack[at] ^= 0xff;
    });
    let (code, _, notes) = desk.run(&["blame", "app"]);
    let remote = format!("file://{}", desk.root().join("fleet").display());
    let words = format!("the mirror of {remote} is damaged (");
    assert!(code == Some(3) && notes.contains(&words), "{notes}");
    assert!(notes.contains("fetch to build it anew; unpushed commits are not in it"), "{notes}");
    let (code, out, notes) = desk.run(&["blame", "app"]);
    assert!(code == Some(0) && out.contains("app/one.yaml"), "{out}{notes}");

    let local = desk.root().join("local.yaml");
    fs::write(&local, map("green")).unwrap();
    let file = format!("one.yaml={}", local.display());
    let (code, _, notes) = desk.run(&["commit", "app", "--file", &file, "-m", "mine", "--no-push"]);
    assert_eq!(code, Some(0), "{notes}");
    damage(&desk, |pack| *pack = b"garbage".to_vec());
    let (code, out, notes) = desk.run(&["log", "fleet"]);
    assert!(code == Some(0) && out.contains("mine"), "{out}{notes}");
    assert_eq!(waiting(&desk), 1);
    let (code, _, notes) = desk.run(&["push", "fleet"]);
    assert_eq!(code, Some(0), "{notes}");
    assert!(desk.git("Ana", &["-C", "fleet", "show", "main:app/one.yaml"]).contains("green"));
}

#[test]
fn paths_behind_links_and_submodules_are_not_followed() {
    let desk = desk();
    std::os::unix::fs::symlink("app", desk.root().join("fleet/link")).unwrap();
    desk.git("Ana", &["-C", "fleet", "checkout", "-q", "main"]);
    let head = desk.git("Ana", &["-C", "fleet", "rev-parse", "HEAD"]);
    let entry = format!("160000,{head},vendor");
    fs::create_dir(desk.root().join("fleet/vendor")).unwrap();
    desk.git("Ana", &["-C", "fleet", "add", "link"]);
    desk.git("Ana", &["-C", "fleet", "update-index", "--add", "--cacheinfo", &entry]);
    desk.git("Ana", &["-C", "fleet", "commit", "-qm", "links"]);
    for (mapping, words) in [
        (
            "below",
            "link/app: \"link/app\" is refused: a folder on the way is a symbolic link; links are never followed",
        ),
        (
            "inside",
            "vendor/app: \"vendor/app\" is refused: it lies in a submodule; submodules are not entered",
        ),
    ] {
        let (code, _, notes) = desk.run(&["plan", mapping]);
        assert!(code == Some(3) && notes.contains(words), "{mapping}: {notes}");
        let (code, _, notes) = desk.run(&["edit", mapping, "one.yaml", "--yes", "--push"]);
        let words = words.split_once(": ").unwrap().1;
        assert!(code == Some(3) && notes.contains(words), "{mapping}: {notes}");
    }
}
