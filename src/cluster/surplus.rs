//! Live fields that are not in Git, where the cluster is the source of truth: they differ like any other field.

use super::desired::Desired;
use super::judge::Frame;
use crate::domain::clean::without_defaults;
use crate::domain::culprit::culprit;
use crate::domain::diff::extras;
use crate::domain::ignored::Held;
use crate::domain::normalize::is_secret;
use crate::domain::sensitive::Places;
use crate::domain::{Change, FieldPath};
use serde_json::Value;

/// What people and their programs added to a live object, as changes that would take it away. What a rule or a controller
/// holds is left out, and so is what says nothing.
pub(super) fn surplus(
    frame: &Frame<'_>,
    desired: &Desired,
    (live, sent): (&Value, &Value),
    held: &[Held],
) -> Vec<Change> {
    let is_held = |path: &FieldPath| held.iter().any(|held| held.path.contains(path));
    let own = &desired.reference;
    let scaled = frame.scaled.iter().any(|(kind, name)| *kind == own.kind && *name == own.name);
    let (secret, sensitive) = (is_secret(live), Places::of(live));
    let mut found = Vec::new();
    for text in extras(live, sent) {
        let Some(path) = FieldPath::parse(&text).filter(|path| !is_held(path)) else { continue };
        let Some(value) = path.find(live) else { continue };
        // Whoever set them first: they are the autoscaler's.
        if scaled && text == "/spec/replicas" {
            continue;
        }
        let value = without_defaults(&desired.reference.group, value);
        if is_nothing(&value) {
            continue;
        }
        let hidden = secret || sensitive.covers(&path);
        let (live_manager, live_time) = culprit(live, &path).unzip();
        found.push(Change {
            path: if hidden { sensitive.shown(&path).to_string() } else { text },
            before: (!hidden).then_some(value),
            after: None,
            live_manager,
            live_time: live_time.flatten(),
            forced: Vec::new(),
            commit: None,
            redacted: hidden,
        });
    }
    found
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
