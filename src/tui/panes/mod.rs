//! The five panes; each file reads state, update, view.

pub mod commits;
pub mod diff;
pub mod mappings;
pub mod repositories;
pub mod sync;

use crate::engine::Store;
use crate::tui::action::Pane;
use crate::tui::look::Look;
use crate::tui::style::Role;
use crate::tui::ui::Ui;
use crate::tui::widgets::field::Field;
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::text::safe;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// What a view paints from.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// What only the screen knows.
    pub ui: &'a Ui,
    /// What is known of the world.
    pub store: &'a Store,
    /// How things look.
    pub look: &'a Look,
}

/// Rows of a list after filtering, with the selected one.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// Positions in the store, in the order of the screen.
    pub visible: Vec<usize>,
    /// Position in `visible`.
    pub selected: usize,
    /// First row on the screen.
    pub offset: usize,
    /// Rows on the screen in the last frame.
    pub page: usize,
    /// What the rows have to contain.
    pub filter: Field,
}

impl Rows {
    /// The position in the store of the selected row.
    pub fn current(&self) -> Option<usize> {
        self.visible.get(self.selected).copied()
    }

    /// Scrolls so that the selection is on a page of that many rows.
    pub fn fit(&mut self, page: usize) {
        self.page = page;
        self.selected = self.selected.min(self.visible.len().saturating_sub(1));
        self.offset = crate::tui::widgets::scroll::follow(
            self.offset,
            self.selected,
            self.visible.len(),
            page,
        );
    }

    /// What the frame of the pane shows of the position.
    pub fn scroll(&self) -> (usize, usize, usize) {
        (self.offset, self.visible.len(), self.page)
    }

    /// Whether a row with these texts passes the filter; upper and lower case are alike.
    pub fn passes(&self, texts: &[&str]) -> bool {
        let wanted = self.filter.text().trim().to_lowercase();
        wanted.is_empty()
            || wanted
                .split_whitespace()
                .all(|word| texts.iter().any(|text| text.to_lowercase().contains(word)))
    }
}

/// Paints the lines around a pane with its number, title, subject and filter.
pub fn paint_frame(
    buffer: &mut Buffer,
    area: Rect,
    scene: &Scene,
    pane: Pane,
    titles: Titles,
) -> Rect {
    let Scene { ui, look, .. } = *scene;
    let focused = ui.focus == pane && ui.popups.is_empty();
    let role = if focused { Role::TitleFocus } else { Role::Title };
    let mut title = vec![look.span(role, format!("{} {}", pane.number(), pane.title()))];
    if !titles.subject.is_empty() {
        title.push(look.span(Role::Muted, format!(" {} ", look.glyphs.dot)));
        title.push(look.span(role, safe(&titles.subject).into_owned()));
    }
    title.extend(filter_title(scene, pane));
    let frame = Frame {
        title: Line::from(title),
        corner: titles.corner,
        foot: neighbours(scene, pane),
        focused,
        scroll: titles.scroll,
    };
    frame.paint(buffer, area, look)
}

/// What a pane says on its lines.
#[derive(Debug, Clone, Default)]
pub struct Titles {
    /// Whose the content is (may be foreign text).
    pub subject: String,
    /// Counts.
    pub corner: Line<'static>,
    /// First visible row, rows, visible rows.
    pub scroll: (usize, usize, usize),
}

fn filter_title(scene: &Scene, pane: Pane) -> Vec<Span<'static>> {
    let Scene { ui, look, .. } = *scene;
    let Some(rows) = ui.rows(pane) else { return Vec::new() };
    let typing = ui.filtering == Some(pane);
    if rows.filter.text().is_empty() && !typing {
        return Vec::new();
    }
    let mut spans = vec![
        look.span(Role::Muted, "  /"),
        look.span(Role::Match, safe(rows.filter.text()).into_owned()),
    ];
    if typing {
        spans.push(look.span(Role::Selection, " "));
    }
    spans
}

/// On a narrow screen: the panes of the same kind, a key away.
fn neighbours(scene: &Scene, pane: Pane) -> Line<'static> {
    let Scene { ui, look, .. } = *scene;
    if ui.layout.wide && !ui.zoom {
        return Line::default();
    }
    let others = Pane::ALL.into_iter().filter(|other| *other != pane);
    let mut spans = Vec::new();
    for other in others.filter(|other| ui.zoom || other.is_list() == pane.is_list()) {
        if !spans.is_empty() {
            spans.push(Span::raw("  "));
        }
        spans.push(look.span(Role::Key, other.number().to_string()));
        spans.push(look.span(Role::Muted, format!(" {}", other.title())));
    }
    Line::from(spans)
}

/// Paints a sentence in the middle of an otherwise empty pane.
pub fn paint_empty(buffer: &mut Buffer, area: Rect, look: &Look, sentences: &[(Role, String)]) {
    let inner = crate::tui::widgets::area::padded(area);
    let mut y = 0;
    for (role, sentence) in sentences {
        for line in crate::tui::widgets::text::wrap(sentence, inner.width as usize) {
            let place = crate::tui::widgets::area::row(inner, y);
            buffer.set_stringn(place.x, place.y, line, place.width as usize, look.theme[*role]);
            y += 1;
        }
    }
}
