//! Commits that are signed with the user's key, verified by git itself.

use super::world::{World, git, push, request};
use crate::blame::Desk;
use crate::support::missing;
use gitdeck::domain::{PushOutcome, Revision, SignatureFormat, Signing};
use gitdeck::git::{GitError, Repository};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A key of ssh without a passphrase, and the file that says whose it is.
pub fn key(folder: &Path) -> (PathBuf, PathBuf) {
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

/// A repository that signs with a key of ssh, and the setting with which git verifies it.
pub fn ssh_signed(world: &World) -> (Repository, String) {
    let folder = world.path();
    let (key, allowed) = if folder.join("key").exists() {
        (folder.join("key"), folder.join("allowed"))
    } else {
        key(folder)
    };
    let setting = format!("gpg.ssh.allowedSignersFile={}", allowed.display());
    (signing_with(world, SignatureFormat::Ssh, key.to_str().unwrap()), setting)
}

#[test]
fn every_pushed_commit_verifies_also_after_a_lost_race() {
    let world = World::new();
    let (repository, program) = ssh_signed(&world);
    let before = world.newest();
    repository.commit(&request("first", &[("apps/web.yaml", "replicas: 2\n")])).unwrap();
    repository.commit(&request("second", &[("apps/web.yaml", "replicas: 3\n")])).unwrap();
    world.publish("theirs", &[("other.yaml", "a: 1\n")]);
    let outcome = push(&repository).unwrap();
    assert!(matches!(&outcome, PushOutcome::Pushed { rebuilt, .. } if rebuilt.len() == 2));
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

/// A repository whose git knows these allowed signers.
fn verifying(world: &World, allowed: &Path, name: &str) -> Repository {
    let mut places = world.places();
    (places.mirrors, places.outbox) =
        (world.path().join(name), world.path().join(name).join("own"));
    places.allowed_signers = Some(allowed.to_owned());
    let repository = Repository::open(&places, &world.remote()).unwrap();
    super::world::fetch(&repository).unwrap();
    repository
}

/// A commit whose message was changed after it was signed.
fn tampered(world: &World, revision: &str) -> Revision {
    let text = git(&world.origin(), ["cat-file", "commit", revision]);
    let file = world.path().join("tampered");
    std::fs::write(&file, text.replace("first", "fist") + "\n").unwrap();
    let id = git(&world.origin(), ["hash-object", "-t", "commit", "-w", file.to_str().unwrap()]);
    git(&world.origin(), ["update-ref", "refs/heads/main", &id]);
    Revision::new(id)
}

#[test]
fn git_says_who_stands_by_a_commit() {
    let world = World::new();
    let (key, allowed) = key(world.path());
    let stranger = world.path().join("stranger");
    std::fs::create_dir(&stranger).unwrap();
    let (strange, _) = self::key(&stranger);
    let signed = signing_with(&world, SignatureFormat::Ssh, key.to_str().unwrap());
    // Not pushed yet: it is read from where it waits.
    let good = signed.commit(&request("first", &[("a.yaml", "a: 2\n")])).unwrap().revision;
    let mut places = world.places();
    places.allowed_signers = Some(allowed.clone());
    places.signing = Signing::Off;
    assert_eq!(Repository::open(&places, &world.remote()).unwrap().unvouched(&good).unwrap(), None);
    push(&signed).unwrap();
    let unknown = signing_with(&world, SignatureFormat::Ssh, strange.to_str().unwrap());
    let unknown_one = unknown.commit(&request("second", &[("a.yaml", "a: 3\n")])).unwrap().revision;
    push(&unknown).unwrap();
    git(&world.other(), ["pull", "-q", "origin", "main"]);
    world.publish("theirs", &[("other.yaml", "a: 1\n")]);
    let bare = world.newest();
    let repository = verifying(&world, &allowed, "one");
    let false_one = tampered(&world, good.as_str());
    let after = verifying(&world, &allowed, "two");
    let why = |revision: &Revision| repository.unvouched(revision).unwrap();
    assert_eq!(why(&good), None);
    let said = why(&unknown_one).unwrap();
    assert!(said.starts_with("none of the allowed signers signed it"), "{said}");
    assert_eq!(why(&bare).unwrap(), "it is not signed");
    let said = after.unvouched(&false_one).unwrap().unwrap();
    assert!(said.starts_with("its signature is not for what it says now"), "{said}");
    // A signer whose time is over, and a file that is gone.
    let public = std::fs::read_to_string(&allowed).unwrap();
    let over = public.replace(" ssh-", " valid-before=\"20010101\" ssh-");
    std::fs::write(&allowed, over).unwrap();
    assert!(why(&good).is_some());
    std::fs::remove_file(&allowed).unwrap();
    let said = why(&good).unwrap();
    assert!(said.contains("allowedSignersFile") || said.contains("allowed"), "{said}");
    assert!(repository.unvouched(&Revision::new("0".repeat(40))).is_err());
}

#[test]
fn the_signers_of_git_and_of_the_keyring_count() {
    let world = World::new();
    let (key, allowed) = key(world.path());
    let repository = signing_with(&world, SignatureFormat::Ssh, key.to_str().unwrap());
    let good = repository.commit(&request("first", &[("a.yaml", "a: 2\n")])).unwrap().revision;
    let config = world.path().join("gitconfig");
    let line = format!("[gpg \"ssh\"]\n\tallowedSignersFile = {}\n", allowed.display());
    std::fs::write(&config, line).unwrap();
    let mut places = world.places();
    super::world::set(&mut places, "GIT_CONFIG_GLOBAL", config);
    let opened = Repository::open(&places, &world.remote()).unwrap();
    assert_eq!(opened.unvouched(&good).unwrap(), None);

    let Some(keyring) = Keyring::new("ada@example.com") else { return };
    let home = &keyring.0;
    let file = world.other().join("a.yaml");
    std::fs::write(file, "a: 3\n").unwrap();
    git(&world.other(), ["add", "-A"]);
    let signed = Command::new("git")
        .current_dir(world.other())
        .env("GNUPGHOME", home.path())
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
        .args(["-c", "gpg.format=openpgp", "-c", "gpg.program=gpg"])
        .args(["commit", "-q", "-Sada@example.com", "-m", "by hand"])
        .status();
    assert!(signed.unwrap().success());
    let good = world.publish_head();
    let empty = Keyring::empty();
    let config = world.path().join("trusting");
    std::fs::write(&config, "").unwrap();
    let why = |home: &Path, name: &str| {
        let mut places = world.places();
        super::world::set(&mut places, "GNUPGHOME", home);
        super::world::set(&mut places, "GIT_CONFIG_GLOBAL", &config);
        let under = world.path().join(name);
        (places.mirrors, places.outbox) = (under.clone(), under.join("own"));
        let repository = Repository::open(&places, &world.remote()).unwrap();
        super::world::fetch(&repository).unwrap();
        repository.unvouched(&good).unwrap()
    };
    assert_eq!(why(home.path(), "known"), None);
    let empty = &empty.0;
    let said = why(empty.path(), "unknown").unwrap();
    assert!(said.starts_with("the key that signed it is not known"), "{said}");
    // A key that was only imported is nobody's yet, unless the user says that it will do.
    let (mut export, mut import) = (Command::new("gpg"), Command::new("gpg"));
    let key = export.env("GNUPGHOME", home.path()).args(["--export", "ada@example.com"]).output();
    std::fs::write(world.path().join("key"), key.unwrap().stdout).unwrap();
    let import = import.env("GNUPGHOME", empty.path()).args(["-q", "--batch", "--import"]);
    assert!(import.arg(world.path().join("key")).status().unwrap().success());
    let said = why(empty.path(), "imported").unwrap();
    assert!(said.contains("gpg.minTrustLevel") && said.contains("marginal"), "{said}");
    std::fs::write(&config, "[gpg]\n\tminTrustLevel = undefined\n").unwrap();
    assert_eq!(why(empty.path(), "enough"), None);
}

#[test]
fn a_commit_that_gitdeck_signs_with_openpgp_verifies_where_it_was_pushed() {
    let Some(keyring) = Keyring::new("ana@example.com") else { return };
    let tables = "[signing]\nformat = \"openpgp\"\nkey = \"ana@example.com\"\n\
                  [mappings.app]\nrepository = \"fleet\"\npath = \"app\"\n";
    let desk = Desk::new(tables, std::env::var_os("PATH").unwrap());
    let map = |value: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\ndata:\n  key: {value}\n")
    };
    desk.publish("Ana", &[("app/one.yaml", &map("blue"))]);
    desk.git("Ana", &["-C", "fleet", "checkout", "-q", "--detach"]);
    let local = desk.root().join("local.yaml");
    std::fs::write(&local, map("green")).unwrap();
    let file = format!("one.yaml={}", local.display());
    let commit = ["commit", "app", "--file", &file, "-m", "greener", "--no-validate", "--push"];
    let run = |home: &Path| {
        let output = desk.command(&commit).env("GNUPGHOME", home).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    // Without the key nothing is committed, and nothing is pushed.
    let empty = Keyring::empty();
    let (code, notes) = run(empty.0.path());
    assert!(code == Some(3) && notes.contains("the commit cannot be signed: gpg: "), "{notes}");
    assert!(notes.contains("nothing was committed"), "{notes}");
    assert_eq!(desk.git("Ana", &["-C", "fleet", "log", "--format=%s", "main"]), "Ana's change");

    let (code, notes) = run(keyring.0.path());
    assert_eq!(code, Some(0), "{notes}");
    let shown = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(desk.root().join("fleet")).arg("log").args(arguments).arg("main");
        git.env("GNUPGHOME", keyring.0.path()).env("GIT_CONFIG_GLOBAL", "/dev/null");
        String::from_utf8(git.output().unwrap().stdout).unwrap()
    };
    assert_eq!(
        shown(&["--format=%s %G? %GS"]).trim_end(),
        "greener G ana@example.com\nAna's change N"
    );
    let words = shown(&["-1", "--show-signature"]);
    assert!(words.contains("Good signature from \"ana@example.com\""), "{words}");
}

/// A folder of gpg, whose agent ends with it.
struct Keyring(tempfile::TempDir);

impl Keyring {
    fn empty() -> Self {
        // The agent's socket must not be far from the root.
        Self(tempfile::Builder::new().prefix("gpg").tempdir_in("/tmp").unwrap())
    }

    /// With a key without a passphrase; nothing where there is no gpg.
    fn new(owner: &str) -> Option<Self> {
        if Command::new("gpg").arg("--version").output().is_err() {
            missing("gpg");
            return None;
        }
        let keyring = Self::empty();
        let mut gpg = Command::new("gpg");
        let gpg = gpg.env("GNUPGHOME", keyring.0.path());
        let gpg = gpg.args(["--batch", "--passphrase", "", "--quick-gen-key", owner]);
        let output = gpg.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(keyring)
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        let mut end = Command::new("gpgconf");
        let _ = end.env("GNUPGHOME", self.0.path()).args(["--kill", "all"]).output();
    }
}
