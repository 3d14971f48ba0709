//! What a commit makes of objects, as lines to read.

use crate::domain::rendered::{RenderedMapping, RenderedObject};
use crate::domain::{Change, Op, RenderedCommit};
use crate::tui::panes::diff::op_words;
use crate::tui::style::Role;
use crate::tui::widgets::text::safe;
use crate::tui::words::count;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};
use std::time::Duration;

/// What stands in place of a value of a Secret.
const HIDDEN: &str = "differs, value hidden";
/// Unchanged lines shown around changed ones.
const CONTEXT: usize = 2;
/// Longer texts are compared for at most this time.
const DEADLINE: Duration = Duration::from_millis(50);

/// Every mapping with its objects, path by path. They may be foreign text.
pub fn lines(rendered: &RenderedCommit) -> Vec<(Role, String)> {
    if rendered.mappings.is_empty() {
        let none = "No mapping is made from what this commit touches.".to_owned();
        return vec![(Role::Muted, none)];
    }
    rendered.mappings.iter().flat_map(mapping).collect()
}

fn mapping(mapping: &RenderedMapping) -> Vec<(Role, String)> {
    let mut lines = vec![(Role::Strong, mapping.mapping.clone())];
    for (side, fault) in [("before", &mapping.faults.before), ("after", &mapping.faults.after)] {
        if let Some(fault) = fault {
            lines.push((Role::Bad, format!("{side} the commit it does not render: {fault}")));
        }
    }
    lines.extend(mapping.objects.iter().flat_map(object));
    if mapping.faults.is_empty() {
        lines.push((Role::Muted, format!("  {} unchanged", count(mapping.unchanged, "object"))));
    }
    lines.push((Role::Muted, " ".to_owned()));
    lines
}

fn object(object: &RenderedObject) -> Vec<(Role, String)> {
    let (sign, role, word) = op_words(object.op);
    let was = object.replaces.as_ref().map_or(String::new(), |old| format!(" in place of {old}"));
    let head = format!("  {sign} {}  {word}{was}, {}", object.object, object.file);
    let mut lines = vec![(role, head)];
    // Everything of a new object is new; its file says it better.
    lines.extend(object.changes.iter().filter(|_| object.op != Op::Create).flat_map(change));
    lines
}

fn change(change: &Change) -> Vec<(Role, String)> {
    let path = if change.path.is_empty() { "(the whole object)" } else { &change.path };
    let mut lines = vec![(Role::Text, format!("      {path}"))];
    if change.redacted {
        lines.push((Role::Drift, format!("        {HIDDEN}")));
        return lines;
    }
    let (before, after) = (text(change.before.as_ref()), text(change.after.as_ref()));
    let diff = TextDiff::configure().timeout(DEADLINE).diff_lines(before.as_str(), after.as_str());
    for group in diff.grouped_ops(CONTEXT) {
        for piece in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (sign, role) = match piece.tag() {
                ChangeTag::Equal => (' ', Role::Muted),
                ChangeTag::Delete => ('-', Role::Removed),
                ChangeTag::Insert => ('+', Role::Added),
            };
            let line = safe(piece.value().trim_end_matches('\n')).into_owned();
            lines.push((role, format!("        {sign} {line}")));
        }
    }
    lines
}

/// A value on as many lines as it has; nothing on none.
fn text(value: Option<&Value>) -> String {
    let text = match value {
        None => return String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Object(_) | Value::Array(_))) => {
            serde_json::to_string_pretty(value).unwrap_or_default()
        }
        Some(value) => value.to_string(),
    };
    if text.ends_with('\n') { text } else { text + "\n" }
}
