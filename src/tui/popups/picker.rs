//! The files of a mapping, to choose one from.

use crate::engine::event::FileText;
use crate::tui::flows::Step;
use crate::tui::look::Look;
use crate::tui::popups::{Reaction, keys, paint_frame, place};
use crate::tui::style::Role;
use crate::tui::widgets::area::split_top;
use crate::tui::widgets::field::Field;
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::scroll::follow;
use crate::tui::widgets::table::{Emphasis, cells_area, emphasise};
use crate::tui::widgets::text::{clip_start, safe};
use crate::tui::words::count;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// One file.
#[derive(Debug)]
struct Entry {
    path: String,
    /// Lines; nothing where it is not text.
    lines: Option<usize>,
    edited: bool,
}

/// State of the picker.
#[derive(Debug)]
pub struct Picker {
    /// Mapping.
    pub mapping: String,
    entries: Vec<Entry>,
    found: Vec<usize>,
    field: Field,
    selected: usize,
    offset: usize,
    page: usize,
}

impl Picker {
    /// The files of a mapping, and the paths of those that were edited already.
    pub fn new(mapping: &str, files: &[FileText], edited: Vec<String>) -> Self {
        let entries: Vec<Entry> = files
            .iter()
            .map(|file| Entry {
                path: file.path.clone(),
                lines: file.text.as_ref().map(|text| text.lines().count()),
                edited: edited.contains(&file.path),
            })
            .collect();
        let found = (0..entries.len()).collect();
        Self {
            mapping: mapping.to_owned(),
            entries,
            found,
            field: Field::default(),
            selected: 0,
            offset: 0,
            page: 1,
        }
    }

    /// Types, moves, or opens.
    pub fn key(&mut self, key: KeyEvent) -> Reaction {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Reaction::Close,
            KeyCode::Enter => {
                let entry = self.found.get(self.selected).map(|index| &self.entries[*index]);
                return match entry.filter(|entry| entry.lines.is_some()) {
                    Some(entry) => Reaction::Go(Step::Edit {
                        mapping: self.mapping.clone(),
                        path: entry.path.clone(),
                    }),
                    None => Reaction::Stay,
                };
            }
            KeyCode::Up => self.selected = self.selected.saturating_sub(1),
            KeyCode::Down => self.select_next(),
            KeyCode::PageUp => self.selected = self.selected.saturating_sub(self.page),
            KeyCode::PageDown => {
                self.selected = (self.selected + self.page).min(self.found.len().saturating_sub(1));
            }
            KeyCode::Char('p' | 'k') if control => self.selected = self.selected.saturating_sub(1),
            KeyCode::Char('n' | 'j') if control => self.select_next(),
            _ => {
                if self.field.key(key) {
                    self.search();
                }
            }
        }
        Reaction::Stay
    }

    /// Types pasted text.
    pub fn paste(&mut self, text: &str) {
        self.field.paste(text);
        self.search();
    }

    fn select_next(&mut self) {
        self.selected = (self.selected + 1).min(self.found.len().saturating_sub(1));
    }

    fn search(&mut self) {
        let wanted = self.field.text().to_lowercase();
        let words: Vec<&str> = wanted.split_whitespace().collect();
        let matches = |entry: &Entry| {
            let path = entry.path.to_lowercase();
            words.iter().all(|word| path.contains(word))
        };
        self.found =
            (0..self.entries.len()).filter(|index| matches(&self.entries[*index])).collect();
        self.selected = 0;
    }

    /// Computes what is visible.
    pub fn fit(&mut self, screen: Rect) {
        self.page = (Frame::inner(self.area(screen)).height as usize).saturating_sub(1);
        self.offset = follow(self.offset, self.selected, self.found.len(), self.page);
    }

    fn area(&self, screen: Rect) -> Rect {
        place(screen, 80, (self.entries.len() as u16 + 3).min(24))
    }

    /// Paints the picker.
    pub fn view(&self, buffer: &mut Buffer, screen: Rect, look: &Look) {
        let title = format!("Edit a file of {}", safe(&self.mapping));
        let frame = Frame {
            title: Line::from(look.span(Role::TitleFocus, title)),
            corner: Line::from(look.span(Role::Muted, count(self.entries.len(), "file"))),
            foot: keys(look, &[("type", "filter"), ("Enter", "edit"), ("Esc", "close")]),
            scroll: (self.offset, self.found.len(), self.page),
            ..Frame::default()
        };
        let inner = paint_frame(buffer, self.area(screen), look, frame);
        let (head, body) = split_top(inner, 1);
        let head = cells_area(head, 0);
        buffer.set_stringn(head.x, head.y, "/", head.width as usize, look.theme[Role::Key]);
        self.field.paint(
            buffer,
            Rect { x: head.x + 2, width: head.width.saturating_sub(2), ..head },
            look,
        );
        for (line, index) in
            self.found.iter().skip(self.offset).take(body.height as usize).enumerate()
        {
            let entry = &self.entries[*index];
            let place = cells_area(body, line);
            let (role, remark) = match entry.lines {
                None => (Role::Muted, "not text".to_owned()),
                Some(_) if entry.edited => (Role::Drift, "edited".to_owned()),
                Some(lines) => (Role::Muted, count(lines, "line")),
            };
            let room = (place.width as usize).saturating_sub(remark.len() + 2);
            let path = safe(&entry.path);
            let path = clip_start(&path, room, look.glyphs.ellipsis);
            let style = look.theme[if entry.lines.is_some() { Role::Text } else { Role::Muted }];
            buffer.set_stringn(place.x, place.y, path, room, style);
            let x = place.right().saturating_sub(remark.len() as u16);
            buffer.set_stringn(x, place.y, &remark, remark.len(), look.theme[role]);
            let emphasis = Emphasis::of(self.offset + line == self.selected, true);
            emphasise(buffer, body, line, emphasis, look);
        }
    }
}
