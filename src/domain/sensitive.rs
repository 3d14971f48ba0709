//! What users call sensitive beside Secrets: kinds, objects, or places in them, whose values are shown and kept nowhere.

use crate::domain::object::split_api_version;
use crate::domain::path::{FieldPath, Step};
use crate::domain::pattern::matches;
use serde_json::Value;
use std::fmt;
use std::sync::{PoisonError, RwLock};

/// An entry of the list: `Kind[.group][/[namespace/]name][:/path]`. In each part `*` stands for any run of characters, as
/// a step of the path for any field or item; items of lists need not be named in the path. Without a path it is all of
/// the object but its identity and its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sensitive {
    text: String,
    kind: String,
    group: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    place: Option<Vec<Part>>,
}

/// A step of a path as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Any field, any item.
    Any,
    /// Fields of this name.
    Name(String),
}

impl Part {
    /// Whether a field is meant.
    pub fn is_field(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Name(pattern) => matches(pattern, name),
        }
    }
}

impl fmt::Display for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Sensitive {
    /// Reads an entry.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (object, path) = match text.split_once(":/") {
            Some((object, path)) => (object, Some(format!("/{path}"))),
            None => (text, None),
        };
        let form = "is written Kind[.group][/[namespace/]name][:/path], such as ConfigMap/shop/feed:/data/token";
        let mut parts: Vec<&str> = object.split('/').collect();
        let whole = parts.remove(0);
        let fits = |part: &str| !part.is_empty() && !part.contains([' ', ':']);
        if !fits(whole) || parts.len() > 2 || !parts.iter().all(|part| fits(part)) {
            return Err(form.to_owned());
        }
        let place = path.map(|path| match FieldPath::fault(&path) {
            Some(fault) => Err(format!("{form}; its path {fault}")),
            None => {
                Ok(FieldPath::parse(&path).unwrap_or_default().0.into_iter().map(part).collect())
            }
        });
        let (kind, group) = whole.split_once('.').map_or((whole, None), |(k, g)| (k, Some(g)));
        Ok(Self {
            text: text.to_owned(),
            kind: kind.to_owned(),
            group: group.map(str::to_owned),
            name: parts.pop().map(str::to_owned),
            namespace: parts.pop().map(str::to_owned),
            place: place.transpose()?,
        })
    }

    fn is_of(&self, group: &str, kind: &str) -> bool {
        matches(&self.kind, kind) && self.group.as_ref().is_none_or(|own| matches(own, group))
    }

    /// Whether it is about an object. A manifest that leaves out its namespace may be for any.
    fn is_for(&self, object: &Value) -> bool {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let version = text(&object["apiVersion"]);
        let (name, namespace) = (&object["metadata"]["name"], &object["metadata"]["namespace"]);
        // A patch of which nobody says of what it is may be of anything.
        let group = split_api_version(&version).0;
        (version.is_empty() && matches(&self.kind, &text(&object["kind"]))
            || self.is_of(group, &text(&object["kind"])))
            && self.name.as_ref().is_none_or(|own| matches(own, &text(name)))
            && (namespace.is_null()
                || self.namespace.as_ref().is_none_or(|own| matches(own, &text(namespace))))
    }
}

/// Items are told by keys, positions or values; whichever is named, all are meant.
fn part(step: Step) -> Part {
    match step {
        Step::Field(name) if name == "*" || name.bytes().all(|byte| byte.is_ascii_digit()) => {
            Part::Any
        }
        Step::Field(name) => Part::Name(name),
        Step::Key(_) | Step::Index(_) | Step::Item(_) => Part::Any,
    }
}

/// The list of this process: every place that shows or keeps a value asks here, so that none can be forgotten. It only
/// grows, so that nothing is shown because a line of a file went.
static LIST: RwLock<Vec<Sensitive>> = RwLock::new(Vec::new());

/// Adds what the configuration calls sensitive.
pub fn also(entries: &[Sensitive]) {
    let mut list = LIST.write().unwrap_or_else(PoisonError::into_inner);
    for entry in entries {
        if !list.contains(entry) {
            list.push(entry.clone());
        }
    }
}

fn with<T>(work: impl FnOnce(&[Sensitive]) -> T) -> T {
    work(&LIST.read().unwrap_or_else(PoisonError::into_inner))
}

/// Whether objects of a kind may hold what is sensitive.
pub fn is_kind(group: &str, kind: &str) -> bool {
    with(|list| list.iter().any(|one| one.is_of(group, kind)))
}

/// Whether a text that cannot be read may be about a sensitive kind.
pub fn may_be_in(text: &str) -> bool {
    with(|list| list.iter().any(|one| one.kind.contains('*') || text.contains(&one.kind)))
}

/// The sensitive places of one object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places(Vec<Option<Vec<Part>>>);

impl Places {
    /// Of an object as it is live, desired, or written down.
    pub fn of(object: &Value) -> Self {
        let meant = |list: &[Sensitive]| {
            let meant = list.iter().filter(|one| one.is_for(object));
            meant.map(|one| one.place.clone()).collect()
        };
        Self(with(meant))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them; nothing for all of the object.
    pub fn iter(&self) -> impl Iterator<Item = Option<&[Part]>> {
        self.0.iter().map(Option::as_deref)
    }

    /// Whether the value at a path is, lies in, or holds one of them.
    pub fn covers(&self, path: &FieldPath) -> bool {
        self.0.iter().any(|place| match place {
            Some(parts) => meets(parts, path),
            None => !is_identity(path),
        })
    }

    /// A path as it may be shown: the step to an item of a set is its value.
    pub fn shown(&self, path: &FieldPath) -> FieldPath {
        let item = path.0.iter().position(|step| matches!(step, Step::Item(_)));
        let end = item.filter(|_| self.covers(path)).unwrap_or(path.0.len());
        FieldPath(path.0[..end].to_vec())
    }

    /// The scalars at these places of an object, as texts.
    pub fn texts(&self, object: &Value) -> Vec<String> {
        let mut found = Vec::new();
        if !self.is_empty() {
            self.each(&mut object.clone(), &mut FieldPath::default(), &mut |value| {
                found.push(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            });
        }
        found
    }

    /// The object without the values at these places; nothing where there are none.
    pub fn blanked(&self, object: &Value) -> Option<Value> {
        if self.is_empty() {
            return None;
        }
        let mut object = object.clone();
        self.each(&mut object, &mut FieldPath::default(), &mut |value| *value = Value::Null);
        Some(object)
    }

    /// Visits the scalars at these places.
    fn each(&self, value: &mut Value, at: &mut FieldPath, visit: &mut impl FnMut(&mut Value)) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields.iter_mut() {
                    at.0.push(Step::Field(name.clone()));
                    self.each(value, at, visit);
                    at.0.pop();
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    at.0.push(Step::Index(index));
                    self.each(item, at, visit);
                    at.0.pop();
                }
            }
            scalar if self.covers(at) => visit(scalar),
            _ => {}
        }
    }
}

/// What tells one object from another, and by what it is chosen.
fn is_identity(path: &FieldPath) -> bool {
    let field = |at: usize| match path.0.get(at) {
        Some(Step::Field(name)) => name.as_str(),
        _ => "",
    };
    match field(0) {
        "apiVersion" | "kind" => true,
        "metadata" => !matches!(field(1), "" | "annotations"),
        _ => false,
    }
}

/// Whether a path leads to a place, below it, or to what holds it.
fn meets(place: &[Part], path: &FieldPath) -> bool {
    let mut parts = place.iter().peekable();
    for step in &path.0 {
        match (parts.peek(), step) {
            (None, _) => return true,
            (Some(Part::Any), _) => drop(parts.next()),
            (Some(part), Step::Field(name)) if part.is_field(name) => drop(parts.next()),
            (Some(Part::Name(_)), Step::Field(_)) => return false,
            // Items need not be named.
            (Some(Part::Name(_)), _) => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{Places, Sensitive};
    use crate::domain::path::{FieldPath, Step};
    use serde_json::{Value, json};

    fn places(text: &str, object: &Value) -> Places {
        let one = Sensitive::parse(text).unwrap();
        Places(if one.is_for(object) { vec![one.place] } else { Vec::new() })
    }

    #[test]
    fn the_path_to_an_item_of_a_set_is_cut_where_its_value_is_hidden() {
        let object = json!({"apiVersion": "a.io/v1", "kind": "Feed", "metadata": {"name": "one"}});
        let places = places("Feed:/spec/tokens", &object);
        let path = |field: &str| {
            let steps = ["spec", field].map(|name| Step::Field(name.to_owned()));
            FieldPath(steps.into_iter().chain([Step::Item(json!("secret"))]).collect())
        };
        assert_eq!(places.shown(&path("tokens")).to_string(), "/spec/tokens");
        assert!(places.shown(&path("hosts")).to_string().contains("secret"));
    }

    #[test]
    fn kinds_objects_and_places_are_meant() {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "feed", "namespace": "shop", "labels": {"a": "b"}, "annotations": {"n": "note"}},
            "data": {"token": "t", "free": "f"}});
        for (text, path, expected) in [
            ("ConfigMap", "/data/free", true),
            ("ConfigMap", "/metadata/annotations/n", true),
            ("ConfigMap", "/metadata", true),
            ("ConfigMap", "/metadata/labels/a", false),
            ("ConfigMap", "/kind", false),
            ("ConfigMap.acme.io", "/data/token", false),
            ("ConfigMap/feed:/data/token", "/data/token", true),
            ("ConfigMap/feed:/data/token", "/data/free", false),
            ("ConfigMap/feed:/data/token", "/data", true),
            ("ConfigMap/shop/f*:/data/tok*", "/data/token", true),
            ("ConfigMap/other/feed:/data/token", "/data/token", false),
            ("ConfigMap/x", "/data/token", false),
            ("*:/*/token", "/data/token", true),
        ] {
            let path = FieldPath::parse(path).unwrap();
            assert_eq!(places(text, &object).covers(&path), expected, "{text} {path}");
        }
    }

    #[test]
    fn items_of_lists_are_all_meant_however_they_are_told() {
        let object = json!({"apiVersion": "acme.io/v1", "kind": "Feed", "metadata": {"name": "a"}});
        for text in [
            "Feed:/spec/users/password",
            "Feed.acme.io:/spec/users/*/password",
            "Feed:/spec/users/[name=x]/password",
        ] {
            let places = places(text, &object);
            for path in [
                "/spec/users/[name=y]/password",
                "/spec/users/0/password",
                "/spec/users/[name=y]",
                "/spec",
            ] {
                let mut path = FieldPath::parse(path).unwrap();
                for step in &mut path.0 {
                    if *step == super::Step::Field("0".into()) {
                        *step = super::Step::Index(0);
                    }
                }
                assert!(places.covers(&path), "{text} {path}");
            }
            assert!(
                !places.covers(&FieldPath::parse("/spec/users/[name=y]/name").unwrap()),
                "{text}"
            );
        }
    }

    #[test]
    fn values_are_found_and_taken_out() {
        let object = json!({"apiVersion": "acme.io/v1", "kind": "Feed", "metadata": {"name": "a"},
            "spec": {"users": [{"name": "ana", "password": "one"}, {"name": "leo", "password": 2}]}});
        let places = places("Feed:/spec/users/password", &object);
        assert_eq!(places.texts(&object), ["one", "2"]);
        let blank = places.blanked(&object).unwrap();
        assert_eq!(
            blank["spec"],
            json!({"users": [{"name": "ana", "password": null}, {"name": "leo", "password": null}]})
        );
        assert_eq!(Places::default().blanked(&object), None);
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        for text in ["", "/", "Feed/", "Feed/a/b/c", "Feed:spec", "Feed:/spec//x", "a b"] {
            assert!(Sensitive::parse(text).is_err(), "{text}");
        }
    }
}
