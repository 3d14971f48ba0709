//! The default message of a commit, made from what changes: `checkout: image 1.4.2 -> 1.5.0`.

use crate::domain::Manifest;
use crate::domain::sensitive::Places;
use serde_json::Value;

/// Longest title; what is beyond goes into the body.
const TITLE: usize = 72;
/// Longest value that is shown.
const VALUE: usize = 40;

/// One changed value, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edit {
    object: String,
    what: String,
}

/// What a commit changes, in words: the title without the mapping's name, and what the title has no room for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// One line.
    pub summary: String,
    /// Lines for the body; empty where the title says it all.
    pub body: String,
}

impl Said {
    /// As a message of a mapping.
    pub fn message(&self, mapping: &str) -> String {
        let title = clip(&format!("{mapping}: {}", self.summary));
        if self.body.is_empty() { title } else { format!("{title}\n\n{}", self.body) }
    }
}

/// What a commit that turns `before` into `after` changes. `paths` are the changed files, for what is no manifest.
///
/// Values of Secrets are never in it.
pub fn summarise(before: &[Manifest], after: &[Manifest], paths: &[String]) -> Said {
    let short = |summary: String| Said { summary: clip(&summary), body: String::new() };
    let mut edits = edits(before, after);
    for edit in &mut edits {
        // A line end in a live value would begin a trailer of its own.
        edit.object = one_line(&edit.object);
        edit.what = one_line(&edit.what);
    }
    match edits.as_slice() {
        [] => short(one_line(&format!("update {}", names(paths)))),
        [first, rest @ ..] if rest.iter().all(|edit| edit.what == first.what) => {
            short(first.what.clone())
        }
        many => {
            let objects: std::collections::BTreeSet<_> =
                many.iter().map(|edit| edit.object.as_str()).collect();
            let summary = match objects.len() {
                1 => format!("change {} values of {}", many.len(), many[0].object),
                count => format!("change {count} objects"),
            };
            let line = |edit: &Edit| format!("- {}: {}", edit.object, edit.what);
            let body: Vec<_> = many.iter().map(line).collect();
            Said { summary: clip(&summary), body: body.join("\n") }
        }
    }
}

fn edits(before: &[Manifest], after: &[Manifest]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for new in after {
        let object = new.reference.key().to_string();
        match before.iter().find(|old| old.reference.key() == new.reference.key()) {
            None => edits.push(Edit { what: format!("add {object}"), object }),
            Some(old) if old.object != new.object => {
                let secret = new.reference.is_secret() || !Places::of(&new.object).is_empty();
                let mut found = Vec::new();
                compare(&mut Vec::new(), &old.object, &new.object, secret, &mut found);
                edits.extend(found.into_iter().map(|what| Edit { object: object.clone(), what }));
            }
            Some(_) => {}
        }
    }
    for old in before {
        if !after.iter().any(|new| new.reference.key() == old.reference.key()) {
            let object = old.reference.key().to_string();
            edits.push(Edit { what: format!("remove {object}"), object });
        }
    }
    edits
}

fn compare(
    path: &mut Vec<String>,
    old: &Value,
    new: &Value,
    secret: bool,
    found: &mut Vec<String>,
) {
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in b {
                path.push(key.clone());
                compare(path, a.get(key).unwrap_or(&Value::Null), value, secret, found);
                path.pop();
            }
            for (key, value) in a.iter().filter(|(key, _)| !b.contains_key(*key)) {
                path.push(key.clone());
                compare(path, value, &Value::Null, secret, found);
                path.pop();
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (old, new) in a.iter().zip(b) {
                compare(path, old, new, secret, found);
            }
        }
        (old, new) if old == new => {}
        (old, new) => found.push(describe(path, old, new, secret)),
    }
}

fn describe(path: &[String], old: &Value, new: &Value, secret: bool) -> String {
    let name = path.last().map_or("value", String::as_str);
    if secret {
        // Annotations may hold copies of the whole object, so nothing of a Secret is quoted.
        let data = path.first().is_some_and(|root| root == "data" || root == "stringData");
        return if data { format!("change secret key {name}") } else { format!("change {name}") };
    }
    match (old, new) {
        // Of an environment variable, which may be a credential, nothing is quoted either.
        _ if name == "value" && path.iter().any(|step| step == "env") => {
            "change an environment variable".to_owned()
        }
        (Value::Null, new) => format!("set {name} {}", show(new)).trim_end().to_owned(),
        (_, Value::Null) => format!("remove {name}"),
        (Value::String(a), Value::String(b)) if name == "image" => {
            match (a.rsplit_once(':'), b.rsplit_once(':')) {
                (Some((repository, from)), Some((other, to))) if repository == other => {
                    format!("image {from} -> {to}")
                }
                _ => format!("image {a} -> {b}"),
            }
        }
        (old, new) => match (show(old), show(new)) {
            (from, to) if from.is_empty() || to.is_empty() => format!("change {name}"),
            (from, to) => format!("{name} {from} -> {to}"),
        },
    }
}

fn one_line(text: &str) -> String {
    let is_end = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.split(is_end).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn show(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Object(_) | Value::Array(_) | Value::Null => return String::new(),
        other => other.to_string(),
    };
    if text.chars().count() > VALUE || text.contains('\n') { String::new() } else { text }
}

fn names(paths: &[String]) -> String {
    let files: Vec<_> = paths.iter().map(|path| path.rsplit('/').next().unwrap_or(path)).collect();
    match files.as_slice() {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

fn clip(title: &str) -> String {
    if title.chars().count() <= TITLE {
        return title.to_owned();
    }
    let mut short: String = title.chars().take(TITLE - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ObjectRef, Origin};
    use serde_json::json;

    #[test]
    fn values_make_no_trailers() {
        let text = one_line("image 1 -> 9\n\nSigned-off-by: \u{2028}The CEO\r\n");
        assert_eq!(text, "image 1 -> 9 Signed-off-by:  The CEO");
    }

    fn default_message(
        mapping: &str,
        before: &[Manifest],
        after: &[Manifest],
        paths: &[String],
    ) -> String {
        summarise(before, after, paths).message(mapping)
    }

    fn manifest(object: Value) -> Manifest {
        let reference = ObjectRef::of(&object).unwrap();
        Manifest {
            object,
            reference,
            origin: Origin { file: "a.yaml".into(), document: 0, line: 1 },
        }
    }

    fn deployment(image: &str, replicas: u32) -> Manifest {
        manifest(
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "checkout"},
            "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "app", "image": image}]}}}}),
        )
    }

    #[test]
    fn an_image_is_named_by_its_tag() {
        let message = default_message(
            "checkout",
            &[deployment("r.example:5000/shop/checkout:1.4.2", 3)],
            &[deployment("r.example:5000/shop/checkout:1.5.0", 3)],
            &[],
        );
        assert_eq!(message, "checkout: image 1.4.2 -> 1.5.0");
    }

    #[test]
    fn several_changes_are_listed_in_the_body() {
        let message =
            default_message("checkout", &[deployment("a:1", 3)], &[deployment("a:2", 5)], &[]);
        assert_eq!(
            message,
            "checkout: change 2 values of Deployment checkout\n\n- Deployment checkout: replicas 3 -> 5\n- Deployment checkout: image 1 -> 2"
        );
    }

    #[test]
    fn secrets_are_named_by_key_only() {
        let secret = |value: &str| {
            manifest(
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"token": value}}),
            )
        };
        let message = default_message("m", &[secret("old-canary")], &[secret("new-canary")], &[]);
        assert_eq!(message, "m: change secret key token");
    }

    #[test]
    fn annotations_of_secrets_are_not_quoted() {
        let secret = |value: &str| {
            manifest(json!({"apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": "s", "annotations": {"copy": value}}}))
        };
        let message = default_message("m", &[secret("{}")], &[secret("{canary}")], &[]);
        assert_eq!(message, "m: change copy");
    }

    #[test]
    fn what_is_no_manifest_is_named_by_file() {
        assert_eq!(default_message("m", &[], &[], &["a/README.md".into()]), "m: update README.md");
    }
}
