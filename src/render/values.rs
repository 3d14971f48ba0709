//! Reads files that hold values for variables: `NAME=value` lines, a map, or the data of a `ConfigMap` or `Secret`.

use super::{RenderError, SourceFile};
use crate::yaml::documents;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// The values of a file, by name. `content` is what is in it after decryption.
pub(super) fn read(
    file: &SourceFile,
    content: &[u8],
) -> Result<Vec<(String, String)>, RenderError> {
    let fault = |message: &str| RenderError::Values {
        file: file.path.clone(),
        message: message.to_owned(),
    };
    let is_yaml = [".yaml", ".yml", ".json"].iter().any(|end| file.path.ends_with(end));
    if !is_yaml {
        let text = std::str::from_utf8(content).map_err(|_| fault("it is no UTF-8 text"))?;
        return lines(text).ok_or_else(|| fault("every line of it must be NAME=value"));
    }
    let found = documents(content).map_err(|error| RenderError::Malformed {
        file: file.path.clone(),
        line: error.line,
        message: error.message,
    })?;
    let mut values = Vec::new();
    for document in found {
        let Value::Object(fields) = document.value else {
            return Err(fault("it is no map of names to values"));
        };
        values.extend(of_document(fields).map_err(|message| fault(&message))?);
    }
    Ok(values)
}

fn lines(text: &str) -> Option<Vec<(String, String)>> {
    let lines = text.lines().map(str::trim_start);
    let written = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    written
        .map(|line| {
            let (name, value) = line.split_once('=')?;
            Some((name.trim().to_owned(), value.to_owned()))
        })
        .collect()
}

fn of_document(mut fields: Map<String, Value>) -> Result<Vec<(String, String)>, String> {
    let is_secret = fields.get("kind").is_some_and(|kind| kind == "Secret");
    let is_object = is_secret || fields.get("kind").is_some_and(|kind| kind == "ConfigMap");
    let mut take = |key: &str| match fields.remove(key) {
        Some(Value::Object(found)) => found,
        _ => Map::new(),
    };
    let (fields, encoded) = match (is_object, is_secret) {
        (true, true) => (take("stringData"), take("data")),
        (true, false) => (take("data"), Map::new()),
        _ => (fields, Map::new()),
    };
    let mut values = Vec::new();
    for (name, value) in encoded {
        let text = value.as_str().and_then(|text| STANDARD.decode(text).ok());
        let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
        values.push((name.clone(), text.ok_or(format!("the value of {name} is not base64"))?));
    }
    for (name, value) in fields {
        let text = match value {
            Value::String(text) => text,
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return Err(format!("the value of {name} is no text")),
        };
        values.push((name, text));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::render::SourceFile;

    fn values(path: &str, content: &str) -> Result<Vec<(String, String)>, String> {
        let file = SourceFile { path: path.into(), content: content.into() };
        read(&file, &file.content).map_err(|error| error.to_string())
    }

    #[test]
    fn every_form_gives_names_and_values() {
        let expected = vec![("A".to_owned(), "x=1".to_owned()), ("B".to_owned(), "2".to_owned())];
        for (path, content) in [
            ("a.env", "# c\nA=x=1\n\nB=2\n"),
            ("a.yaml", "A: x=1\nB: 2\n"),
            ("a.json", "{\"A\": \"x=1\", \"B\": 2}"),
            ("a.yaml", "kind: ConfigMap\ndata:\n  A: x=1\n  B: '2'\n"),
            ("a.yaml", "kind: Secret\ndata:\n  A: eD0x\nstringData:\n  B: '2'\n"),
        ] {
            assert_eq!(values(path, content).as_ref(), Ok(&expected), "{content}");
        }
    }

    #[test]
    fn what_is_no_value_is_named_and_not_shown() {
        for (path, content) in
            [("a.env", "canary\n"), ("a.yaml", "A: {x: canary}\n"), ("a.yaml", "- canary\n")]
        {
            let error = values(path, content).unwrap_err();
            assert!(error.starts_with(path) && !error.contains("canary"), "{error}");
        }
    }
}
