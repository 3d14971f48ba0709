//! Where everything is: rectangles for a size and a focus.

use crate::tui::action::Pane;
use crate::tui::widgets::area::{split_left, split_top};
use ratatui::layout::Rect;

/// The smallest screen with panes.
pub const LEAST: (u16, u16) = (60, 15);

/// The smallest screen with all five panes.
const WIDE: (u16, u16) = (104, 26);

/// Rectangles of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Layout {
    /// The whole screen.
    pub screen: Rect,
    /// First line.
    pub header: Rect,
    /// Panes by their order; empty for those that are not on the screen.
    pub panes: [Rect; 5],
    /// What runs and what ended last.
    pub activity: Rect,
    /// Keys and command line.
    pub hints: Rect,
    /// Whether all five panes fit.
    pub wide: bool,
    /// Whether nothing fits.
    pub too_small: bool,
}

/// What the layout depends on besides the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrangement {
    /// Pane in focus.
    pub focus: Pane,
    /// List that was in focus last.
    pub list: Pane,
    /// Details that were in focus last.
    pub detail: Pane,
    /// Whether the pane in focus has the whole screen.
    pub zoom: bool,
}

impl Layout {
    /// Computes the rectangles.
    pub fn compute(screen: Rect, arrangement: Arrangement) -> Self {
        let mut layout = Self { screen, ..Self::default() };
        if screen.width < LEAST.0 || screen.height < LEAST.1 {
            layout.too_small = true;
            return layout;
        }
        let (header, rest) = split_top(screen, 1);
        let (body, foot) = split_top(rest, rest.height - 2);
        (layout.activity, layout.hints) = split_top(foot, 1);
        layout.header = header;
        layout.wide = screen.width >= WIDE.0 && screen.height >= WIDE.1;
        if arrangement.zoom {
            layout.panes[arrangement.focus as usize] = body;
        } else if layout.wide {
            layout.panes = wide(body);
        } else {
            let height = (body.height * 9 / 20).max(5);
            let (upper, lower) = split_top(body, height);
            layout.panes[arrangement.list as usize] = upper;
            layout.panes[arrangement.detail as usize] = lower;
        }
        layout
    }

    /// The rectangle of a pane; empty when it is not on the screen.
    pub fn pane(&self, pane: Pane) -> Rect {
        self.panes[pane as usize]
    }

    /// The pane at a position.
    pub fn pane_at(&self, x: u16, y: u16) -> Option<Pane> {
        Pane::ALL.into_iter().find(|pane| self.pane(*pane).contains((x, y).into()))
    }
}

fn wide(body: Rect) -> [Rect; 5] {
    let sync_height = (body.height / 4).clamp(6, 14);
    let (upper, sync) = split_top(body, body.height - sync_height);
    let left_width = (body.width * 32 / 100).clamp(34, 56);
    let top_height = (upper.height * 11 / 20).max(5);
    let (left, right) = split_left(upper, left_width);
    let (mappings, diff) = split_top(right, top_height);
    // Repositories are few and commits are many: the left column is cut higher than the right one.
    let (repositories, commits) = split_top(left, (upper.height * 2 / 5).max(5));
    [repositories, mappings, commits, diff, sync]
}

#[cfg(test)]
mod tests {
    use super::{Arrangement, Layout};
    use crate::tui::action::Pane;
    use ratatui::layout::Rect;

    fn layout(width: u16, height: u16, zoom: bool) -> Layout {
        let arrangement =
            Arrangement { focus: Pane::Mappings, list: Pane::Mappings, detail: Pane::Diff, zoom };
        Layout::compute(Rect::new(0, 0, width, height), arrangement)
    }

    #[test]
    fn a_wide_screen_has_every_pane() {
        let layout = layout(120, 36, false);
        assert!(layout.wide);
        assert!(layout.panes.iter().all(|pane| pane.width > 30 && pane.height >= 5));
        assert_eq!(layout.pane_at(0, 1), Some(Pane::Repositories));
    }

    #[test]
    fn a_narrow_screen_has_a_list_and_a_detail() {
        let layout = layout(80, 24, false);
        let shown = layout.panes.iter().filter(|pane| !pane.is_empty()).count();
        assert_eq!(shown, 2);
        assert_eq!(layout.hints.y, 23);
    }

    #[test]
    fn zoom_leaves_one_pane() {
        assert_eq!(layout(120, 36, true).panes.iter().filter(|pane| !pane.is_empty()).count(), 1);
    }

    #[test]
    fn a_tiny_screen_has_none() {
        assert!(layout(59, 15, false).too_small);
        assert!(layout(60, 14, false).too_small);
        assert!(!layout(60, 15, false).too_small);
    }

    #[test]
    fn rectangles_stay_on_the_screen() {
        for width in (60..200).step_by(7) {
            for height in 15..80 {
                let layout = layout(width, height, false);
                for pane in layout.panes {
                    assert_eq!(pane.intersection(layout.screen), pane, "{width}x{height}");
                }
            }
        }
    }
}
