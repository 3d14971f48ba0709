//! Every action by its name, found by typing parts of it.

use crate::tui::action::Pane;
use crate::tui::keymap::{Binding, Keymap};
use crate::tui::look::Look;
use crate::tui::popups::{Reaction, keys, paint_frame, place};
use crate::tui::style::Role;
use crate::tui::widgets::finder::{Finder, Found};
use crate::tui::widgets::frame::Frame;
use crate::tui::widgets::text::{cells, clip_line};
use crossterm::event::KeyEvent;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use std::cmp::Reverse;

/// Said where nothing matches.
const NOTHING: &str = "No action has this name.";

/// State of the palette.
#[derive(Debug)]
pub struct Palette {
    finder: Finder,
    /// Those of the pane, then those of others, in the order of the key table.
    bindings: Vec<&'static Binding>,
}

impl Palette {
    /// Every action, those of a pane first.
    pub fn new(keymap: Keymap, pane: Pane) -> Self {
        let (mut bindings, others): (Vec<_>, Vec<_>) =
            keymap.bindings().partition(|binding| binding.holds_in(pane));
        bindings.extend(others);
        Self { finder: Finder::new(bindings.len(), ":", NOTHING), bindings }
    }

    /// Types, moves, or acts.
    pub fn key(&mut self, key: KeyEvent) -> Reaction {
        match self.finder.key(key) {
            Found::Nothing => Reaction::Stay,
            Found::Typed => {
                self.search();
                Reaction::Stay
            }
            Found::Chosen(position) => Reaction::Act(self.bindings[position].action),
            Found::Left => Reaction::Close,
        }
    }

    /// Types pasted text.
    pub fn paste(&mut self, text: &str) {
        self.finder.paste(text);
        self.search();
    }

    /// What matches the name comes before what only matches the sentence about it.
    fn search(&mut self) {
        let text = self.finder.text();
        let pattern = Pattern::parse(text, CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut characters = Vec::new();
        let mut score =
            |text: &str| pattern.score(Utf32Str::new(text, &mut characters), &mut matcher);
        let mut scored = Vec::new();
        for (index, binding) in self.bindings.iter().enumerate() {
            let whole = binding.name.eq_ignore_ascii_case(text.trim());
            let name = score(binding.name);
            let about = score(&format!("{} {}", binding.name, binding.about));
            if name.or(about).is_some() {
                scored.push((Reverse((whole, name, about)), index));
            }
        }
        scored.sort_unstable();
        self.finder.show(scored.into_iter().map(|(_, index)| index).collect());
    }

    /// Computes what is visible.
    pub fn fit(&mut self, screen: Rect) {
        self.finder.fit(Frame::inner(self.area(screen)));
    }

    /// The height does not change while one types.
    fn area(&self, screen: Rect) -> Rect {
        place(screen, 76, (self.bindings.len() as u16 + 3).min(20))
    }

    /// Paints the palette.
    pub fn view(&self, buffer: &mut Buffer, screen: Rect, look: &Look) {
        let counted = format!("{} of {}", self.finder.matches(), self.bindings.len());
        let frame = Frame {
            title: Line::from(look.span(Role::TitleFocus, "Commands")),
            corner: Line::from(look.span(Role::Muted, counted)),
            foot: keys(look, &[("type", "find"), ("Enter", "do it"), ("Esc", "close")]),
            scroll: self.finder.scroll(),
            ..Frame::default()
        };
        let inner = paint_frame(buffer, self.area(screen), look, frame);
        self.finder.paint(buffer, inner, look, |buffer, place, position| {
            paint_row(buffer, place, self.bindings[position], look);
        });
    }
}

fn paint_row(buffer: &mut Buffer, place: Rect, binding: &Binding, look: &Look) {
    let key = binding.labels();
    let room = (place.width as usize).saturating_sub(cells(&key) + 2);
    let text = Line::from(vec![
        look.span(Role::Strong, format!("{:<13} ", binding.name)),
        look.span(Role::Text, binding.about),
    ]);
    let text = clip_line(text, room, look.glyphs.ellipsis);
    buffer.set_line(place.x, place.y, &text, place.width);
    let x = place.right().saturating_sub(cells(&key) as u16);
    buffer.set_stringn(x, place.y, &key, cells(&key), look.theme[Role::Key]);
}

#[cfg(test)]
mod tests {
    use super::Palette;
    use crate::tui::action::Pane;
    use crate::tui::keymap::{Keymap, TABLE};
    use crate::tui::popups::Reaction;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    #[test]
    fn every_action_is_found_by_its_name() {
        for pane in Pane::ALL {
            for binding in TABLE {
                let mut palette = Palette::new(Keymap::default(), pane);
                for c in binding.name.chars() {
                    palette.key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
                }
                let reaction = palette.key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
                let found = matches!(reaction, Reaction::Act(action) if action == binding.action);
                assert!(found, "{} from {pane:?}: {reaction:?}", binding.name);
            }
        }
    }

    #[test]
    fn a_read_only_palette_has_no_writes() {
        let palette = Palette::new(Keymap::new(true), Pane::Mappings);
        assert!(palette.bindings.iter().all(|binding| !binding.writes));
    }
}
