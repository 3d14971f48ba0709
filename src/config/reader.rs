//! Reads one table of a configuration file: typed values with their lines, and the keys that nobody knows.

use super::fault::{Fault, Place, Sited};
use super::{duration, suggest};
use crate::domain::SecretRef;
use serde_json::{Map, Value as Json};
use std::cell::{OnceCell, RefCell};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use toml_edit::{Item, TableLike, Value};

/// A file that is being read.
pub(super) struct File {
    /// Its path.
    pub path: Arc<Path>,
    /// Its text.
    pub text: String,
    /// What was found wrong with it.
    pub faults: RefCell<Vec<Fault>>,
    /// Where its lines end.
    pub line_ends: OnceCell<Vec<usize>>,
}

impl File {
    /// The line of a byte.
    pub(super) fn place(&self, offset: Option<usize>) -> Place {
        let offset = offset.filter(|offset| *offset <= self.text.len()).unwrap_or(0);
        // Found once: every key of a long file asks.
        let ends = self
            .line_ends
            .get_or_init(|| self.text.match_indices('\n').map(|(index, _)| index).collect());
        let line = ends.partition_point(|end| *end < offset) + 1;
        Place { file: Arc::clone(&self.path), line }
    }

    /// Notes a fault.
    pub(super) fn fault(&self, place: Place, message: impl Into<String>) {
        self.faults.borrow_mut().push(Fault { place, message: message.into() });
    }
}

/// A table whose keys are asked for one by one; [`Reader::finish`] reports those that nobody asked for.
pub(super) struct Reader<'a> {
    file: &'a File,
    table: &'a dyn TableLike,
    /// `[mappings.checkout]`, for messages.
    name: String,
    place: Place,
    asked: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        file: &'a File,
        table: &'a dyn TableLike,
        name: String,
        place: Place,
    ) -> Self {
        Self { file, table, name, place, asked: Vec::new() }
    }

    /// Where the table begins.
    pub(super) fn place(&self) -> Place {
        self.place.clone()
    }

    /// What it is called in messages, `[mappings.checkout]`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Notes a fault.
    pub(super) fn fault(&self, place: Place, message: impl Into<String>) {
        self.file.fault(place, message);
    }

    /// A text.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Sited<String>> {
        let (item, place) = self.item(key)?;
        let Some(text) = item.as_str() else {
            return self.wrong(key, place, "a text in quotes", item);
        };
        Some(Sited { value: text.to_owned(), place })
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
    ) -> Option<Sited<T>> {
        let text = self.text(key)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(Sited { value: *value, place: text.place });
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let message = format!("`{key}` of {} is one of {}", self.name, known.join(", "));
        self.fault(text.place, message + &suggest::hint(&text.value, known));
        None
    }

    /// True or false.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<Sited<bool>> {
        let (item, place) = self.item(key)?;
        let Some(value) = item.as_bool() else {
            return self.wrong(key, place, "true or false", item);
        };
        Some(Sited { value, place })
    }

    /// A number from 0.
    pub(super) fn number(&mut self, key: &'static str) -> Option<Sited<u64>> {
        let (item, place) = self.item(key)?;
        let Some(value) = item.as_integer().and_then(|number| u64::try_from(number).ok()) else {
            return self.wrong(key, place, "a number from 0", item);
        };
        Some(Sited { value, place })
    }

    /// A duration, `3m`.
    pub(super) fn duration(&mut self, key: &'static str) -> Option<Sited<Duration>> {
        let text = self.text(key)?;
        let parsed = duration::parse(&text.value);
        if parsed.is_none() {
            let message =
                format!("`{key}` of {} is a duration like \"20s\", \"3m\" or \"1h30m\"", self.name);
            self.fault(text.place.clone(), message);
        }
        parsed.map(|value| Sited { value, place: text.place })
    }

    /// A reference to a secret. What is no reference is not repeated: it may be the secret itself.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<Sited<SecretRef>> {
        let text = self.text(key)?;
        match text.value.parse::<SecretRef>() {
            Ok(value) => Some(Sited { value, place: text.place }),
            Err(error) => {
                self.fault(text.place, format!("`{key}` of {}: {error}", self.name));
                None
            }
        }
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Sited<Vec<String>>> {
        let (item, place) = self.item(key)?;
        let texts = item.as_array().and_then(|array| {
            array.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        let Some(value) = texts else {
            return self.wrong(key, place, "a list of texts", item);
        };
        Some(Sited { value, place })
    }

    /// A table of texts, by name.
    pub(super) fn pairs(&mut self, key: &'static str) -> Vec<(String, Sited<String>)> {
        let Some((item, place)) = self.item(key) else { return Vec::new() };
        let Some(table) = item.as_table_like() else {
            self.wrong::<()>(key, place, "a table of texts", item);
            return Vec::new();
        };
        let mut found = Vec::new();
        for (name, item) in table.iter() {
            let start = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
            let place = self.file.place(start.map(|span| span.start));
            match item.as_str() {
                Some(text) => {
                    found.push((name.to_owned(), Sited { value: text.to_owned(), place }));
                }
                None => {
                    self.wrong::<()>(name, place, "a text in quotes", item);
                }
            }
        }
        found
    }

    /// A table of anything.
    pub(super) fn values(&mut self, key: &'static str) -> Option<Sited<Map<String, Json>>> {
        let (item, place) = self.item(key)?;
        let Some(table) = item.as_table_like() else {
            return self.wrong(key, place, "a table", item);
        };
        match map(table) {
            Some(value) => Some(Sited { value, place }),
            None => self.wrong(key, place, "a table of texts, numbers, lists and tables", item),
        }
    }

    /// A table inside this one.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Reader<'a>> {
        let (item, place) = self.item(key)?;
        let Some(table) = item.as_table_like() else {
            return self.wrong(key, place, "a table", item);
        };
        let name = match self.name.strip_suffix(']') {
            Some(open) if !open.starts_with("[[") => format!("{open}.{key}]"),
            Some(_) => format!("`{key}` of {}", self.name),
            None => format!("[{key}]"),
        };
        Some(Reader::new(self.file, table, name, place))
    }

    /// The tables of a list, `[[key]]` or `key = [{ ... }]`.
    pub(super) fn list(&mut self, key: &'static str) -> Vec<Reader<'a>> {
        let Some((item, place)) = self.item(key) else { return Vec::new() };
        let name = format!("[[{key}]]");
        if let Some(tables) = item.as_array_of_tables() {
            return tables
                .iter()
                .map(|table| {
                    let place = self.file.place(table.span().map(|span| span.start));
                    Reader::new(self.file, table, name.clone(), place)
                })
                .collect();
        }
        let inline = item.as_array().map(|array| {
            array.iter().map(|value| Some((value.as_inline_table()?, value.span()))).collect()
        });
        let Some(Some(tables)) = inline.map(|tables: Option<Vec<_>>| tables) else {
            self.wrong::<()>(key, place, "a list of tables", item);
            return Vec::new();
        };
        tables
            .into_iter()
            .map(|(table, span)| {
                let place = self.file.place(span.map(|span| span.start));
                Reader::new(self.file, table as &dyn TableLike, name.clone(), place)
            })
            .collect()
    }

    /// The tables below `key`, by name: `[key.name]`.
    pub(super) fn named(&mut self, key: &'static str) -> Vec<(String, Reader<'a>)> {
        let Some((item, place)) = self.item(key) else { return Vec::new() };
        let Some(tables) = item.as_table_like() else {
            self.wrong::<()>(key, place, "a table of tables", item);
            return Vec::new();
        };
        let mut found = Vec::new();
        for (name, item) in tables.iter() {
            let start = tables.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
            let place = self.file.place(start.map(|span| span.start));
            if let Some(table) = item.as_table_like() {
                let label = format!("[{key}.{name}]");
                found.push((name.to_owned(), Reader::new(self.file, table, label, place)));
            } else {
                self.fault(place, format!("`{name}` of [{key}] must be a table, [{key}.{name}]"));
            }
        }
        found
    }

    /// Reports every key that was not asked for.
    pub(super) fn finish(self) {
        for (key, item) in self.table.iter() {
            if self.asked.contains(&key) {
                continue;
            }
            let start = self.table.key(key).and_then(toml_edit::Key::span).or_else(|| item.span());
            let place = self.file.place(start.map(|span| span.start));
            let hint = suggest::hint(key, self.asked.iter().copied());
            self.file.fault(place, format!("unknown key `{key}` in {}{hint}", self.name));
        }
    }

    fn item(&mut self, key: &'static str) -> Option<(&'a Item, Place)> {
        self.asked.push(key);
        let item = self.table.get(key).filter(|item| !item.is_none())?;
        let start = self.table.key(key).and_then(toml_edit::Key::span).or_else(|| item.span());
        Some((item, self.file.place(start.map(|span| span.start))))
    }

    fn wrong<T>(&self, key: &str, place: Place, wanted: &str, item: &Item) -> Option<T> {
        let found = match item {
            Item::Value(Value::String(_)) => "a text",
            Item::Value(Value::Integer(_) | Value::Float(_)) => "a number",
            Item::Value(Value::Boolean(_)) => "true or false",
            Item::Value(Value::Datetime(_)) => "a date",
            Item::Value(Value::Array(_)) | Item::ArrayOfTables(_) => "a list",
            _ => "a table",
        };
        self.fault(place, format!("`{key}` of {} must be {wanted}, not {found}", self.name));
        None
    }
}

/// A table as JSON; nothing where it holds a date or a number that JSON has not.
fn map(table: &dyn TableLike) -> Option<Map<String, Json>> {
    table.iter().map(|(name, item)| Some((name.to_owned(), json(item)?))).collect()
}

fn json(item: &Item) -> Option<Json> {
    match item {
        Item::Value(Value::Array(array)) => {
            array.iter().map(|value| json(&Item::Value(value.clone()))).collect()
        }
        Item::Value(Value::String(text)) => Some(text.value().as_str().into()),
        Item::Value(Value::Integer(number)) => Some((*number.value()).into()),
        Item::Value(Value::Boolean(flag)) => Some((*flag.value()).into()),
        Item::Value(Value::Float(number)) => {
            serde_json::Number::from_f64(*number.value()).map(Json::Number)
        }
        Item::ArrayOfTables(tables) => {
            tables.iter().map(|table| map(table).map(Json::Object)).collect()
        }
        other => other.as_table_like().and_then(map).map(Json::Object),
    }
}
