//! Every action by its name, found by typing parts of it.

use crate::tui::action::Pane;
use crate::tui::keymap::{Binding, Keymap};
use crate::tui::look::Look;
use crate::tui::popups::{Reaction, keys, paint_frame, place};
use crate::tui::style::Role;
use crate::tui::widgets::area::{row, split_top};
use crate::tui::widgets::field::Field;
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::scroll::follow;
use crate::tui::widgets::table::{Emphasis, cells_area, emphasise};
use crate::tui::widgets::text::{cells, clip_line};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// State of the palette.
#[derive(Debug)]
pub struct Palette {
    field: Field,
    /// Actions that hold in the pane, in the order of the key table.
    bindings: Vec<&'static Binding>,
    /// Positions of those that match, best first.
    found: Vec<usize>,
    selected: usize,
    offset: usize,
    page: usize,
}

impl Palette {
    /// The actions of a pane.
    pub fn new(keymap: Keymap, pane: Pane) -> Self {
        let bindings: Vec<_> = keymap.bindings().filter(|binding| binding.holds_in(pane)).collect();
        let found = (0..bindings.len()).collect();
        Self { field: Field::default(), bindings, found, selected: 0, offset: 0, page: 1 }
    }

    /// Types, moves, or acts.
    pub fn key(&mut self, key: KeyEvent) -> Reaction {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Reaction::Close,
            KeyCode::Enter => {
                let chosen = self.found.get(self.selected);
                return chosen
                    .map_or(Reaction::Stay, |index| Reaction::Act(self.bindings[*index].action));
            }
            KeyCode::Up => self.selected = self.selected.saturating_sub(1),
            KeyCode::Down => self.select_next(),
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
        let pattern = Pattern::parse(self.field.text(), CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut scored: Vec<(u32, usize)> = Vec::new();
        let mut characters = Vec::new();
        for (index, binding) in self.bindings.iter().enumerate() {
            let text = format!("{} {}", binding.hint, binding.about);
            let haystack = nucleo_matcher::Utf32Str::new(&text, &mut characters);
            if let Some(score) = pattern.score(haystack, &mut matcher) {
                scored.push((score, index));
            }
        }
        scored.sort_by_key(|(score, index)| (std::cmp::Reverse(*score), *index));
        self.found = scored.into_iter().map(|(_, index)| index).collect();
        self.selected = 0;
    }

    /// Computes what is visible.
    pub fn fit(&mut self, screen: Rect) {
        self.page = (Frame::inner(self.area(screen)).height as usize).saturating_sub(1);
        self.offset = follow(self.offset, self.selected, self.found.len(), self.page);
    }

    /// The height does not change while one types.
    fn area(&self, screen: Rect) -> Rect {
        place(screen, 72, (self.bindings.len() as u16 + 3).min(20))
    }

    /// Paints the palette.
    pub fn view(&self, buffer: &mut Buffer, screen: Rect, look: &Look) {
        let frame = Frame {
            title: Line::from(look.span(Role::TitleFocus, "Commands")),
            corner: Line::from(
                look.span(Role::Muted, format!("{} of {}", self.found.len(), self.bindings.len())),
            ),
            foot: keys(look, &[("Enter", "do it"), ("Esc", "close")]),
            scroll: (self.offset, self.found.len(), self.page),
            ..Frame::default()
        };
        let inner = paint_frame(buffer, self.area(screen), look, frame);
        let (head, body) = split_top(inner, 1);
        let head = cells_area(head, 0);
        buffer.set_stringn(head.x, head.y, ":", head.width as usize, look.theme[Role::Key]);
        self.field.paint(
            buffer,
            Rect { x: head.x + 2, width: head.width.saturating_sub(2), ..head },
            look,
        );
        for (line, index) in
            self.found.iter().skip(self.offset).take(body.height as usize).enumerate()
        {
            let binding = self.bindings[*index];
            let place = cells_area(body, line);
            let key = binding.labels();
            let room = (place.width as usize).saturating_sub(cells(&key) + 2);
            let word = if binding.hint.is_empty() {
                Vec::new()
            } else {
                vec![look.span(Role::Strong, format!("{:<10} ", binding.hint))]
            };
            let word = if word.is_empty() { vec![Span::raw(" ".repeat(11))] } else { word };
            let text = Line::from([word, vec![look.span(Role::Text, binding.about)]].concat());
            let text = clip_line(text, room, look.glyphs.ellipsis);
            buffer.set_line(place.x, place.y, &text, place.width);
            let x = place.right().saturating_sub(cells(&key) as u16);
            buffer.set_stringn(x, place.y, &key, cells(&key), look.theme[Role::Key]);
            let emphasis = Emphasis::of(self.offset + line == self.selected, true);
            emphasise(buffer, body, line, emphasis, look);
        }
        if self.found.is_empty() {
            let place = cells_area(body, 0);
            let text = "No action has this name.";
            buffer.set_stringn(
                place.x,
                row(body, 0).y,
                text,
                place.width as usize,
                look.theme[Role::Muted],
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Palette;
    use crate::tui::action::{Action, Pane};
    use crate::tui::keymap::Keymap;
    use crate::tui::popups::Reaction;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    #[test]
    fn letters_find_an_action() {
        let mut palette = Palette::new(Keymap::default(), Pane::Mappings);
        for c in "suspend".chars() {
            palette.key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
        }
        let reaction = palette.key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
        assert!(matches!(reaction, Reaction::Act(Action::Suspend)), "{reaction:?}");
    }

    #[test]
    fn a_read_only_palette_has_no_writes() {
        let palette = Palette::new(Keymap::new(true), Pane::Mappings);
        assert!(palette.bindings.iter().all(|binding| !binding.writes));
    }
}
