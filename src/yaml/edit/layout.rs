//! Where lines, indicators and values of a text begin and end, in bytes.

use super::block_text::BlockText;
use crate::yaml::node::{Body, Entry, Mark, Node, Style};

/// The first byte of the line.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// The end of the line, without its line break.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
    if end > at && end < text.len() && text.as_bytes()[end - 1] == b'\r' { end - 1 } else { end }
}

/// The first byte of the next line; the end of the text where there is none.
pub(super) fn next_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |length| at + length + 1)
}

/// The line break of the line, or of the file where the line has none.
pub(super) fn line_break(text: &str, at: usize) -> &'static str {
    let end = next_line(text, at);
    let from = if text[..end].ends_with('\n') { &text[..end] } else { text };
    match from.rfind('\n') {
        Some(at) if from[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Characters before a place on its line.
pub(super) fn column(text: &str, at: usize) -> usize {
    text[line_start(text, at)..at].chars().count()
}

/// Line number, from 1.
pub(super) fn line_number(text: &str, at: usize) -> usize {
    1 + text[..at].matches('\n').count()
}

/// Whether only blanks stand before it on its line.
pub(super) fn leads_line(text: &str, at: usize) -> bool {
    text[line_start(text, at)..at].bytes().all(|byte| byte == b' ')
}

/// Whether nothing but a comment follows on the line.
pub(super) fn ends_line(text: &str, at: usize) -> bool {
    let rest = &text[at..line_end(text, at)];
    let trimmed = rest.trim_start_matches([' ', '\t']);
    trimmed.is_empty() || (trimmed.starts_with('#') && trimmed.len() < rest.len())
}

/// After the colon of an entry. Nothing for keys that are written with `?`, or without a value.
pub(super) fn after_colon(text: &str, entry: &Entry) -> Option<usize> {
    let before = text[line_start(text, entry.at.start)..entry.at.start].trim_end();
    if before.ends_with('?') || before.ends_with(['&', '!']) {
        return None;
    }
    let gap =
        text[entry.at.end..].len() - text[entry.at.end..].trim_start_matches([' ', '\t']).len();
    let colon = entry.at.end + gap;
    text[colon..].starts_with(':').then_some(colon + 1)
}

/// A value with its anchor and tag: the first byte of these.
pub(super) fn with_properties(text: &str, mark: Mark) -> Option<usize> {
    let mut start = mark.start;
    for _ in 0..usize::from(mark.anchor != 0) + usize::from(mark.tagged) {
        let before = text[..start].trim_end();
        let word = before.rfind([' ', '\t', '\n']).map_or(0, |at| at + 1);
        // In flow style the word may begin after a bracket or comma.
        let word = before[word..].rfind(['&', '!']).map(|at| {
            let at = word + at;
            if at > 0 && before[..at].ends_with('!') { at - 1 } else { at }
        })?;
        start = word;
    }
    Some(start)
}

/// The dash of an item of a list in block style.
pub(super) fn dash(text: &str, item: &Node) -> Option<usize> {
    // An inner list may begin at its own first dash, or behind it.
    let mut at = match &item.body {
        Body::Sequence(items) if item.mark.style == Style::Block => dash(text, items.first()?)?,
        _ => with_properties(text, item.mark)?,
    };
    if item.mark.anchor != 0 || item.mark.tagged {
        at = at.min(with_properties(text, item.mark)?);
    }
    let line = line_start(text, at);
    if let Some(found) = last_dash(&text[line..at], true) {
        return Some(line + found);
    }
    if !leads_line(text, at) {
        return None;
    }
    // The item begins on a line of its own; comments and blank lines may stand between.
    let mut above = line;
    while above > 0 {
        let start = line_start(text, above - 1);
        let content = text[start..above].trim_end();
        if !content.trim_start().is_empty() && !content.trim_start().starts_with('#') {
            return last_dash(content, false).map(|found| start + found);
        }
        above = start;
    }
    None
}

/// The last dash of a line that has only dashes, and behind them perhaps a comment, an anchor, a tag or the header of
/// block text.
fn last_dash(content: &str, exact: bool) -> Option<usize> {
    let mut found = None;
    for (at, byte) in content.bytes().enumerate() {
        match byte {
            b' ' => {}
            b'-' if matches!(content.as_bytes().get(at + 1), None | Some(b' ' | b'\t')) => {
                found = Some(at);
            }
            b'\t' if found.is_some() => {}
            b'#' | b'&' | b'!' | b'|' | b'>' if !exact => break,
            _ => return None,
        }
    }
    found
}

/// The end of a child's value: of block text and of nested blocks their last line that counts.
pub(super) fn end_of_child(text: &str, parent: &Node, index: usize) -> Option<usize> {
    let (node, slot) = match &parent.body {
        Body::Mapping(entries) => {
            let entry = entries.get(index)?;
            (&entry.node, after_colon(text, entry).unwrap_or(entry.at.end))
        }
        Body::Sequence(items) if parent.mark.style == Style::Block => {
            (&items[index], dash(text, items.get(index)?)? + 1)
        }
        Body::Sequence(items) => (items.get(index)?, items[index].mark.end),
        Body::Scalar(_) => return None,
    };
    end_of(text, node, slot)
}

fn end_of(text: &str, node: &Node, slot: usize) -> Option<usize> {
    if node.mark.is_block_text() {
        return BlockText::read(text, slot).map(|found| found.end);
    }
    match (&node.body, node.mark.style) {
        (Body::Mapping(entries), Style::Block) => {
            let last = entries.iter().rposition(|entry| !entry.merged)?;
            end_of_child(text, node, last)
        }
        (Body::Sequence(items), Style::Block) => {
            end_of_child(text, node, items.len().checked_sub(1)?)
        }
        _ => Some(node.mark.end.max(slot)),
    }
}

/// Whether the file ends inside block text, without a line break: readers do not agree whether the text has one there.
pub(super) fn ends_open(text: &str, root: &Node) -> bool {
    if text.ends_with('\n') {
        return false;
    }
    let (mut node, mut slot) = (root, None);
    loop {
        if node.mark.is_block_text() {
            let found = slot.and_then(|slot| BlockText::read(text, slot));
            return found.is_none_or(|found| {
                found.end == text.len() && !text[found.start..found.header].contains('-')
            });
        }
        let next = match (&node.body, node.mark.style) {
            (Body::Mapping(entries), Style::Block) => {
                let last = entries.iter().rfind(|entry| !entry.merged);
                last.map(|entry| (&entry.node, after_colon(text, entry)))
            }
            (Body::Sequence(items), Style::Block) => {
                items.last().map(|item| (item, dash(text, item).map(|dash| dash + 1)))
            }
            _ => None,
        };
        let Some(next) = next else { return false };
        (node, slot) = next;
    }
}
