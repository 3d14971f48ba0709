//! One value in the place of another.

use super::apply::{Draft, Splice};
use super::block_text::BlockText;
use super::layout::{column, dash, ends_line, line_break, line_end};
use super::scalar::{Quote, quoted, stays_plain};
use super::spot::Spot;
use super::write::{Writer, fits_lines, indented, literal_parts};
use crate::yaml::node::{Body, Style};
use serde_json::Value;

/// The ways to write `value` where the spot's value is, the nearest to the old one first.
pub(super) fn replacements(spot: &Spot<'_>, writer: &Writer, value: &Value) -> Vec<Draft> {
    if writer.json {
        return on_line(spot, &[value.to_string()]);
    }
    if spot.node.mark.is_block_text() {
        return block_text(spot, writer, value);
    }
    let Value::String(text) = value else {
        let mut drafts = below(spot, writer, value);
        drafts.extend(on_line(spot, &[writer.inline(value, spot.flow)]));
        return drafts;
    };
    let style = match (&spot.node.body, spot.node.mark.style) {
        (Body::Scalar(Value::String(_)), style) => style,
        _ => Style::Plain,
    };
    let quotes: &[Quote] = match style {
        Style::Single => &[Quote::Single, Quote::Double],
        Style::Double => &[Quote::Double],
        _ => &[Quote::None, Quote::Double],
    };
    let texts: Vec<String> =
        quotes.iter().filter_map(|quote| quoted(text, *quote, spot.flow)).collect();
    let mut texts = texts;
    if let (Body::Scalar(Value::String(_)), Style::Plain) = (&spot.node.body, style)
        && !spot.flow
        && stays_plain(text)
    {
        texts.insert(0, text.clone());
    }
    let mut drafts = Vec::new();
    if style != Style::Double {
        drafts.extend(as_literal(spot, writer, text));
    }
    drafts.extend(on_line(spot, &texts));
    drafts
}

/// On the line of the old value.
fn on_line(spot: &Spot<'_>, texts: &[String]) -> Vec<Draft> {
    let mark = spot.node.mark;
    if spot.is_empty() {
        let slot = spot.slot().map(|slot| slot..slot);
        let at = if mark.anchor != 0 || mark.tagged { None } else { slot };
        let Some(range) = at else { return Vec::new() };
        return texts
            .iter()
            .map(|text| vec![Splice { range: range.clone(), with: format!(" {text}") }])
            .collect();
    }
    let range = match (&spot.node.body, mark.style) {
        (Body::Mapping(_) | Body::Sequence(_), Style::Block) => return block_on_line(spot, texts),
        _ => mark.range(),
    };
    texts.iter().map(|text| vec![Splice { range: range.clone(), with: text.clone() }]).collect()
}

/// In the place of a map or list in block style.
fn block_on_line(spot: &Spot<'_>, texts: &[String]) -> Vec<Draft> {
    let text = spot.text;
    let (count, start) = match &spot.node.body {
        Body::Mapping(entries) => (entries.len(), Some(spot.node.mark.start)),
        Body::Sequence(items) => (items.len(), items.first().and_then(|item| dash(text, item))),
        Body::Scalar(_) => return Vec::new(),
    };
    let end =
        count.checked_sub(1).and_then(|last| super::layout::end_of_child(text, spot.node, last));
    let (Some(start), Some(end)) = (start, end) else { return Vec::new() };
    let plain = spot.node.mark.anchor == 0 && !spot.node.mark.tagged;
    let range = match spot.slot() {
        Some(slot) if plain && text[slot..start].trim().is_empty() => slot..end,
        _ => start..end,
    };
    let space = if range.start == start { "" } else { " " };
    let draft =
        |with: &String| vec![Splice { range: range.clone(), with: format!("{space}{with}") }];
    texts.iter().map(draft).collect()
}

/// A map or list on lines of its own, below a key that had nothing.
fn below(spot: &Spot<'_>, writer: &Writer, value: &Value) -> Vec<Draft> {
    let Some(entry) = spot.entry() else { return Vec::new() };
    let filled = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    let Some(slot) = spot.slot() else { return Vec::new() };
    if spot.flow || !filled || !spot.is_empty() || !ends_line(spot.text, slot) {
        return Vec::new();
    }
    let (end, column) = (line_end(spot.text, slot), column(spot.text, entry.at.start));
    let with = writer.below_key(value, column, line_break(spot.text, slot));
    vec![vec![Splice { range: end..end, with }]]
}

/// Text of several lines in the place of text on one.
fn as_literal(spot: &Spot<'_>, writer: &Writer, text: &str) -> Option<Draft> {
    let slot = spot.slot().filter(|_| !spot.flow)?;
    let mark = spot.node.mark;
    let outer = match spot.entry() {
        Some(entry) => column(spot.text, entry.at.start),
        None => column(spot.text, slot - 1),
    };
    if mark.style == Style::Block
        || mark.style == Style::Flow
        || !ends_line(spot.text, mark.end.max(slot))
    {
        return None;
    }
    let (header, lines) = literal_parts(text, outer + writer.step, line_break(spot.text, slot))?;
    let (range, space) = if spot.is_empty() { (slot..slot, " ") } else { (mark.range(), "") };
    let end = line_end(spot.text, range.end);
    Some(vec![
        Splice { range, with: format!("{space}{header}") },
        Splice { range: end..end, with: lines },
    ])
}

/// In the place of text by indentation.
fn block_text(spot: &Spot<'_>, writer: &Writer, value: &Value) -> Vec<Draft> {
    let text = spot.text;
    let Some((slot, found)) =
        spot.slot().and_then(|slot| BlockText::read(text, slot).map(|found| (slot, found)))
    else {
        return Vec::new();
    };
    let mut drafts = Vec::new();
    let lines = found.header_line..found.end;
    if let Value::String(new) = value {
        let eol = line_break(text, slot);
        let outer = spot
            .entry()
            .map_or_else(|| column(text, slot - 1), |entry| column(text, entry.at.start));
        let indent = found.indent.unwrap_or(outer + writer.step);
        if fits_lines(new) {
            let body = new.strip_suffix('\n').unwrap_or(new);
            drafts.push(vec![Splice { range: lines.clone(), with: indented(body, indent, eol) }]);
        }
        if let Some((header, body)) = literal_parts(new, indent, eol) {
            drafts.push(vec![
                Splice { range: found.start..found.header, with: header.to_owned() },
                Splice { range: lines.clone(), with: body },
            ]);
        }
    }
    let with = match value {
        Value::String(text) => {
            quoted(text, Quote::None, false).or_else(|| quoted(text, Quote::Double, false))
        }
        other => Some(writer.inline(other, false)),
    };
    drafts.push(vec![
        Splice { range: found.start..found.header, with: with.unwrap_or_default() },
        Splice { range: lines, with: String::new() },
    ]);
    drafts
}
