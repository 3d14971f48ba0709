//! Colours by meaning, from `themes/*.toml`.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Index;

/// What a piece of the screen means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Ordinary text.
    Text,
    /// What is read last: paths, units, ages.
    Muted,
    /// What carries the eye: names, values in focus.
    Strong,
    /// Lines around panes.
    Border,
    /// Lines around the pane in focus.
    BorderFocus,
    /// Titles of panes.
    Title,
    /// Title of the pane in focus.
    TitleFocus,
    /// The selected row of the pane in focus.
    Selection,
    /// The selected row of another pane.
    SelectionIdle,
    /// A marked row.
    Marked,
    /// As it should be.
    Good,
    /// On its way, or running.
    Busy,
    /// Differs because somebody changed the cluster.
    Drift,
    /// Differs because Git went on.
    Behind,
    /// Failed or degraded.
    Bad,
    /// Left alone on purpose.
    Suspended,
    /// Not known.
    Unknown,
    /// A key in hints and help.
    Key,
    /// A line that is added.
    Added,
    /// A line that is removed.
    Removed,
    /// The words of an added line that differ.
    AddedWord,
    /// The words of a removed line that differ.
    RemovedWord,
    /// A field where one types.
    Field,
    /// What matches a filter or a search.
    Match,
    /// A key of YAML.
    SyntaxKey,
    /// A text of YAML.
    SyntaxText,
    /// A number, boolean or null of YAML.
    SyntaxNumber,
    /// A comment.
    SyntaxComment,
}

const ROLES: usize = Role::SyntaxComment as usize + 1;

/// One line of a theme.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Paint {
    fg: Option<String>,
    bg: Option<String>,
    bold: bool,
    dim: bool,
    underline: bool,
    reverse: bool,
}

/// A theme file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    styles: BTreeMap<Role, Paint>,
}

/// A text that is no theme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    /// No theme has the name.
    #[error("there is no theme `{0}`; there are dark, light, high-contrast, sixteen and none")]
    NoSuchTheme(String),
    /// The text is no theme.
    #[error("the theme cannot be read: {0}")]
    Syntax(String),
    /// A colour that no terminal knows.
    #[error("`{0}` is no colour; write a name, a number from 0 to 255 or #rrggbb")]
    Colour(String),
}

/// Styles by meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    styles: [Style; ROLES],
}

/// The themes that come with the program, by name.
pub const THEMES: &[(&str, &str)] = &[
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("high-contrast", include_str!("../../themes/high-contrast.toml")),
    ("sixteen", include_str!("../../themes/sixteen.toml")),
    ("none", include_str!("../../themes/none.toml")),
];

impl Theme {
    /// The theme of a name.
    pub fn named(name: &str) -> Result<Self, ThemeError> {
        let text = THEMES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
        Self::parse(text.ok_or_else(|| ThemeError::NoSuchTheme(name.to_owned()))?)
    }

    /// Reads a theme; meanings that it leaves out look like ordinary text.
    pub fn parse(text: &str) -> Result<Self, ThemeError> {
        let file: File = toml_edit::de::from_str(text)
            .map_err(|error| ThemeError::Syntax(error.message().to_owned()))?;
        let text = file.styles.get(&Role::Text).map(style).transpose()?.unwrap_or_default();
        let mut styles = [text; ROLES];
        for (role, paint) in &file.styles {
            styles[*role as usize] = text.patch(style(paint)?);
        }
        Ok(Self { styles })
    }

    /// A theme without any colour: only bold, dim, underline and reverse.
    pub fn plain() -> Self {
        let mut styles = [Style::new(); ROLES];
        for role in [Role::Selection, Role::AddedWord, Role::RemovedWord, Role::Match] {
            styles[role as usize] = Style::new().add_modifier(Modifier::REVERSED);
        }
        Self { styles }
    }
}

impl Index<Role> for Theme {
    type Output = Style;

    fn index(&self, role: Role) -> &Style {
        &self.styles[role as usize]
    }
}

fn style(paint: &Paint) -> Result<Style, ThemeError> {
    let mut style = Style::new();
    if let Some(name) = &paint.fg {
        style = style.fg(colour(name)?);
    }
    if let Some(name) = &paint.bg {
        style = style.bg(colour(name)?);
    }
    for (set, modifier) in [
        (paint.bold, Modifier::BOLD),
        (paint.dim, Modifier::DIM),
        (paint.underline, Modifier::UNDERLINED),
        (paint.reverse, Modifier::REVERSED),
    ] {
        if set {
            style = style.add_modifier(modifier);
        }
    }
    Ok(style)
}

fn colour(name: &str) -> Result<Color, ThemeError> {
    name.parse().map_err(|_| ThemeError::Colour(name.to_owned()))
}

/// Takes every colour out of a painted screen; bold, dim, underline and reverse stay.
///
/// crossterm 0.29 answers `NO_COLOR` by writing a full reset where a colour would be, which also ends reverse video.
pub fn strip_colours(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        cell.fg = Color::Reset;
        cell.bg = Color::Reset;
        cell.underline_color = Color::Reset;
    }
}

#[cfg(test)]
mod tests {
    use super::{Role, THEMES, Theme, ThemeError, strip_colours};
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::style::{Color, Modifier, Style};

    #[test]
    fn every_theme_can_be_read() {
        for (name, _) in THEMES {
            assert!(Theme::named(name).is_ok(), "{name}: {:?}", Theme::named(name).err());
        }
    }

    #[test]
    fn the_selection_is_visible_in_every_theme() {
        for (name, _) in THEMES {
            let theme = Theme::named(name).unwrap();
            assert_ne!(theme[Role::Selection], theme[Role::Text], "{name}");
            assert_ne!(theme[Role::BorderFocus], theme[Role::Border], "{name}");
        }
    }

    #[test]
    fn colours_go_and_reverse_stays() {
        let style = Style::new().fg(Color::Red).add_modifier(Modifier::REVERSED);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 1));
        buffer.set_string(0, 0, "ab", style);
        strip_colours(&mut buffer);
        assert_eq!(buffer[(0, 0)].fg, Color::Reset);
        assert!(buffer[(0, 0)].modifier.contains(Modifier::REVERSED));
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(Theme::named("pink"), Err(ThemeError::NoSuchTheme("pink".to_owned())));
        assert!(matches!(
            Theme::parse("[styles]\ngood = { fg = \"greenish\" }"),
            Err(ThemeError::Colour(_))
        ));
        assert!(matches!(Theme::parse("[styles]\ngod = {}"), Err(ThemeError::Syntax(_))));
    }
}
