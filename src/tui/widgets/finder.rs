//! Rows to choose one from, found by typing: a field on top, the rows that match below.

use crate::tui::action::Motion;
use crate::tui::look::Look;
use crate::tui::style::Role;
use crate::tui::widgets::area::split_top;
use crate::tui::widgets::field::Field;
use crate::tui::widgets::scroll::follow;
use crate::tui::widgets::table::{Emphasis, cells_area, emphasise};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// What a key meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Somebody moved, or the key means nothing.
    Nothing,
    /// The text changed: [`Finder::show`] is to be told what matches now.
    Typed,
    /// The row at this position was chosen.
    Chosen(usize),
    /// Somebody left.
    Left,
}

/// The field, the matches and the selection.
#[derive(Debug)]
pub struct Finder {
    /// Sign before the field.
    sign: &'static str,
    /// What is said where nothing matches.
    nothing: &'static str,
    field: Field,
    /// Positions of the rows that match, best first.
    found: Vec<usize>,
    selected: usize,
    offset: usize,
    page: usize,
}

impl Finder {
    /// A finder among that many rows, all of which match at first; a sign before its field, and what it says where
    /// nothing matches.
    pub fn new(count: usize, sign: &'static str, nothing: &'static str) -> Self {
        let found = (0..count).collect();
        Self { sign, nothing, field: Field::default(), found, selected: 0, offset: 0, page: 1 }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        self.field.text()
    }

    /// The number of rows that match.
    pub fn matches(&self) -> usize {
        self.found.len()
    }

    /// First visible row, rows, visible rows.
    pub fn scroll(&self) -> (usize, usize, usize) {
        (self.offset, self.found.len(), self.page)
    }

    /// Shows the rows that match what was typed, best first.
    pub fn show(&mut self, found: Vec<usize>) {
        self.found = found;
        self.selected = 0;
    }

    /// Shows the rows, among these texts, that have every word that was typed in them, in any case.
    pub fn narrow<'a>(&mut self, texts: impl Iterator<Item = &'a str>) {
        let wanted = self.text().to_lowercase();
        let words: Vec<&str> = wanted.split_whitespace().collect();
        let matches = |text: &str| {
            let text = text.to_lowercase();
            words.iter().all(|word| text.contains(word))
        };
        let found = texts.enumerate().filter(|(_, text)| matches(text));
        self.show(found.map(|(position, _)| position).collect());
    }

    /// The position of the selected row.
    pub fn current(&self) -> Option<usize> {
        self.found.get(self.selected).copied()
    }

    /// Types, moves, chooses, or leaves.
    pub fn key(&mut self, key: KeyEvent) -> Found {
        match key.code {
            KeyCode::Esc => return Found::Left,
            KeyCode::Enter => return self.current().map_or(Found::Nothing, Found::Chosen),
            _ => {}
        }
        if let Some(motion) = motion(key) {
            self.selected = motion.apply(self.selected, self.found.len(), self.page);
            return Found::Nothing;
        }
        if self.field.key(key) { Found::Typed } else { Found::Nothing }
    }

    /// Types pasted text.
    pub fn paste(&mut self, text: &str) {
        self.field.paste(text);
    }

    /// Scrolls so that the selection is inside an area.
    pub fn fit(&mut self, inner: Rect) {
        self.page = (inner.height as usize).saturating_sub(1);
        self.offset = follow(self.offset, self.selected, self.found.len(), self.page);
    }

    /// Paints the field behind its sign, and each visible row with `row(buffer, place, position)`.
    pub fn paint(
        &self,
        buffer: &mut Buffer,
        inner: Rect,
        look: &Look,
        row: impl Fn(&mut Buffer, Rect, usize),
    ) {
        let (head, body) = split_top(inner, 1);
        let head = cells_area(head, 0);
        buffer.set_stringn(head.x, head.y, self.sign, head.width as usize, look.theme[Role::Key]);
        let field = Rect { x: head.x + 2, width: head.width.saturating_sub(2), ..head };
        self.field.paint(buffer, field, look);
        let visible = self.found.iter().skip(self.offset).take(body.height as usize);
        for (line, position) in visible.enumerate() {
            row(buffer, cells_area(body, line), *position);
            let emphasis = Emphasis::of(self.offset + line == self.selected, true);
            emphasise(buffer, body, line, emphasis, look);
        }
        if self.found.is_empty() {
            let place = cells_area(body, 0);
            let style = look.theme[Role::Muted];
            buffer.set_stringn(place.x, place.y, self.nothing, place.width as usize, style);
        }
    }
}

/// Letters are typed, so a list beside a field moves with arrows and Control.
fn motion(key: KeyEvent) -> Option<Motion> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Up => Some(Motion::Up),
        KeyCode::Down => Some(Motion::Down),
        KeyCode::PageUp => Some(Motion::PageUp),
        KeyCode::PageDown => Some(Motion::PageDown),
        KeyCode::Home if control => Some(Motion::Top),
        KeyCode::End if control => Some(Motion::Bottom),
        KeyCode::Char('p' | 'k') if control => Some(Motion::Up),
        KeyCode::Char('n' | 'j') if control => Some(Motion::Down),
        KeyCode::Char('d') if control => Some(Motion::HalfDown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Finder, Found};
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    use ratatui::layout::Rect;

    fn press(finder: &mut Finder, code: KeyCode) -> Found {
        finder.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn what_is_chosen_is_the_row_that_is_shown() {
        let mut finder = Finder::new(9, ":", "nothing");
        finder.fit(Rect::new(0, 0, 20, 5));
        assert_eq!(press(&mut finder, KeyCode::Char('x')), Found::Typed);
        finder.show(vec![7, 2, 4]);
        assert_eq!(press(&mut finder, KeyCode::Down), Found::Nothing);
        assert_eq!(press(&mut finder, KeyCode::Enter), Found::Chosen(2));
        assert_eq!(press(&mut finder, KeyCode::PageDown), Found::Nothing);
        assert_eq!(press(&mut finder, KeyCode::Enter), Found::Chosen(4));
        finder.show(Vec::new());
        assert_eq!(press(&mut finder, KeyCode::Enter), Found::Nothing);
        assert_eq!(press(&mut finder, KeyCode::Esc), Found::Left);
    }
}
