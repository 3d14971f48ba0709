//! Signs that stand beside words, in Unicode and in ASCII.

use crate::domain::{Health, MappingStatus, SyncState};
use ratatui::symbols::border;

/// A set of signs; every sign but the dots is one cell wide.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glyphs {
    /// As it should be.
    pub good: &'static str,
    /// Drifted.
    pub drift: &'static str,
    /// Behind Git.
    pub behind: &'static str,
    /// Failed.
    pub bad: &'static str,
    /// Suspended.
    pub suspended: &'static str,
    /// Disconnected.
    pub disconnected: &'static str,
    /// Waits for another mapping.
    pub waits: &'static str,
    /// Not known.
    pub unknown: &'static str,
    /// On its way.
    pub progressing: &'static str,
    /// Missing.
    pub missing: &'static str,
    /// Done.
    pub done: &'static str,
    /// Bar at the selected row.
    pub bar: &'static str,
    /// A marked row.
    pub mark: &'static str,
    /// Where a text was cut.
    pub ellipsis: &'static str,
    /// Something is on its way.
    pub dots: &'static str,
    /// From one to the other.
    pub arrow: &'static str,
    /// Unfolded.
    pub open: &'static str,
    /// Folded.
    pub folded: &'static str,
    /// Round trip.
    pub latency: &'static str,
    /// Between titles.
    pub dot: &'static str,
    /// A signature that git stands by.
    pub signed: &'static str,
    /// A signature that nobody checked, or not yet.
    pub sealed: &'static str,
    /// A signature of somebody who is not known or not trusted.
    pub stranger: &'static str,
    /// Full part of a progress bar.
    pub full: &'static str,
    /// Empty part of a progress bar.
    pub empty: &'static str,
    /// Frames of the spinner.
    pub spinner: &'static [&'static str],
    /// Position in a scrolled list.
    pub thumb: &'static str,
    /// Lines around panes.
    pub border: border::Set<'static>,
}

/// Signs for terminals with Unicode.
pub const UNICODE: Glyphs = Glyphs {
    good: "●",
    drift: "▲",
    behind: "◆",
    bad: "✖",
    suspended: "‖",
    disconnected: "╌",
    waits: "◷",
    unknown: "○",
    progressing: "◐",
    missing: "◌",
    done: "✓",
    bar: "▌",
    mark: "✚",
    ellipsis: "…",
    dots: "…",
    arrow: "→",
    open: "▾",
    folded: "▸",
    latency: "⇅",
    dot: "·",
    signed: "✓",
    sealed: "◇",
    stranger: "?",
    full: "━",
    empty: "─",
    spinner: &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
    thumb: "┃",
    border: border::ROUNDED,
};

/// Signs for terminals without Unicode.
pub const ASCII: Glyphs = Glyphs {
    good: "*",
    drift: "!",
    behind: "<",
    bad: "X",
    suspended: "=",
    disconnected: "/",
    waits: "w",
    unknown: "?",
    progressing: "%",
    missing: "_",
    done: "v",
    bar: ">",
    mark: "+",
    ellipsis: "~",
    dots: "...",
    arrow: ">",
    open: "-",
    folded: "+",
    latency: "@",
    dot: "-",
    signed: "s",
    sealed: "o",
    stranger: "u",
    full: "#",
    empty: "-",
    spinner: &["|", "/", "-", "\\"],
    thumb: "#",
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
};

impl Glyphs {
    /// The sign of a sync state.
    pub fn sync(&self, state: SyncState) -> &'static str {
        match state {
            SyncState::Error => self.bad,
            SyncState::Unknown => self.unknown,
            SyncState::Suspended => self.suspended,
            SyncState::Disconnected => self.disconnected,
            SyncState::Drifted => self.drift,
            SyncState::OutOfSync => self.behind,
            SyncState::Synced => self.good,
        }
    }

    /// The sign of a mapping.
    pub fn mapping(&self, status: &MappingStatus) -> &'static str {
        match status.sync {
            SyncState::OutOfSync if !status.waits.is_empty() => self.waits,
            state => self.sync(state),
        }
    }

    /// The sign of a health.
    pub fn health(&self, health: Health) -> &'static str {
        match health {
            Health::Healthy => self.good,
            Health::Suspended => self.suspended,
            Health::Progressing => self.progressing,
            Health::Missing => self.missing,
            Health::Degraded => self.bad,
            Health::Unknown => self.unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ASCII, Glyphs, UNICODE};
    use unicode_width::UnicodeWidthStr;

    fn all(glyphs: &Glyphs) -> Vec<&'static str> {
        let mut signs = vec![
            glyphs.good,
            glyphs.drift,
            glyphs.behind,
            glyphs.bad,
            glyphs.suspended,
            glyphs.disconnected,
            glyphs.waits,
            glyphs.unknown,
            glyphs.progressing,
            glyphs.missing,
            glyphs.done,
            glyphs.bar,
            glyphs.mark,
            glyphs.ellipsis,
            glyphs.arrow,
            glyphs.open,
            glyphs.folded,
            glyphs.latency,
            glyphs.dot,
            glyphs.signed,
            glyphs.sealed,
            glyphs.stranger,
            glyphs.full,
            glyphs.empty,
            glyphs.thumb,
        ];
        signs.extend(glyphs.spinner);
        signs
    }

    #[test]
    fn every_sign_is_one_cell() {
        for sign in all(&UNICODE).into_iter().chain(all(&ASCII)) {
            assert_eq!(sign.width(), 1, "{sign}");
        }
        assert!(all(&ASCII).iter().all(|sign| sign.is_ascii()));
    }

    #[test]
    fn states_are_told_apart_without_colour() {
        for glyphs in [UNICODE, ASCII] {
            let signs = [
                glyphs.good,
                glyphs.drift,
                glyphs.behind,
                glyphs.bad,
                glyphs.suspended,
                glyphs.disconnected,
                glyphs.waits,
                glyphs.unknown,
                glyphs.progressing,
                glyphs.missing,
            ];
            let signatures = [glyphs.signed, glyphs.sealed, glyphs.stranger, glyphs.bad];
            for signs in [&signs[..], &signatures] {
                let distinct: std::collections::HashSet<_> = signs.iter().collect();
                assert_eq!(distinct.len(), signs.len());
            }
        }
    }
}
