//! How things look right now: theme, signs, time and the beat of what moves.

use crate::tui::glyphs::Glyphs;
use crate::tui::style::{Role, Theme};
use jiff::Timestamp;
use ratatui::text::Span;
use std::borrow::Cow;

/// What every view paints with.
#[derive(Debug, Clone)]
pub struct Look {
    /// Styles by meaning.
    pub theme: Theme,
    /// Signs.
    pub glyphs: Glyphs,
    /// Whether colours are taken out before drawing (`NO_COLOR`).
    pub no_colour: bool,
    /// The present, for ages.
    pub now: Timestamp,
    /// Counts up while something runs.
    pub beat: usize,
}

impl Look {
    /// A piece of text with a meaning.
    pub fn span<'a>(&self, role: Role, text: impl Into<Cow<'a, str>>) -> Span<'a> {
        Span::styled(text, self.theme[role])
    }

    /// The present frame of the spinner.
    pub fn spinner(&self) -> &'static str {
        let frames = self.glyphs.spinner;
        frames[self.beat % frames.len().max(1)]
    }
}
