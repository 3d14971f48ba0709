//! Replaces `${NAME}` in rendered objects, as Flux does after a build (`postBuild.substitute`).

use super::RenderError;
use crate::domain::{Manifest, ObjectRef};
use crate::yaml::documents;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The label or annotation of an object whose `${...}` are its own.
const SWITCH: &str = "kustomize.toolkit.fluxcd.io/substitute";
/// Maps whose values are texts in every API.
const TEXT_MAPS: [&str; 7] =
    ["labels", "annotations", "matchLabels", "nodeSelector", "data", "stringData", "binaryData"];
/// Fields that are texts in every API.
const TEXTS: [&str; 6] = ["name", "namespace", "image", "value", "args", "command"];

/// Variables with their values.
pub(super) struct Variables {
    pub values: BTreeMap<String, String>,
    /// Whether a variable without value and default is an error.
    pub strict: bool,
}

impl Variables {
    /// Replaces in every object that does not forbid it.
    pub(super) fn replace(&self, manifests: &mut [Manifest]) -> Result<(), RenderError> {
        for manifest in manifests {
            let metadata = &manifest.object["metadata"];
            let forbids = |field: &str| metadata[field][SWITCH] == "disabled";
            if forbids("labels") || forbids("annotations") {
                continue;
            }
            let mut object = manifest.object.clone();
            let fault = |message| RenderError::Variable { at: manifest.origin.clone(), message };
            self.value(&mut object, false).map_err(fault)?;
            manifest.reference = ObjectRef::of(&object)
                .ok_or_else(|| fault("a variable left the object without a name".to_owned()))?;
            manifest.object = object;
        }
        Ok(())
    }

    fn value(&self, value: &mut Value, is_text: bool) -> Result<(), String> {
        match value {
            Value::String(text) => {
                if let Some(replaced) = self.text(text)? {
                    let is_whole = !is_text && is_one_expression(text);
                    *value = if is_whole { typed(replaced) } else { Value::String(replaced) };
                }
                Ok(())
            }
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.value(item, is_text)),
            Value::Object(fields) => self.fields(fields, is_text),
            _ => Ok(()),
        }
    }

    fn fields(&self, fields: &mut Map<String, Value>, is_text: bool) -> Result<(), String> {
        let mut replaced = Map::new();
        for (name, mut value) in std::mem::take(fields) {
            let below = match &value {
                Value::Object(_) => is_text || TEXT_MAPS.contains(&name.as_str()),
                _ => is_text || TEXTS.contains(&name.as_str()),
            };
            self.value(&mut value, below)?;
            let name = self.text(&name)?.unwrap_or(name);
            replaced.insert(name, value);
        }
        *fields = replaced;
        Ok(())
    }

    /// The text with its variables replaced; nothing where there is nothing to replace.
    fn text(&self, text: &str) -> Result<Option<String>, String> {
        if !text.contains("${") {
            return Ok(None);
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, expression) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                // `$${NAME}` is `${NAME}` as it stands.
                out.push_str(before);
                out.push_str("${");
                rest = &expression[2..];
                continue;
            }
            out.push_str(before);
            let (expression, after) = split(expression).ok_or_else(|| {
                format!(
                    "\"{}\" does not end; write $${{ where no variable is meant",
                    short(expression)
                )
            })?;
            out.push_str(&self.expression(expression)?);
            rest = after;
        }
        out.push_str(rest);
        Ok(Some(out))
    }

    /// The value of what stands between the braces.
    fn expression(&self, expression: &str) -> Result<String, String> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = expression.find(|c| !is_part(c)).unwrap_or(expression.len());
        let (name, rest) = expression.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(not_understood(expression));
        }
        let value = self.values.get(name).map(|value| value.replace('\n', ""));
        let filled = value.clone().filter(|value| !value.is_empty());
        let default = |text: &str| Ok(self.text(text)?.unwrap_or_else(|| text.to_owned()));
        match (rest, rest.strip_prefix(":=").or_else(|| rest.strip_prefix(":-"))) {
            ("", _) => match value {
                Some(value) => Ok(value),
                None if self.strict => Err(format!(
                    "the variable {name} has no value; set it in `substitute`, give a default ${{{name}:=...}}, or write $${{{name}}} where no variable is meant"
                )),
                None => Ok(String::new()),
            },
            (_, Some(text)) => filled.map_or_else(|| default(text), Ok),
            (rest, None) => match rest.strip_prefix(['=', '-']) {
                Some(text) => value.map_or_else(|| default(text), Ok),
                None => Err(not_understood(expression)),
            },
        }
    }
}

fn not_understood(expression: &str) -> String {
    format!(
        "\"${{{}}}\" is no variable that is understood: ${{NAME}}, ${{NAME:=default}}; write $${{ where none is meant",
        short(expression)
    )
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Splits `${a:=${b}}rest` after its closing brace; the braces are not part of the expression.
fn split(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' if text[..at].ends_with('$') => depth += 1,
            '}' if depth == 1 => return Some((&text[2..at], &text[at + 1..])),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn is_one_expression(text: &str) -> bool {
    text.starts_with("${") && split(text).is_some_and(|(_, rest)| rest.is_empty())
}

/// What a value means where it is all of a field: a number, true or false, nothing, a list or a map in flow style, a
/// text in quotes; else the text itself. Text that only looks like YAML cannot change anything around it.
fn typed(text: String) -> Value {
    let plain = text.trim();
    if plain.is_empty() || plain == "~" || plain == "null" {
        return Value::Null;
    }
    let read = documents(plain.as_bytes()).ok().filter(|found| found.len() == 1);
    let value = read.and_then(|mut found| found.pop()).map(|document| document.value);
    match value {
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value,
        Some(value @ (Value::Array(_) | Value::Object(_))) if plain.starts_with(['[', '{']) => {
            value
        }
        Some(value @ Value::String(_)) if plain.starts_with(['"', '\'']) => value,
        _ => Value::String(text),
    }
}

#[cfg(test)]
mod tests {
    use super::Variables;
    use crate::domain::{Manifest, ObjectRef, Origin};
    use serde_json::{Value, json};

    fn variables(values: &[(&str, &str)], strict: bool) -> Variables {
        let values = values.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Variables { values: values.collect(), strict }
    }

    fn replaced(object: Value, with: &Variables) -> Result<Value, String> {
        let reference = ObjectRef::of(&object).unwrap();
        let origin = Origin { file: "a.yaml".into(), document: 0, line: 1 };
        let mut manifests = [Manifest { object, reference, origin }];
        with.replace(&mut manifests).map_err(|error| error.to_string())?;
        let [manifest] = manifests;
        Ok(manifest.object)
    }

    fn object(spec: Value) -> Value {
        json!({"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "a"}, "spec": spec})
    }

    #[test]
    fn expressions_are_those_of_flux() {
        let with = variables(&[("A", "x"), ("EMPTY", ""), ("LINES", "a\nb")], true);
        for (text, expected) in [
            ("${A}", Ok(Some("x"))),
            ("a-${A}-${A}", Ok(Some("a-x-x"))),
            ("$${A} $A $$ $(A)", Ok(Some("${A} $A $$ $(A)"))),
            ("${NONE:=d}", Ok(Some("d"))),
            ("${NONE:-d}${EMPTY:-e}${EMPTY-f}", Ok(Some("de"))),
            ("${NONE:=a ${A} }!", Ok(Some("a x !"))),
            ("${LINES}", Ok(Some("ab"))),
            ("${EMPTY}", Ok(Some(""))),
            ("nothing", Ok(None)),
            ("${NONE}", Err("NONE")),
            ("${A", Err("does not end")),
            ("${!A}", Err("no variable that is understood")),
            ("${A/x/y}", Err("no variable that is understood")),
        ] {
            match (with.text(text), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.as_deref(), expected, "{text}"),
                (Err(fault), Err(words)) => assert!(fault.contains(words), "{fault}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        assert_eq!(variables(&[], false).text("${NONE}").unwrap().as_deref(), Some(""));
    }

    #[test]
    fn a_whole_field_has_the_type_of_its_value_and_texts_stay_texts() {
        let with = variables(
            &[
                ("N", "3"),
                ("YES", "yes"),
                ("LIST", "[1, b]"),
                ("Q", "\"3\""),
                ("E", "1e3"),
                ("C", "a: b"),
            ],
            true,
        );
        let before =
            object(json!({"replicas": "${N}", "on": "${YES}", "list": "${LIST}", "q": "${Q}",
            "mixed": "${N}0", "none": "${X:=}", "text": "${C}", "e": "${E}",
            "env": [{"name": "P", "value": "${N}"}], "args": ["${N}"], "labels": {"v": "${N}"}}));
        let after = object(json!({"replicas": 3, "on": true, "list": [1, "b"], "q": "3",
            "mixed": "30", "none": null, "text": "a: b", "e": 1000,
            "env": [{"name": "P", "value": "3"}], "args": ["3"], "labels": {"v": "3"}}));
        assert_eq!(replaced(before, &with).unwrap(), after);
        let data = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "${YES}"}, "data": {"a": "${N}"}});
        let found = replaced(data, &with).unwrap();
        assert_eq!((&found["metadata"]["name"], &found["data"]["a"]), (&json!("yes"), &json!("3")));
    }

    #[test]
    fn objects_may_keep_their_own_variables() {
        let mut object = object(json!({"a": "${UNKNOWN}"}));
        assert!(replaced(object.clone(), &variables(&[], true)).unwrap_err().contains("a.yaml:1"));
        object["metadata"]["annotations"] =
            json!({"kustomize.toolkit.fluxcd.io/substitute": "disabled"});
        assert_eq!(replaced(object.clone(), &variables(&[], true)).unwrap(), object);
    }

    proptest::proptest! {
        #[test]
        fn values_never_change_what_is_around_them(value in "[-a-z0-9:'\"${}#\\[\\]&*!|>%@`,?~ ]{0,30}", n in 0_i64..9) {
            let with = variables(&[("V", &value)], true);
            let before = object(json!({"env": [{"name": "P", "value": "a${V}b"}], "whole": "${V}", "n": n}));
            let after = replaced(before, &with).unwrap();
            proptest::prop_assert_eq!(&after["spec"]["env"][0]["value"], &json!(format!("a{value}b")));
            proptest::prop_assert_eq!(&after["spec"]["n"], &json!(n));
            proptest::prop_assert_eq!(after["spec"].as_object().unwrap().len(), 3);
        }

        #[test]
        fn no_text_panics(text in "[-a-z${}:=/ ]{0,40}") {
            let _ = variables(&[("a", "b")], false).text(&text);
        }
    }
}
