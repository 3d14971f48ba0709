//! Names and values to an age file and back. Inside is one JSON object, so that `age --decrypt` gives a readable copy.

use super::key::{Key, Unopened};
use crate::domain::Secret;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::io::Write;

/// Values by name.
pub(super) type Entries = BTreeMap<String, Secret>;

/// What the form inside is called; a later one is refused, not misread.
const FORM: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    gitdeck_vault: u32,
    secrets: BTreeMap<String, Held>,
}

/// A value on its way in, which goes straight into a [`Secret`].
struct Held(Secret);

impl<'de> Deserialize<'de> for Held {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

/// Seals entries for a key. The reason says nothing of values.
pub(super) fn seal(entries: &Entries, key: &Key) -> Result<Vec<u8>, String> {
    let recipients = key.recipients()?;
    let values: BTreeMap<&str, &str> =
        entries.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect();
    let content = serde_json::json!({ "gitdeck_vault": FORM, "secrets": values });
    let content = Secret::new(content.to_string());
    let recipients = recipients.iter().map(|one| &**one as &dyn age::Recipient);
    let encryptor =
        age::Encryptor::with_recipients(recipients).map_err(|error| error.to_string())?;
    let mut sealed = Vec::new();
    let written = encryptor.wrap_output(&mut sealed).and_then(|mut stream| {
        stream.write_all(content.reveal().as_bytes())?;
        stream.finish().map(|_| ())
    });
    written.map(|()| sealed).map_err(|error| error.to_string())
}

/// Whether a vault is sealed for a passphrase, or for a key.
pub(super) fn wants_passphrase(sealed: &[u8]) -> Result<bool, Unopened> {
    decryptor(sealed).map(|decryptor| decryptor.is_scrypt())
}

/// Opens a vault with a key.
pub(super) fn open(sealed: &[u8], key: &Key) -> Result<Entries, Unopened> {
    let content = String::from_utf8(key.open(decryptor(sealed)?)?).map(Secret::new);
    // What is said of it says nothing of what is in it.
    let damaged = |what: &str| Unopened::Damaged(what.to_owned());
    let content = content.map_err(|_| damaged("what is in it is no text"))?;
    let content: Content = serde_json::from_str(content.reveal())
        .map_err(|_| damaged("what is in it is not what gitdeck writes"))?;
    if content.gitdeck_vault != FORM {
        return Err(damaged("a later version of gitdeck wrote it"));
    }
    Ok(content.secrets.into_iter().map(|(name, held)| (name, held.0)).collect())
}

fn decryptor(sealed: &[u8]) -> Result<age::Decryptor<&[u8]>, Unopened> {
    age::Decryptor::new_buffered(sealed).map_err(|error| Unopened::Damaged(error.to_string()))
}

/// How many keys open an age file.
pub(super) fn keys(sealed: &[u8]) -> usize {
    kinds(sealed).len()
}

/// Of which kind each key is that opens an age file (<https://age-encryption.org/v1>, the recipient stanzas of its header).
/// Stanzas that are there so that nobody relies on knowing all (grease) open nothing.
pub(super) fn kinds(sealed: &[u8]) -> Vec<String> {
    let lines = sealed.split(|byte| *byte == b'\n').take_while(|line| !line.starts_with(b"---"));
    let stanzas = lines.filter_map(|line| line.strip_prefix(b"-> "));
    let kinds = stanzas.filter_map(|line| line.split(|byte| *byte == b' ').next());
    let kinds = kinds.filter(|kind| !kind.ends_with(b"-grease"));
    kinds.map(|kind| String::from_utf8_lossy(kind).into_owned()).collect()
}
