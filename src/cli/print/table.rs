//! Aligned columns for people.

use super::paint::Paint;
use crate::domain::text::harmless;
use unicode_width::UnicodeWidthStr;

/// Colours a cell after it was padded.
pub(crate) type Style = fn(Paint, &str) -> String;

/// One cell: foreign text, and how it is coloured.
pub(crate) struct Cell {
    text: String,
    style: Option<Style>,
}

impl Cell {
    pub(crate) fn plain(text: &str) -> Self {
        Self { text: harmless(text).into_owned(), style: None }
    }

    pub(crate) fn styled(text: &str, style: Style) -> Self {
        Self { text: harmless(text).into_owned(), style: Some(style) }
    }
}

/// The rows below a heading, two blanks between columns, the last one unpadded.
pub(crate) fn table(paint: Paint, heads: &[&str], rows: Vec<Vec<Cell>>) -> String {
    let mut widths: Vec<usize> = heads.iter().map(|head| head.width()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text.width());
        }
    }
    let heading = heads.iter().map(|head| Cell::styled(head, Paint::head)).collect();
    let mut text = String::new();
    for row in std::iter::once(heading).chain(rows) {
        let mut line = String::new();
        let last = row.len().saturating_sub(1);
        for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
            line.push_str(&cell.style.map_or(cell.text.clone(), |style| style(paint, &cell.text)));
            if index < last {
                let gap = width - cell.text.width() + 2;
                line.extend(std::iter::repeat_n(' ', gap));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_by_what_a_terminal_paints() {
        let rows = vec![
            vec![Cell::plain("変更"), Cell::plain("x")],
            vec![Cell::plain("a\u{1b}[31m"), Cell::plain("y")],
        ];
        let text = table(Paint { on: false }, &["NAME", "STATE"], rows);
        assert_eq!(text, "NAME     STATE\n変更     x\na^[[31m  y\n");
    }
}
