//! What a commit makes of the objects of mappings: rendered before and after, compared object by object.

use crate::domain::diff::difference;
use crate::domain::renamed::base_name;
use crate::domain::{Change, Manifest, ObjectKey, ObjectRef, Op, Revision};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;

/// A commit with what it makes of mappings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RenderedCommit {
    /// Repository.
    pub repository: String,
    /// The commit; it is compared with its first parent.
    pub revision: Revision,
    /// The mappings that it touches, or those that were asked for.
    pub mappings: Vec<RenderedMapping>,
}

/// The sides of a commit that do not render, with the reasons.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RenderFaults {
    /// Why the parent does not render (may hold foreign text).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Why the commit does not render (may hold foreign text).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// What a commit makes of one mapping.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RenderedMapping {
    /// Name.
    pub mapping: String,
    /// Objects that differ, those of the commit in their order, then those that left; none where a side does not render.
    pub objects: Vec<RenderedObject>,
    /// Number of the others.
    pub unchanged: usize,
    /// The sides that do not render.
    #[serde(skip_serializing_if = "RenderFaults::is_empty")]
    pub faults: RenderFaults,
}

/// An object that a commit changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RenderedObject {
    /// `create`, `update` or `delete`.
    pub op: Op,
    /// The object.
    pub object: ObjectRef,
    /// The object whose place it takes under another hash of its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// The file that it is written in, or made from (foreign text).
    pub file: String,
    /// Differing paths; of an object that leaves none. Values of Secrets are left out.
    pub changes: Vec<Change>,
}

impl RenderFaults {
    /// Whether both sides render.
    pub fn is_empty(&self) -> bool {
        self.before.is_none() && self.after.is_none()
    }
}

/// One side of a comparison.
#[derive(Debug, Clone, Default)]
pub struct Rendering {
    /// The objects.
    pub manifests: Vec<Manifest>,
    /// Files that are encrypted in Git: what is made from them is shown nowhere.
    pub sealed: Vec<String>,
}

/// Compares two renders. Objects under generated names are matched by their base names.
pub fn compare(before: &Rendering, after: &Rendering) -> (Vec<RenderedObject>, usize) {
    let mut old: HashMap<ObjectKey, &Manifest> =
        before.manifests.iter().map(|one| (one.reference.key(), one)).collect();
    let known: Vec<ObjectKey> = after.manifests.iter().map(|one| one.reference.key()).collect();
    let (mut objects, mut unchanged) = (Vec::new(), 0);
    for manifest in &after.manifests {
        let key = manifest.reference.key();
        let mut replaces = None;
        let was = old.remove(&key).or_else(|| {
            let stood = stand_in(&old, &known, &manifest.reference)?;
            replaces = Some(stood.to_string());
            old.remove(&stood)
        });
        let is_sealed = after.sealed.contains(&manifest.origin.file)
            || was.is_some_and(|was| before.sealed.contains(&was.origin.file));
        let changes = changes(was, manifest, is_sealed);
        if was.is_some() && changes.is_empty() && replaces.is_none() {
            unchanged += 1;
            continue;
        }
        objects.push(RenderedObject {
            op: if was.is_some() { Op::Update } else { Op::Create },
            object: manifest.reference.clone(),
            replaces,
            file: manifest.origin.file.clone(),
            changes,
        });
    }
    let left = before.manifests.iter().filter(|one| old.contains_key(&one.reference.key()));
    objects.extend(left.map(|one| RenderedObject {
        op: Op::Delete,
        object: one.reference.clone(),
        replaces: None,
        file: one.origin.file.clone(),
        changes: Vec::new(),
    }));
    (objects, unchanged)
}

/// The object of the same base name that is there no more.
fn stand_in(
    old: &HashMap<ObjectKey, &Manifest>,
    known: &[ObjectKey],
    new: &ObjectRef,
) -> Option<ObjectKey> {
    let base = base_name(new)?;
    let mut fitting: Vec<&ObjectKey> = old
        .iter()
        .filter(|(key, one)| {
            let same = key.kind == new.kind && key.namespace == new.namespace;
            same && base_name(&one.reference) == Some(base) && !known.contains(key)
        })
        .map(|(key, _)| key)
        .collect();
    fitting.sort();
    fitting.first().map(|key| (*key).clone())
}

fn changes(before: Option<&Manifest>, after: &Manifest, is_sealed: bool) -> Vec<Change> {
    let mut found = difference(before.map(|one| &one.object), &after.object, &[]).changes;
    let version = |one: &Manifest| Value::from(one.reference.api_version());
    if let Some(before) = before.filter(|one| version(one) != version(after)) {
        let change = Change {
            path: "/apiVersion".to_owned(),
            before: Some(version(before)),
            after: Some(version(after)),
            live_manager: None,
            live_time: None,
            forced: Vec::new(),
            commit: None,
            redacted: false,
        };
        found.insert(0, change);
    }
    for change in found.iter_mut().filter(|_| is_sealed) {
        (change.before, change.after, change.redacted) = (None, None, true);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Rendering, compare};
    use crate::domain::{Manifest, ObjectRef, Op, Origin};
    use serde_json::{Value, json};

    fn side(objects: &[Value]) -> Rendering {
        let manifest = |object: &Value| Manifest {
            reference: ObjectRef::of(object).unwrap(),
            object: object.clone(),
            origin: Origin { file: "a.yaml".into(), document: 0, line: 1 },
        };
        Rendering { manifests: objects.iter().map(manifest).collect(), sealed: Vec::new() }
    }

    fn object(kind: &str, name: &str, data: Value) -> Value {
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "data": data})
    }

    #[test]
    fn objects_are_compared_by_name_and_path() {
        let before = side(&[
            object("ConfigMap", "same", json!({"a": "1"})),
            object("ConfigMap", "other", json!({"a": "1", "b": "1"})),
            object("ConfigMap", "gone", json!({})),
            object("ConfigMap", "made-fbtd98695c", json!({"x": "1"})),
        ]);
        let after = side(&[
            object("ConfigMap", "same", json!({"a": "1"})),
            object("ConfigMap", "other", json!({"a": "2", "b": "1"})),
            object("ConfigMap", "new", json!({"a": "1"})),
            object("ConfigMap", "made-hb2dth72f6", json!({"x": "2"})),
        ]);
        let (objects, unchanged) = compare(&before, &after);
        let told: Vec<(Op, &str, usize)> = objects
            .iter()
            .map(|one| (one.op, one.object.name.as_str(), one.changes.len()))
            .collect();
        assert_eq!(unchanged, 1);
        let expected = [
            (Op::Update, "other", 1),
            (Op::Create, "new", 1),
            (Op::Update, "made-hb2dth72f6", 1),
            (Op::Delete, "gone", 0),
        ];
        assert_eq!(told, expected);
        assert_eq!(objects[2].replaces.as_deref(), Some("ConfigMap made-fbtd98695c"));
        assert_eq!(objects[0].changes[0].path, "/data/a");
    }

    #[test]
    fn secrets_are_only_said_to_differ() {
        let before = side(&[object("Secret", "s", json!({"a": "canary", "b": "canary"}))]);
        let mut after = side(&[object("Secret", "s", json!({"a": "canary", "b": "other"}))]);
        let (objects, _) = compare(&before, &after);
        assert_eq!(objects[0].changes.len(), 1);
        let mut sealed = side(&[object("ConfigMap", "c", json!({"a": "canary"}))]);
        sealed.sealed.push("a.yaml".into());
        after = side(&[object("ConfigMap", "c", json!({"a": "other"}))]);
        let (hidden, _) = compare(&sealed, &after);
        let text = serde_json::to_string(&(objects, hidden)).unwrap();
        assert!(!text.contains("canary") && !text.contains("other"), "{text}");
    }
}
