//! A plan as lines: built once for a plan and a width, painted piecemeal.

use crate::domain::noise::counted;
use crate::domain::{Change, Operation, Plan, Why};
use crate::tui::widgets::text::{cells, safe, wrap};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeSet;
use std::time::Duration;

/// Cells that a culprit takes at the right of a value.
pub const GUTTER: usize = 38;
/// Cells before a value: margin, sign, space.
pub const INDENT: usize = 6;
/// What stands in place of a value of a Secret.
const HIDDEN: &str = "differs, value hidden";
/// Unchanged lines shown around changed ones.
const CONTEXT: usize = 2;
/// Longer texts are compared for at most this time; what is left then counts as changed.
const DEADLINE: Duration = Duration::from_millis(50);

/// Parts of a line, with whether they differ.
pub type Parts = Vec<(bool, String)>;

/// Which side a line shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The live value.
    Before,
    /// The value after a sync.
    After,
    /// Both are alike.
    Both,
}

/// One line of the pane.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// An operation, by its position in the plan.
    Operation(usize),
    /// What has to be known of an operation before it is carried out.
    Badge(usize, String),
    /// The path of a change; perhaps with the culprit of the live value at its right.
    Path(usize, usize, bool),
    /// A piece of a value; emphasised parts are what differs.
    Value {
        /// Operation and change.
        at: (usize, usize),
        /// Which side.
        side: Side,
        /// Parts, with whether they differ.
        parts: Parts,
        /// Whether the culprit stands at its right.
        gutter: bool,
        /// The path, where it stands on the same line.
        path: bool,
    },
    /// The culprit on a line of its own.
    Gutter(usize, usize, Side),
    /// Unchanged lines that were left out.
    Skipped(usize),
    /// A heading below the operations.
    Heading(String),
    /// A remark.
    Remark(String),
    /// Nothing.
    Blank,
}

impl Line {
    /// The operation that a line belongs to.
    pub fn operation(&self) -> Option<usize> {
        match self {
            Self::Operation(op)
            | Self::Badge(op, _)
            | Self::Path(op, ..)
            | Self::Gutter(op, ..) => Some(*op),
            Self::Value { at, .. } => Some(at.0),
            _ => None,
        }
    }
}

/// Every line of a plan.
///
/// `whole` lists what was left out, too.
pub fn build(plan: &Plan, folded: &BTreeSet<usize>, width: usize, whole: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    if plan.operations.is_empty() && (whole || !plan.left_out.is_empty()) {
        let unchanged = crate::tui::words::count(plan.summary.unchanged, "object");
        lines.push(Line::Remark(format!(
            "Nothing differs: {unchanged} as in {}.",
            plan.revision.short()
        )));
    }
    for (index, operation) in plan.operations.iter().enumerate() {
        // What another name stands in for is part of that change.
        if plan.stand_in(operation).is_some() {
            continue;
        }
        if index > 0 && !folded.contains(&(index - 1)) {
            lines.push(Line::Blank);
        }
        lines.push(Line::Operation(index));
        for text in
            badges(operation).iter().flat_map(|text| wrap(text, width.saturating_sub(5).max(8)))
        {
            lines.push(Line::Badge(index, text));
        }
        if !folded.contains(&index) {
            let inline = path_column(operation, width).is_some();
            for (position, change) in operation.changes.iter().enumerate() {
                push_change(&mut lines, change, (index, position), inline, width);
            }
        }
    }
    push_left_out(&mut lines, plan, width, whole);
    lines
}

/// What has to be known of an operation before it is carried out: that nobody could try it, whose values it overwrites.
pub fn badges(operation: &Operation) -> Vec<String> {
    let blind = operation.blind.as_ref();
    let blind = blind.map(|why| format!("blind: no dry run possible, {}", safe(why)));
    let forced = operation.forced().join(", ");
    let forced =
        (!forced.is_empty()).then(|| format!("forced: overwrites what {} set", safe(&forced)));
    blind.into_iter().chain(forced).collect()
}

/// The width of the column of paths, where path, value and culprit fit on one line for the whole operation.
pub fn path_column(operation: &Operation, width: usize) -> Option<usize> {
    let longest = operation.changes.iter().map(|change| cells(&safe(&change.path))).max()?;
    let values = operation.changes.iter().flat_map(|change| [&change.before, &change.after]);
    let widest = values.map(|value| cells(&flat(value.as_ref()).unwrap_or_default())).max()?;
    let hidden = operation.changes.iter().any(|change| change.redacted);
    let widest = if hidden { widest.max(HIDDEN.len()) } else { widest };
    let simple = operation.changes.iter().all(is_simple);
    let needed = longest + 2 + INDENT + widest.max(6) + 2 + GUTTER;
    (simple && needed <= width).then_some(longest)
}

fn is_simple(change: &Change) -> bool {
    [&change.before, &change.after].iter().all(|value| flat(value.as_ref()).is_some())
}

fn push_change(
    lines: &mut Vec<Line>,
    change: &Change,
    at: (usize, usize),
    inline: bool,
    width: usize,
) {
    if inline {
        let sides = sides(change);
        for (index, (side, text)) in sides.into_iter().enumerate() {
            let parts = vec![(false, text)];
            lines.push(Line::Value { at, side, parts, gutter: true, path: index == 0 });
        }
        return;
    }
    let block = flat(change.before.as_ref()).is_none() || flat(change.after.as_ref()).is_none();
    let both = change.before.is_some() && change.after.is_some();
    let beside = cells(&safe(&change.path)) + 4 + GUTTER <= width;
    lines.push(Line::Path(at.0, at.1, block && both && beside && !change.redacted));
    if block && both && !beside && !change.redacted {
        lines.push(Line::Gutter(at.0, at.1, Side::Before));
    }
    let room = width.saturating_sub(INDENT + 1).max(8);
    match (flat(change.before.as_ref()), flat(change.after.as_ref())) {
        _ if change.redacted => push_sides(lines, sides(change), at, room),
        (Some(before), Some(after)) if change.before.is_some() && change.after.is_some() => {
            let (before, after) = words(&before, &after);
            push_parts(lines, Side::Before, before, at, room);
            push_parts(lines, Side::After, after, at, room);
        }
        (Some(_), Some(_)) => push_sides(lines, sides(change), at, room),
        _ => push_block(lines, change, at, room),
    }
}

fn push_sides(lines: &mut Vec<Line>, sides: Vec<(Side, String)>, at: (usize, usize), room: usize) {
    for (side, text) in sides {
        push_parts(lines, side, vec![(false, text)], at, room);
    }
}

/// Both sides of a change as single lines; a side without a value is left out.
fn sides(change: &Change) -> Vec<(Side, String)> {
    if change.redacted {
        return vec![(Side::Before, HIDDEN.to_owned()), (Side::After, HIDDEN.to_owned())];
    }
    let mut sides = Vec::new();
    if let Some(value) = &change.before {
        sides.push((Side::Before, flat(Some(value)).unwrap_or_default()));
    }
    if let Some(value) = &change.after {
        sides.push((Side::After, flat(Some(value)).unwrap_or_default()));
    }
    if sides.is_empty() {
        sides.push((Side::After, "null".to_owned()));
    }
    sides
}

/// A value as one line; nothing where it needs several.
fn flat(value: Option<&Value>) -> Option<String> {
    match value {
        None => Some(String::new()),
        Some(Value::String(text)) if text.contains('\n') => None,
        Some(Value::String(text)) => Some(safe(text).into_owned()),
        Some(Value::Object(map)) if !map.is_empty() => None,
        Some(Value::Array(list)) if list.iter().any(|v| v.is_object() || v.is_array()) => None,
        Some(other) => Some(safe(&other.to_string()).into_owned()),
    }
}

/// The words of two lines, with whether they differ.
fn words(before: &str, after: &str) -> (Parts, Parts) {
    if before.len().min(after.len()) < 8 {
        return (vec![(false, before.to_owned())], vec![(false, after.to_owned())]);
    }
    let (old, new) = (tokens(before), tokens(after));
    let diff = TextDiff::configure().timeout(DEADLINE).diff_slices(&old, &new);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for change in diff.iter_all_changes() {
        let text = change.value();
        match change.tag() {
            ChangeTag::Equal => {
                join(&mut left, false, text);
                join(&mut right, false, text);
            }
            ChangeTag::Delete => join(&mut left, true, text),
            ChangeTag::Insert => join(&mut right, true, text),
        }
    }
    (left, right)
}

/// Runs of letters and digits, and single other characters: images and paths differ in few of these.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut start = 0;
    for (index, c) in text.char_indices() {
        if !c.is_alphanumeric() {
            if start < index {
                tokens.push(&text[start..index]);
            }
            let end = index + c.len_utf8();
            tokens.push(&text[index..end]);
            start = end;
        }
    }
    if start < text.len() {
        tokens.push(&text[start..]);
    }
    tokens
}

fn join(parts: &mut Parts, differs: bool, text: &str) {
    match parts.last_mut() {
        Some((last, part)) if *last == differs => part.push_str(text),
        _ => parts.push((differs, text.to_owned())),
    }
}

/// One side on as many lines as it needs, the culprit at the last one.
fn push_parts(lines: &mut Vec<Line>, side: Side, parts: Parts, at: (usize, usize), room: usize) {
    let mut rows: Vec<Parts> = vec![Parts::new()];
    let mut used = 0;
    for (differs, text) in parts {
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let left = room - used;
            let piece = fitting(rest, left);
            if piece.is_empty() && used > 0 {
                rows.push(Vec::new());
                used = 0;
                continue;
            }
            // A letter wider than the whole line is taken all the same; it is cut when it is painted.
            let piece = if piece.is_empty() { rest } else { piece };
            used = (used + cells(piece)).min(room);
            if let Some(row) = rows.last_mut() {
                row.push((differs, piece.to_owned()));
            }
            rest = &rest[piece.len()..];
        }
    }
    let last = rows.len() - 1;
    let beside = used + 2 + GUTTER <= room;
    for (index, parts) in rows.into_iter().enumerate() {
        lines.push(Line::Value { at, side, parts, gutter: index == last && beside, path: false });
    }
    if !beside {
        lines.push(Line::Gutter(at.0, at.1, side));
    }
}

/// The longest start of a text that fits.
fn fitting(text: &str, room: usize) -> &str {
    let mut used = 0;
    for (index, c) in text.char_indices() {
        used += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used > room {
            return &text[..index];
        }
    }
    text
}

/// Values of several lines: a line diff with folded unchanged parts.
fn push_block(lines: &mut Vec<Line>, change: &Change, at: (usize, usize), room: usize) {
    let before = block(change.before.as_ref());
    let after = block(change.after.as_ref());
    let first = lines.len();
    let diff = TextDiff::configure().timeout(DEADLINE).diff_lines(before.as_str(), after.as_str());
    let mut shown = 0;
    for group in diff.grouped_ops(CONTEXT) {
        let start = group.first().map_or(0, |op| op.old_range().start);
        if start > shown {
            lines.push(Line::Skipped(start - shown));
        }
        shown = group.last().map_or(start, |op| op.old_range().end);
        for op in &group {
            for piece in diff.iter_inline_changes(op) {
                let side = match piece.tag() {
                    ChangeTag::Equal => Side::Both,
                    ChangeTag::Delete => Side::Before,
                    ChangeTag::Insert => Side::After,
                };
                let parts: Parts = piece
                    .iter_strings_lossy()
                    .map(|(differs, text)| {
                        (differs, safe(text.trim_end_matches('\n')).into_owned())
                    })
                    .filter(|(_, text)| !text.is_empty())
                    .collect();
                push_wrapped(lines, side, parts, at, room);
            }
        }
    }
    let total = diff.old_len();
    if total > shown && change.before.is_some() && change.after.is_some() {
        lines.push(Line::Skipped(total - shown));
    }
    let side = if change.after.is_some() { Side::After } else { Side::Before };
    if !gutter_beside(&mut lines[first..], side, room) {
        lines.push(Line::Gutter(at.0, at.1, side));
    }
}

/// Puts the culprit at the right of the last line of a side, where there is room.
fn gutter_beside(lines: &mut [Line], wanted: Side, room: usize) -> bool {
    let last = lines.iter_mut().rev().find_map(|line| match line {
        Line::Value { side, parts, gutter, .. } if *side == wanted => Some((parts, gutter)),
        _ => None,
    });
    let Some((parts, gutter)) = last else { return false };
    let used: usize = parts.iter().map(|(_, text)| cells(text)).sum();
    *gutter = used + 2 + GUTTER <= room;
    *gutter
}

fn push_wrapped(lines: &mut Vec<Line>, side: Side, parts: Parts, at: (usize, usize), room: usize) {
    let total: usize = parts.iter().map(|(_, text)| cells(text)).sum();
    if total <= room {
        lines.push(Line::Value { at, side, parts, gutter: false, path: false });
        return;
    }
    let text: String = parts.into_iter().map(|(_, text)| text).collect();
    for piece in wrap(&text, room) {
        let parts = vec![(false, piece)];
        lines.push(Line::Value { at, side, parts, gutter: false, path: false });
    }
}

/// A value on several lines: texts as they are, everything else as YAML reads.
fn block(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => {
            let mut out = String::new();
            write_yaml(&mut out, value, 0);
            out
        }
    }
}

fn write_yaml(out: &mut String, value: &Value, depth: usize) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                write_entry(out, &format!("{pad}{key}:"), value, depth);
            }
        }
        Value::Array(list) => {
            for value in list {
                let start = out.len();
                write_yaml(out, value, depth + 1);
                // The dash stands in the indent of the item's first line.
                let dash = start + pad.len();
                if out.get(dash..dash + 2) == Some("  ") {
                    out.replace_range(dash..dash + 2, "- ");
                }
            }
        }
        other => {
            out.push_str(&pad);
            out.push_str(&scalar(other));
            out.push('\n');
        }
    }
}

fn write_entry(out: &mut String, head: &str, value: &Value, depth: usize) {
    let nested = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => false,
    };
    out.push_str(head);
    if nested {
        out.push('\n');
        write_yaml(out, value, depth + 1);
    } else {
        out.push(' ');
        out.push_str(&scalar(value));
        out.push('\n');
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() => text.replace('\n', "\u{2424}"),
        other => other.to_string(),
    }
}

/// Live fields that nobody wants in Git: no drift, but said. The rest of what was left out is counted, or listed `whole`.
fn push_left_out(lines: &mut Vec<Line>, plan: &Plan, width: usize, whole: bool) {
    let listed = plan.left_out.iter().filter(|left| whole || left.why == Why::Extra);
    let mut last = None;
    for left in listed {
        // The reasons of an object stand below it: beside a long name they would be cut off.
        if last.replace(&left.object) != Some(&left.object) {
            if !lines.is_empty() {
                lines.push(Line::Blank);
            }
            lines.push(Line::Heading(left.object.to_string()));
        }
        lines.push(Line::Remark(match &left.why {
            Why::Extra => "extra, not in Git".to_owned(),
            why => format!("left out {}", safe(&why.to_string())),
        }));
        lines.extend(left.paths.iter().map(|path| Line::Remark(format!("  {}", safe(path)))));
    }
    let Some(counts) = counted(&plan.left_out) else { return };
    lines.push(Line::Blank);
    let hint = if whole { " (i hides them)" } else { " (i lists them)" };
    let text = format!("left out: {}{hint}", safe(&counts));
    lines.extend(wrap(&text, width.saturating_sub(5).max(8)).into_iter().map(Line::Remark));
}

#[cfg(test)]
mod tests {
    use super::{Line, Side, block, tokens, words};
    use serde_json::json;

    #[test]
    fn an_image_differs_in_its_tag() {
        let (before, after) = words("example.com/shop/cart:1.4.1", "example.com/shop/cart:1.4.2");
        assert_eq!(before.last(), Some(&(true, "1".to_owned())));
        assert_eq!(after.last(), Some(&(true, "2".to_owned())));
        assert_eq!(tokens("a/b:1"), ["a", "/", "b", ":", "1"]);
    }

    #[test]
    fn nested_values_read_like_yaml() {
        let value = json!({"limits": {"memory": "512Mi"}, "args": ["-v", {"a": 1, "b": 2}]});
        assert_eq!(
            block(Some(&value)),
            "limits:\n  memory: 512Mi\nargs:\n  - -v\n  - a: 1\n    b: 2\n"
        );
    }

    #[test]
    fn long_values_wrap_and_name_their_culprit_below() {
        let mut lines = Vec::new();
        super::push_parts(&mut lines, Side::After, vec![(false, "x".repeat(25))], (0, 0), 10);
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[3], Line::Gutter(0, 0, Side::After));
    }
}
