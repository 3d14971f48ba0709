//! The keyring of the desktop: the Secret Service on the user's session bus. Nothing is asked before a reference is read.
//!
//! The kernel's keyrings are no second choice: they forget at a restart, and many containers forbid them.

use super::SecretError;
use crate::domain::{Secret, SecretRef};

/// What gitdeck's entries are filed under.
#[cfg(feature = "keyring")]
const SERVICE: &str = "gitdeck";

/// The store, connected by whoever needs it first.
#[derive(Default)]
pub(super) struct Keyring {
    #[cfg(feature = "keyring")]
    store: std::sync::Mutex<Option<std::sync::Arc<keyring_core::CredentialStore>>>,
}

#[cfg(feature = "keyring")]
impl Keyring {
    #[cfg(test)]
    pub(super) fn on(store: std::sync::Arc<keyring_core::CredentialStore>) -> Self {
        Self { store: std::sync::Mutex::new(Some(store)) }
    }

    /// The value of a name.
    pub(super) fn get(&self, name: &str) -> Result<Secret, SecretError> {
        match self.entry(name)?.get_secret() {
            Ok(bytes) => String::from_utf8(bytes)
                .map(Secret::new)
                .map_err(|_| SecretError::NotText { reference: reference(name) }),
            Err(error) => Err(fault(name, error)),
        }
    }

    /// Whether it has the name.
    pub(super) fn has(&self, name: &str) -> Result<bool, SecretError> {
        match self.get(name) {
            Ok(_) => Ok(true),
            Err(SecretError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives a name a value. Says whether there was another one.
    pub(super) fn set(&self, name: &str, value: &Secret) -> Result<bool, SecretError> {
        let had = self.has(name)?;
        let set = self.entry(name)?.set_secret(value.reveal().as_bytes());
        set.map(|()| had).map_err(|error| fault(name, error))
    }

    /// Takes a name out. Says whether it was there.
    pub(super) fn remove(&self, name: &str) -> Result<bool, SecretError> {
        match self.entry(name)?.delete_credential() {
            Ok(()) => Ok(true),
            Err(keyring_core::Error::NoEntry) => Ok(false),
            Err(error) => Err(fault(name, error)),
        }
    }

    fn entry(&self, name: &str) -> Result<keyring_core::Entry, SecretError> {
        let mut store = self.store.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // What failed is tried again: the user may open a session, or unlock it.
        let connected = if let Some(connected) = &*store {
            connected
        } else {
            let made = zbus_secret_service_keyring_store::Store::new();
            store.insert(made.map_err(|error| fault(name, error))?)
        };
        connected.build(SERVICE, name, None).map_err(|error| fault(name, error))
    }
}

#[cfg(not(feature = "keyring"))]
impl Keyring {
    pub(super) fn get(&self, name: &str) -> Result<Secret, SecretError> {
        Err(self.absent(name))
    }

    pub(super) fn set(&self, name: &str, _: &Secret) -> Result<bool, SecretError> {
        Err(self.absent(name))
    }

    pub(super) fn remove(&self, name: &str) -> Result<bool, SecretError> {
        Err(self.absent(name))
    }

    #[expect(clippy::unused_self, reason = "its twin with the feature asks its store")]
    fn absent(&self, name: &str) -> SecretError {
        let reason = "this program was built without the feature `keyring`".to_owned();
        SecretError::NoKeyring { reference: reference(name), reason }
    }
}

fn reference(name: &str) -> String {
    SecretRef::Keyring(name.to_owned()).to_string()
}

/// The reason without what came from the store: some of its errors hold the value.
#[cfg(feature = "keyring")]
fn fault(name: &str, error: keyring_core::Error) -> SecretError {
    use keyring_core::Error;
    let reference = reference(name);
    let reason = match error {
        Error::NoEntry => return SecretError::Missing { reference },
        Error::BadEncoding(_) | Error::BadDataFormat(..) => {
            return SecretError::NotText { reference };
        }
        Error::PlatformFailure(error) | Error::NoStorageAccess(error) => error.to_string(),
        Error::Ambiguous(_) => "several entries have this name".to_owned(),
        other => other.to_string(),
    };
    SecretError::NoKeyring { reference, reason }
}

#[cfg(all(test, feature = "keyring"))]
mod tests {
    use super::{Keyring, SERVICE, fault};
    use crate::domain::Secret;
    use crate::secrets::SecretError;
    use keyring_core::{Error, mock};
    use std::sync::Arc;

    #[test]
    fn what_was_set_is_read_and_removed() {
        let store = mock::Store::new().unwrap();
        let keyring = Keyring::on(Arc::clone(&store) as Arc<_>);
        assert!(matches!(keyring.get("gitlab"), Err(SecretError::Missing { .. })));
        assert!(!keyring.has("gitlab").unwrap());
        assert!(!keyring.set("gitlab", &Secret::new("canary-one")).unwrap());
        assert!(keyring.set("gitlab", &Secret::new("canary-two")).unwrap());
        assert_eq!(keyring.get("gitlab").unwrap().reveal(), "canary-two");
        assert!(keyring.remove("gitlab").unwrap() && !keyring.remove("gitlab").unwrap());
    }

    #[test]
    fn faults_say_what_to_do_and_nothing_of_values() {
        let store = mock::Store::new().unwrap();
        let keyring = Keyring::on(Arc::clone(&store) as Arc<_>);
        keyring.set("gitlab", &Secret::new("canary")).unwrap();
        let next = |error| {
            let entry =
                keyring_core::api::CredentialStoreApi::build(&*store, SERVICE, "gitlab", None);
            let entry = entry.unwrap();
            entry.as_any().downcast_ref::<mock::Cred>().unwrap().set_error(error);
            keyring.get("gitlab").unwrap_err()
        };
        let locked = next(Error::NoStorageAccess("the collection is locked".into()));
        assert!(
            locked.to_string().contains("keyring:gitlab is out of reach: the collection is locked"),
            "{locked}"
        );
        assert!(locked.to_string().contains("use vault:NAME"));
        for error in [
            Error::BadEncoding(b"canary".to_vec()),
            Error::BadDataFormat(b"canary".to_vec(), "x".into()),
        ] {
            let told = next(error);
            assert!(!format!("{told} {told:?}").contains("canary"), "{told:?}");
        }
        assert!(matches!(fault("x", Error::NoEntry), SecretError::Missing { .. }));
        assert_eq!(keyring.get("gitlab").unwrap().reveal(), "canary");
    }

    #[test]
    fn without_a_session_bus_the_vault_is_named() {
        // Only where the machine that runs the tests has none: somebody's own keyring is not asked.
        if std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some()
            || std::env::var_os("XDG_RUNTIME_DIR").is_some()
        {
            return;
        }
        let told = Keyring::default().get("gitlab").unwrap_err().to_string();
        assert!(told.starts_with("keyring:gitlab is out of reach: "), "{told}");
        assert!(told.ends_with("elsewhere use vault:NAME"), "{told}");
    }
}
