//! Columns that share a width, and rows of which only the visible ones are ever built.

use crate::tui::look::Look;
use crate::tui::style::Role;
use crate::tui::widgets::area::row;
use crate::tui::widgets::text::clip_line;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// A column before its width is known.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Heading.
    pub title: &'static str,
    /// Cells without which the column is not worth showing.
    pub least: usize,
    /// Cells that show everything.
    pub ideal: usize,
    /// Columns with a higher number are left out first.
    pub rank: u8,
}

/// Cells between two columns.
const GAP: usize = 2;

/// The width of each column; 0 for those that are left out.
pub fn widths(columns: &[Column], room: usize) -> Vec<usize> {
    let mut shown: Vec<bool> = columns.iter().map(|column| column.ideal > 0).collect();
    let needed = |shown: &[bool]| {
        let count = shown.iter().filter(|shown| **shown).count();
        let cells: usize =
            columns.iter().zip(shown).filter(|(_, shown)| **shown).map(|(c, _)| c.least).sum();
        cells + GAP * count.saturating_sub(1)
    };
    while needed(&shown) > room {
        let worst = (0..columns.len()).filter(|i| shown[*i]).max_by_key(|i| columns[*i].rank);
        let Some(worst) = worst else { break };
        if shown.iter().filter(|shown| **shown).count() == 1 {
            break;
        }
        shown[worst] = false;
    }
    let mut widths: Vec<usize> = columns
        .iter()
        .zip(&shown)
        .map(|(column, shown)| if *shown { column.least.min(room) } else { 0 })
        .collect();
    let mut left = room.saturating_sub(needed(&shown));
    // What is left goes to the columns in the order of their rank, until each shows everything.
    let mut order: Vec<usize> = (0..columns.len()).filter(|i| shown[*i]).collect();
    order.sort_by_key(|i| columns[*i].rank);
    for index in order {
        let more = columns[index].ideal.saturating_sub(widths[index]).min(left);
        widths[index] += more;
        left -= more;
    }
    widths
}

/// Paints the headings.
pub fn paint_head(
    buffer: &mut Buffer,
    area: Rect,
    columns: &[Column],
    widths: &[usize],
    look: &Look,
) {
    let cells: Vec<Line> =
        columns.iter().map(|column| Line::from(look.span(Role::Muted, column.title))).collect();
    paint_cells(buffer, area, cells, widths, look);
}

/// Paints one row of cells into an area of one line.
pub fn paint_cells(
    buffer: &mut Buffer,
    area: Rect,
    cells: Vec<Line<'static>>,
    widths: &[usize],
    look: &Look,
) {
    let mut x = area.x;
    for (cell, width) in cells.into_iter().zip(widths).filter(|(_, width)| **width > 0) {
        let room = (*width).min(area.right().saturating_sub(x) as usize);
        if room == 0 || area.height == 0 {
            return;
        }
        let cell = clip_line(cell, room, look.glyphs.ellipsis);
        buffer.set_line(x, area.y, &cell, room as u16);
        x = x.saturating_add((*width + GAP) as u16);
    }
}

/// How a row stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emphasis {
    /// It does not.
    None,
    /// Selected, in the pane in focus.
    Selected,
    /// Selected, in another pane.
    Idle,
}

impl Emphasis {
    /// The emphasis of a row.
    pub fn of(selected: bool, focused: bool) -> Self {
        match (selected, focused) {
            (false, _) => Self::None,
            (true, true) => Self::Selected,
            (true, false) => Self::Idle,
        }
    }
}

/// The place of the cells of row `index`: inside the bar at the left and the margin at the right.
pub fn cells_area(area: Rect, index: usize) -> Rect {
    let line = row(area, index);
    Rect { x: line.x.saturating_add(1), width: line.width.saturating_sub(2), ..line }
}

/// Makes row `index` stand out; called after its cells were painted, so that it wins over their colours.
pub fn emphasise(buffer: &mut Buffer, area: Rect, index: usize, emphasis: Emphasis, look: &Look) {
    let line = row(area, index);
    let style = match emphasis {
        Emphasis::None => return,
        Emphasis::Selected => look.theme[Role::Selection],
        Emphasis::Idle => look.theme[Role::SelectionIdle],
    };
    if emphasis == Emphasis::Selected && !line.is_empty() {
        buffer.set_stringn(line.x, line.y, look.glyphs.bar, 1, style);
    }
    buffer.set_style(line, style);
}

#[cfg(test)]
mod tests {
    use super::{Column, widths};

    const COLUMNS: [Column; 3] = [
        Column { title: "NAME", least: 4, ideal: 10, rank: 0 },
        Column { title: "PATH", least: 10, ideal: 30, rank: 2 },
        Column { title: "SYNC", least: 6, ideal: 6, rank: 1 },
    ];

    #[test]
    fn everything_is_shown_where_there_is_room() {
        assert_eq!(widths(&COLUMNS, 100), [10, 30, 6]);
    }

    #[test]
    fn the_least_important_column_shrinks_and_then_goes() {
        assert_eq!(widths(&COLUMNS, 36), [10, 16, 6]);
        assert_eq!(widths(&COLUMNS, 20), [10, 0, 6]);
        assert_eq!(widths(&COLUMNS, 3), [3, 0, 0]);
        assert_eq!(widths(&COLUMNS, 0), [0, 0, 0]);
    }
}
