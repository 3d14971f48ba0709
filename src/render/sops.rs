//! Decrypts what SOPS encrypted, with the user's own `sops`. What comes out stays in memory, or in the folder of the
//! render where a program has to read it.

use super::program::Tools;
use super::run::{Access, Call};
use super::scratch::Scratch;
use super::{RenderError, SourceFile};
use crate::domain::{Decryption, Manifest, ObjectRef, Origin, Secret};
use crate::yaml::documents;
use serde_json::Value;
use std::ffi::OsString;
use std::path::Path;

/// How a scalar begins that SOPS encrypted.
pub(super) const CIPHERTEXT: &str = "ENC[AES256_GCM,data:";

/// The means of a mapping to decrypt.
pub(super) struct Decrypter<'a> {
    pub decryption: &'a Decryption,
    pub age_key: Option<&'a Secret>,
    pub tools: &'a Tools,
    pub scratch: &'a Scratch,
}

/// What SOPS takes a file for; nothing where it did not encrypt it.
pub(super) fn format(file: &SourceFile) -> Option<&'static str> {
    let text = std::str::from_utf8(&file.content).ok()?;
    if !text.contains("sops") {
        return None;
    }
    let has_key = |line: &str| line.starts_with("sops_mac=");
    if text.lines().any(has_key) {
        return Some("dotenv");
    }
    if text.lines().any(|line| line.trim() == "[sops]") {
        return Some("ini");
    }
    let is_marked = documents(&file.content)
        .is_ok_and(|found| found.iter().any(|document| is_encrypted(&document.value)));
    if !is_marked {
        return None;
    }
    let is_json = text.trim_start().starts_with('{');
    let extension = Path::new(&file.path).extension().and_then(|extension| extension.to_str());
    let is_yaml = matches!(extension, Some("yaml" | "yml"));
    match (is_json && !is_yaml, documents(&file.content).ok()?.first()?.value.get("data")) {
        // Any other file becomes one encrypted text in JSON.
        (true, Some(Value::String(data)))
            if data.starts_with(CIPHERTEXT) && extension != Some("json") =>
        {
            Some("binary")
        }
        (true, _) => Some("json"),
        (false, _) => Some("yaml"),
    }
}

/// Whether SOPS left its mark on an object.
pub(super) fn is_encrypted(value: &Value) -> bool {
    value.get("sops").is_some_and(|sops| sops.get("mac").is_some())
}

impl Decrypter<'_> {
    /// A whole file, its authentication code checked.
    pub(super) async fn file(&self, file: &SourceFile) -> Result<Option<Vec<u8>>, RenderError> {
        let Some(format) = format(file) else { return Ok(None) };
        let at = Origin { file: file.path.clone(), document: 0, line: 1 };
        self.decrypt(&file.content, format, &[], &at).await.map(Some)
    }

    /// The objects of a build. A build changes names and the order of fields, so the code over the whole is of no use
    /// any more; each value is still bound to its path.
    pub(super) async fn objects(&self, manifests: &mut [Manifest]) -> Result<(), RenderError> {
        for manifest in manifests.iter_mut().filter(|manifest| is_encrypted(&manifest.object)) {
            let content = manifest.object.to_string();
            let plain = self
                .decrypt(content.as_bytes(), "json", &["--ignore-mac"], &manifest.origin)
                .await?;
            let unreadable = || RenderError::Program {
                file: manifest.origin.to_string(),
                message: "what sops printed is no object".to_owned(),
            };
            manifest.object = serde_json::from_slice(&plain).map_err(|_| unreadable())?;
            manifest.reference = ObjectRef::of(&manifest.object).ok_or_else(unreadable)?;
        }
        Ok(())
    }

    async fn decrypt(
        &self,
        content: &[u8],
        format: &str,
        flags: &[&str],
        at: &Origin,
    ) -> Result<Vec<u8>, RenderError> {
        if *self.decryption == Decryption::Off {
            return Err(RenderError::Encrypted { at: at.clone() });
        }
        let program = self.tools.sops(&at.file)?;
        let scratch = |error: std::io::Error| RenderError::scratch(&error);
        let file = self.scratch.beside("encrypted", content).map_err(scratch)?;
        let (access, environment) = keys(self.decryption, self.age_key);
        let mut arguments: Vec<OsString> = vec!["--decrypt".into()];
        arguments.extend(flags.iter().map(OsString::from));
        arguments.extend(["--input-type", format, "--output-type", format].map(OsString::from));
        arguments.push(file.into());
        let call = Call {
            program: &program,
            arguments,
            scratch: self.scratch,
            environment,
            access,
            input: None,
        };
        call.run(self.tools).await.map_err(|error| {
            let message = format!("it cannot be decrypted: {error}");
            RenderError::Program { file: at.to_string(), message }
        })
    }
}

/// What `sops` may reach to find the key of a mapping, and what it is told.
pub(super) fn keys(
    decryption: &Decryption,
    age_key: Option<&Secret>,
) -> (Access, Vec<(&'static str, OsString)>) {
    let mut environment = vec![("SOPS_DISABLE_VERSION_CHECK", OsString::from("1"))];
    if *decryption == Decryption::Environment {
        return (Access::User, environment);
    }
    environment.push(("SOPS_AGE_KEY", age_key.map_or("", Secret::reveal).into()));
    (Access::None, environment)
}

/// Refuses objects that still carry what SOPS encrypted.
pub(super) fn refuse(manifests: &[Manifest]) -> Result<(), RenderError> {
    let encrypted =
        manifests.iter().find(|one| is_encrypted(&one.object) || has_ciphertext(&one.object));
    match encrypted {
        Some(manifest) => Err(RenderError::Encrypted { at: manifest.origin.clone() }),
        None => Ok(()),
    }
}

fn has_ciphertext(value: &Value) -> bool {
    match value {
        Value::String(text) => text.starts_with(CIPHERTEXT) && text.ends_with(']'),
        Value::Array(items) => items.iter().any(has_ciphertext),
        Value::Object(fields) => fields.values().any(has_ciphertext),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{format, has_ciphertext};
    use crate::render::SourceFile;
    use serde_json::json;

    #[test]
    fn formats_are_told_by_their_marks() {
        for (path, content, expected) in [
            ("a.yaml", "a: x\nsops:\n  mac: m\n", Some("yaml")),
            (
                "a.json",
                "{\"data\": \"ENC[AES256_GCM,data:x]\", \"sops\": {\"mac\": \"m\"}}",
                Some("json"),
            ),
            (
                "key.pem",
                "{\"data\": \"ENC[AES256_GCM,data:x]\", \"sops\": {\"mac\": \"m\"}}",
                Some("binary"),
            ),
            ("a.env", "A=ENC[x]\nsops_mac=m\n", Some("dotenv")),
            ("a.ini", "[x]\na = b\n[sops]\nmac = m\n", Some("ini")),
            ("a.yaml", "# sops\na: 1\n", None),
            ("a.env", "A=sops\n", None),
        ] {
            let file = SourceFile { path: path.into(), content: content.into() };
            assert_eq!(format(&file), expected, "{path}");
        }
    }

    #[test]
    fn ciphertext_is_seen_at_any_depth() {
        assert!(has_ciphertext(&json!({"a": [{"b": "ENC[AES256_GCM,data:x,type:str]"}]})));
        assert!(!has_ciphertext(&json!({"a": "write ENC[AES256_GCM,data:x] here"})));
    }
}
