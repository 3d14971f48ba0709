//! Changes to keys of a mapping that is configured already: only the value changes in the file, every other byte stays.

use super::edit::{check, end_of, parse, text_of};
use super::fault::ConfigError;
use super::load::{self, Loaded, Overrides};
use super::{Environment, Settings, suggest, write};
use crate::domain::Source;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml_edit::{Item, Table, Value};

/// What a key is to be.
#[derive(Debug, Clone)]
enum To {
    /// This value.
    Be(Value),
    /// What it is where it is not written; a line with a comment keeps its comment, and says this value.
    Default(Value),
}

/// Connects a mapping or disconnects it. Gives the file back; nothing where it is so already.
pub fn connect_mapping(
    overrides: &Overrides,
    environment: &Environment,
    name: &str,
    connected: bool,
) -> Result<Option<PathBuf>, ConfigError> {
    let to = if connected { To::Default(true.into()) } else { To::Be(false.into()) };
    let (file, is_changed) = change(overrides, environment, name, &[("connected", to)])?;
    Ok(is_changed.then_some(file))
}

/// What shall be another one of a mapping; what is nothing stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MappingChange {
    /// The mapping.
    pub name: String,
    /// Repository.
    pub repository: Option<String>,
    /// Path, below the project's prefix.
    pub path: Option<String>,
    /// Project.
    pub project: Option<String>,
    /// Context.
    pub context: Option<String>,
    /// Namespace.
    pub namespace: Option<String>,
    /// Which side wins.
    pub source: Option<Source>,
}

impl MappingChange {
    /// Whether everything stays.
    pub fn is_empty(&self) -> bool {
        *self == Self { name: self.name.clone(), ..Self::default() }
    }

    fn keys(&self) -> Vec<(&'static str, To)> {
        let all = [
            ("project", self.project.clone()),
            ("repository", self.repository.clone()),
            ("path", self.path.clone()),
            ("context", self.context.clone()),
            ("namespace", self.namespace.clone()),
            ("source", self.source.map(|source| source.word().to_owned())),
        ];
        all.into_iter().filter_map(|(key, text)| Some((key, To::Be(text?.into())))).collect()
    }
}

/// Changes what backs a mapping. Gives the file back.
pub fn change_mapping(
    overrides: &Overrides,
    environment: &Environment,
    wish: &MappingChange,
) -> Result<PathBuf, ConfigError> {
    Ok(change(overrides, environment, &wish.name, &wish.keys())?.0)
}

/// The settings as they would be after [`change_mapping`], and the file that would say so; nothing is written.
pub fn try_change(
    overrides: &Overrides,
    environment: &Environment,
    wish: &MappingChange,
) -> Result<(Settings, PathBuf), ConfigError> {
    let loaded = load::load(overrides, environment)?;
    let file = file_of(&loaded, &wish.name)?;
    let text = changed(&text_of(&file)?, &file, &wish.name, &wish.keys())?;
    let tried = check(&loaded, &file, &text).map_err(|error| not_changed(error, &wish.name))?;
    Ok((tried.settings, file))
}

/// The file that holds the mapping, and whether it had to be written.
fn change(
    overrides: &Overrides,
    environment: &Environment,
    name: &str,
    keys: &[(&str, To)],
) -> Result<(PathBuf, bool), ConfigError> {
    let loaded = load::load(overrides, environment)?;
    let file = file_of(&loaded, name)?;
    let lock = write::lock(&file)?;
    let text = text_of(&file)?;
    let changed = changed(&text, &file, name, keys)?;
    if changed == text {
        return Ok((file, false));
    }
    check(&loaded, &file, &changed).map_err(|error| not_changed(error, name))?;
    write::replace(&file, &changed)?;
    drop(lock);
    Ok((file, true))
}

/// The file that holds a mapping.
fn file_of(loaded: &Loaded, name: &str) -> Result<PathBuf, ConfigError> {
    let tables = &loaded.raw.mappings;
    let table = tables.iter().find(|table| table.name == name).ok_or_else(|| {
        let hint = suggest::hint(name, tables.iter().map(|table| table.name.as_str()));
        ConfigError::Edit(format!("there is no mapping `{name}`{hint}"))
    })?;
    Ok(table.place.file.to_path_buf())
}

/// The configuration was sound before; what is wrong now is what was asked for.
fn not_changed(error: ConfigError, name: &str) -> ConfigError {
    match error {
        ConfigError::Faults(faults) => {
            let faults: Vec<_> = faults.into_iter().map(|fault| fault.message).collect();
            ConfigError::Edit(format!("[mappings.{name}] was not changed: {}", faults.join("; ")))
        }
        error => error,
    }
}

fn changed(
    text: &str,
    file: &Path,
    name: &str,
    keys: &[(&str, To)],
) -> Result<String, ConfigError> {
    let mut text = text.to_owned();
    for (key, to) in keys {
        text = match written(&text, name, key, to) {
            Some(text) => text,
            None => rewritten(&text, file, name, key, to)?,
        };
    }
    Ok(text)
}

/// The text with one key of `[mappings.NAME]` changed. Nothing where the table has no lines of its own: it is written
/// inline or with dotted keys.
fn written(text: &str, name: &str, key: &str, to: &To) -> Option<String> {
    let document = toml_edit::Document::parse(text).ok()?;
    let table = document.as_table().get("mappings")?.as_table()?.get(name)?.as_table()?;
    let header = table.span().filter(|_| !table.is_implicit() && !table.is_dotted())?;
    let known = match table.get(key) {
        None => None,
        Some(Item::Value(value)) => Some(value.span()?),
        Some(_) => return None,
    };
    let mut out = text.to_owned();
    match (known, to) {
        (None, To::Default(_)) => {}
        (None, To::Be(value)) => {
            let after = line_of(text, &(header.start..last_of(table, &header)));
            let end = if text[after.clone()].contains("\r\n") { "\r\n" } else { "\n" };
            let before = if text[..after.end].ends_with('\n') { "" } else { end };
            out.insert_str(after.end, &format!("{before}{key} = {}{end}", bare(value)));
        }
        (Some(span), To::Be(value)) => out.replace_range(span, &bare(value)),
        (Some(span), To::Default(value)) => {
            let line = line_of(text, &span);
            if text[span.end..line.end].trim().is_empty() {
                out.replace_range(line, "");
            } else {
                out.replace_range(span, &bare(value));
            }
        }
    }
    Some(out)
}

/// Where the keys of a table itself end: after the last of them, or after its header.
fn last_of(table: &Table, header: &Range<usize>) -> usize {
    let values = table.iter().filter_map(|(_, item)| end_of(item));
    values.fold(header.end, usize::max)
}

/// The lines that a span begins and ends in, line end included.
fn line_of(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[span.end..].find('\n').map_or(text.len(), |newline| span.end + newline + 1);
    start..end
}

/// A value as it is written, without the room around it.
fn bare(value: &Value) -> String {
    let mut value = value.clone();
    value.decor_mut().clear();
    value.to_string()
}

/// [`written`] for a table without lines of its own.
fn rewritten(
    text: &str,
    file: &Path,
    name: &str,
    key: &str,
    to: &To,
) -> Result<String, ConfigError> {
    let mut document = parse(text, file)?;
    let table = document
        .get_mut("mappings")
        .and_then(Item::as_table_like_mut)
        .and_then(|tables| tables.get_mut(name))
        .and_then(Item::as_table_like_mut);
    let Some(table) = table else {
        return Err(ConfigError::Edit(format!("[mappings.{name}] is no table")));
    };
    match to {
        To::Be(value) => {
            let mut value = value.clone();
            if let Some(old) = table.get(key).and_then(Item::as_value) {
                value.decor_mut().clone_from(old.decor());
            }
            table.insert(key, Item::Value(value));
        }
        To::Default(_) => {
            table.remove(key);
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::{To, changed};
    use std::path::Path;

    fn set(text: &str, to: To) -> String {
        changed(text, Path::new("config.toml"), "web", &[("connected", to)]).unwrap()
    }

    #[test]
    fn only_the_line_of_the_key_comes_and_goes() {
        let text = "# mine\n[mappings.web] # the shop\n  path = \"web\" # where\n\n# other\n[mappings.api]\npath = \"api\"\n";
        let off = set(text, To::Be(false.into()));
        assert_eq!(off, text.replace("# where\n", "# where\nconnected = false\n"));
        assert_eq!(set(&off, To::Default(true.into())), text);
        assert_eq!(set(text, To::Default(true.into())), text);
        assert_eq!(set(&off, To::Be(false.into())), off);
    }

    #[test]
    fn a_comment_on_the_line_stays_with_its_value() {
        let text = "[mappings.web]\nconnected = false # until the move\npath = \"web\"\n";
        let on = text.replace("false", "true");
        assert_eq!(set(text, To::Default(true.into())), on);
        assert_eq!(set(&on, To::Be(false.into())), text);
    }

    #[test]
    fn line_ends_sub_tables_and_a_last_line_without_end_stay() {
        let windows =
            "[mappings.web]\r\npath = \"web\"\r\n[mappings.web.helm]\r\nrelease = \"w\"\r\n";
        let off = set(windows, To::Be(false.into()));
        assert_eq!(off, windows.replace("\"web\"\r\n", "\"web\"\r\nconnected = false\r\n"));
        assert_eq!(set(&off, To::Default(true.into())), windows);
        let open = set("[mappings.web]\npath = \"web\"", To::Be(false.into()));
        assert_eq!(open, "[mappings.web]\npath = \"web\"\nconnected = false\n");
        let empty = set("[mappings.web]\n[mappings.web.sync]\nauto = true\n", To::Be(false.into()));
        assert_eq!(empty, "[mappings.web]\nconnected = false\n[mappings.web.sync]\nauto = true\n");
    }

    #[test]
    fn inline_and_dotted_tables_change_as_well() {
        for text in
            ["[mappings]\nweb = { path = \"web\" }\n", "mappings.web.path = \"web\" # dotted\n"]
        {
            let off = set(text, To::Be(false.into()));
            let read: toml_edit::DocumentMut = off.parse().unwrap();
            assert_eq!(read["mappings"]["web"]["connected"].as_bool(), Some(false), "{off}");
            assert_eq!(read["mappings"]["web"]["path"].as_str(), Some("web"), "{off}");
            assert_eq!(off.contains('#'), text.contains('#'));
            let on = set(&off, To::Default(true.into()));
            assert!(!on.contains("connected"), "{on}");
        }
    }
}
