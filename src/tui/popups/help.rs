//! The keys, made from the key table, and what the signs mean.

use crate::domain::{Health, SyncState};
use crate::tui::action::{Action, Motion, Pane};
use crate::tui::keymap::{Binding, Keymap};
use crate::tui::look::Look;
use crate::tui::panes::Scene;
use crate::tui::popups::{Reaction, keys, paint_frame, place};
use crate::tui::style::Role;
use crate::tui::widgets::area::{padded, row};
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::text::clip_line;
use crate::tui::words::{health_role, sync_role, sync_state};
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Cells of the column of keys.
const KEYS: usize = 16;

/// State of the help.
#[derive(Debug)]
pub struct Help {
    pane: Pane,
    rows: Vec<Row>,
    offset: usize,
    page: usize,
}

#[derive(Debug)]
enum Row {
    Title(String),
    Key(&'static Binding),
    Sync(SyncState),
    Health(Health),
    Blank,
}

impl Help {
    /// Help for a pane.
    pub fn new(keymap: Keymap, pane: Pane) -> Self {
        let mut rows = vec![Row::Title(format!("In {}", pane.title()))];
        let here = |binding: &&Binding| !binding.panes.is_empty() && binding.holds_in(pane);
        rows.extend(keymap.bindings().filter(here).map(Row::Key));
        rows.extend([Row::Blank, Row::Title("Everywhere".to_owned())]);
        let motion = |binding: &&Binding| {
            matches!(
                binding.action,
                Action::Move(_) | Action::Focus(_) | Action::NextPane | Action::PreviousPane
            )
        };
        let everywhere = |binding: &&Binding| binding.panes.is_empty();
        rows.extend(keymap.bindings().filter(everywhere).filter(|b| !motion(b)).map(Row::Key));
        rows.extend([Row::Blank, Row::Title("Moving".to_owned())]);
        rows.extend(keymap.bindings().filter(motion).map(Row::Key));
        rows.extend([Row::Blank, Row::Title("Sync".to_owned())]);
        rows.extend(
            [
                SyncState::Synced,
                SyncState::OutOfSync,
                SyncState::Drifted,
                SyncState::Suspended,
                SyncState::Disconnected,
                SyncState::Unknown,
                SyncState::Error,
            ]
            .map(Row::Sync),
        );
        rows.extend([Row::Blank, Row::Title("Health".to_owned())]);
        rows.extend(
            [
                Health::Healthy,
                Health::Progressing,
                Health::Suspended,
                Health::Missing,
                Health::Degraded,
                Health::Unknown,
            ]
            .map(Row::Health),
        );
        Self { pane, rows, offset: 0, page: 1 }
    }

    /// Scrolls, or closes.
    pub fn key(&mut self, key: KeyEvent) -> Reaction {
        match key.code {
            KeyCode::Char('q' | '?') | KeyCode::Esc | KeyCode::Enter => return Reaction::Close,
            _ => {}
        }
        if let Some(Action::Move(motion)) = Keymap::default().action(self.pane, key) {
            self.scroll(motion);
        }
        Reaction::Stay
    }

    fn scroll(&mut self, motion: Motion) {
        let last = self.rows.len().saturating_sub(self.page) + 1;
        self.offset = motion.apply(self.offset, last, self.page);
    }

    /// Computes what is visible.
    pub fn fit(&mut self, screen: Rect) {
        self.page = Frame::inner(self.area(screen)).height as usize;
        self.offset = self.offset.min(self.rows.len().saturating_sub(self.page));
    }

    fn area(&self, screen: Rect) -> Rect {
        place(screen, 74, self.rows.len() as u16 + 2)
    }

    /// Paints the help.
    pub fn view(&self, buffer: &mut Buffer, screen: Rect, scene: &Scene) {
        let look = scene.look;
        let frame = Frame {
            title: Line::from(look.span(Role::TitleFocus, "Keys")),
            corner: Line::from(
                look.span(Role::Muted, concat!("gitdeck ", env!("CARGO_PKG_VERSION"))),
            ),
            foot: keys(look, &[("j k", "scroll"), ("Esc", "close")]),
            scroll: (self.offset, self.rows.len(), self.page),
            ..Frame::default()
        };
        let inner = paint_frame(buffer, self.area(screen), look, frame);
        let inner = padded(inner);
        for (index, item) in
            self.rows.iter().skip(self.offset).take(inner.height as usize).enumerate()
        {
            let place = row(inner, index);
            let line = clip_line(line(item, look), place.width as usize, look.glyphs.ellipsis);
            buffer.set_line(place.x, place.y, &line, place.width);
        }
    }
}

fn line(row: &Row, look: &Look) -> Line<'static> {
    match row {
        Row::Title(title) => Line::from(look.span(Role::Strong, title.clone())),
        Row::Key(binding) => Line::from(vec![
            look.span(Role::Key, format!("  {:<KEYS$}", binding.labels())),
            Span::raw(" "),
            look.span(Role::Text, binding.about),
        ]),
        Row::Sync(state) => Line::from(vec![
            look.span(
                sync_role(*state),
                format!("  {} {:<12}", look.glyphs.sync(*state), sync_state(*state)),
            ),
            look.span(Role::Muted, about_sync(*state)),
        ]),
        Row::Health(health) => Line::from(vec![
            look.span(
                health_role(*health),
                format!("  {} {:<12}", look.glyphs.health(*health), health.word()),
            ),
            look.span(Role::Muted, about_health(*health)),
        ]),
        Row::Blank => Line::default(),
    }
}

fn about_sync(state: SyncState) -> &'static str {
    match state {
        SyncState::Error => "cannot be rendered or planned, or the last sync failed",
        SyncState::Unknown => "not looked at yet, or out of reach",
        SyncState::Suspended => "left alone on purpose",
        SyncState::Disconnected => "out of gitdeck's care until it is connected again",
        SyncState::Drifted => "the cluster differs from the commit it was synced to",
        SyncState::OutOfSync => "Git has commits that were not applied",
        SyncState::Synced => "the cluster is as Git says",
    }
}

fn about_health(health: Health) -> &'static str {
    match health {
        Health::Healthy => "does its work",
        Health::Suspended => "stopped on purpose",
        Health::Progressing => "on its way",
        Health::Missing => "in Git, not in the cluster",
        Health::Degraded => "failed, or will not come up",
        Health::Unknown => "cannot be told",
    }
}
