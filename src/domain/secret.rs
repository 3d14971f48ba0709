//! A secret value that cannot be printed, logged, compared or serialised by accident.

use crate::domain::SecretRef;
use std::fmt;

/// A password, token or private key. `Debug` shows `***`; there is no `Display` and no `Serialize`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret {
    value: String,
    place: Option<SecretRef>,
}

impl Secret {
    /// Wraps a value. From here on it is only reachable through [`Secret::reveal`].
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: value.into(), place: None }
    }

    /// The same value, with the reference that it was found by, for errors that name it.
    #[must_use]
    pub fn found_at(mut self, place: &SecretRef) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// The reference that it was found by.
    pub fn place(&self) -> Option<&SecretRef> {
        self.place.as_ref()
    }

    /// The value itself, for the one place that hands it to a protocol.
    pub fn reveal(&self) -> &str {
        &self.value
    }

    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.value.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        // Overwrites the bytes in place; zero is valid UTF-8, so the string stays sound.
        let mut bytes = std::mem::take(&mut self.value).into_bytes();
        wipe(&mut bytes);
    }
}

/// Overwrites what was secret, also where nobody reads it any more.
pub fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    std::hint::black_box(&*bytes);
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_hides_the_value() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }
}
