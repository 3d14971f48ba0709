//! Templates of commit messages: text with words in braces that are filled in.

use serde::{Deserialize, Serialize};

/// What a commit is made for, as far as its message is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Occasion {
    /// Files were edited: `commit`, `edit`, the console's editor.
    Commit,
    /// An image or a value was set.
    Set,
    /// Live values were adopted.
    Adopt,
    /// A workload was exported.
    Export,
    /// Live changes were recorded, unasked.
    Record,
    /// Commits were undone.
    Revert,
}

impl Occasion {
    /// Every one with its key in the configuration.
    pub const ALL: [(&'static str, Self); 6] = [
        ("commit", Self::Commit),
        ("set", Self::Set),
        ("adopt", Self::Adopt),
        ("export", Self::Export),
        ("record", Self::Record),
        ("revert", Self::Revert),
    ];

    /// Its key in the configuration.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, one)| *one == self).map_or("", |(word, _)| word)
    }
}

/// Words that may stand in braces.
pub const PLACEHOLDERS: [&str; 14] = [
    "author",
    "body",
    "branch",
    "context",
    "email",
    "files",
    "managers",
    "mapping",
    "namespace",
    "operation",
    "path",
    "project",
    "repository",
    "summary",
];

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    /// A word that nothing is known by.
    #[error("`{{{0}}}` is no placeholder")]
    Unknown(String),
    /// A word that is not known where it is wanted.
    #[error("`{{{0}}}` is not known when a revert is made")]
    NotHere(String),
    /// A brace without its partner.
    #[error("`{0}` stands alone; `{{{{` and `}}}}` stand for the braces themselves")]
    Lone(char),
    /// No first line.
    #[error(
        "a message begins with its title; the template says nothing, or begins with a line end"
    )]
    Untitled,
    /// A revert that does not say what it undoes.
    #[error("a revert says which commit it undoes; `{{body}}` has to be in its template")]
    Bodiless,
}

/// The text of a message with placeholders; it was read before, so that every one is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(String);

/// A piece of a template.
enum Piece<'a> {
    Text(&'a str),
    Word(&'a str),
}

impl Template {
    /// Reads a template for an occasion.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: &str, occasion: Occasion) -> Result<Self, TemplateFault> {
        let pieces = pieces(text)?;
        let unknown = |piece: &Piece<'_>| match piece {
            Piece::Word(word) if !PLACEHOLDERS.contains(word) => Some((*word).to_owned()),
            _ => None,
        };
        if let Some(word) = pieces.iter().find_map(unknown) {
            return Err(TemplateFault::Unknown(word));
        }
        let strange = |piece: &Piece<'_>| match piece {
            Piece::Word(word @ ("files" | "managers")) => Some((*word).to_owned()),
            _ => None,
        };
        if let (Occasion::Revert, Some(word)) = (occasion, pieces.iter().find_map(strange)) {
            return Err(TemplateFault::NotHere(word));
        }
        if text.lines().next().unwrap_or_default().trim().is_empty() {
            return Err(TemplateFault::Untitled);
        }
        let has_body = pieces.iter().any(|piece| matches!(piece, Piece::Word("body")));
        if occasion == Occasion::Revert && !has_body {
            return Err(TemplateFault::Bodiless);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The message. What is filled in is not read again, so that braces in it stay. Line ends at the end of lines and
    /// paragraphs that came to nothing go; a title that came to nothing is `fallback`.
    pub fn fill(&self, value: impl Fn(&str) -> String, fallback: &str) -> String {
        let mut filled = String::new();
        for piece in pieces(&self.0).unwrap_or_default() {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Word(word) => filled.push_str(&value(word)),
            }
        }
        let (mut message, mut blank) = (String::new(), 0);
        for line in filled.lines().map(str::trim_end) {
            if line.is_empty() {
                blank += 1;
                continue;
            }
            if !message.is_empty() {
                message.push_str(if blank > 0 { "\n\n" } else { "\n" });
            } else if blank > 0 {
                message = format!("{fallback}\n\n");
            }
            blank = 0;
            message.push_str(line);
        }
        if message.is_empty() { fallback.to_owned() } else { message }
    }
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, TemplateFault> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        if !before.is_empty() {
            found.push(Piece::Text(before));
        }
        let brace = &from[..1];
        if from[1..].starts_with(brace) {
            found.push(Piece::Text(brace));
            rest = &from[2..];
            continue;
        }
        let end = from.find('}').filter(|end| *end > 0);
        let Some(end) = end else {
            return Err(TemplateFault::Lone(if brace == "{" { '{' } else { '}' }));
        };
        found.push(Piece::Word(&from[1..end]));
        rest = &from[end + 1..];
    }
    if !rest.is_empty() {
        found.push(Piece::Text(rest));
    }
    Ok(found)
}

/// Templates of one mapping, each from the nearest level that has one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Templates(Vec<(Occasion, Template)>);

impl Templates {
    /// Takes one in.
    pub fn set(&mut self, occasion: Occasion, template: Template) {
        self.0.retain(|(known, _)| *known != occasion);
        self.0.push((occasion, template));
    }

    /// The one for an occasion: its own, else that of `commit`. A revert has no other than its own, because its title is
    /// in Git's words, which programs look for.
    pub fn of(&self, occasion: Occasion) -> Option<&Template> {
        let find = |wanted| self.0.iter().find(|(known, _)| *known == wanted).map(|(_, one)| one);
        find(occasion).or_else(|| find(Occasion::Commit).filter(|_| occasion != Occasion::Revert))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, values: &[(&str, &str)]) -> String {
        let template = Template::parse(text, Occasion::Commit).unwrap();
        let value = |word: &str| {
            let found = values.iter().find(|(name, _)| *name == word);
            found.map(|(_, value)| (*value).to_owned()).unwrap_or_default()
        };
        template.fill(value, "fallback")
    }

    #[test]
    fn words_are_filled_in_once() {
        let text = "chore({mapping}): {summary}\n\n{body}\n\nTicket: {{{project}}}";
        let values = [("mapping", "web"), ("summary", "set {body}"), ("project", "shop")];
        assert_eq!(filled(text, &values), "chore(web): set {body}\n\nTicket: {shop}");
        let all = [&values[..], &[("body", "- one\n- two\n")]].concat();
        assert_eq!(filled(text, &all), "chore(web): set {body}\n\n- one\n- two\n\nTicket: {shop}");
    }

    #[test]
    fn a_title_is_always_there() {
        assert_eq!(filled("{project}", &[]), "fallback");
        assert_eq!(filled("{project}\n\n{body}", &[("body", "b")]), "fallback\n\nb");
        let untitled = Template::parse("\n{summary}", Occasion::Commit);
        assert_eq!(untitled, Err(TemplateFault::Untitled));
        assert_eq!(Template::parse("", Occasion::Set), Err(TemplateFault::Untitled));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let fault = |text: &str| Template::parse(text, Occasion::Commit).unwrap_err();
        assert_eq!(fault("{sumary}"), TemplateFault::Unknown("sumary".into()));
        assert_eq!(fault("{}"), TemplateFault::Unknown(String::new()));
        assert_eq!(fault("a {summary"), TemplateFault::Lone('{'));
        assert_eq!(fault("a } b"), TemplateFault::Lone('}'));
        let revert = Template::parse("undo {mapping}", Occasion::Revert);
        assert_eq!(revert, Err(TemplateFault::Bodiless));
        let revert = Template::parse("undo {files}\n\n{body}", Occasion::Revert);
        assert_eq!(revert, Err(TemplateFault::NotHere("files".into())));
    }

    #[test]
    fn a_commit_speaks_for_all_but_reverts() {
        let template = |text: &str| Template::parse(text, Occasion::Commit).unwrap();
        let mut templates = Templates::default();
        templates.set(Occasion::Commit, template("all"));
        templates.set(Occasion::Adopt, template("adopted"));
        let text = |occasion| templates.of(occasion).map(Template::text);
        assert_eq!(text(Occasion::Set), Some("all"));
        assert_eq!(text(Occasion::Adopt), Some("adopted"));
        assert_eq!(text(Occasion::Revert), None);
    }
}
