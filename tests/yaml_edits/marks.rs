//! Where the values of a file stand, told by a parser of other descent than gitdeck's.

use super::generate::Down;
use noyalib::Spanned;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;
use std::ops::Range;

/// A value with its place.
#[derive(Debug)]
pub struct Marked {
    pub body: Body,
    range: Range<usize>,
}

/// What is there.
#[derive(Debug)]
pub enum Body {
    Map(Vec<(String, Marked)>),
    List(Vec<Marked>),
    Scalar(Value),
}

/// The documents that are not empty.
pub fn marked(text: &str) -> Result<Vec<Marked>, String> {
    let documents = noyalib::load_all_as::<Marked>(text).map_err(|error| error.to_string())?;
    let empty = |one: &Marked| matches!(one.body, Body::Scalar(Value::Null));
    Ok(documents.into_iter().filter(|document| !empty(document)).collect())
}

impl Marked {
    /// As plain JSON.
    pub fn value(&self) -> Value {
        match &self.body {
            Body::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| (key.clone(), value.value()));
                Value::Object(entries.collect())
            }
            Body::List(items) => items.iter().map(Self::value).collect(),
            Body::Scalar(value) => value.clone(),
        }
    }

    /// The value at the end of a route.
    pub fn at(&self, route: &[Down]) -> Option<&Self> {
        route.iter().try_fold(self, |value, down| match (&value.body, down) {
            (Body::Map(entries), Down::Key(key)) => {
                entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
            }
            (Body::List(items), Down::Index(index)) => items.get(*index),
            _ => None,
        })
    }

    /// Its bytes, without the anchor and tag before it and the line break behind it; quotes and indicators are its own.
    pub fn bytes(&self, text: &str) -> Range<usize> {
        if let Body::List(items) = &self.body
            && let Some(first) = items.first().filter(|item| item.is_empty(text))
        {
            // The mark of such a list leaves its first dash out.
            let end = items.iter().map(|item| item.bytes(text).end).max();
            return first.range.start..end.unwrap_or(first.range.end);
        }
        if self.is_empty(text) {
            // Where nothing is written the mark is that of the colon or dash.
            let slot = (self.range.start + 1).min(text.len());
            return slot..slot;
        }
        let (mut start, last) = (self.range.start, self.range.end.max(self.range.start));
        let properties = text[start..last].starts_with(['&', '!']);
        while properties && text[start..last].starts_with(['&', '!', '#']) {
            // A comment between the properties and a block goes to the end of its line.
            let comment = text[start..].starts_with('#');
            let ends = |c: char| if comment { c == '\n' } else { c.is_whitespace() };
            let word = text[start..last].find(ends).unwrap_or(last - start);
            let rest = &text[start + word..last];
            start += word + rest.len() - rest.trim_start().len();
        }
        let own = &text[start..last];
        let end = match &self.body {
            // The mark of a block reaches to the next one, over comments that are not its own.
            Body::Map(entries) if !own.starts_with('{') => {
                entries.iter().map(|(_, value)| value.bytes(text).end).max()
            }
            Body::List(items) if !own.starts_with('[') => {
                items.iter().map(|item| item.bytes(text).end).max()
            }
            Body::Scalar(Value::String(_)) if own.starts_with(['|', '>']) => {
                Some(start + lines(own))
            }
            _ => None,
        };
        let end = end.unwrap_or(start + own.trim_end().len());
        start..end.max(start)
    }

    /// Whether nothing is written.
    fn is_empty(&self, text: &str) -> bool {
        let scalar = matches!(self.body, Body::Scalar(_));
        scalar && self.range.is_empty() && !self.is_merged(text)
    }

    /// Whether it comes through a merge key, and is written nowhere itself.
    pub fn is_merged(&self, text: &str) -> bool {
        let first = matches!(self.body, Body::Scalar(Value::Null)) && text.starts_with('-');
        self.range == (0..0) && !first
    }

    /// Whether it is written in brackets.
    pub fn in_brackets(&self, text: &str) -> bool {
        text[self.bytes(text)].starts_with(['{', '['])
    }
}

/// The length of block text up to its last line that counts, without its line break.
fn lines(own: &str) -> usize {
    let keep = own.lines().next().is_some_and(|header| header.contains('+'));
    let mut end = own.len();
    loop {
        let line = own[..end].rfind('\n').map_or(0, |at| at + 1);
        let blank = own[line..end].trim().is_empty();
        if line == 0 || !blank {
            return end;
        }
        end = own[..line - 1].strip_suffix('\r').map_or(line - 1, str::len);
        if keep {
            return end;
        }
    }
}

impl<'de> Deserialize<'de> for Marked {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let found: Spanned<Body> = Spanned::deserialize(source)?;
        let range = found.start.index()..found.end.index();
        Ok(Self { body: found.value, range })
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Body;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Body, E> {
        Ok(Body::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Body, E> {
        Ok(Body::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Body, E> {
        Ok(Body::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Body, E> {
        Ok(Body::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Body, E> {
        Ok(Body::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Body, E> {
        Ok(Body::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Body, E> {
        Ok(Body::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, source: D) -> Result<Body, D::Error> {
        Body::deserialize(source)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Body, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = source.next_element()? {
            items.push(item);
        }
        Ok(Body::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Body, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = source.next_entry()? {
            entries.push(entry);
        }
        Ok(Body::Map(entries))
    }
}
