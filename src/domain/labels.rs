//! Label selectors in their text form, as `kubectl -l` takes them.

use serde_json::Value;

/// One condition on a label.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

/// Conditions that must all hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelSelector(Vec<Condition>);

impl LabelSelector {
    /// Reads `app=web,tier in (front, back),!legacy`.
    ///
    /// # Errors
    /// A sentence about the part that is not understood, in the words of the API server.
    pub fn parse(text: &str) -> Result<Self, String> {
        split_outside_brackets(text)
            .into_iter()
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(condition)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the labels of an object fit.
    pub fn matches(&self, object: &Value) -> bool {
        let labels = object.pointer("/metadata/labels");
        let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
        self.0.iter().all(|condition| match condition {
            Condition::In(key, values) => {
                label(key).is_some_and(|value| values.iter().any(|each| each == value))
            }
            Condition::NotIn(key, values) => {
                label(key).is_none_or(|value| values.iter().all(|each| each != value))
            }
            Condition::Exists(key) => label(key).is_some(),
            Condition::Absent(key) => label(key).is_none(),
        })
    }
}

fn condition(part: &str) -> Result<Condition, String> {
    let unreadable = || match part.split_whitespace().nth(1) {
        Some(word) => format!(
            "unable to parse requirement: found '{word}', expected: in, notin, =, ==, !=, gt, lt"
        ),
        None => format!("unable to parse requirement: found '{part}', expected: identifier"),
    };
    if let Some(key) = part.strip_prefix('!') {
        return Ok(Condition::Absent(key.trim().to_owned()));
    }
    if let Some(open) = part.find('(') {
        let values = part[open + 1..].strip_suffix(')').ok_or_else(unreadable)?;
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        let mut words = part[..open].split_whitespace();
        return match (words.next(), words.next()) {
            (Some(key), Some("in")) => Ok(Condition::In(key.to_owned(), values)),
            (Some(key), Some("notin")) => Ok(Condition::NotIn(key.to_owned(), values)),
            _ => Err(unreadable()),
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Ok(Condition::NotIn(key.trim().to_owned(), vec![value.trim().to_owned()]));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Ok(Condition::In(key.trim().to_owned(), vec![value.trim().to_owned()]));
    }
    if part.contains(char::is_whitespace) {
        Err(unreadable())
    } else {
        Ok(Condition::Exists(part.to_owned()))
    }
}

fn split_outside_brackets(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}
