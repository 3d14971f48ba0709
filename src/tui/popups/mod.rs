//! What lies over the panes: a stack, the last of which has the keys. Each file reads state, update, view.

pub mod activity;
pub mod chooser;
pub mod commit_form;
#[cfg(test)]
mod commit_form_tests;
pub mod confirm;
pub mod editor;
pub mod export_form;
pub mod fields;
pub mod guide_form;
pub mod help;
pub mod palette;
pub mod picker;
pub mod place_form;
pub mod prompt;
pub mod reader;

use crate::engine::Store;
use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::flows::Step;
use crate::tui::look::Look;
use crate::tui::panes::Scene;
use crate::tui::style::Role;
use crate::tui::widgets::area::centred;
use crate::tui::widgets::frame::Frame;
use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// A popup with its state.
#[derive(Debug)]
pub enum Popup {
    /// The keys.
    Help(Box<help::Help>),
    /// Every action by its name.
    Palette(Box<palette::Palette>),
    /// A question.
    Confirm(Box<confirm::Confirm>),
    /// A field to fill in.
    Prompt(Box<prompt::Prompt>),
    /// A text to read.
    Reader(Box<reader::Reader>),
    /// Running and ended work.
    Activity(Box<activity::Activity>),
    /// Files to choose from.
    Picker(Box<picker::Picker>),
    /// Paths to choose from.
    Chooser(Box<chooser::Chooser>),
    /// What runs, to be exported.
    ExportForm(Box<export_form::ExportForm>),
    /// The place of a mapping.
    PlaceForm(Box<place_form::PlaceForm>),
    /// A guide, question by question.
    GuideForm(Box<guide_form::GuideForm>),
    /// A file being edited.
    Editor(Box<editor::Editor>),
    /// A commit being written.
    CommitForm(Box<commit_form::CommitForm>),
}

/// What a popup wants after a key.
#[derive(Debug)]
pub enum Reaction {
    /// It stays.
    Stay,
    /// It closes.
    Close,
    /// It stays, and effects are carried out.
    Run(Vec<Effect>),
    /// It closes, and the panes act.
    Act(Action),
    /// It stays, and another one lies over it.
    Open(Popup),
    /// It closes, and something goes on.
    Go(Step),
    /// It stays, and something goes on over it.
    GoOver(Step),
}

impl Popup {
    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent, store: &Store) -> Reaction {
        match self {
            Self::Help(popup) => popup.key(key),
            Self::Palette(popup) => popup.key(key),
            Self::Confirm(popup) => popup.key(key),
            Self::Prompt(popup) => popup.key(key),
            Self::Reader(popup) => popup.key(key),
            Self::Activity(popup) => popup.key(key, store),
            Self::Picker(popup) => popup.key(key),
            Self::Chooser(popup) => popup.key(key),
            Self::PlaceForm(popup) => popup.key(key),
            Self::ExportForm(popup) => popup.key(key),
            Self::GuideForm(popup) => popup.key(key),
            Self::Editor(popup) => popup.key(key),
            Self::CommitForm(popup) => popup.key(key),
        }
    }

    /// Takes pasted text; popups without a field ignore it.
    pub fn paste(&mut self, text: &str) {
        match self {
            Self::Palette(popup) => popup.paste(text),
            Self::Confirm(popup) => popup.paste(text),
            Self::Prompt(popup) => popup.paste(text),
            Self::Picker(popup) => popup.paste(text),
            Self::Chooser(popup) => popup.paste(text),
            Self::PlaceForm(popup) => popup.paste(text),
            Self::ExportForm(popup) => popup.paste(text),
            Self::GuideForm(popup) => popup.paste(text),
            Self::Editor(popup) => popup.paste(text),
            Self::CommitForm(popup) => popup.paste(text),
            Self::Help(_) | Self::Reader(_) | Self::Activity(_) => {}
        }
    }

    /// Scrolls by mouse wheel.
    pub fn wheel(&mut self, key: KeyEvent, store: &Store) -> Reaction {
        match self {
            Self::Prompt(_) | Self::PlaceForm(_) | Self::ExportForm(_) | Self::GuideForm(_) => {
                Reaction::Stay
            }
            popup => popup.key(key, store),
        }
    }

    /// Computes what depends on the size of the screen.
    pub fn fit(&mut self, screen: Rect, store: &Store) {
        match self {
            Self::Help(popup) => popup.fit(screen),
            Self::Palette(popup) => popup.fit(screen),
            Self::Confirm(popup) => popup.fit(screen),
            Self::Reader(popup) => popup.fit(screen),
            Self::Activity(popup) => popup.fit(screen, store),
            Self::Picker(popup) => popup.fit(screen),
            Self::Chooser(popup) => popup.fit(screen),
            Self::Editor(popup) => popup.fit(screen),
            Self::CommitForm(popup) => popup.fit(screen),
            Self::Prompt(_) | Self::PlaceForm(_) | Self::ExportForm(_) | Self::GuideForm(_) => {}
        }
    }

    /// Paints it over the panes.
    pub fn view(&self, buffer: &mut Buffer, screen: Rect, scene: &Scene) {
        match self {
            Self::Help(popup) => popup.view(buffer, screen, scene),
            Self::Palette(popup) => popup.view(buffer, screen, scene.look),
            Self::Confirm(popup) => popup.view(buffer, screen, scene.look),
            Self::Prompt(popup) => popup.view(buffer, screen, scene.look),
            Self::Reader(popup) => popup.view(buffer, screen, scene.look),
            Self::Activity(popup) => popup.view(buffer, screen, scene),
            Self::Picker(popup) => popup.view(buffer, screen, scene.look),
            Self::Chooser(popup) => popup.view(buffer, screen, scene.look),
            Self::PlaceForm(popup) => popup.view(buffer, screen, scene.look),
            Self::ExportForm(popup) => popup.view(buffer, screen, scene.look),
            Self::GuideForm(popup) => popup.view(buffer, screen, scene.look),
            Self::Editor(popup) => popup.view(buffer, screen, scene.look),
            Self::CommitForm(popup) => popup.view(buffer, screen, scene.look),
        }
    }

    /// The command line that does what the popup is about.
    pub fn command_line(&self, store: &Store) -> Option<String> {
        match self {
            Self::Activity(popup) => popup.command_line(store),
            Self::CommitForm(popup) => popup.command_line(),
            Self::Reader(popup) => popup.command_line.clone(),
            Self::Confirm(popup) => popup.command_line(),
            Self::PlaceForm(popup) => popup.command_line(),
            Self::ExportForm(popup) => popup.command_line(),
            _ => None,
        }
    }

    /// Whether `y` copies its command line.
    pub fn copies(&self) -> bool {
        match self {
            Self::Activity(_) | Self::Reader(_) => true,
            Self::CommitForm(popup) => popup.copies(),
            Self::Confirm(popup) => popup.copies(),
            _ => false,
        }
    }

    /// Whether it belongs to the edit of a mapping, and goes when that is committed.
    pub fn edits(&self, mapping: &str) -> bool {
        match self {
            Self::Editor(editor) => editor.mapping() == mapping,
            Self::CommitForm(form) => form.mapping == mapping,
            Self::Picker(picker) => picker.mapping == mapping,
            _ => false,
        }
    }
}

/// The area of a popup of a wanted size: in the middle, at most the screen without its first and last line.
pub fn place(screen: Rect, width: u16, height: u16) -> Rect {
    if screen.height < 3 {
        return screen;
    }
    let room = Rect { y: screen.y + 1, height: screen.height - 2, ..screen };
    centred(room, width, height)
}

/// Clears the area of a popup, paints its lines and returns the area inside.
pub fn paint_frame(buffer: &mut Buffer, area: Rect, look: &Look, frame: Frame) -> Rect {
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.reset();
            }
        }
    }
    buffer.set_style(area, look.theme[Role::Text]);
    Frame { focused: true, ..frame }.paint(buffer, area, look)
}

/// Keys with what they do, for the lower line of a popup.
pub fn keys(look: &Look, keys: &[(&str, &str)]) -> Line<'static> {
    let mut spans = Vec::new();
    for (key, what) in keys {
        if !spans.is_empty() {
            spans.push(Span::raw("  "));
        }
        spans.push(look.span(Role::Key, (*key).to_owned()));
        spans.push(look.span(Role::Muted, format!(" {what}")));
    }
    Line::from(spans)
}
