//! How things look right now: theme, signs, time and the beat of what moves.

use crate::tui::glyphs::Glyphs;
use crate::tui::style::{Role, Theme};
use crate::tui::words;
use jiff::{SignedDuration, Timestamp};
use ratatui::text::Span;
use std::borrow::Cow;
use std::cell::Cell;
use std::time::Duration;

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
    /// The second from which on what was painted at the present would say something else.
    pub changes_at: Cell<Option<i64>>,
}

impl Look {
    /// A piece of text with a meaning.
    pub fn span<'a>(&self, role: Role, text: impl Into<Cow<'a, str>>) -> Span<'a> {
        Span::styled(text, self.theme[role])
    }

    /// Sets the present, before a frame is painted.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
        self.changes_at.set(None);
    }

    /// The age of a fact in at most four cells.
    pub fn age(&self, then: Timestamp) -> String {
        self.changes(words::older_at(then, self.now));
        words::age(then, self.now)
    }

    /// The age of a fact in words.
    pub fn ago(&self, then: Timestamp) -> String {
        self.changes(words::older_at(then, self.now));
        words::ago(then, self.now)
    }

    /// The time that is left until a moment, in at most four cells.
    pub fn left(&self, until: Timestamp) -> String {
        self.changes(words::nearer_at(until, self.now).min(until.as_second()));
        words::age(self.now, until)
    }

    fn changes(&self, second: i64) {
        self.changes_at.set(Some(self.changes_at.get().map_or(second, |known| known.min(second))));
    }

    /// How long after the present the last frame is as it should be; nothing where time alone changes nothing of it.
    pub fn lasts(&self) -> Option<Duration> {
        let change = Timestamp::from_second(self.changes_at.get()?).ok()?;
        Duration::try_from(change.duration_since(self.now).max(SignedDuration::ZERO)).ok()
    }

    /// The present frame of the spinner.
    pub fn spinner(&self) -> &'static str {
        let frames = self.glyphs.spinner;
        frames[self.beat % frames.len().max(1)]
    }
}
