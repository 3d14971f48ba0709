//! New values in the manner of the file that they go into.

use super::layout::{after_colon, column, dash};
use super::scalar::{needs_escape, scalar};
use crate::yaml::node::{Body, Node, Style};
use serde_json::{Map, Value};

/// How a file is indented, and whether it is JSON.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writer {
    /// Spaces between a key and the keys below it.
    pub step: usize,
    /// Spaces between a key and the dashes below it.
    pub dash: usize,
    /// Whether the file has to stay JSON.
    pub json: bool,
}

impl Writer {
    /// Looks how a document does it.
    pub fn of(text: &str, root: &Node, json: bool) -> Self {
        let mut found = Self { step: 0, dash: usize::MAX, json };
        found.look(text, root);
        if found.step == 0 {
            found.step = 2;
        }
        if found.dash == usize::MAX {
            found.dash = found.step;
        }
        found
    }

    fn look(&mut self, text: &str, node: &Node) {
        if (self.step != 0 && self.dash != usize::MAX) || node.shared {
            return;
        }
        match &node.body {
            Body::Mapping(entries) => {
                for entry in entries.iter().filter(|entry| !entry.merged) {
                    self.measure(text, column(text, entry.at.start), &entry.node);
                    self.look(text, &entry.node);
                }
            }
            Body::Sequence(items) => items.iter().for_each(|item| self.look(text, item)),
            Body::Scalar(_) => {}
        }
    }

    fn measure(&mut self, text: &str, key: usize, value: &Node) {
        if value.mark.style != Style::Block || value.shared {
            return;
        }
        match &value.body {
            Body::Mapping(entries) if self.step == 0 => {
                let first = entries.iter().find(|entry| !entry.merged);
                if let Some(below) = first.map(|entry| column(text, entry.at.start)) {
                    self.step = below.saturating_sub(key).min(9);
                }
            }
            Body::Sequence(items) if self.dash == usize::MAX => {
                if let Some(at) = items.first().and_then(|item| dash(text, item)) {
                    self.dash = column(text, at).saturating_sub(key).min(9);
                }
            }
            _ => {}
        }
    }

    /// A whole document in block style, which begins at the first column.
    pub fn document(&self, fields: &Map<String, Value>) -> String {
        format!("{}\n", self.fields(fields, 0, "\n"))
    }

    /// On one line, in flow style.
    pub fn inline(&self, value: &Value, flow: bool) -> String {
        if self.json {
            return value.to_string();
        }
        match value {
            Value::Object(fields) => {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(key, value)| {
                        format!("{}: {}", self.key(key, true), self.inline(value, true))
                    })
                    .collect();
                format!("{{{}}}", fields.join(", "))
            }
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| self.inline(item, true)).collect();
                format!("[{}]", items.join(", "))
            }
            other => scalar(other, flow),
        }
    }

    /// A key.
    pub fn key(&self, key: &str, flow: bool) -> String {
        let value = Value::String(key.to_owned());
        if self.json { value.to_string() } else { scalar(&value, flow) }
    }

    /// `key: value` in block style, its own line beginning at a column.
    pub fn entry(&self, key: &str, value: &Value, column: usize, eol: &str) -> String {
        format!("{}:{}", self.key(key, false), self.below_key(value, column, eol))
    }

    /// What follows the colon of a key at a column.
    pub fn below_key(&self, value: &Value, column: usize, eol: &str) -> String {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                let inner = column + self.step;
                format!("{eol}{}{}", " ".repeat(inner), self.fields(fields, inner, eol))
            }
            Value::Array(items) if !items.is_empty() => {
                let inner = column + self.dash;
                format!("{eol}{}{}", " ".repeat(inner), self.items(items, inner, eol))
            }
            Value::String(text) => match literal(text, column + self.step, eol) {
                Some(literal) => format!(" {literal}"),
                None => format!(" {}", scalar(value, false)),
            },
            other => format!(" {}", self.inline(other, false)),
        }
    }

    /// `- value` in block style, its dash at a column.
    pub fn item(&self, value: &Value, column: usize, eol: &str) -> String {
        let inner = column + 2;
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                format!("- {}", self.fields(fields, inner, eol))
            }
            Value::Array(items) if !items.is_empty() => {
                format!("- {}", self.items(items, inner, eol))
            }
            Value::String(text) => match literal(text, inner, eol) {
                Some(literal) => format!("- {literal}"),
                None => format!("- {}", scalar(value, false)),
            },
            other => format!("- {}", self.inline(other, false)),
        }
    }

    fn fields(&self, fields: &Map<String, Value>, column: usize, eol: &str) -> String {
        let lines: Vec<_> =
            fields.iter().map(|(key, value)| self.entry(key, value, column, eol)).collect();
        lines.join(&format!("{eol}{}", " ".repeat(column)))
    }

    fn items(&self, items: &[Value], column: usize, eol: &str) -> String {
        let lines: Vec<_> = items.iter().map(|item| self.item(item, column, eol)).collect();
        lines.join(&format!("{eol}{}", " ".repeat(column)))
    }
}

/// `|` with its lines, for text of several lines that it can hold as it is.
pub(super) fn literal(text: &str, column: usize, eol: &str) -> Option<String> {
    let (header, lines) = literal_parts(text, column, eol)?;
    Some(format!("{header}{lines}"))
}

/// Whether lines by indentation can hold a text as it is, and every reader finds the same indentation.
pub(super) fn fits_lines(text: &str) -> bool {
    let body = text.trim_end_matches('\n');
    let first = body.lines().find(|line| !line.is_empty());
    let odd = |line: &str| line.trim().is_empty() && !line.is_empty();
    first.is_some_and(|first| !first.starts_with([' ', '\t']))
        && !body.lines().any(odd)
        && !text.chars().any(|c| c != '\n' && needs_escape(c))
}

/// The header, and the lines with the line break before each.
pub(super) fn literal_parts(
    text: &str,
    column: usize,
    eol: &str,
) -> Option<(&'static str, String)> {
    let body = text.trim_end_matches('\n');
    if !text.contains('\n') || !fits_lines(text) {
        return None;
    }
    let header = match text.len() - body.len() {
        0 => "|-",
        1 => "|",
        _ => "|+",
    };
    let kept = if header == "|" { body } else { text.strip_suffix('\n').unwrap_or(text) };
    Some((header, indented(kept, column, eol)))
}

/// Lines with the line break and the indentation before each; empty lines have none.
pub(super) fn indented(text: &str, column: usize, eol: &str) -> String {
    let lines = text.split('\n').map(|line| match line {
        "" => eol.to_owned(),
        line => format!("{eol}{}{line}", " ".repeat(column)),
    });
    lines.collect()
}

/// The column of the keys of a map in block style.
pub(super) fn key_column(text: &str, map: &Node) -> Option<usize> {
    let Body::Mapping(entries) = &map.body else { return None };
    let own = entries.iter().find(|entry| !entry.merged)?;
    after_colon(text, own)?;
    Some(column(text, own.at.start))
}
