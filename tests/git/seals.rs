//! What is said of signatures, held against git's own answer for each commit.

use super::signing::{key, ssh_signed};
use super::world::{World, git, push, request, set};
use gitdeck::domain::{Belief, Revision, Verdict};
use gitdeck::git::Repository;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The text of a commit, made another one and written to the origin.
fn forged(world: &World, revision: &Revision, change: impl Fn(String) -> String) -> Revision {
    let text = git(&world.origin(), ["cat-file", "commit", revision.as_str()]);
    let file = world.path().join("forged");
    fs::write(&file, change(text.clone()) + "\n").unwrap();
    let id = git(&world.origin(), ["hash-object", "-t", "commit", "-w", file.to_str().unwrap()]);
    assert_ne!(id, revision.as_str());
    Revision::new(id)
}

/// The same commit with this signature and none before it.
fn sealed(world: &World, revision: &Revision, seal: &str) -> Revision {
    forged(world, revision, |text| {
        let (head, message) = text.split_once("\n\n").unwrap();
        let bare: Vec<&str> =
            head.lines().take_while(|line| !line.starts_with("gpgsig ")).collect();
        format!("{}\ngpgsig {seal}\n\n{message}", bare.join("\n"))
    })
}

/// A repository of its own folder that knows these signers, with everything of the origin in its mirror.
fn opened(world: &World, name: &str, config: &str, home: Option<&Path>) -> Repository {
    let mut places = world.places();
    let under = world.path().join(name);
    (places.mirrors, places.outbox) = (under.clone(), under.join("own"));
    fs::create_dir_all(&under).unwrap();
    fs::write(under.join("gitconfig"), config).unwrap();
    set(&mut places, "GIT_CONFIG_GLOBAL", under.join("gitconfig"));
    if let Some(home) = home {
        set(&mut places, "GNUPGHOME", home);
    }
    let repository = Repository::open(&places, &world.remote()).unwrap();
    super::world::fetch(&repository).unwrap();
    repository
}

fn signers(file: &Path) -> String {
    format!("[gpg \"ssh\"]\n\tallowedSignersFile = {}\n", file.display())
}

fn verdicts(repository: &Repository, revisions: &[Revision]) -> HashMap<Revision, Verdict> {
    let signers = repository.signers().unwrap();
    repository.verdicts(revisions, &signers).unwrap().into_iter().collect()
}

fn state(repository: &Repository, revision: &Revision) -> (Belief, String) {
    let verdict = verdicts(repository, std::slice::from_ref(revision)).remove(revision).unwrap();
    // What lets a commit through and what is shown as verified are the same.
    let passes = repository.unvouched(revision).unwrap().is_none();
    assert_eq!(passes, verdict.state == Belief::Verified, "{verdict:?}");
    (verdict.state, verdict.why.unwrap_or_default())
}

/// Makes all of these commits parents of the tip, so that they are in the mirror.
fn join(world: &World, tip: &Revision, all: &[Revision]) {
    let parents =
        all.iter().fold(String::new(), |text, from| text + "parent " + from.as_str() + "\n");
    let tip = forged(world, tip, |text| {
        let (tree, rest) = text.split_once('\n').unwrap();
        format!("{tree}\n{parents}{rest}")
    });
    git(&world.origin(), ["update-ref", "refs/heads/main", tip.as_str()]);
}

/// What `%G?` of git would be.
fn letter(verdict: Option<&Verdict>) -> &'static str {
    verdict.map_or("N", |verdict| match verdict.state {
        Belief::Verified => "G",
        Belief::Untrusted => "U",
        Belief::Bad => "B",
        Belief::Unchecked => "E",
    })
}

fn git_says(world: &World, setting: &str, revision: &Revision) -> String {
    git(&world.origin(), ["-c", setting, "log", "-1", "--format=%G?", revision.as_str()])
}

#[test]
fn each_signature_of_ssh_is_what_git_says_and_one_false_one_hides_no_other() {
    let world = World::new();
    let (signed, _) = ssh_signed(&world);
    let good = signed.commit(&request("first", &[("a.yaml", "a: 2\n")])).unwrap().revision;
    push(&signed).unwrap();
    let folder = world.path().join("stranger");
    fs::create_dir(&folder).unwrap();
    let (strange, _) = key(&folder);
    git(&world.other(), ["pull", "-q", "origin", "main"]);
    fs::write(world.other().join("a.yaml"), "a: 3\n").unwrap();
    git(&world.other(), ["add", "-A"]);
    let signing = format!("user.signingkey={}", strange.display());
    let commit = ["-c", "gpg.format=ssh", "-c", &signing, "commit", "-qS", "-m", "second"];
    git(&world.other(), commit);
    let stranger = world.publish_head();
    let bare = world.publish("theirs", &[("other.yaml", "a: 1\n")]);
    let tampered = forged(&world, &good, |text| text.replace("first", "fist"));
    let garbage = sealed(&world, &good, "garbage");
    let hollow =
        sealed(&world, &good, "-----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----");
    let pgp = sealed(
        &world,
        &good,
        "-----BEGIN PGP SIGNATURE-----\n \n AAAA\n -----END PGP SIGNATURE-----",
    );
    let all = [&tampered, &garbage, &hollow, &pgp, &good, &stranger, &bare].map(Clone::clone);
    join(&world, &bare, &all);

    let allowed = world.path().join("allowed");
    let repository = opened(&world, "knowing", &signers(&allowed), None);
    let said = verdicts(&repository, &all);
    assert_eq!(said.len(), 6, "nothing of what is not signed: {said:?}");
    let of = |revision: &Revision| said[revision].state;
    assert_eq!(of(&good), Belief::Verified);
    assert_eq!(said[&good].signer.as_deref(), Some("ada@example.com"));
    assert!(said[&good].key.as_ref().unwrap().starts_with("SHA256:"), "{said:?}");
    assert_eq!((of(&stranger), of(&tampered)), (Belief::Untrusted, Belief::Bad));
    assert_eq!((of(&garbage), of(&hollow)), (Belief::Bad, Belief::Bad));
    assert!(of(&pgp) != Belief::Verified && of(&pgp) != Belief::Untrusted, "{:?}", said[&pgp]);
    // git itself, one commit at a time.
    let setting = format!("gpg.ssh.allowedSignersFile={}", allowed.display());
    for revision in [&good, &stranger, &tampered, &hollow, &bare] {
        assert_eq!(letter(said.get(revision)), git_says(&world, &setting, revision), "{revision}");
        if *revision != bare {
            state(&repository, revision);
        }
    }
    assert!(state(&repository, &garbage).1.contains("no form that git knows"));

    // Other signers count from one moment to the next.
    let before = repository.signers().unwrap();
    let public = fs::read_to_string(folder.join("key.pub")).unwrap();
    fs::write(&allowed, format!("eve@example.com {public}")).unwrap();
    assert_ne!(repository.signers().unwrap(), before);
    let (now, why) = state(&repository, &good);
    assert_eq!(now, Belief::Untrusted);
    assert!(why.starts_with("none of the allowed signers signed it"), "{why}");
    assert_eq!(state(&repository, &stranger).0, Belief::Verified);
}

#[test]
fn what_cannot_be_checked_is_neither_good_nor_bad() {
    let world = World::new();
    let (signed, _) = ssh_signed(&world);
    let good = signed.commit(&request("first", &[("a.yaml", "a: 2\n")])).unwrap().revision;
    push(&signed).unwrap();
    let (without, why) = state(&opened(&world, "unset", "", None), &good);
    assert_eq!(without, Belief::Unchecked, "{why}");
    assert!(why.contains("gpg.ssh.allowedSignersFile"), "{why}");
    let config = signers(&world.path().join("allowed")) + "\tprogram = /no/such/program\n";
    let (without, why) = state(&opened(&world, "nothing", &config, None), &good);
    assert_eq!(without, Belief::Unchecked, "{why}");
}

/// A home of `gpg` with its own agent, which goes with it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        // The path of a socket is short.
        Self(tempfile::Builder::new().prefix("gpg").tempdir_in("/tmp").unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn gpg(&self, arguments: &[&str]) -> Vec<u8> {
        let mut gpg = Command::new("gpg");
        let output = gpg.env("GNUPGHOME", self.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let mut end = Command::new("gpgconf");
        let _ = end.env("GNUPGHOME", self.path()).args(["--kill", "all"]).output();
    }
}

#[test]
fn a_key_of_openpgp_counts_as_far_as_it_is_trusted() {
    if Command::new("gpg").arg("--version").output().is_err() {
        let required = std::env::var_os("GITDECK_REQUIRE_CONTROL_PLANE").is_some();
        assert!(!required, "gnupg is not installed");
        return;
    }
    let world = World::new();
    let (own, empty) = (Home::new(), Home::new());
    own.gpg(&["--batch", "--passphrase", "", "--quick-gen-key", "ada@example.com"]);
    fs::write(world.other().join("a.yaml"), "a: 3\n").unwrap();
    git(&world.other(), ["add", "-A"]);
    let signed = Command::new("git")
        .current_dir(world.other())
        .env("GNUPGHOME", own.path())
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
        .args(["-c", "gpg.format=openpgp", "-c", "gpg.program=gpg"])
        .args(["commit", "-q", "-Sada@example.com", "-m", "by hand"])
        .status();
    assert!(signed.unwrap().success());
    let good = world.publish_head();
    let tampered = forged(&world, &good, |text| text.replace("by hand", "by foot"));
    git(&world.origin(), ["update-ref", "refs/heads/main", tampered.as_str()]);
    let at_tampered = opened(&world, "tampered", "", Some(own.path()));
    assert_eq!(state(&at_tampered, &tampered).0, Belief::Bad);
    git(&world.origin(), ["update-ref", "refs/heads/main", good.as_str()]);

    let known = opened(&world, "known", "", Some(own.path()));
    assert_eq!(state(&known, &good).0, Belief::Verified);
    let verdict = verdicts(&known, std::slice::from_ref(&good)).remove(&good).unwrap();
    assert!(verdict.signer.unwrap().contains("ada@example.com"));
    let unknown = opened(&world, "unknown", "", Some(empty.path()));
    let (there, why) = state(&unknown, &good);
    assert_eq!(there, Belief::Untrusted, "{why}");
    assert!(why.starts_with("the key that signed it is not known"), "{why}");
    let before = unknown.signers().unwrap();
    let file = world.path().join("public");
    fs::write(&file, own.gpg(&["--export", "ada@example.com"])).unwrap();
    empty.gpg(&["-q", "--batch", "--import", file.to_str().unwrap()]);
    assert_ne!(unknown.signers().unwrap(), before, "the keyring is another one");
    let (imported, why) = state(&unknown, &good);
    assert_eq!(imported, Belief::Untrusted, "{why}");
    assert!(why.contains("gpg.minTrustLevel"), "{why}");
    let least = |name: &str, level: &str, home: &Home| {
        let config = format!("[gpg]\n\tminTrustLevel = {level}\n");
        state(&opened(&world, name, &config, Some(home.path())), &good).0
    };
    assert_eq!(least("enough", "undefined", &empty), Belief::Verified);
    assert_eq!(least("own", "ultimate", &own), Belief::Verified);
    assert_eq!(least("strict", "marginal", &empty), Belief::Untrusted);
    let nothing = "[gpg]\n\tprogram = /no/such/program\n";
    let (without, why) = state(&opened(&world, "nothing", nothing, Some(own.path())), &good);
    assert_eq!(without, Belief::Unchecked, "{why}");
    assert!(why.contains("No such file"), "{why}");
}
