//! The lines around a pane or popup, with its titles and the thumb of its scroll bar.

use crate::tui::look::Look;
use crate::tui::style::Role;
use crate::tui::widgets::scroll::thumb;
use crate::tui::widgets::text::clip_line;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// What stands on the lines around an area.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// Title at the upper left.
    pub title: Line<'static>,
    /// What stands at the upper right: counts.
    pub corner: Line<'static>,
    /// What stands at the lower right: keys.
    pub foot: Line<'static>,
    /// Whether the keys go here.
    pub focused: bool,
    /// First visible row, rows, visible rows.
    pub scroll: (usize, usize, usize),
}

impl Frame {
    /// The area inside the lines.
    pub fn inner(area: Rect) -> Rect {
        if area.width < 2 || area.height < 2 {
            return Rect::new(area.x, area.y, 0, 0);
        }
        Rect::new(area.x + 1, area.y + 1, area.width - 2, area.height - 2)
    }

    /// Paints the lines and returns the area inside.
    pub fn paint(&self, buffer: &mut Buffer, area: Rect, look: &Look) -> Rect {
        let inner = Self::inner(area);
        if inner.width == 0 && inner.height == 0 {
            return inner;
        }
        let role = if self.focused { Role::BorderFocus } else { Role::Border };
        let style = look.theme[role];
        let set = look.glyphs.border;
        let (right, bottom) = (area.right() - 1, area.bottom() - 1);
        for x in area.x + 1..right {
            buffer.set_string(x, area.y, set.horizontal_top, style);
            buffer.set_string(x, bottom, set.horizontal_bottom, style);
        }
        for y in area.y + 1..bottom {
            buffer.set_string(area.x, y, set.vertical_left, style);
            buffer.set_string(right, y, set.vertical_right, style);
        }
        buffer.set_string(area.x, area.y, set.top_left, style);
        buffer.set_string(right, area.y, set.top_right, style);
        buffer.set_string(area.x, bottom, set.bottom_left, style);
        buffer.set_string(right, bottom, set.bottom_right, style);
        self.paint_titles(buffer, area, look);
        let (offset, count, page) = self.scroll;
        if let Some((start, length)) = thumb(offset, count, page, inner.height as usize) {
            for y in start..start + length {
                buffer.set_string(right, inner.y + y as u16, look.glyphs.thumb, style);
            }
        }
        inner
    }

    /// The title is worth more than the corner: the corner goes when both do not fit.
    fn paint_titles(&self, buffer: &mut Buffer, area: Rect, look: &Look) {
        let room = area.width.saturating_sub(4) as usize;
        let title = clip_line(spaced(&self.title), room, look.glyphs.ellipsis);
        let used = title.width();
        buffer.set_line(area.x + 1, area.y, &title, room as u16);
        let corner = spaced(&self.corner);
        if corner.width() > 2 && used + corner.width() < room {
            let x = area.right() - 2 - corner.width() as u16;
            buffer.set_line(x, area.y, &corner, corner.width() as u16);
        }
        let foot = spaced(&self.foot);
        if foot.width() > 2 && foot.width() < room {
            let x = area.right() - 2 - foot.width() as u16;
            buffer.set_line(x, area.bottom() - 1, &foot, foot.width() as u16);
        }
    }
}

fn spaced(line: &Line<'static>) -> Line<'static> {
    if line.width() == 0 {
        return Line::default();
    }
    let mut spans = vec![" ".into()];
    spans.extend(line.spans.iter().cloned());
    spans.push(" ".into());
    Line::from(spans)
}
