//! New entries of maps and new items of lists.

use super::apply::{Draft, Splice};
use super::layout::{
    column, dash, end_of_child, ends_line, leads_line, line_break, line_end, line_start,
};
use super::replace::replacements;
use super::route::At;
use super::spot::Spot;
use super::write::{Writer, key_column};
use crate::yaml::node::{Body, Node, Style};
use serde_json::{Value, json};

/// The ways to add a child to the map or list of the spot.
pub(super) fn insertions(spot: &Spot<'_>, writer: &Writer, at: &At, value: &Value) -> Vec<Draft> {
    let draft = match (&spot.node.body, at) {
        (Body::Scalar(Value::Null), At::Key(key)) => {
            return replacements(spot, writer, &json!({ key: value }));
        }
        (Body::Scalar(Value::Null), At::Index(0)) => {
            return replacements(spot, writer, &json!([value]));
        }
        (Body::Mapping(_), At::Key(key)) if spot.node.mark.style == Style::Flow => {
            let text = format!("{}: {}", writer.key(key, true), writer.inline(value, true));
            in_flow(spot, usize::MAX, &text)
        }
        (Body::Sequence(_), At::Index(index)) if spot.node.mark.style == Style::Flow => {
            in_flow(spot, *index, &writer.inline(value, true))
        }
        (Body::Mapping(_), At::Key(key)) => entry(spot, writer, key, value),
        (Body::Sequence(items), At::Index(index)) => item(spot, writer, items, (*index, value)),
        _ => None,
    };
    draft.into_iter().collect()
}

/// After the last entry of a map in block style.
fn entry(spot: &Spot<'_>, writer: &Writer, key: &str, value: &Value) -> Option<Draft> {
    let Body::Mapping(entries) = &spot.node.body else { return None };
    let last = entries.iter().rposition(|entry| !entry.merged)?;
    let column = key_column(spot.text, spot.node)?;
    let end = end_of_child(spot.text, spot.node, last)?;
    if !ends_line(spot.text, end) {
        return None;
    }
    let (at, eol) = (line_end(spot.text, end), line_break(spot.text, end));
    let text = writer.entry(key, value, column, eol);
    Some(vec![Splice { range: at..at, with: format!("{eol}{}{text}", " ".repeat(column)) }])
}

/// Before or after an item of a list in block style.
fn item(
    spot: &Spot<'_>,
    writer: &Writer,
    items: &[Node],
    (index, value): (usize, &Value),
) -> Option<Draft> {
    let text = spot.text;
    let first = dash(text, items.first()?)?;
    let column = column(text, first);
    let Some(before) = index.checked_sub(1) else {
        let eol = line_break(text, first);
        let new = writer.item(value, column, eol);
        let at = if leads_line(text, first) { line_start(text, first) + column } else { first };
        let with = format!("{new}{eol}{}", " ".repeat(column));
        return Some(vec![Splice { range: at..at, with }]);
    };
    let end = end_of_child(text, spot.node, before)?;
    if !ends_line(text, end) {
        return None;
    }
    let (at, eol) = (line_end(text, end), line_break(text, end));
    let new = writer.item(value, column, eol);
    Some(vec![Splice { range: at..at, with: format!("{eol}{}{new}", " ".repeat(column)) }])
}

/// Into brackets, at a position.
fn in_flow(spot: &Spot<'_>, index: usize, new: &str) -> Option<Draft> {
    let (text, mark) = (spot.text, spot.node.mark);
    let spans: Vec<(usize, usize)> = match &spot.node.body {
        Body::Mapping(entries) => entries
            .iter()
            .filter(|entry| !entry.merged)
            .map(|entry| (entry.at.start, entry.node.mark.end.max(entry.at.end)))
            .collect(),
        Body::Sequence(items) => {
            items.iter().map(|item| (item.mark.start, item.mark.end)).collect()
        }
        Body::Scalar(_) => return None,
    };
    let brackets = text.get(mark.range())?;
    if !brackets.starts_with(['{', '[']) || !brackets.ends_with(['}', ']']) {
        return None;
    }
    let Some(before) = index.min(spans.len()).checked_sub(1) else {
        let at = mark.start + 1;
        return match spans.first() {
            None => Some(vec![Splice { range: at..at, with: new.to_owned() }]),
            Some((first, _)) => {
                let gap = gap(text, *first);
                Some(vec![Splice { range: *first..*first, with: format!("{new},{gap}") }])
            }
        };
    };
    let (start, end) = spans[before];
    let gap = gap(text, start);
    Some(vec![Splice { range: end..end, with: format!(",{gap}{new}") }])
}

/// What stands between two children in brackets: a line break with the indentation, or a space.
fn gap(text: &str, start: usize) -> String {
    if leads_line(text, start) && line_start(text, start) > 0 {
        let eol = line_break(text, line_start(text, start) - 1);
        format!("{eol}{}", &text[line_start(text, start)..start])
    } else {
        " ".to_owned()
    }
}
