//! Entries and items that go.

use super::apply::{Draft, Splice};
use super::layout::{
    dash, end_of_child, ends_line, leads_line, line_end, line_start, next_line, with_properties,
};
use super::replace::replacements;
use super::spot::Spot;
use super::write::Writer;
use crate::yaml::node::{Body, Node, Style};
use serde_json::json;

/// The ways to remove the spot's value from the map or list that it is in.
pub(super) fn removals(spot: &Spot<'_>, writer: &Writer) -> Vec<Draft> {
    let Some((parent, index)) = spot.parent else { return Vec::new() };
    let count = match &parent.body {
        Body::Mapping(entries) => entries.iter().filter(|entry| !entry.merged).count(),
        Body::Sequence(items) => items.len(),
        Body::Scalar(_) => return Vec::new(),
    };
    if parent.mark.style == Style::Flow {
        return in_flow(spot, parent, (index, count));
    }
    if count == 1 {
        return only(spot, parent, writer);
    }
    let (Some(start), Some(end)) =
        (start_of(spot, parent, index), end_of_child(spot.text, parent, index))
    else {
        return Vec::new();
    };
    if !ends_line(spot.text, end) {
        return Vec::new();
    }
    if leads_line(spot.text, start) {
        let range = lines(spot.text, start, end);
        return vec![vec![Splice { range, with: String::new() }]];
    }
    behind_dash(spot, parent, index, (start, end))
}

fn start_of(spot: &Spot<'_>, parent: &Node, index: usize) -> Option<usize> {
    match &parent.body {
        Body::Mapping(entries) => Some(entries.get(index)?.at.start),
        Body::Sequence(items) => dash(spot.text, items.get(index)?),
        Body::Scalar(_) => None,
    }
}

/// The first child of a map or list that begins behind a dash.
fn behind_dash(
    spot: &Spot<'_>,
    parent: &Node,
    index: usize,
    (start, end): (usize, usize),
) -> Vec<Draft> {
    let text = spot.text;
    let Some(next) = start_of(spot, parent, index + 1) else { return Vec::new() };
    let between = &text[line_end(text, end)..next];
    if between.trim().is_empty() {
        return vec![vec![Splice { range: start..next, with: String::new() }]];
    }
    // Comments stand before the next child: they stay, and the dash stands alone.
    let blank = text[..start].len() - text[..start].trim_end_matches([' ', '\t']).len();
    vec![vec![Splice { range: start - blank..line_end(text, end), with: String::new() }]]
}

/// The only child: what it was in stays, empty.
fn only(spot: &Spot<'_>, parent: &Node, writer: &Writer) -> Vec<Draft> {
    let text = spot.text;
    let (Some(start), Some(end)) = (start_of(spot, parent, 0), end_of_child(text, parent, 0))
    else {
        return Vec::new();
    };
    let (empty, value) = match parent.body {
        Body::Mapping(_) => ("{}", json!({})),
        _ => ("[]", json!([])),
    };
    let mut drafts = Vec::new();
    if let Some(slot) = spot.parents_colon()
        && ends_line(text, slot)
        && ends_line(text, end)
        && leads_line(text, start)
        && line_start(text, start) > slot
    {
        // Comments between the key and its only child stay where they are.
        drafts.push(vec![
            Splice { range: slot..slot, with: format!(" {empty}") },
            Splice { range: lines(text, start, end), with: String::new() },
        ]);
    }
    let above = Spot { text, node: parent, parent: spot.above, flow: spot.flow, above: None };
    drafts.extend(replacements(&above, writer, &value));
    drafts
}

/// A child in brackets.
fn in_flow(spot: &Spot<'_>, parent: &Node, (index, count): (usize, usize)) -> Vec<Draft> {
    let text = spot.text;
    let span = |index: usize| -> Option<(usize, usize)> {
        match &parent.body {
            Body::Mapping(entries) => {
                let entry = entries.get(index)?;
                Some((entry.at.start, entry.node.mark.end.max(entry.at.end)))
            }
            Body::Sequence(items) => {
                let item = items.get(index)?;
                Some((with_properties(text, item.mark)?, item.mark.end))
            }
            Body::Scalar(_) => None,
        }
    };
    let Some((start, end)) = span(index) else { return Vec::new() };
    let end = if spot.is_empty() { spot.slot().unwrap_or(end).max(end) } else { end };
    let comma = |from: usize| {
        let rest = &text[from..];
        let gap = rest.len() - rest.trim_start().len();
        rest[gap..].starts_with(',').then_some(from + gap)
    };
    let after = comma(end);
    if index + 1 == count && index > 0 {
        let Some((_, before)) = span(index - 1) else { return Vec::new() };
        let Some(separator) = comma(before) else { return Vec::new() };
        if text[before..start].trim_matches([' ', '\t', ',', '\n', '\r']).is_empty() {
            return vec![vec![Splice { range: separator..end, with: String::new() }]];
        }
        return vec![vec![
            Splice { range: separator..separator + 1, with: String::new() },
            Splice { range: alone(text, start, end), with: String::new() },
        ]];
    }
    let end = after.map_or(end, |comma| comma + 1);
    if leads_line(text, start) && ends_line(text, end) {
        return vec![vec![Splice { range: alone(text, start, end), with: String::new() }]];
    }
    let blanks = text[end..].len() - text[end..].trim_start_matches([' ', '\t']).len();
    vec![vec![Splice { range: start..end + blanks, with: String::new() }]]
}

/// Whole lines. A file that ends without a line break goes on doing so.
fn lines(text: &str, start: usize, end: usize) -> std::ops::Range<usize> {
    let (first, next) = (line_start(text, start), next_line(text, end));
    if next == text.len() && !text.ends_with('\n') && first > 0 {
        return line_end(text, line_start(text, first - 1))..next;
    }
    first..next
}

/// The whole line of what stands alone on it.
fn alone(text: &str, start: usize, end: usize) -> std::ops::Range<usize> {
    if leads_line(text, start) && ends_line(text, end) && line_start(text, start) > 0 {
        line_start(text, start)..next_line(text, end)
    } else {
        start..end
    }
}
