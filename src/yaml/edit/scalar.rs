//! Scalars as text: which may stand without quotes, and how the others are quoted.

use crate::yaml::scalar::read_plain;
use serde_json::Value;
use std::fmt::Write;

/// How a text is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quote {
    None,
    Single,
    Double,
}

/// The text of a scalar with these quotes. Nothing where they cannot hold it: only double quotes hold everything.
pub(super) fn quoted(text: &str, quote: Quote, flow: bool) -> Option<String> {
    match quote {
        Quote::None => is_plain(text, flow).then(|| text.to_owned()),
        Quote::Single => (!text.chars().any(needs_escape) && !text.contains('\t'))
            .then(|| format!("'{}'", text.replace('\'', "''"))),
        Quote::Double => Some(double(text)),
    }
}

/// A scalar without a text of its own before it: without quotes where that is safe.
pub(super) fn scalar(value: &Value, flow: bool) -> String {
    match value {
        Value::String(text) => quoted(text, Quote::None, flow).unwrap_or_else(|| double(text)),
        other => other.to_string(),
    }
}

/// Whether every reader of YAML (1.1 and 1.2) takes a text without quotes for this text. Narrower than the rules allow.
pub(super) fn is_plain(text: &str, flow: bool) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let starts = first.is_alphanumeric()
        || matches!(first, '_' | '/' | '.' | '$')
        || (first == '-' && text.chars().nth(1).is_some_and(|c| c.is_alphanumeric() || c == '-'));
    let inside = |c: char| {
        c.is_alphanumeric()
            || matches!(c, '_' | '/' | '.' | '-' | '+' | '=' | '@' | '%' | '$' | '(' | ')' | '~')
            || (!flow && matches!(c, ':' | ' ' | ',' | ';' | '<' | '>'))
    };
    starts
        && text.chars().all(inside)
        && text.chars().any(char::is_alphanumeric)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.starts_with("---")
        && !text.starts_with("...")
        && !is_ambiguous(text)
}

/// As [`is_plain`], for text that takes the place of other text without quotes on lines by indentation: inside a text,
/// every reader takes every character there that does not begin a comment or a value.
pub(super) fn stays_plain(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(char::is_alphanumeric)
        && !text.chars().any(|c| needs_escape(c) || c == '\t')
        && !text.ends_with([' ', ':'])
        && ![": ", " #"].iter().any(|mark| text.contains(mark))
        && !is_ambiguous(text)
}

/// Whether some reader takes the text for something else: a number, a boolean, a date.
fn is_ambiguous(text: &str) -> bool {
    if !matches!(read_plain(text), Ok(Value::String(_))) {
        return true;
    }
    let lower = text.to_ascii_lowercase();
    if matches!(lower.as_str(), "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null")
    {
        return true;
    }
    // Sexagesimal numbers, dates and times, thousands: digits with single marks between them.
    let unsigned = lower.trim_start_matches(['-', '+', '.']);
    let digital = |marks: &str| {
        unsigned.starts_with(|c: char| c.is_ascii_digit())
            && unsigned.chars().all(|c| c.is_ascii_digit() || marks.contains(c))
    };
    let date = || {
        let bytes = unsigned.as_bytes();
        bytes.len() >= 8
            && bytes[..4].iter().all(u8::is_ascii_digit)
            && bytes[4] == b'-'
            && bytes[5].is_ascii_digit()
    };
    let based = ["0x", "0o", "0b"].iter().any(|base| {
        unsigned
            .strip_prefix(base)
            .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_hexdigit() || c == '_'))
    });
    digital("_,:")
        || (digital("_,:.") && unsigned.matches('.').count() == 1)
        || date()
        || based
        || matches!(unsigned, "inf" | "nan")
}

/// Whether only an escape can hold the character.
pub(super) fn needs_escape(c: char) -> bool {
    (c.is_control() && c != '\t')
        || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
}

fn double(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        let _ = match c {
            '"' => write!(out, "\\\""),
            '\\' => write!(out, "\\\\"),
            '\n' => write!(out, "\\n"),
            '\t' => write!(out, "\\t"),
            '\r' => write!(out, "\\r"),
            c if needs_escape(c) && u32::from(c) < 0x100 => write!(out, "\\x{:02x}", u32::from(c)),
            c if needs_escape(c) && u32::from(c) < 0x1_0000 => {
                write!(out, "\\u{:04x}", u32::from(c))
            }
            c if needs_escape(c) => write!(out, "\\U{:08x}", u32::from(c)),
            c => write!(out, "{c}"),
        };
    }
    out.push('"');
    out
}
