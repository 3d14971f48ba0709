//! Text that fits: foreign text made harmless, cut by cells.

use crate::domain::text::harmless;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Characters without a width that one cell may carry; more only serve to make a cell unreadable.
const MARKS_PER_CELL: usize = 4;

/// Foreign text for one line: harmless, with at most a few combining marks on each letter.
pub fn safe(text: &str) -> Cow<'_, str> {
    let harmless = harmless(text);
    let mut marks = 0;
    let mut crowded = false;
    for c in harmless.chars() {
        marks = if c.width() == Some(0) { marks + 1 } else { 0 };
        crowded |= marks > MARKS_PER_CELL;
    }
    if !crowded {
        return harmless;
    }
    let mut out = String::with_capacity(harmless.len());
    let mut marks = 0;
    for c in harmless.chars() {
        marks = if c.width() == Some(0) { marks + 1 } else { 0 };
        if marks <= MARKS_PER_CELL {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// The number of cells of a text.
pub fn cells(text: &str) -> usize {
    text.width()
}

/// Cuts a text to a number of cells; what was cut is marked with the ellipsis.
pub fn clip<'a>(text: &'a str, width: usize, ellipsis: &str) -> Cow<'a, str> {
    // A text of so many bytes that it cannot be too wide need not be measured.
    if text.len() <= width || text.width() <= width {
        return Cow::Borrowed(text);
    }
    if width == 0 {
        return Cow::Borrowed("");
    }
    let room = width.saturating_sub(ellipsis.width());
    let mut out = String::with_capacity(width + ellipsis.len());
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > room {
            break;
        }
        used += wide;
        out.push(c);
    }
    out.push_str(ellipsis);
    Cow::Owned(out)
}

/// Cuts a text at its start, for paths whose end matters.
pub fn clip_start<'a>(text: &'a str, width: usize, ellipsis: &str) -> Cow<'a, str> {
    if text.len() <= width || text.width() <= width {
        return Cow::Borrowed(text);
    }
    if width == 0 {
        return Cow::Borrowed("");
    }
    let room = width.saturating_sub(ellipsis.width());
    let mut start = text.len();
    let mut used = 0;
    for (index, c) in text.char_indices().rev() {
        let wide = c.width().unwrap_or(0);
        if used + wide > room {
            break;
        }
        used += wide;
        start = index;
    }
    Cow::Owned(format!("{ellipsis}{}", &text[start..]))
}

/// Cuts a line of several styles to a number of cells.
pub fn clip_line(line: Line<'static>, width: usize, ellipsis: &'static str) -> Line<'static> {
    if line.width() <= width {
        return line;
    }
    let mut out = Vec::with_capacity(line.spans.len());
    let mut left = width.saturating_sub(ellipsis.width());
    let mut last = Style::new();
    for span in line.spans {
        let wide = span.content.width();
        last = span.style;
        if wide > left {
            let cut = clip(&span.content, left, "").into_owned();
            out.push(Span::styled(cut, span.style));
            break;
        }
        left -= wide;
        out.push(span);
    }
    if width > 0 {
        out.push(Span::styled(ellipsis, last));
    }
    Line::from(out).style(line.style)
}

/// Breaks a text into pieces of at most `width` cells, at spaces where there are some.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        let mut used = 0;
        for word in paragraph.split_inclusive(' ') {
            let wide = word.trim_end().width();
            if used > 0 && used + wide > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            for c in word.chars() {
                let wide = c.width().unwrap_or(0);
                if used + wide > width {
                    if c == ' ' {
                        continue;
                    }
                    lines.push(std::mem::take(&mut line));
                    used = 0;
                }
                used += wide;
                line.push(c);
            }
        }
        lines.push(line);
    }
    lines
}

/// The same for a line of a text that is laid out: what goes on below stands under where the line's words begin.
pub fn wrap_hanging(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let pieces = wrap(line, width);
        let hang = hang(line).min(width / 3);
        let Some(first) = pieces.first().filter(|_| pieces.len() > 1 && hang > 0) else {
            lines.extend(pieces);
            continue;
        };
        let rest = line[first.len()..].trim_start();
        let indent = " ".repeat(hang);
        lines.push(first.clone());
        lines.extend(wrap(rest, width - hang).iter().map(|piece| format!("{indent}{piece}")));
    }
    lines
}

/// Cells before the words of a line: its indentation, and a sign or a name in a column of its own.
fn hang(line: &str) -> usize {
    let words = line.trim_start_matches(' ');
    let lead = line.len() - words.len();
    let name = words.find("  ").filter(|end| *end < 20).map(|end| &words[..end]);
    let sign = || words.split_once(' ').map(|(sign, _)| sign).filter(|sign| cells(sign) == 1);
    let Some(before) = name.or_else(sign) else { return lead };
    let after = &words[before.len()..];
    lead + cells(before) + after.len() - after.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests {
    use super::{cells, clip, clip_line, clip_start, safe, wrap, wrap_hanging};
    use ratatui::text::Line;

    #[test]
    fn texts_are_cut_by_cells() {
        assert_eq!(clip("checkout", 8, "…"), "checkout");
        assert_eq!(clip("checkout", 6, "…"), "check…");
        assert_eq!(clip("変更する", 5, "…"), "変更…");
        assert_eq!(clip("checkout", 0, "…"), "");
        assert_eq!(clip_start("apps/shop/checkout", 9, "…"), "…checkout");
    }

    #[test]
    fn what_goes_on_stands_under_the_words() {
        assert_eq!(wrap_hanging("  ! one two three", 12), ["  ! one two ", "    three"]);
        assert_eq!(
            wrap_hanging("reason    no disk is left", 18),
            ["reason    no disk ", "      is left"]
        );
        assert_eq!(wrap_hanging("    ä\u{5909}\u{66f4} b c", 9), ["    ä変更", "   b c"]);
        assert_eq!(wrap_hanging("one two\nthree", 4), ["one ", "two", "thre", "e"]);
    }

    #[test]
    fn lines_keep_their_styles() {
        let line = clip_line(Line::from(vec!["abc".into(), "def".into()]), 5, "…");
        assert_eq!(line.to_string(), "abcd…");
    }

    #[test]
    fn long_text_is_wrapped() {
        assert_eq!(wrap("one two three", 8), ["one two ", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
    }

    #[test]
    fn crowded_cells_are_thinned() {
        let crowd = format!("a{}b", "\u{301}".repeat(10_000));
        assert!(safe(&crowd).chars().count() <= 6);
        assert_eq!(safe("e\u{301}te"), "e\u{301}te");
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_wider_than_its_place(text in "\\PC{0,40}", width in 0usize..50) {
            proptest::prop_assert!(cells(&clip(&text, width, "…")) <= width);
            proptest::prop_assert!(cells(&clip_start(&text, width, "…")) <= width);
            proptest::prop_assert!(clip_line(Line::from(text.clone()), width, "…").width() <= width);
            // The widest sign, the Khmer beyyal, has three cells.
            for line in wrap(&text, width.max(3)) {
                proptest::prop_assert!(cells(&line) <= width.max(3));
            }
        }
    }
}
