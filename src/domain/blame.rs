//! Who set each field of a desired object: one answer per value, and all of them as a view in the form of YAML.

use crate::domain::path::{FieldPath, Step, key_of};
use crate::domain::redact::{MASK, is_hidden};
use crate::domain::{ObjectRef, Revision};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

/// The desired objects of a mapping at a commit, with who set what.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Blame {
    /// Mapping.
    pub mapping: String,
    /// The commit that was rendered.
    pub revision: Revision,
    /// Objects, in the order of the render.
    pub objects: Vec<BlamedObject>,
}

/// A desired object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlamedObject {
    /// Its name.
    pub object: ObjectRef,
    /// The file that it is written in, or made from (foreign text).
    pub file: String,
    /// Its values, in the order of the object.
    pub fields: Vec<BlamedField>,
}

/// One value of an object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlamedField {
    /// Where it is in the object.
    pub path: String,
    /// The same, as steps.
    #[serde(skip)]
    pub steps: FieldPath,
    /// The value; null where it is secret.
    pub value: Value,
    /// Whether the value is secret.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub redacted: bool,
    /// The commit that set it; null where that cannot be known.
    pub commit: Option<Revision>,
    /// Who wrote that commit (foreign text).
    pub author: Option<String>,
    /// Title of that commit (foreign text).
    pub title: Option<String>,
    /// When it was committed.
    pub time: Option<Timestamp>,
    /// The file that says the value, or the one that computes it as far as that is known (foreign text).
    pub file: Option<String>,
    /// The line of that file, from 1.
    pub line: Option<usize>,
    /// What computes the value, where no line says it (may hold foreign text).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub computed: Option<String>,
}

/// Key fields by which written items of lists are told apart, in this order.
const KEYS: &[&[&str]] = &[
    &["name"],
    &["containerPort", "protocol"],
    &["port", "protocol"],
    &["mountPath"],
    &["devicePath"],
    &["ip"],
    &["key"],
    &["topologyKey"],
];

/// Every value of an object that holds no other value, with its path, in the order of the object. Empty maps and lists
/// are values.
pub fn leaves(object: &Value) -> Vec<(FieldPath, &Value)> {
    let mut found = Vec::new();
    walk(object, &FieldPath::default(), &mut found);
    found
}

fn walk<'a>(value: &'a Value, path: &FieldPath, found: &mut Vec<(FieldPath, &'a Value)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, below) in fields {
                walk(below, &path.join(Step::Field(name.clone())), found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (step, item) in steps(items).into_iter().zip(items) {
                walk(item, &path.join(step), found);
            }
        }
        _ => found.push((path.clone(), value)),
    }
}

/// The steps to the items of a list: by key fields where they tell the items apart, else by position. A port without a
/// protocol is one of TCP.
fn steps(items: &[Value]) -> Vec<Step> {
    let keyed = |names: &&[&str]| -> Option<Vec<Step>> {
        let steps: Option<Vec<Step>> =
            items.iter().map(|item| Some(Step::Key(key(item.as_object()?, names)?))).collect();
        steps.filter(|steps| steps.iter().enumerate().all(|(at, one)| !steps[..at].contains(one)))
    };
    let found = KEYS.iter().find_map(keyed);
    found.unwrap_or_else(|| (0..items.len()).map(Step::Index).collect())
}

fn key(item: &Map<String, Value>, names: &[&str]) -> Option<Vec<(String, Value)>> {
    if names.last() == Some(&"protocol") && !item.contains_key("protocol") {
        let mut key = key_of(item, &names[..1])?;
        key.push(("protocol".to_owned(), "TCP".into()));
        return Some(key);
    }
    key_of(item, names)
}

impl BlamedField {
    /// A value of an object, of which nothing more is known; what is secret is left out.
    pub fn of(object: &Value, path: &FieldPath, value: &Value) -> Self {
        let redacted = is_hidden(object, path);
        Self {
            path: path.to_string(),
            steps: path.clone(),
            value: if redacted { Value::Null } else { value.clone() },
            redacted,
            commit: None,
            author: None,
            title: None,
            time: None,
            file: None,
            line: None,
            computed: None,
        }
    }
}

/// A line of the view: the field whose value it shows, if it shows one, and its text (foreign text).
pub type Line = (Option<usize>, String);

impl BlamedObject {
    /// The object in the form of YAML, line by line. Secret values are masked.
    pub fn lines(&self) -> Vec<Line> {
        let mut view = View::default();
        for (index, field) in self.fields.iter().enumerate() {
            view.leaf(index, &field.steps.0, field);
        }
        view.lines
    }
}

/// The lines so far, and the path of the last value.
#[derive(Default)]
struct View {
    lines: Vec<Line>,
    before: Vec<Step>,
}

impl View {
    fn leaf(&mut self, index: usize, path: &[Step], field: &BlamedField) {
        let common = self.before.iter().zip(path).take_while(|(a, b)| a == b).count();
        // Blanks and the dashes of items that begin on this line.
        let mut lead = String::new();
        let mut indent = 0;
        for (depth, step) in path.iter().enumerate() {
            let is_new = depth >= common;
            lead.extend(std::iter::repeat_n(' ', indent - lead.len()));
            if let Step::Field(name) = step {
                let next = path.get(depth + 1);
                if is_new && next.is_some() {
                    self.lines.push((None, format!("{lead}{}:", plain(name))));
                    lead.clear();
                }
                if next.is_none() {
                    let head = format!("{lead}{}:", plain(name));
                    self.value(index, &head, indent + 2, field);
                } else if matches!(next, Some(Step::Field(_))) {
                    indent += 2;
                }
            } else {
                if is_new {
                    lead.push_str("- ");
                }
                indent += 2;
                if depth + 1 == path.len() {
                    self.value(index, lead.trim_end(), indent, field);
                }
            }
        }
        self.before = path.to_vec();
    }

    fn value(&mut self, index: usize, head: &str, indent: usize, field: &BlamedField) {
        match &field.value {
            _ if field.redacted => self.lines.push((Some(index), format!("{head} {MASK}"))),
            Value::String(text) if text.trim_end_matches('\n').contains('\n') => {
                let keep = if text.ends_with('\n') { "|" } else { "|-" };
                self.lines.push((Some(index), format!("{head} {keep}")));
                let pad = " ".repeat(indent);
                let lines = text.trim_end_matches('\n').split('\n');
                self.lines.extend(lines.map(|line| (Some(index), format!("{pad}{line}"))));
            }
            Value::String(text) => {
                self.lines.push((Some(index), format!("{head} {}", plain(text))));
            }
            other => self.lines.push((Some(index), format!("{head} {other}"))),
        }
    }
}

/// A text as YAML writes it where it is not taken for something else, else in quotes.
fn plain(text: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || "-_./+=@%~^,;()$<>".contains(c) || c == ' ';
    let begins = text.starts_with(|c: char| c.is_alphabetic() || "/_.$".contains(c));
    let inner = |(at, c): (usize, char)| match c {
        ':' => !text[at + 1..].starts_with(' ') && at + 1 < text.len(),
        c => is_word(c),
    };
    let taken = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", ".nan", ".inf"];
    let is_other = taken.contains(&text.to_lowercase().as_str());
    let is_version = text.starts_with(|c: char| c.is_ascii_digit())
        && text.parse::<f64>().is_err()
        && text.contains(|c: char| c.is_ascii_alphabetic() || c == '.' || c == '/');
    let is_number = text.parse::<f64>().is_ok();
    if (begins || is_version)
        && !is_other
        && !is_number
        && !text.ends_with(' ')
        && text.char_indices().all(inner)
    {
        return text.to_owned();
    }
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::{BlamedField, BlamedObject, leaves};
    use crate::domain::ObjectRef;
    use serde_json::{Value, json};

    fn blamed(object: &Value) -> BlamedObject {
        let fields =
            leaves(object).into_iter().map(|(path, value)| BlamedField::of(object, &path, value));
        BlamedObject {
            object: ObjectRef::of(object).unwrap(),
            file: "app.yaml".into(),
            fields: fields.collect(),
        }
    }

    fn text(object: &Value) -> String {
        blamed(object).lines().into_iter().map(|(_, line)| line + "\n").collect()
    }

    #[test]
    fn every_value_has_a_path_that_leads_back_to_it() {
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "labels": {}},
            "spec": {"containers": [
                {"name": "a", "args": ["x", ["y"]], "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]},
                {"name": "b", "env": []}]}});
        let found = leaves(&object);
        for (path, value) in &found {
            assert_eq!(path.find_written(&object), Some(*value), "{path}");
        }
        let paths: Vec<String> = found.iter().map(|(path, _)| path.to_string()).collect();
        assert!(paths.contains(&"/metadata/labels".into()), "{paths:?}");
        let port = "/spec/containers/[name=a]/ports/[containerPort=80,protocol=TCP]/containerPort";
        assert!(paths.contains(&port.into()), "{paths:?}");
    }

    #[test]
    fn the_view_is_yaml() {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "annotations": {"x/y: z": "80", "on": "true"}},
            "data": {"file": "one\ntwo\n", "cut": "a\nb", "version": "1.4.2", "address": "http://x:80/", "note": "a: b"},
            "lists": [{"name": "p", "deep": {"c": 1}, "args": ["-v", 3]}, {"name": "q"}], "of": [[1, 2], [3]],
            "nothing": {}, "null": null});
        let view = text(&object);
        let read: Value = serde_saphyr::from_str(&view).unwrap();
        assert_eq!(read, object, "{view}");
        assert!(
            view.contains("\nlists:\n- name: p\n  deep:\n    c: 1\n  args:\n  - \"-v\"\n"),
            "{view}"
        );
        assert!(view.contains("  version: 1.4.2\n  address: http://x:80/\n"), "{view}");
    }

    #[test]
    fn secrets_are_masked() {
        let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"},
            "stringData": {"token": "canary"}, "type": "Opaque"});
        assert!(text(&object).contains("  token: ***\n"));
        assert!(!serde_json::to_string(&blamed(&object)).unwrap().contains("canary"));
    }
}
