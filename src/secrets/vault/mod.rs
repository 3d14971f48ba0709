//! The vault: one file in the data directory that age encrypts. Nothing of it is read before a reference asks for it, and
//! what was opened stays open until the process ends or the file changes.

mod file;
mod key;
mod sealed;
#[cfg(test)]
mod tests;

use super::SecretError;
use crate::domain::{Secret, SecretRef, VaultKey};
use file::Stamp;
use key::{IdentityFile, Key, Unopened};
use sealed::Entries;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Its name in the data directory.
const NAME: &str = "vault.age";
/// Keys of the user that are tried where none is configured.
const USUAL: [&str; 2] = [".ssh/id_ed25519", ".ssh/id_rsa"];

/// Reads a reference that is not to a vault.
type Read<'a> = &'a dyn Fn(&SecretRef) -> Result<Secret, SecretError>;

/// What a vault is to be sealed for.
pub enum NewKey {
    /// A passphrase.
    Passphrase(Secret),
    /// The key in a file.
    Identity(PathBuf),
}

/// What can be told of a vault that is not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedVault {
    /// Who may read and write the file, as `chmod` says it.
    pub mode: u32,
    /// Whether a passphrase opens it, or a key.
    pub by_passphrase: bool,
    /// The kinds of the keys that open it (foreign text).
    pub keys: Vec<String>,
}

/// The file, and what is known of it.
pub(super) struct Vault {
    path: PathBuf,
    home: Option<PathBuf>,
    configured: VaultKey,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The passphrase that a person typed.
    typed: Option<Secret>,
    /// Whether it was typed just now, so that a wrong one is its own answer.
    tried: bool,
    opened: Option<Opened>,
    /// A passphrase that did not open the file as it is: each try costs half a second.
    refused: Option<(Stamp, Secret)>,
}

struct Opened {
    stamp: Stamp,
    entries: Entries,
    key: Key,
    /// How many keys open the file.
    keys: usize,
}

impl Vault {
    pub(super) fn new(data_dir: &Path, home: Option<PathBuf>, configured: VaultKey) -> Self {
        Self { path: data_dir.join(NAME), home, configured, state: Mutex::default() }
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is one.
    pub(super) fn exists(&self) -> bool {
        // A link that leads nowhere is a vault whose volume is missing, and none to be made anew.
        self.path.symlink_metadata().is_ok()
    }

    /// The value of a name.
    pub(super) fn get(&self, name: &str, read: Read<'_>) -> Result<Secret, SecretError> {
        let mut state = self.state();
        let entries = self.entries(&mut state, name, read)?;
        let reference = || SecretRef::Vault(name.to_owned()).to_string();
        entries.get(name).cloned().ok_or_else(|| SecretError::Missing { reference: reference() })
    }

    /// What it holds; nothing where there is none.
    pub(super) fn names(&self, read: Read<'_>) -> Result<Vec<String>, SecretError> {
        if !self.exists() {
            return Ok(Vec::new());
        }
        let mut state = self.state();
        Ok(self.entries(&mut state, "", read)?.keys().cloned().collect())
    }

    /// Why it does not open by itself: what a person has to type.
    pub(super) fn lock(&self, read: Read<'_>) -> Option<SecretError> {
        let opened = self.names(read).err();
        opened.filter(SecretError::is_locked)
    }

    /// Opens it with what a person typed, which is kept for as long as the process lives.
    pub(super) fn unlock(&self, typed: Secret, read: Read<'_>) -> Result<(), SecretError> {
        let mut state = self.state();
        let before = state.typed.replace(typed);
        state.tried = true;
        let opened = self.entries(&mut state, "", read).map(|_| ());
        state.tried = false;
        if opened.is_err() {
            state.typed = before;
        }
        opened
    }

    /// Whether a new vault can be made without a person who types a passphrase.
    pub(super) fn has_key(&self) -> bool {
        self.configured.identity.is_some()
            || self.configured.passphrase.is_some()
            || self.state().typed.is_some()
    }

    /// The passphrase for a vault that is about to be made.
    pub(super) fn choose(&self, passphrase: Secret) {
        self.state().typed = Some(passphrase);
    }

    /// Gives a name a value; the vault is made where there is none. Says whether there was another value.
    pub(super) fn set(
        &self,
        name: &str,
        value: Secret,
        read: Read<'_>,
    ) -> Result<bool, SecretError> {
        self.change(name, read, true, |entries| entries.insert(name.to_owned(), value).is_some())
    }

    /// Takes a name out. Says whether it was there.
    pub(super) fn remove(&self, name: &str, read: Read<'_>) -> Result<bool, SecretError> {
        self.change(name, read, false, |entries| entries.remove(name).is_some())
    }

    /// Reads, changes and writes while no other process does.
    fn change(
        &self,
        name: &str,
        read: Read<'_>,
        may_make: bool,
        change: impl FnOnce(&mut Entries) -> bool,
    ) -> Result<bool, SecretError> {
        let _turn = file::turn(&self.path).map_err(|source| self.storage(source))?;
        let mut state = self.state();
        let (mut entries, key) = if self.exists() || !may_make {
            self.entries(&mut state, name, read)?;
            let opened = state.opened.as_ref();
            let opened = opened.ok_or_else(|| self.damaged("it changed while it was read"))?;
            self.refuse_other_keys(opened)?;
            (opened.entries.clone(), opened.key.clone())
        } else {
            (Entries::new(), self.first_key(&state, read)?)
        };
        let changed = change(&mut entries);
        let sealed = sealed::seal(&entries, &key).map_err(|reason| self.damaged(reason))?;
        let stamp = file::replace(&self.path, &sealed).map_err(|source| self.storage(source))?;
        let keys = sealed::keys(&sealed);
        state.opened = Some(Opened { stamp, entries, key, keys });
        Ok(changed)
    }

    /// Seals it for another passphrase or key. What is sealed is opened again before it takes the place of the old one.
    pub(super) fn rekey(&self, to: NewKey, read: Read<'_>) -> Result<(), SecretError> {
        let _turn = file::turn(&self.path).map_err(|source| self.storage(source))?;
        let mut state = self.state();
        self.entries(&mut state, "NAME", read)?;
        let opened = state.opened.as_ref();
        let opened = opened.ok_or_else(|| self.damaged("it changed while it was read"))?;
        self.refuse_other_keys(opened)?;
        let entries = opened.entries.clone();
        let key = match &to {
            NewKey::Passphrase(chosen) => Key::Passphrase(chosen.clone()),
            NewKey::Identity(path) => Key::Identity(identity(path, None)?),
        };
        let sealed = sealed::seal(&entries, &key).map_err(|reason| self.damaged(reason))?;
        match sealed::open(&sealed, &key) {
            // Whoever has the key knows what opens it.
            Ok(_) | Err(Unopened::KeyLocked) => {}
            Err(why) => return Err(self.unopened(why)),
        }
        let stamp = file::replace(&self.path, &sealed).map_err(|source| self.storage(source))?;
        if let NewKey::Passphrase(chosen) = to {
            state.typed = Some(chosen);
        }
        let keys = sealed::keys(&sealed);
        state.opened = Some(Opened { stamp, entries, key, keys });
        Ok(())
    }

    /// What the file says of itself while it is closed; nothing where there is none.
    pub(super) fn closed(&self) -> Result<Option<ClosedVault>, SecretError> {
        if !self.exists() {
            return Ok(None);
        }
        let read = file::read(&self.path, None).map_err(|source| self.storage(source))?;
        let (sealed, _) = read.ok_or_else(|| self.damaged("it changed while it was read"))?;
        let mode = file::mode(&self.path).map_err(|source| self.storage(source))?;
        let by_passphrase = sealed::wants_passphrase(&sealed).map_err(|why| self.unopened(why))?;
        Ok(Some(ClosedVault { mode, by_passphrase, keys: sealed::kinds(&sealed) }))
    }

    /// Refuses to seal a vault anew which others than the own key open: they would be locked out.
    fn refuse_other_keys(&self, opened: &Opened) -> Result<(), SecretError> {
        let own = opened.key.recipients().map_err(|reason| self.damaged(reason))?;
        if opened.keys > own.len() {
            return Err(SecretError::OtherKeys { path: self.path.clone() });
        }
        Ok(())
    }

    /// What a new vault is sealed for.
    fn first_key(&self, state: &State, read: Read<'_>) -> Result<Key, SecretError> {
        let passphrase = self.passphrase(state, read)?;
        match (&self.configured.identity, passphrase) {
            (Some(path), passphrase) => identity(path, passphrase).map(Key::Identity),
            (None, Some(passphrase)) => Ok(Key::Passphrase(passphrase)),
            (None, None) => Err(self.locked("a passphrase for a new vault".to_owned())),
        }
    }

    /// What is inside, read anew where the file is another one.
    fn entries<'a>(
        &self,
        state: &'a mut State,
        name: &str,
        read: Read<'_>,
    ) -> Result<&'a Entries, SecretError> {
        let (sealed, stamp) = match file::read(&self.path, state.opened.as_ref().map(|o| &o.stamp))
        {
            Ok(Some(found)) => found,
            // As it was.
            Ok(None) => {
                return state
                    .opened
                    .as_ref()
                    .map(|opened| &opened.entries)
                    .ok_or_else(|| self.damaged("it is gone"));
            }
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
                let reference = SecretRef::Vault(name.to_owned()).to_string();
                return Err(SecretError::NoVault { reference, path: self.path.clone() });
            }
            Err(source) => return Err(self.storage(source)),
        };
        state.opened = None;
        let by_passphrase = sealed::wants_passphrase(&sealed).map_err(|why| self.unopened(why))?;
        let (entries, key) = if by_passphrase {
            self.by_passphrase(state, &sealed, &stamp, read)?
        } else {
            self.by_identity(state, &sealed, read)?
        };
        let keys = sealed::keys(&sealed);
        Ok(&state.opened.insert(Opened { stamp, entries, key, keys }).entries)
    }

    fn by_passphrase(
        &self,
        state: &mut State,
        sealed: &[u8],
        stamp: &Stamp,
        read: Read<'_>,
    ) -> Result<(Entries, Key), SecretError> {
        let passphrase = self.passphrase(state, read)?;
        let passphrase = passphrase.ok_or_else(|| self.locked("its passphrase".to_owned()))?;
        if state.refused.as_ref().is_some_and(|(at, no)| at == stamp && *no == passphrase) {
            return Err(self.wrong_passphrase(state));
        }
        let key = Key::Passphrase(passphrase.clone());
        match sealed::open(sealed, &key) {
            Ok(entries) => Ok((entries, key)),
            Err(Unopened::WrongPassphrase) => {
                state.refused = Some((stamp.clone(), passphrase));
                Err(self.wrong_passphrase(state))
            }
            Err(why) => Err(self.unopened(why)),
        }
    }

    /// A passphrase that opens the vault no more, or never did, is asked for again.
    fn wrong_passphrase(&self, state: &mut State) -> SecretError {
        if state.tried {
            return self.unopened(Unopened::WrongPassphrase);
        }
        self.locked(match state.typed.take() {
            Some(_) => "the passphrase that it has got since".to_owned(),
            None => "another passphrase than the configured one".to_owned(),
        })
    }

    fn by_identity(
        &self,
        state: &State,
        sealed: &[u8],
        read: Read<'_>,
    ) -> Result<(Entries, Key), SecretError> {
        let usual = || self.home.iter().flat_map(|home| USUAL.map(|name| home.join(name)));
        let tried: Vec<PathBuf> = match &self.configured.identity {
            Some(path) => vec![path.clone()],
            None => usual().filter(|path| path.exists()).collect(),
        };
        let passphrase = self.passphrase(state, read)?;
        let mut locked = None;
        for path in &tried {
            // Of those that nobody named, one that cannot be read is passed over.
            let file = match identity(path, passphrase.clone()) {
                Err(_) if self.configured.identity.is_none() => continue,
                read => read?,
            };
            let key = Key::Identity(file);
            match sealed::open(sealed, &key) {
                Ok(entries) => return Ok((entries, key)),
                Err(Unopened::OtherKey) => {}
                Err(Unopened::KeyLocked) => {
                    locked = Some(format!("the passphrase of {}", path.display()));
                }
                Err(why) => return Err(self.unopened(why)),
            }
        }
        Err(match locked {
            Some(what) => self.locked(what),
            None => SecretError::NoIdentity { path: self.path.clone(), tried },
        })
    }

    /// What was typed, or else is configured.
    fn passphrase(&self, state: &State, read: Read<'_>) -> Result<Option<Secret>, SecretError> {
        match (&state.typed, &self.configured.passphrase) {
            (Some(typed), _) => Ok(Some(typed.clone())),
            (None, Some(reference)) => read(reference).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A cache only: whatever a panic left in it is valid.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locked(&self, what: String) -> SecretError {
        SecretError::Locked { path: self.path.clone(), what }
    }

    fn damaged(&self, reason: impl Into<String>) -> SecretError {
        SecretError::Damaged { path: self.path.clone(), reason: reason.into() }
    }

    fn storage(&self, source: std::io::Error) -> SecretError {
        SecretError::Storage { path: self.path.clone(), source }
    }

    fn unopened(&self, why: Unopened) -> SecretError {
        let path = self.path.clone();
        match why {
            Unopened::WrongPassphrase => SecretError::WrongPassphrase { path },
            Unopened::OtherKey => SecretError::NoIdentity { path, tried: Vec::new() },
            Unopened::KeyLocked => self.locked("the passphrase of the key".to_owned()),
            Unopened::Damaged(reason) => SecretError::Damaged { path, reason },
        }
    }
}

fn identity(path: &Path, passphrase: Option<Secret>) -> Result<IdentityFile, SecretError> {
    IdentityFile::read(path, passphrase)
        .map_err(|reason| SecretError::Identity { path: path.to_owned(), reason })
}
