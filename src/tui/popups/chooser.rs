//! The paths of a repository, to choose the one that a new mapping is made from.

use crate::tui::flows::Step;
use crate::tui::look::Look;
use crate::tui::popups::{Reaction, keys, paint_frame, place};
use crate::tui::style::Role;
use crate::tui::widgets::finder::{Finder, Found};
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::text::{clip_start, safe};
use crate::tui::words::count;
use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use std::sync::Arc;

/// Said where nothing matches.
const NOTHING: &str = "No path has this in it.";

/// State of the chooser.
#[derive(Debug)]
pub struct Chooser {
    repository: String,
    /// Folders with a `/` at their end, and files.
    paths: Arc<Vec<String>>,
    finder: Finder,
}

impl Chooser {
    /// The paths of a repository.
    pub fn new(repository: &str, paths: Arc<Vec<String>>) -> Self {
        let finder = Finder::new(paths.len(), "/", NOTHING);
        Self { repository: repository.to_owned(), paths, finder }
    }

    /// Types, moves, or chooses.
    pub fn key(&mut self, key: KeyEvent) -> Reaction {
        match self.finder.key(key) {
            Found::Nothing => Reaction::Stay,
            Found::Typed => {
                self.search();
                Reaction::Stay
            }
            Found::Chosen(position) => {
                let path = self.paths[position].trim_end_matches('/').to_owned();
                Reaction::Go(Step::Import { repository: self.repository.clone(), path })
            }
            Found::Left => Reaction::Close,
        }
    }

    /// Types pasted text.
    pub fn paste(&mut self, text: &str) {
        self.finder.paste(text);
        self.search();
    }

    fn search(&mut self) {
        self.finder.narrow(self.paths.iter().map(String::as_str));
    }

    /// Computes what is visible.
    pub fn fit(&mut self, screen: Rect) {
        self.finder.fit(Frame::inner(self.area(screen)));
    }

    fn area(&self, screen: Rect) -> Rect {
        let rows = u16::try_from(self.paths.len()).unwrap_or(u16::MAX).saturating_add(3);
        place(screen, 80, rows.min(24))
    }

    /// Paints the chooser.
    pub fn view(&self, buffer: &mut Buffer, screen: Rect, look: &Look) {
        let title = format!("Import from {}: which path?", safe(&self.repository));
        let frame = Frame {
            title: Line::from(look.span(Role::TitleFocus, title)),
            corner: Line::from(look.span(Role::Muted, count(self.paths.len(), "path"))),
            foot: keys(look, &[("type", "filter"), ("Enter", "choose"), ("Esc", "close")]),
            scroll: self.finder.scroll(),
            ..Frame::default()
        };
        let inner = paint_frame(buffer, self.area(screen), look, frame);
        self.finder.paint(buffer, inner, look, |buffer, place, position| {
            let path = safe(&self.paths[position]);
            let role = if path.ends_with('/') { Role::Strong } else { Role::Text };
            let room = place.width as usize;
            let text = clip_start(&path, room, look.glyphs.ellipsis);
            buffer.set_stringn(place.x, place.y, text, room, look.theme[role]);
        });
    }
}
