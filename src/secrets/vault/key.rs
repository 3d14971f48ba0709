//! What a vault is sealed for: a passphrase, or a key of the user.

use crate::domain::Secret;
use age::secrecy::SecretString;
use age::{Callbacks, DecryptError, Identity, Recipient, scrypt, ssh, x25519};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The cost of a passphrase, as the logarithm of scrypt's N with r = 8 and p = 1: 128 MiB for an instant. What OWASP's
/// Password Storage Cheat Sheet asks for.
const WORK: u8 = 17;
/// The cost that is paid to open a vault that somebody else sealed: 1 GiB.
const MOST_WORK: u8 = 20;
/// The largest file that is taken for a key, in bytes.
const LARGEST: u64 = 64 * 1024;
/// How a line of an age identity begins.
const AGE_IDENTITY: &str = "AGE-SECRET-KEY-1";

/// What opens and seals.
#[derive(Clone)]
pub(super) enum Key {
    /// A passphrase.
    Passphrase(Secret),
    /// A file with a private SSH key or age identities.
    Identity(IdentityFile),
}

/// A file with a key, and the passphrase that the key itself may have.
#[derive(Clone)]
pub(super) struct IdentityFile {
    text: Secret,
    passphrase: Option<Secret>,
}

/// Why a key did not open a vault.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unopened {
    /// It is not the right one.
    OtherKey,
    /// The key has a passphrase, and none was given.
    KeyLocked,
    /// The passphrase is wrong.
    WrongPassphrase,
    /// The vault is no whole age file.
    Damaged(String),
}

impl IdentityFile {
    /// Reads a file. The reason says nothing of its content.
    pub(super) fn read(path: &Path, passphrase: Option<Secret>) -> Result<Self, String> {
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
        file.take(LARGEST).read_to_string(&mut text).map_err(|error| error.to_string())?;
        let identity = Self { text: Secret::new(text), passphrase };
        identity.recipients().map(|_| identity)
    }

    fn age(&self) -> Vec<x25519::Identity> {
        let lines = self.text.reveal().lines().map(str::trim);
        lines.filter(|line| line.starts_with(AGE_IDENTITY)).flat_map(str::parse).collect()
    }

    fn ssh(&self) -> Option<ssh::Identity> {
        let identity = ssh::Identity::from_buffer(self.text.reveal().as_bytes(), None).ok()?;
        (!matches!(identity, ssh::Identity::Unsupported(_))).then_some(identity)
    }

    fn recipients(&self) -> Result<Vec<Box<dyn Recipient>>, String> {
        let native = self.age();
        if !native.is_empty() {
            return Ok(native.iter().map(|one| Box::new(one.to_public()) as _).collect());
        }
        let public = self.ssh().and_then(|identity| ssh::Recipient::try_from(identity).ok());
        public.map(|public| vec![Box::new(public) as _]).ok_or_else(|| {
            "it holds no age identity, and no SSH key that age can use (ed25519, or rsa of 2048 to 4096 bits, in OpenSSH's own form)"
                .to_owned()
        })
    }
}

impl Key {
    /// Whom a vault is sealed for. The reason says nothing of a key.
    pub(super) fn recipients(&self) -> Result<Vec<Box<dyn Recipient>>, String> {
        match self {
            Self::Passphrase(passphrase) => {
                let mut recipient = scrypt::Recipient::new(passphrase.reveal().into());
                recipient.set_work_factor(WORK);
                Ok(vec![Box::new(recipient)])
            }
            Self::Identity(file) => file.recipients(),
        }
    }

    /// What is inside an age file.
    pub(super) fn open(&self, decryptor: age::Decryptor<&[u8]>) -> Result<Vec<u8>, Unopened> {
        let asked = Arc::new(AtomicBool::new(false));
        let identities: Vec<Box<dyn Identity>> = match self {
            Self::Passphrase(passphrase) => {
                let mut identity = scrypt::Identity::new(passphrase.reveal().into());
                identity.set_max_work_factor(MOST_WORK);
                vec![Box::new(identity)]
            }
            Self::Identity(file) => {
                let answer = Answer { given: file.passphrase.clone(), asked: Arc::clone(&asked) };
                let native = file.age().into_iter().map(|one| Box::new(one) as _);
                let ssh = file.ssh().map(|one| Box::new(one.with_callbacks(answer)) as _);
                native.chain(ssh).collect()
            }
        };
        let opened = decryptor.decrypt(identities.iter().map(|one| &**one as &dyn Identity));
        let mut content = Vec::new();
        match opened {
            Ok(mut stream) => {
                let read = stream.read_to_end(&mut content);
                read.map_err(|error| Unopened::Damaged(error.to_string()))?;
                Ok(content)
            }
            Err(DecryptError::KeyDecryptionFailed | DecryptError::NoMatchingKeys)
                if asked.load(Ordering::Relaxed) && self.lacks_passphrase() =>
            {
                Err(Unopened::KeyLocked)
            }
            Err(DecryptError::KeyDecryptionFailed) => Err(Unopened::WrongPassphrase),
            Err(DecryptError::DecryptionFailed) if matches!(self, Self::Passphrase(_)) => {
                Err(Unopened::WrongPassphrase)
            }
            Err(DecryptError::NoMatchingKeys) => Err(Unopened::OtherKey),
            Err(error) => Err(Unopened::Damaged(error.to_string())),
        }
    }

    fn lacks_passphrase(&self) -> bool {
        matches!(self, Self::Identity(file) if file.passphrase.is_none())
    }
}

/// Answers for the passphrase of a key with the one that was given, and remembers that it was asked.
#[derive(Clone)]
struct Answer {
    given: Option<Secret>,
    asked: Arc<AtomicBool>,
}

impl Callbacks for Answer {
    fn display_message(&self, _: &str) {}

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn request_public_string(&self, _: &str) -> Option<String> {
        None
    }

    fn request_passphrase(&self, _: &str) -> Option<SecretString> {
        self.asked.store(true, Ordering::Relaxed);
        self.given.as_ref().map(|given| given.reveal().into())
    }
}
