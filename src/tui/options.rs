//! How the console should look on this terminal: settings, environment, and what was asked for on the command line.

use crate::config::ConsoleSettings;
use crate::tui::glyphs::{ASCII, UNICODE};
use crate::tui::look::Look;
use crate::tui::style::{Theme, ThemeError};
use jiff::Timestamp;
use std::cell::Cell;

/// What the caller and the environment say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConsoleOptions {
    /// A theme that replaces the configured one.
    pub theme: Option<String>,
    /// No colours at all.
    pub no_colour: bool,
    /// Signs in ASCII only.
    pub ascii: bool,
    /// The terminal has no more than sixteen colours.
    pub sixteen: bool,
}

impl ConsoleOptions {
    /// Reads `NO_COLOR`, `LC_ALL`, `LC_CTYPE`, `LANG`, `TERM` and `COLORTERM`.
    pub fn of_environment() -> Self {
        let read = |name: &str| std::env::var(name).unwrap_or_default();
        Self::of(read)
    }

    fn of(read: impl Fn(&str) -> String) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(&read);
        let locale = locale.iter().find(|value| !value.is_empty()).cloned().unwrap_or_default();
        let locale = locale.to_lowercase();
        let utf8 = locale.contains("utf-8") || locale.contains("utf8");
        // Containers often have no locale at all; their terminals are today's terminals.
        let plain = matches!(locale.as_str(), "c" | "posix") || (!locale.is_empty() && !utf8);
        let term = read("TERM");
        let many = !read("COLORTERM").is_empty()
            || ["256", "direct", "kitty", "alacritty", "ghostty", "wezterm", "foot"]
                .iter()
                .any(|sign| term.contains(sign));
        Self {
            theme: None,
            no_colour: !read("NO_COLOR").is_empty(),
            ascii: plain || term == "linux",
            sixteen: !many,
        }
    }

    /// The look of the console.
    pub fn look(&self, settings: &ConsoleSettings, now: Timestamp) -> Result<Look, ThemeError> {
        let wanted = self.theme.as_deref().unwrap_or(&settings.theme);
        let few = self.sixteen && matches!(wanted, "dark" | "light");
        let theme = Theme::named(if few && self.theme.is_none() { "sixteen" } else { wanted })?;
        // Without colours the emphasis has to come from somewhere else.
        let theme = if self.no_colour { Theme::named("none")? } else { theme };
        let ascii = self.ascii || settings.glyphs == "ascii";
        let glyphs = if ascii { ASCII } else { UNICODE };
        Ok(Look {
            theme,
            glyphs,
            no_colour: self.no_colour,
            now,
            beat: 0,
            changes_at: Cell::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ConsoleOptions;
    use crate::config::ConsoleSettings;
    use crate::tui::glyphs::{ASCII, UNICODE};
    use crate::tui::style::Theme;
    use jiff::Timestamp;

    fn of(pairs: &[(&str, &str)]) -> ConsoleOptions {
        ConsoleOptions::of(|name| {
            pairs.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value).to_owned()
        })
    }

    #[test]
    fn the_environment_is_understood() {
        let today = of(&[("LANG", "de_DE.UTF-8"), ("TERM", "xterm-256color")]);
        assert_eq!(today, ConsoleOptions::default());
        assert!(of(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]).ascii);
        assert!(of(&[("TERM", "linux")]).ascii);
        assert!(of(&[("TERM", "vt100")]).sixteen);
        assert!(of(&[("NO_COLOR", "1")]).no_colour);
    }

    #[test]
    fn the_look_follows() {
        let settings = ConsoleSettings::default();
        let look =
            |options: ConsoleOptions| options.look(&settings, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(look(ConsoleOptions::default()).glyphs, UNICODE);
        let ascii = ConsoleOptions { ascii: true, sixteen: true, ..ConsoleOptions::default() };
        assert_eq!(look(ascii.clone()).glyphs, ASCII);
        assert_eq!(look(ascii).theme, Theme::named("sixteen").unwrap());
        let none = ConsoleOptions { no_colour: true, ..ConsoleOptions::default() };
        assert_eq!(look(none).theme, Theme::named("none").unwrap());
    }
}
