//! The vault on a disk of its own: sealed for a passphrase and for keys, damaged, and wanted by several at once.

use super::key::{Key, Unopened};
use super::{Vault, sealed};
use crate::domain::{Secret, SecretRef, VaultKey};
use crate::secrets::SecretError;
use age::secrecy::ExposeSecret;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

const PASSPHRASE: &str = "canary horse battery";
const VALUE: &str = "canary-value";

fn nowhere(reference: &SecretRef) -> Result<Secret, SecretError> {
    Err(SecretError::NoValue { reference: reference.to_string() })
}

/// A passphrase that a reference leads to.
#[expect(clippy::unnecessary_wraps, reason = "as the vault wants it")]
fn somewhere(_: &SecretRef) -> Result<Secret, SecretError> {
    Ok(Secret::new(PASSPHRASE))
}

fn vault(folder: &TempDir, identity: Option<PathBuf>) -> Vault {
    let key = VaultKey { identity, passphrase: None };
    Vault::new(folder.path(), Some(folder.path().to_owned()), key)
}

fn by_passphrase(folder: &TempDir) -> Vault {
    let key = VaultKey { identity: None, passphrase: Some(SecretRef::Env("P".into())) };
    Vault::new(folder.path(), None, key)
}

/// A file with an age identity, beside its public part.
fn age_identity(folder: &Path) -> PathBuf {
    let identity = age::x25519::Identity::generate();
    let path = folder.join("identity");
    let text = format!(
        "# public key: {}\n{}\n",
        identity.to_public(),
        identity.to_string().expose_secret()
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// A private SSH key, made by the user's own program; nothing where there is none.
fn ssh_key(path: &Path, passphrase: &str) -> Option<()> {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-a", "1", "-C", "", "-N", passphrase, "-f"])
        .arg(path)
        .stdin(std::process::Stdio::null())
        .status();
    made.ok().filter(std::process::ExitStatus::success).map(|_| ())
}

fn assert_silent(error: &SecretError) {
    let told = format!("{error} {error:?}");
    assert!(!told.contains("canary") && !told.contains("AGE-SECRET"), "{told}");
}

#[test]
fn what_was_set_for_a_passphrase_is_read_by_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let first = vault(&folder, None);
    assert!(!first.has_key() && !first.exists());
    let locked = first.set("git", Secret::new(VALUE), &nowhere).unwrap_err();
    assert!(locked.is_locked() && !first.exists(), "{locked}");
    first.choose(Secret::new(PASSPHRASE));
    assert!(!first.set("git", Secret::new(VALUE), &nowhere).unwrap());
    assert!(!first.set("lines", Secret::new("a\nb"), &nowhere).unwrap());
    let mode = std::fs::metadata(first.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let bytes = std::fs::read(first.path()).unwrap();
    assert!(!bytes.windows(6).any(|part| part == b"canary"));

    let second = vault(&folder, None);
    let locked = second.get("git", &nowhere).unwrap_err();
    assert!(locked.wanted().is_some_and(|wanted| wanted.contains("passphrase")), "{locked}");
    let wrong = second.unlock(Secret::new("canary mule"), &nowhere).unwrap_err();
    assert!(matches!(wrong, SecretError::WrongPassphrase { .. }), "{wrong}");
    // What was wrong is not kept: it is locked as before.
    assert!(second.get("git", &nowhere).unwrap_err().is_locked());
    [&locked, &wrong].into_iter().for_each(assert_silent);
    second.unlock(Secret::new(PASSPHRASE), &nowhere).unwrap();
    assert_eq!(second.get("git", &nowhere).unwrap().reveal(), VALUE);
    assert_eq!(second.names(&nowhere).unwrap(), ["git", "lines"]);
    let missing = second.get("canary", &nowhere).unwrap_err().to_string();
    assert!(missing.contains("`gitdeck secret set vault:canary`"), "{missing}");

    // The first notices what the second changed, without being asked for anything.
    assert!(second.set("git", Secret::new("other"), &nowhere).unwrap());
    assert!(
        second.remove("lines", &nowhere).unwrap() && !second.remove("lines", &nowhere).unwrap()
    );
    assert_eq!(first.get("git", &nowhere).unwrap().reveal(), "other");
    assert_eq!(first.names(&nowhere).unwrap(), ["git"]);
}

#[test]
fn a_configured_passphrase_opens_and_a_wrong_one_is_tried_once() {
    let folder = tempfile::tempdir().unwrap();
    by_passphrase(&folder).set("git", Secret::new(VALUE), &somewhere).unwrap();
    let again = by_passphrase(&folder);
    assert_eq!(again.get("git", &somewhere).unwrap().reveal(), VALUE);
    let asked = AtomicUsize::new(0);
    let wrong = by_passphrase(&folder);
    let passphrase = |_: &SecretRef| {
        asked.fetch_add(1, Ordering::Relaxed);
        Ok(Secret::new("canary mule"))
    };
    for _ in 0..50 {
        // Fifty tries of scrypt would take half a minute.
        let error = wrong.get("git", &passphrase).unwrap_err();
        assert!(error.is_locked() && error.to_string().contains("the configured one"), "{error}");
    }
    assert!(wrong.state().refused.is_some() && asked.load(Ordering::Relaxed) == 50);
    assert_eq!(wrong.get("git", &somewhere).unwrap().reveal(), VALUE);
}

#[test]
fn keys_open_what_was_sealed_for_them_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = age_identity(folder.path());
    let native = vault(&folder, Some(path.clone()));
    native.set("git", Secret::new(VALUE), &nowhere).unwrap();
    assert_eq!(vault(&folder, Some(path)).get("git", &nowhere).unwrap().reveal(), VALUE);
    let other = tempfile::tempdir().unwrap();
    let other = age_identity(other.path());
    let error = vault(&folder, Some(other)).get("git", &nowhere).unwrap_err();
    assert!(matches!(&error, SecretError::NoIdentity { tried, .. } if tried.len() == 1), "{error}");
    let none = folder.path().join("none");
    std::fs::write(&none, "canary, no key").unwrap();
    for path in [none, folder.path().join("absent")] {
        let error = vault(&folder, Some(path)).get("git", &nowhere).unwrap_err();
        assert!(matches!(error, SecretError::Identity { .. }), "{error}");
        assert_silent(&error);
    }
}

#[test]
fn ssh_keys_open_with_and_without_a_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let usual = folder.path().join(".ssh/id_ed25519");
    if ssh_key(&usual, "").is_none() {
        return;
    }
    vault(&folder, Some(usual.clone())).set("git", Secret::new(VALUE), &nowhere).unwrap();
    // The usual place need not be named.
    assert_eq!(vault(&folder, None).get("git", &nowhere).unwrap().reveal(), VALUE);

    let locked = tempfile::tempdir().unwrap();
    let key = locked.path().join("key");
    ssh_key(&key, PASSPHRASE).unwrap();
    // To seal, the public half is enough.
    let sealing = vault(&locked, Some(key.clone()));
    sealing.set("git", Secret::new(VALUE), &nowhere).unwrap();
    let reading = vault(&locked, Some(key.clone()));
    let error = reading.get("git", &nowhere).unwrap_err();
    assert!(error.wanted().is_some_and(|wanted| wanted.contains(key.to_str().unwrap())), "{error}");
    let error = reading.unlock(Secret::new("canary mule"), &nowhere).unwrap_err();
    assert!(matches!(error, SecretError::WrongPassphrase { .. }), "{error}");
    reading.unlock(Secret::new(PASSPHRASE), &nowhere).unwrap();
    assert_eq!(reading.get("git", &nowhere).unwrap().reveal(), VALUE);
}

#[test]
fn every_cut_and_every_changed_byte_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = age_identity(folder.path());
    let whole = vault(&folder, Some(path.clone()));
    whole.set("git", Secret::new(VALUE), &nowhere).unwrap();
    let bytes = std::fs::read(whole.path()).unwrap();
    let damaged = |bytes: &[u8]| {
        std::fs::write(whole.path(), bytes).unwrap();
        let error = vault(&folder, Some(path.clone())).get("git", &nowhere).unwrap_err();
        assert_silent(&error);
        assert!(error.to_string().contains(whole.path().to_str().unwrap()), "{error}");
        // Nothing is written over what cannot be read.
        let set = vault(&folder, Some(path.clone())).set("x", Secret::new("y"), &nowhere);
        assert!(set.is_err() && std::fs::read(whole.path()).unwrap() == bytes);
    };
    (0..bytes.len()).step_by(7).for_each(|cut| damaged(&bytes[..cut]));
    damaged(&bytes[..bytes.len() - 1]);
    for at in (0..bytes.len()).step_by(11) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        damaged(&changed);
    }
    std::fs::write(whole.path(), &bytes).unwrap();
    assert_eq!(whole.get("git", &nowhere).unwrap().reveal(), VALUE);
}

#[test]
fn what_somebody_else_sealed_is_not_misread() {
    let key = Key::Passphrase(Secret::new("x"));
    let identity = age::x25519::Identity::generate();
    for content in
        ["", "[]", "{\"gitdeck_vault\": 2, \"secrets\": {}}", "{\"secrets\": {\"a\": \"canary\"}}"]
    {
        let sealed = age::encrypt(&identity.to_public(), content.as_bytes()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity");
        std::fs::write(&path, identity.to_string().expose_secret()).unwrap();
        let vault = vault(&folder, Some(path));
        std::fs::write(vault.path(), sealed).unwrap();
        let error = vault.get("a", &nowhere).unwrap_err();
        assert!(matches!(error, SecretError::Damaged { .. }), "{error}");
        assert_silent(&error);
    }
    assert!(matches!(sealed::open(b"age-encryption.org/v1\n", &key), Err(Unopened::Damaged(_))));
}

#[test]
fn several_that_write_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = age_identity(folder.path());
    std::thread::scope(|scope| {
        for writer in 0..6 {
            let (folder, path) = (&folder, path.clone());
            scope.spawn(move || {
                // A vault of its own, as another process has.
                let own = vault(folder, Some(path));
                for round in 0..5 {
                    let name = format!("{writer}-{round}");
                    own.set(&name, Secret::new(name.clone()), &nowhere).unwrap();
                }
            });
        }
    });
    let all = vault(&folder, Some(path));
    let names = all.names(&nowhere).unwrap();
    assert_eq!(names.len(), 30);
    for name in names {
        assert_eq!(all.get(&name, &nowhere).unwrap().reveal(), name);
    }
    let left = std::fs::read_dir(folder.path()).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".vault-")), "{left:?}");
}

#[test]
fn a_passphrase_that_changed_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = vault(&folder, None);
    first.choose(Secret::new(PASSPHRASE));
    first.set("git", Secret::new(VALUE), &nowhere).unwrap();
    std::fs::remove_file(first.path()).unwrap();
    let second = vault(&folder, None);
    second.choose(Secret::new("canary mule"));
    second.set("git", Secret::new("other"), &nowhere).unwrap();
    let locked = first.get("git", &nowhere).unwrap_err();
    assert!(locked.is_locked() && locked.to_string().contains("got since"), "{locked}");
    first.unlock(Secret::new("canary mule"), &nowhere).unwrap();
    assert_eq!(first.get("git", &nowhere).unwrap().reveal(), "other");
}

#[test]
fn nobody_is_locked_out_by_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = age_identity(folder.path());
    let own = vault(&folder, Some(path.clone()));
    own.set("git", Secret::new(VALUE), &nowhere).unwrap();
    own.set("git", Secret::new("other"), &nowhere).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let identity: age::x25519::Identity = text.lines().nth(1).unwrap().parse().unwrap();
    let others = [identity.to_public(), age::x25519::Identity::generate().to_public()];
    let encryptor =
        age::Encryptor::with_recipients(others.iter().map(|one| one as &dyn age::Recipient));
    let mut sealed = Vec::new();
    let mut stream = encryptor.unwrap().wrap_output(&mut sealed).unwrap();
    std::io::Write::write_all(&mut stream, br#"{"gitdeck_vault":1,"secrets":{"git":"both"}}"#)
        .unwrap();
    stream.finish().unwrap();
    std::fs::write(own.path(), &sealed).unwrap();
    assert_eq!(own.get("git", &nowhere).unwrap().reveal(), "both");
    let refused = own.set("git", Secret::new(VALUE), &nowhere).unwrap_err();
    assert!(matches!(refused, SecretError::OtherKeys { .. }), "{refused}");
    assert_eq!(std::fs::read(own.path()).unwrap(), sealed);
}

#[test]
fn a_link_stays_one_and_one_that_leads_nowhere_is_no_new_vault() {
    let (folder, volume) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let own = vault(&folder, None);
    own.choose(Secret::new(PASSPHRASE));
    own.set("git", Secret::new(VALUE), &nowhere).unwrap();
    let target = volume.path().join("v.age");
    std::fs::rename(own.path(), &target).unwrap();
    std::os::unix::fs::symlink(&target, own.path()).unwrap();
    own.set("git", Secret::new("other"), &nowhere).unwrap();
    assert!(own.path().is_symlink());
    std::fs::remove_file(&target).unwrap();
    let refused = own.set("more", Secret::new(VALUE), &nowhere).unwrap_err();
    assert!(refused.to_string().contains("leads nowhere"), "{refused}");
    assert!(own.path().is_symlink() && !target.exists());
}
