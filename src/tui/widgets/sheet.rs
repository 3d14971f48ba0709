//! Lines of a pane of which most are out of sight: only those that are looked at are made.

use ratatui::text::{Line, Span};
use std::ops::Range;

/// Cells between two columns.
const GAP: usize = 4;

/// Lines, and grids of cells, from top to bottom.
#[derive(Default)]
pub struct Sheet<'v> {
    parts: Vec<Part<'v>>,
}

enum Part<'v> {
    Line(Line<'static>),
    Grid(Grid<'v>),
}

/// Cells side by side in as many columns as fit.
struct Grid<'v> {
    column: usize,
    rows: Vec<Range<usize>>,
    cell: Box<dyn Fn(usize) -> Line<'static> + 'v>,
}

impl<'v> Sheet<'v> {
    /// Adds a line.
    pub fn push(&mut self, line: Line<'static>) {
        self.parts.push(Part::Line(line));
    }

    /// Adds lines.
    pub fn extend(&mut self, lines: impl IntoIterator<Item = Line<'static>>) {
        self.parts.extend(lines.into_iter().map(Part::Line));
    }

    /// Adds cells of which only the widths are known yet, for a pane of a width. Cells that are too wide stand alone.
    pub fn grid(
        &mut self,
        widths: &[usize],
        width: usize,
        cell: impl Fn(usize) -> Line<'static> + 'v,
    ) {
        let fits = widths.iter().copied().filter(|wide| *wide <= width / 2);
        let widest = fits.max().unwrap_or(width);
        let column = (widest + GAP).clamp(1, width.max(1));
        let columns = ((width + GAP) / column).max(1);
        let mut rows: Vec<Range<usize>> = Vec::new();
        let mut at = columns;
        for (index, wide) in widths.iter().enumerate() {
            let room = if *wide > widest { columns } else { 1 };
            match rows.last_mut() {
                Some(row) if at + room <= columns => row.end = index + 1,
                _ => {
                    rows.push(index..index + 1);
                    at = 0;
                }
            }
            at += room;
        }
        rows.retain(|row| widths[row.clone()].iter().any(|wide| *wide > 0));
        self.parts.push(Part::Grid(Grid { column, rows, cell: Box::new(cell) }));
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many lines it has.
    pub fn len(&self) -> usize {
        let of = |part: &Part<'_>| match part {
            Part::Line(_) => 1,
            Part::Grid(grid) => grid.rows.len(),
        };
        self.parts.iter().map(of).sum()
    }

    /// Some of the lines.
    pub fn window(&self, offset: usize, height: usize) -> Vec<Line<'static>> {
        let (mut lines, mut above) = (Vec::new(), offset);
        for part in &self.parts {
            let left = height - lines.len();
            match part {
                Part::Line(line) if above == 0 && left > 0 => lines.push(line.clone()),
                Part::Line(_) => above = above.saturating_sub(1),
                Part::Grid(grid) => {
                    let rows = grid.rows.iter().skip(above).take(left);
                    lines.extend(rows.map(|row| grid.line(row.clone())));
                    above = above.saturating_sub(grid.rows.len());
                }
            }
        }
        lines
    }
}

impl Grid<'_> {
    fn line(&self, row: Range<usize>) -> Line<'static> {
        let mut line = Line::default();
        for (at, index) in row.enumerate() {
            let padding = (at * self.column).saturating_sub(line.width());
            line.spans.push(Span::raw(" ".repeat(padding)));
            line.spans.extend((self.cell)(index).spans);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::Sheet;
    use proptest::prelude::*;
    use ratatui::text::Line;

    fn sheet(items: &[String], width: usize) -> Sheet<'_> {
        let mut sheet = Sheet::default();
        sheet.push(Line::from("head"));
        let widths: Vec<usize> = items.iter().map(String::len).collect();
        sheet.grid(&widths, width, |index| Line::from(items[index].clone()));
        sheet.push(Line::from("foot"));
        sheet
    }

    fn said(lines: &[Line<'_>]) -> Vec<String> {
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn cells_stand_side_by_side() {
        let items = ["aaaa", "bb", "cccc", "d"].map(str::to_owned);
        let lines = sheet(&items, 20).window(0, 9);
        assert_eq!(said(&lines), ["head", "aaaa    bb      cccc", "d", "foot"]);
    }

    #[test]
    fn wide_cells_stand_alone() {
        let items = ["aaaa".to_owned(), "x".repeat(30), "b".to_owned()];
        assert_eq!(sheet(&items, 20).len(), 5);
    }

    proptest! {
        #[test]
        fn a_window_shows_what_is_there(
            items in prop::collection::vec("[a-z]{0,12}", 0..40),
            (width, offset, height) in (0_usize..60, 0_usize..50, 0_usize..50),
        ) {
            let sheet = sheet(&items, width);
            let all = said(&sheet.window(0, usize::MAX >> 1));
            prop_assert_eq!(all.len(), sheet.len());
            let expected: Vec<_> = all.iter().skip(offset).take(height).cloned().collect();
            prop_assert_eq!(said(&sheet.window(offset, height)), expected);
        }
    }
}
