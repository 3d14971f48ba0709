//! A field of one line in which one types.

use crate::domain::Secret;
use crate::tui::look::Look;
use crate::tui::style::Role;
use crate::tui::widgets::text::{cells, safe};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use std::fmt;
use unicode_segmentation::UnicodeSegmentation;

/// What was typed, and where the next letter goes.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Field {
    text: String,
    /// Whether dots stand for what is typed.
    hidden: bool,
    /// Byte position of the cursor, on the border of a grapheme.
    cursor: usize,
}

impl Field {
    /// A field that holds a text, the cursor behind it.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { cursor: text.len(), text, hidden: false }
    }

    /// An empty field for a secret, which shows dots.
    pub fn hidden() -> Self {
        Self { text: String::new(), hidden: true, cursor: 0 }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Takes a key; false where the key means nothing to a field.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.text.len(),
            KeyCode::Char('u') if control => {
                self.text.drain(..self.cursor);
                self.cursor = 0;
            }
            KeyCode::Char('w') if control => self.remove_word(),
            KeyCode::Char(_) if control || key.modifiers.contains(KeyModifiers::ALT) => {
                return false;
            }
            KeyCode::Char(c) => self.insert(c.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => {
                let start = self.before();
                self.text.drain(start..self.cursor);
                self.cursor = start;
            }
            KeyCode::Delete => {
                let end = self.after();
                self.text.drain(self.cursor..end);
            }
            KeyCode::Left => self.cursor = self.before(),
            KeyCode::Right => self.cursor = self.after(),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            _ => return false,
        }
        true
    }

    /// Takes pasted text; line ends become spaces.
    pub fn paste(&mut self, text: &str) {
        let line =
            text.trim_end_matches(['\r', '\n']).replace("\r\n", " ").replace(['\r', '\n'], " ");
        self.insert(&line);
    }

    /// Paints the field with its cursor; a text that is too long shows the part around the cursor.
    pub fn paint(&self, buffer: &mut Buffer, area: Rect, look: &Look) {
        if area.is_empty() {
            return;
        }
        let style = look.theme[Role::Field];
        buffer.set_style(area, style);
        let before = self.shown(&self.text[..self.cursor], look);
        let width = area.width as usize;
        let mut start = 0;
        let mut used = cells(&before);
        for grapheme in before.graphemes(true) {
            if used < width {
                break;
            }
            used -= cells(grapheme);
            start += grapheme.len();
        }
        let (x, _) = buffer.set_stringn(area.x, area.y, &before[start..], width, style);
        let after = self.shown(&self.text[self.cursor..], look);
        let room = area.right().saturating_sub(x) as usize;
        buffer.set_stringn(x, area.y, &after, room, style);
        if let Some(cell) = buffer.cell_mut((x, area.y)).filter(|_| x < area.right()) {
            cell.modifier.insert(Modifier::REVERSED);
        }
    }

    fn shown(&self, text: &str, look: &Look) -> String {
        if self.hidden {
            return look.glyphs.good.repeat(text.graphemes(true).count());
        }
        safe(text).into_owned()
    }

    fn insert(&mut self, text: &str) {
        self.text.insert_str(self.cursor, text);
        self.cursor += text.len();
    }

    fn before(&self) -> usize {
        self.text[..self.cursor].grapheme_indices(true).next_back().map_or(0, |(index, _)| index)
    }

    fn after(&self) -> usize {
        let rest = &self.text[self.cursor..];
        self.cursor + rest.graphemes(true).next().map_or(0, str::len)
    }

    fn remove_word(&mut self) {
        let kept = self.text[..self.cursor].trim_end();
        let start = kept.rfind(' ').map_or(0, |index| index + 1);
        self.text.drain(start..self.cursor);
        self.cursor = start;
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.hidden { "***" } else { &self.text };
        f.debug_struct("Field").field("text", &text).field("cursor", &self.cursor).finish()
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        if self.hidden {
            // Wiped with it.
            drop(Secret::new(std::mem::take(&mut self.text)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Field;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    fn press(field: &mut Field, code: KeyCode) {
        field.key(KeyEvent::new(code, KeyModifiers::NONE));
    }

    #[test]
    fn letters_go_where_the_cursor_is() {
        let mut field = Field::new("ac");
        press(&mut field, KeyCode::Left);
        press(&mut field, KeyCode::Char('b'));
        assert_eq!(field.text(), "abc");
        press(&mut field, KeyCode::Backspace);
        press(&mut field, KeyCode::Delete);
        assert_eq!(field.text(), "a");
    }

    #[test]
    fn graphemes_go_as_a_whole() {
        let mut field = Field::new("e\u{301}👩‍👩‍👧");
        press(&mut field, KeyCode::Backspace);
        assert_eq!(field.text(), "e\u{301}");
        press(&mut field, KeyCode::Backspace);
        assert_eq!(field.text(), "");
    }

    #[test]
    fn words_and_pasted_lines() {
        let mut field = Field::new("fix the ");
        field.paste("replica\r\ncount\n");
        assert_eq!(field.text(), "fix the replica count");
        field.key(KeyEvent::new(KeyCode::Char('w'), KeyModifiers::CONTROL));
        assert_eq!(field.text(), "fix the replica ");
    }
}
