//! Changes to the configuration file that keep what they do not touch, comments included.

use super::fault::ConfigError;
use super::load::{self, Loaded, Overrides};
use super::{Environment, Settings, duration, suggest, write};
use crate::domain::{EngineKind, Mapping, SecretRef, Source};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml_edit::{DocumentMut, Item, Table, value};

/// A repository to add. Secrets are references; nothing else fits.
#[derive(Debug, Clone, Default)]
pub struct NewRepository {
    /// Key of the table.
    pub name: String,
    /// Address.
    pub url: String,
    /// Branch; `main` where nothing is given.
    pub branch: Option<String>,
    /// Name for people.
    pub display_name: Option<String>,
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<SecretRef>,
    /// Token.
    pub access_token: Option<SecretRef>,
    /// SSH key.
    pub private_key: Option<SecretRef>,
    /// Passphrase of the key.
    pub passphrase: Option<SecretRef>,
    /// The one project that may use it.
    pub project: Option<String>,
    /// How often it is fetched.
    pub polling_interval: Option<Duration>,
}

/// A mapping to add.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewMapping {
    /// Key of the table.
    pub name: String,
    /// Repository, unless the project's.
    pub repository: Option<String>,
    /// Path, below the project's prefix.
    pub path: Option<String>,
    /// Project.
    pub project: Option<String>,
    /// Context.
    pub context: Option<String>,
    /// Namespace.
    pub namespace: Option<String>,
    /// Who applies it.
    pub engine: Option<EngineKind>,
    /// Which side wins.
    pub source: Option<Source>,
}

/// Adds `[repositories.NAME]` to the main file. Gives the file back.
pub fn add_repository(
    overrides: &Overrides,
    environment: &Environment,
    new: &NewRepository,
) -> Result<PathBuf, ConfigError> {
    let reference = |secret: &Option<SecretRef>| secret.as_ref().map(ToString::to_string);
    let keys = [
        ("url", Some(new.url.clone())),
        ("branch", new.branch.clone()),
        ("display_name", new.display_name.clone()),
        ("username", new.username.clone()),
        ("password", reference(&new.password)),
        ("access_token", reference(&new.access_token)),
        ("private_key", reference(&new.private_key)),
        ("passphrase", reference(&new.passphrase)),
        ("project", new.project.clone()),
        ("polling_interval", new.polling_interval.map(duration::show)),
    ];
    add(overrides, environment, ("repositories", &new.name), &keys)
}

/// Adds `[mappings.NAME]` to the main file. Gives the file back.
pub fn add_mapping(
    overrides: &Overrides,
    environment: &Environment,
    new: &NewMapping,
) -> Result<PathBuf, ConfigError> {
    add(overrides, environment, ("mappings", &new.name), &keys_of(new))
}

/// The mapping that [`add_mapping`] would add, with everything that it inherits; nothing is written.
pub fn try_mapping(
    overrides: &Overrides,
    environment: &Environment,
    new: &NewMapping,
) -> Result<Mapping, ConfigError> {
    let mut tried = try_adding(overrides, environment, new)?;
    tried.mappings.shift_remove(&new.name).ok_or_else(|| {
        ConfigError::Edit(format!("[mappings.{}] would not be what was asked for", new.name))
    })
}

/// The settings as they would be after [`add_mapping`]; nothing is written.
pub fn try_adding(
    overrides: &Overrides,
    environment: &Environment,
    new: &NewMapping,
) -> Result<Settings, ConfigError> {
    let overrides = Overrides { may_be_missing: true, ..overrides.clone() };
    let added = added(&overrides, environment, ("mappings", &new.name), &keys_of(new))?;
    let tried = check(&added.loaded, &added.main, &added.text);
    Ok(tried.map_err(|error| not_added(error, "mappings", &new.name))?.settings)
}

fn keys_of(new: &NewMapping) -> [(&'static str, Option<String>); 7] {
    let engine = new.engine.map(|engine| match engine {
        EngineKind::Direct => "direct",
        EngineKind::Flux => "flux",
        EngineKind::Argocd => "argocd",
    });
    [
        ("project", new.project.clone()),
        ("repository", new.repository.clone()),
        ("path", new.path.clone()),
        ("context", new.context.clone()),
        ("namespace", new.namespace.clone()),
        ("engine", engine.map(str::to_owned)),
        ("source", new.source.map(|source| source.word().to_owned())),
    ]
}

/// Removes `[repositories.NAME]` from the file that holds it. Gives the file back.
pub fn remove_repository(
    overrides: &Overrides,
    environment: &Environment,
    name: &str,
) -> Result<PathBuf, ConfigError> {
    let loaded = load::load(overrides, environment)?;
    let users = loaded.settings.mappings.values().filter(|mapping| mapping.repository == name);
    let users: Vec<&str> = users.map(|mapping| mapping.name.as_str()).collect();
    if !users.is_empty() {
        return Err(ConfigError::Edit(format!(
            "repository `{name}` is used by {}; remove these mappings first (`gitdeck mapping remove NAME`)",
            users.join(", ")
        )));
    }
    let tables = loaded.raw.repositories.iter().map(|table| (&table.name, &table.place));
    let file = tables.clone().find(|(known, _)| *known == name).map(|(_, place)| &place.file);
    let Some(file) = file else {
        let hint = suggest::hint(name, tables.map(|(known, _)| known.as_str()));
        return Err(ConfigError::Edit(format!("there is no repository `{name}`{hint}")));
    };
    remove(&loaded, file, ("repositories", name))
}

/// Removes `[mappings.NAME]` from the file that holds it; the cluster is left as it is. Gives the file back.
pub fn remove_mapping(
    overrides: &Overrides,
    environment: &Environment,
    name: &str,
) -> Result<PathBuf, ConfigError> {
    let loaded = load::load(overrides, environment)?;
    let tables = loaded.raw.mappings.iter().map(|table| (&table.name, &table.place));
    let file = tables.clone().find(|(known, _)| *known == name).map(|(_, place)| &place.file);
    let Some(file) = file else {
        let hint = suggest::hint(name, tables.map(|(known, _)| known.as_str()));
        return Err(ConfigError::Edit(format!("there is no mapping `{name}`{hint}")));
    };
    let on =
        loaded.settings.mappings.values().filter(|one| one.depends_on.iter().any(|on| on == name));
    let on: Vec<&str> = on.map(|mapping| mapping.name.as_str()).collect();
    if !on.is_empty() {
        return Err(ConfigError::Edit(format!(
            "{} depends on mapping `{name}`; take it out of `depends_on` first",
            on.join(", ")
        )));
    }
    remove(&loaded, file, ("mappings", name))
}

fn add(
    overrides: &Overrides,
    environment: &Environment,
    (table, name): (&str, &str),
    keys: &[(&str, Option<String>)],
) -> Result<PathBuf, ConfigError> {
    let overrides = Overrides { may_be_missing: true, ..overrides.clone() };
    let (main, _) = load::main_file(&overrides, environment)?;
    let lock = write::lock(&main)?;
    let Added { loaded, main, text } = added(&overrides, environment, (table, name), keys)?;
    save(&loaded, &main, &text).map_err(|error| not_added(error, table, name))?;
    drop(lock);
    Ok(main)
}

/// The main file with a table more.
struct Added {
    loaded: Loaded,
    main: PathBuf,
    text: String,
}

fn added(
    overrides: &Overrides,
    environment: &Environment,
    (table, name): (&str, &str),
    keys: &[(&str, Option<String>)],
) -> Result<Added, ConfigError> {
    let overrides = Overrides { may_be_missing: true, ..overrides.clone() };
    let (main, _) = load::main_file(&overrides, environment)?;
    let loaded = load::load(&overrides, environment)?;
    let known = match table {
        "repositories" => loaded.settings.repositories.contains_key(name),
        _ => loaded.settings.mappings.contains_key(name),
    };
    if known {
        return Err(ConfigError::Edit(format!("`{name}` exists already in [{table}]")));
    }
    let mut document = parse(&text_of(&main)?, &main)?;
    let tables = document.entry(table).or_insert_with(|| {
        let mut parent = Table::new();
        parent.set_implicit(true);
        Item::Table(parent)
    });
    let Some(tables) = tables.as_table_like_mut() else {
        return Err(ConfigError::Edit(format!("[{table}] is no table")));
    };
    let mut new = Table::new();
    for (key, text) in keys {
        if let Some(text) = text {
            new.insert(key, value(text));
        }
    }
    tables.insert(name, Item::Table(new));
    Ok(Added { loaded, main, text: document.to_string() })
}

/// The configuration was sound before; what is wrong now was given, and its lines are not written anywhere.
fn not_added(error: ConfigError, table: &str, name: &str) -> ConfigError {
    match error {
        ConfigError::Faults(faults) => {
            let faults: Vec<_> = faults.into_iter().map(|fault| fault.message).collect();
            ConfigError::Edit(format!("[{table}.{name}] was not added: {}", faults.join("; ")))
        }
        error => error,
    }
}

fn remove(
    loaded: &Loaded,
    file: &Path,
    (table, name): (&str, &str),
) -> Result<PathBuf, ConfigError> {
    let lock = write::lock(file)?;
    let text = text_of(file)?;
    let without = cut(&text, table, name).unwrap_or_else(|| {
        // Written inline or with dotted keys: no lines of its own to take out.
        let mut document: DocumentMut = text.parse().unwrap_or_default();
        if let Some(tables) = document.get_mut(table).and_then(Item::as_table_like_mut) {
            tables.remove(name);
        }
        document.to_string()
    });
    save(loaded, file, &without)?;
    drop(lock);
    Ok(file.to_owned())
}

/// Checks the whole configuration with the new text, then writes it.
fn save(loaded: &Loaded, file: &Path, text: &str) -> Result<(), ConfigError> {
    check(loaded, file, text)?;
    write::replace(file, text)
}

/// The whole configuration with the new text.
pub(super) fn check(loaded: &Loaded, file: &Path, text: &str) -> Result<Loaded, ConfigError> {
    load::load_with(&loaded.overrides, &loaded.environment, Some((file, text)))
}

pub(super) fn text_of(path: &Path) -> Result<String, ConfigError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(ConfigError::Unreadable { path: path.to_owned(), source }),
    }
}

pub(super) fn parse(text: &str, path: &Path) -> Result<DocumentMut, ConfigError> {
    text.parse().map_err(|_| ConfigError::Edit(format!("{} is not TOML", path.display())))
}

/// The text without the lines of `[table.name]`, its sub-tables and the comment right above it. Nothing where it has no
/// lines of its own.
fn cut(text: &str, table: &str, name: &str) -> Option<String> {
    let document = toml_edit::Document::parse(text).ok()?;
    let found = document.as_table().get(table)?.as_table()?.get(name)?.as_table()?;
    if found.is_dotted() {
        return None;
    }
    let mut spans = Vec::new();
    spans_of(found, &mut spans);
    if spans.is_empty() {
        return None;
    }
    spans.sort_by_key(|span| span.start);
    let mut out = text.to_owned();
    for span in spans.into_iter().rev() {
        out.replace_range(whole_lines(text, &span), "");
    }
    Some(out)
}

fn spans_of(table: &Table, spans: &mut Vec<Range<usize>>) {
    if let Some(header) = table.span().filter(|_| !table.is_implicit() && !table.is_dotted()) {
        let end = table.iter().filter_map(|(_, item)| end_of(item)).fold(header.end, usize::max);
        spans.push(header.start..end);
    }
    for (_, item) in table {
        match item {
            Item::Table(inner) => spans_of(inner, spans),
            Item::ArrayOfTables(list) => list.iter().for_each(|inner| spans_of(inner, spans)),
            _ => {}
        }
    }
}

/// The last byte of a value below a table's own header.
pub(super) fn end_of(item: &Item) -> Option<usize> {
    match item {
        Item::Value(value) => Some(value.span()?.end),
        Item::Table(table) if table.is_dotted() => {
            table.iter().filter_map(|(_, item)| end_of(item)).max()
        }
        _ => None,
    }
}

/// Widens a span to whole lines, with the comment block above and the blank lines below.
fn whole_lines(text: &str, span: &Range<usize>) -> Range<usize> {
    let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let mut start = line_start(span.start);
    while start > 0 {
        let above = line_start(start - 1);
        if !text[above..start].trim_start().starts_with('#') {
            break;
        }
        start = above;
    }
    let mut end = text[span.end..].find('\n').map_or(text.len(), |newline| span.end + newline + 1);
    while let Some(newline) = text[end..].find('\n') {
        if !text[end..end + newline].trim().is_empty() {
            break;
        }
        end += newline + 1;
    }
    start..end
}
