//! Encrypts Secrets with the user's own `sops`, by the creation rules of the repository, before they go into Git. What is
//! in the clear reaches `sops` through a pipe; what comes back is looked at before it is believed.

use super::program::Tools;
use super::run::{Access, Call};
use super::scratch::Scratch;
use super::sops::{CIPHERTEXT, is_encrypted};
use super::{RenderError, SourceFile};
use crate::domain::redact::scrub;
use crate::yaml::documents;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Values shorter than this may stand in any text by chance.
const SHORTEST: usize = 6;

/// What is to be encrypted.
pub struct Sealing {
    /// The nearest `.sops.yaml` above the file.
    pub rules: SourceFile,
    /// The file, from the root of the repository: the rules go by its name.
    pub file: String,
    /// Its documents, which are Secrets.
    pub objects: Vec<Value>,
    /// The same as YAML.
    pub clear: String,
    /// Whether `sops` gets what it finds keys by in the user's own environment.
    pub by_user: bool,
}

/// Encrypts; the whole file as it is to be committed.
pub async fn seal(sealing: &Sealing, tools: &Tools) -> Result<Vec<u8>, RenderError> {
    let fault = |message: String| RenderError::Program {
        file: sealing.file.clone(),
        // Its words may repeat what it was given.
        message: sealing.objects.iter().fold(message, |text, object| scrub(&text, object)),
    };
    let program = tools.sops(&sealing.file)?;
    let scratch = Scratch::new(&tools.scratch).map_err(|error| RenderError::scratch(&error))?;
    scratch.write([&sealing.rules]).map_err(|error| RenderError::scratch(&error))?;
    let tree = scratch.tree();
    // Each has to be an argument of its own, and none holds anything of the values.
    let arguments = vec![
        "--config".into(),
        tree.join(&sealing.rules.path).into(),
        "encrypt".into(),
        "--filename-override".into(),
        tree.join(&sealing.file).into(),
        "--input-type".into(),
        "yaml".into(),
        "--output-type".into(),
        "yaml".into(),
    ];
    let environment = vec![("SOPS_DISABLE_VERSION_CHECK", "1".into())];
    let access = if sealing.by_user { Access::User } else { Access::None };
    let input = Some(sealing.clear.as_bytes());
    let call = Call { program: &program, arguments, scratch: &scratch, environment, access, input };
    let sealed = call.run(tools).await.map_err(|error| fault(error.to_string()))?;
    match exposed(&sealing.objects, &sealed) {
        None => Ok(sealed),
        Some(what) => Err(fault(format!("sops left {what} in the clear; mend the creation rule"))),
    }
}

/// What of Secrets is not sealed in a file that should be, without the value itself.
fn exposed(objects: &[Value], sealed: &[u8]) -> Option<String> {
    let Ok(found) = documents(sealed) else { return Some("something that is no YAML".to_owned()) };
    if found.len() != objects.len() || !found.iter().all(|one| is_encrypted(&one.value)) {
        return Some("a document".to_owned());
    }
    for document in &found {
        if let Some((field, key, _)) = values(&document.value).find(|(_, _, value)| is_open(value))
        {
            return Some(format!("/{field}/{key}"));
        }
    }
    // Wherever a value stands, under whatever name.
    let text = String::from_utf8_lossy(sealed);
    let (_, key, _) =
        objects.iter().flat_map(values).find(|(_, _, value)| stands_in(value, &text))?;
    Some(format!("the value of {key}"))
}

/// The values of a Secret, with their fields and keys.
pub(super) fn values(secret: &Value) -> impl Iterator<Item = (&'static str, &String, &Value)> {
    ["data", "stringData"].into_iter().flat_map(|field| {
        let values = secret[field].as_object().into_iter().flatten();
        values.map(move |(key, value)| (field, key, value))
    })
}

/// Whether a value is there for everybody to read.
pub(super) fn is_open(value: &Value) -> bool {
    value.as_str().is_none_or(|text| !text.is_empty() && !text.starts_with(CIPHERTEXT))
}

/// Whether a line of a value is somewhere in a text, encoded or not.
pub(super) fn stands_in(value: &Value, text: &str) -> bool {
    let written = value.as_str().unwrap_or_default().to_owned();
    let decoded = STANDARD.decode(&written).ok().and_then(|one| String::from_utf8(one).ok());
    let forms = decoded.into_iter().chain([STANDARD.encode(&written), written]);
    let lines = |one: String| one.lines().map(str::to_owned).collect::<Vec<_>>();
    forms.flat_map(lines).any(|part| part.len() >= SHORTEST && text.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::exposed;
    use serde_json::json;

    #[test]
    fn what_is_not_sealed_is_named_without_its_value() {
        let value = "Y2FuYXJ5LW9uZQ==";
        let secret = [json!({"kind": "Secret", "data": {"token": value, "none": ""}})];
        let sealed =
            "kind: Secret\ndata:\n  token: ENC[AES256_GCM,data:x,type:str]\n  none: \"\"\n";
        let mark = "sops:\n  mac: m\n";
        for (text, expected) in [
            (format!("{sealed}{mark}"), None),
            (sealed.to_owned(), Some("a document")),
            (format!("{sealed}{mark}---\nkind: Secret\n"), Some("a document")),
            (String::new(), Some("a document")),
            ("{".to_owned(), Some("something that is no YAML")),
            (format!("kind: Secret\ndata:\n  token: {value}\n{mark}"), Some("/data/token")),
            (format!("kind: Secret\ndata:\n  token: 5\n{mark}"), Some("/data/token")),
            (format!("{sealed}{mark}note: {value}\n"), Some("the value of token")),
            (format!("{sealed}{mark}# canary-one\n"), Some("the value of token")),
        ] {
            assert_eq!(exposed(&secret, text.as_bytes()).as_deref(), expected, "{text}");
        }
    }
}
