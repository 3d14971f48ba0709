//! Commits that are signed with the user's key, verified by git itself.

use super::world::{World, git, push, request};
use gitdeck::domain::{PushOutcome, SignatureFormat, Signing};
use gitdeck::git::{GitError, Repository};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A key of ssh without a passphrase, and the file that says whose it is.
fn key(folder: &Path) -> (PathBuf, PathBuf) {
    let (key, allowed) = (folder.join("key"), folder.join("allowed"));
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
    assert!(made.unwrap().success());
    let public = std::fs::read_to_string(folder.join("key.pub")).unwrap();
    std::fs::write(&allowed, format!("ada@example.com {public}")).unwrap();
    (key, allowed)
}

fn signing_with(world: &World, format: SignatureFormat, key: &str) -> Repository {
    let mut places = world.places();
    places.signing = Signing::With { format, key: Some(key.to_owned()) };
    let repository = Repository::open(&places, &world.remote()).unwrap();
    super::world::fetch(&repository).unwrap();
    repository
}

#[test]
fn every_pushed_commit_verifies_also_after_a_lost_race() {
    let world = World::new();
    let (key, allowed) = key(world.path());
    let repository = signing_with(&world, SignatureFormat::Ssh, key.to_str().unwrap());
    let before = world.newest();
    repository.commit(&request("first", &[("apps/web.yaml", "replicas: 2\n")])).unwrap();
    repository.commit(&request("second", &[("apps/web.yaml", "replicas: 3\n")])).unwrap();
    world.publish("theirs", &[("other.yaml", "a: 1\n")]);
    let outcome = push(&repository).unwrap();
    assert!(matches!(&outcome, PushOutcome::Pushed { rebuilt, .. } if rebuilt.len() == 2));
    let program = format!("gpg.ssh.allowedSignersFile={}", allowed.display());
    let shown = git(
        &world.origin(),
        ["-c", &program, "log", "--format=%s %G? %GS", &format!("{before}..main")],
    );
    assert_eq!(shown, "second G ada@example.com\nfirst G ada@example.com\ntheirs N");
}

#[test]
fn without_the_key_nothing_is_committed() {
    let world = World::new();
    let missing = world.path().join("missing").display().to_string();
    for format in [SignatureFormat::Ssh, SignatureFormat::OpenPgp] {
        let repository = signing_with(&world, format, &missing);
        let error = repository.commit(&request("change", &[("a.yaml", "a: 2\n")])).unwrap_err();
        assert!(matches!(error, GitError::Signing { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("nothing was committed") && text.contains("[signing]"), "{text}");
        assert_eq!(repository.pending().unwrap(), []);
    }
}
