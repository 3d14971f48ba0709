//! Text by indentation (`|` and `>`): its header, its lines and its end.

use super::layout::{line_end, line_start, next_line};

/// Where the parts of such a text are, in bytes.
#[derive(Debug)]
pub(super) struct BlockText {
    /// The indicator `|` or `>`.
    pub start: usize,
    /// After the indicators, before a comment.
    pub header: usize,
    /// The end of the header's line, without its line break.
    pub header_line: usize,
    /// The end of the last line that belongs to the value, without its line break.
    pub end: usize,
    /// Spaces before each line; nothing where there is no line that tells.
    pub indent: Option<usize>,
}

impl BlockText {
    /// Reads the text whose header follows `slot`, the byte after a colon or dash.
    pub fn read(text: &str, slot: usize) -> Option<Self> {
        let line = line_end(text, slot);
        let mut start = slot;
        // Anchor and tag may stand before the indicator.
        for word in text[slot..line].split_inclusive([' ', '\t']) {
            if word.starts_with(['|', '>']) {
                break;
            }
            start += word.len();
        }
        let indicators = text.get(start..line)?;
        if !indicators.starts_with(['|', '>']) {
            return None;
        }
        let length = indicators.find([' ', '\t']).unwrap_or(indicators.len());
        let header = start + length;
        let keep = text[start..header].contains('+');
        let outer = outer_indent(text, slot);
        let digit = text[start..header].bytes().find(u8::is_ascii_digit);
        let explicit = digit.map(|digit| usize::from(digit - b'0') + outer.unwrap_or(0));
        let (end, indent) = lines(text, line, explicit, outer, keep);
        Some(Self { start, header, header_line: line, end, indent })
    }
}

/// Spaces before the key or dash that a text belongs to; nothing at the top of a document.
fn outer_indent(text: &str, slot: usize) -> Option<usize> {
    let line = line_start(text, slot);
    let before = &text[line..slot];
    // `- - key: |`: what counts is the column of the innermost.
    let mut at = before.len() - before.trim_start_matches(' ').len();
    while before[at..].starts_with("- ") {
        let rest = &before[at + 1..];
        at += 1 + rest.len() - rest.trim_start_matches(' ').len();
    }
    (before.len() > at).then_some(at).or_else(|| before.rfind('-'))
}

fn lines(
    text: &str,
    header_line: usize,
    explicit: Option<usize>,
    outer: Option<usize>,
    keep: bool,
) -> (usize, Option<usize>) {
    let mut end = header_line;
    let mut indent = explicit;
    let mut at = next_line(text, header_line);
    while at < text.len() {
        let line = &text[at..line_end(text, at)];
        let spaces = line.len() - line.trim_start_matches(' ').len();
        if spaces == line.len() {
            if keep {
                end = at + line.len();
            }
        } else if spaces >= *indent.get_or_insert(spaces)
            && outer.is_none_or(|outer| spaces > outer)
        {
            end = at + line.len();
        } else {
            break;
        }
        at = next_line(text, at);
    }
    let found =
        indent.filter(|indent| end > header_line && outer.is_none_or(|outer| *indent > outer));
    (end, found)
}
