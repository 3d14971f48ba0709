//! The files of a mapping, to choose one from.

use crate::domain::FileEdit;
use crate::engine::event::{FileText, NotText};
use crate::tui::flows::Step;
use crate::tui::look::Look;
use crate::tui::popups::{Reaction, keys, paint_frame, place};
use crate::tui::style::Role;
use crate::tui::widgets::finder::{Finder, Found};
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::text::{clip_start, safe};
use crate::tui::words::count;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Said where nothing matches.
const NOTHING: &str = "No file has this in its path.";

/// One file.
#[derive(Debug)]
struct Entry {
    path: String,
    /// Lines, where it is text.
    lines: Result<usize, NotText>,
    edited: bool,
    /// Goes away with the next commit.
    deleted: bool,
}

/// State of the picker.
#[derive(Debug)]
pub struct Picker {
    /// Mapping.
    pub mapping: String,
    entries: Vec<Entry>,
    finder: Finder,
}

impl Picker {
    /// The files of a mapping, and what was edited already.
    pub fn new(mapping: &str, files: &[FileText], edits: &[FileEdit]) -> Self {
        let entries: Vec<Entry> = files
            .iter()
            .map(|file| Entry {
                path: file.path.clone(),
                lines: file.text.as_ref().map(|text| text.lines().count()).map_err(|why| *why),
                edited: edits.iter().any(|edit| edit.path == file.path),
                deleted: edits.iter().any(|e| e.path == file.path && e.content.is_none()),
            })
            .collect();
        Self {
            mapping: mapping.to_owned(),
            finder: Finder::new(entries.len(), "/", NOTHING),
            entries,
        }
    }

    /// Types, moves, opens, or deletes.
    pub fn key(&mut self, key: KeyEvent) -> Reaction {
        if key.code == KeyCode::Char('x') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return self
                .finder
                .current()
                .map_or(Reaction::Stay, |at| self.delete(&self.entries[at]));
        }
        match self.finder.key(key) {
            Found::Nothing => Reaction::Stay,
            Found::Typed => {
                self.search();
                Reaction::Stay
            }
            Found::Chosen(position) => self.open(&self.entries[position]),
            Found::Left => Reaction::Close,
        }
    }

    fn open(&self, entry: &Entry) -> Reaction {
        let step = Step::Edit { mapping: self.mapping.clone(), path: entry.path.clone() };
        // What cannot be opened is said, and another one may be chosen.
        if entry.lines.is_ok() { Reaction::Go(step) } else { Reaction::GoOver(step) }
    }

    /// The file goes away with the next commit, or stays after all.
    fn delete(&self, entry: &Entry) -> Reaction {
        let (mapping, path) = (self.mapping.clone(), entry.path.clone());
        Reaction::Go(if entry.deleted {
            Step::Forget { mapping, path }
        } else {
            Step::Delete { mapping, path }
        })
    }

    /// Types pasted text.
    pub fn paste(&mut self, text: &str) {
        self.finder.paste(text);
        self.search();
    }

    fn search(&mut self) {
        self.finder.narrow(self.entries.iter().map(|entry| entry.path.as_str()));
    }

    /// Computes what is visible.
    pub fn fit(&mut self, screen: Rect) {
        self.finder.fit(Frame::inner(self.area(screen)));
    }

    fn area(&self, screen: Rect) -> Rect {
        place(screen, 80, self.entries.len().min(21) as u16 + 3)
    }

    /// Paints the picker.
    pub fn view(&self, buffer: &mut Buffer, screen: Rect, look: &Look) {
        let title = format!("Edit a file of {}", safe(&self.mapping));
        let frame = Frame {
            title: Line::from(look.span(Role::TitleFocus, title)),
            corner: Line::from(look.span(Role::Muted, count(self.entries.len(), "file"))),
            foot: keys(
                look,
                &[("type", "filter"), ("Enter", "edit"), ("Ctrl-X", "delete"), ("Esc", "close")],
            ),
            scroll: self.finder.scroll(),
            ..Frame::default()
        };
        let inner = paint_frame(buffer, self.area(screen), look, frame);
        self.finder.paint(buffer, inner, look, |buffer, place, position| {
            paint_row(buffer, place, &self.entries[position], look);
        });
    }
}

fn paint_row(buffer: &mut Buffer, place: Rect, entry: &Entry, look: &Look) {
    let (role, remark) = match entry.lines {
        _ if entry.deleted => (Role::Drift, "deleted".to_owned()),
        Err(why) => (Role::Muted, why.word().to_owned()),
        Ok(_) if entry.edited => (Role::Drift, "edited".to_owned()),
        Ok(lines) => (Role::Muted, count(lines, "line")),
    };
    let room = (place.width as usize).saturating_sub(remark.len() + 2);
    let path = safe(&entry.path);
    let path = clip_start(&path, room, look.glyphs.ellipsis);
    let style = look.theme[if entry.lines.is_ok() { Role::Text } else { Role::Muted }];
    buffer.set_stringn(place.x, place.y, path, room, style);
    let x = place.right().saturating_sub(remark.len() as u16);
    buffer.set_stringn(x, place.y, &remark, remark.len(), look.theme[role]);
}
