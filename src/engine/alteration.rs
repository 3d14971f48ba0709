//! Changes that gitdeck makes in files by itself: what was asked for, and what came of it.

use crate::domain::template::Occasion;
use crate::domain::{FileEdit, Revision};
use crate::engine::command::quoted;
use std::fmt::Write;
use std::sync::Arc;

/// What shall change in the files of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alteration {
    /// Another version of an image.
    Image {
        /// The image, as far as it has to be named: `checkout` for `registry.example/shop/checkout`.
        name: String,
        /// A tag, a digest, or a whole reference.
        reference: String,
    },
    /// One value.
    Value {
        /// `[OBJECT:]PATH`; of a chart the key of a value, `image.tag`.
        path: String,
        /// As it is written in YAML.
        value: String,
    },
    /// Live values become those of Git.
    Adopt {
        /// `OBJECT[:PATH]`, an object as `Kind/name` or `Kind/namespace/name`; everything that differs where nothing is
        /// given.
        picks: Vec<String>,
        /// The file that takes them, from the root of the repository, where several could.
        into: Option<String>,
    },
}

impl Alteration {
    /// Splits `NAME=REF` or `PATH=VALUE`: at the first `=` that is not part of an item's name, as in `[name=app]`.
    pub fn pair(text: &str) -> Option<(String, String)> {
        let mut depth = 0_i32;
        for (at, c) in text.char_indices() {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                '=' if depth == 0 && at > 0 => {
                    return Some((text[..at].to_owned(), text[at + 1..].to_owned()));
                }
                _ => {}
            }
        }
        None
    }

    /// What its commit is made for.
    pub fn occasion(&self) -> Occasion {
        match self {
            Self::Image { .. } | Self::Value { .. } => Occasion::Set,
            Self::Adopt { .. } => Occasion::Adopt,
        }
    }

    /// The command line that asks for it, as far as it is the same whatever becomes of the commit.
    pub fn line(&self, mapping: &str) -> String {
        let mapping = quoted(mapping);
        match self {
            Self::Image { name, reference } => {
                format!("gitdeck set {mapping} image {}", quoted(&format!("{name}={reference}")))
            }
            Self::Value { path, value } => {
                format!("gitdeck set {mapping} value {}", quoted(&format!("{path}={value}")))
            }
            Self::Adopt { picks, into } => {
                let mut line = format!("gitdeck adopt {mapping}");
                for pick in picks {
                    let _ = write!(line, " {}", quoted(pick));
                }
                if let Some(file) = into {
                    let _ = write!(line, " --into {}", quoted(file));
                }
                line
            }
        }
    }
}

/// The edits that an alteration comes to; nothing was committed yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// What was asked for.
    pub alteration: Alteration,
    /// The files as they shall be; none where nothing could be placed.
    pub edits: Arc<Vec<FileEdit>>,
    /// The revision that they were made on.
    pub base: Option<Revision>,
    /// What was left out, a sentence each with the reason and what to do (may hold foreign text).
    pub left: Vec<String>,
    /// Files that could take the change, where somebody has to choose.
    pub choices: Vec<String>,
}
