//! `gitdeck secret`.

use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::output::Output;
use crate::cli::passphrase;
use crate::cli::print::paint::Paint;
use crate::cli::print::table::{Cell, Style, table};
use crate::config::{self, Environment, Overrides, Settings};
use crate::domain::{Secret as Value, SecretRef};
use crate::engine::{NewKey, SecretError, Secrets};
use clap::Subcommand;
use serde::Serialize;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

/// The largest value, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Keep secrets in gitdeck's vault or in the keyring of the desktop
///
/// `vault:NAME` is a value in an encrypted file of the data directory, `keyring:NAME` one in the keyring. Both stand in
/// the configuration wherever a reference to a secret does.
#[derive(Debug, Subcommand)]
pub enum Secret {
    /// Keep a value: typed unseen, or read from standard input
    ///
    /// The first `vault:NAME` makes the vault: for the key that `identity` of [vault] names, else for a passphrase.
    Set {
        /// `vault:NAME` or `keyring:NAME`
        #[arg(value_name = "REFERENCE")]
        reference: SecretRef,
    },
    /// Seal the vault for another passphrase, or for a key
    ///
    /// Asks for the old passphrase where the vault does not open by itself, and twice for the new one, unseen; with
    /// --identity it is sealed for that key instead. Nothing in it changes.
    Rekey {
        /// A private SSH key or a file with age identities
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
    },
    /// List what is kept and what the configuration refers to, without values
    List,
    /// Take a value out
    Remove {
        /// `vault:NAME` or `keyring:NAME`
        #[arg(value_name = "REFERENCE")]
        reference: SecretRef,
        /// Although the configuration refers to it
        #[arg(long)]
        in_use: bool,
    },
}

#[derive(Debug, Serialize)]
struct Document {
    /// The file of the vault, whether it is there or not.
    vault: String,
    secrets: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    reference: String,
    /// `there`, `missing`, `unknown`.
    state: &'static str,
    used_by: Vec<String>,
    /// Why the state is unknown.
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Change {
    /// `set`, `replaced`, `removed`, `resealed`.
    action: &'static str,
    /// Of what was resealed, the file of the vault.
    reference: String,
}

impl Secret {
    /// Whether it changes what is kept.
    pub(crate) fn writes(&self) -> bool {
        !matches!(self, Self::List)
    }

    /// Sets, lists or removes.
    pub(crate) fn run(
        &self,
        overrides: &Overrides,
        environment: &Environment,
        out: &mut Output,
    ) -> Result<Exit, Fault> {
        let settings = config::load(overrides, environment)?.settings;
        let secrets = Secrets::new(&settings.data_dir, &settings.vault);
        match self {
            Self::Set { reference } => set(&secrets, reference, out),
            Self::Rekey { identity } => rekey(&settings, &secrets, identity.as_deref(), out),
            Self::List => list(&settings, &secrets, out),
            Self::Remove { reference, in_use } => {
                remove(&settings, &secrets, (reference, *in_use), out)
            }
        }
    }
}

fn set(secrets: &Secrets, reference: &SecretRef, out: &mut Output) -> Result<Exit, Fault> {
    kept(reference)?;
    if matches!(reference, SecretRef::Vault(_)) && passphrase::is_possible() {
        if secrets.wants_first_passphrase() {
            passphrase::choose(secrets)?;
        } else if secrets.has_vault() {
            passphrase::unlock(secrets)?;
        }
    }
    let value = value(reference)?;
    let replaced = secrets.set(reference, value)?;
    Ok(tell(out, if replaced { "replaced" } else { "set" }, reference))
}

fn rekey(
    settings: &Settings,
    secrets: &Secrets,
    identity: Option<&Path>,
    out: &mut Output,
) -> Result<Exit, Fault> {
    let path = secrets.vault().display().to_string();
    if !secrets.has_vault() {
        return Err(Fault::usage(format!("there is no vault {path}"))
            .hint("`gitdeck secret set vault:NAME` makes it"));
    }
    if identity.is_none() && !passphrase::is_possible() {
        return Err(Fault::usage("a new passphrase is typed on a terminal, and there is none")
            .hint("`--identity FILE` seals the vault for a key without a question"));
    }
    if passphrase::is_possible() {
        passphrase::unlock(secrets)?;
    }
    let key = match identity {
        Some(file) => NewKey::Identity(file.to_owned()),
        None => NewKey::Passphrase(passphrase::chosen("the vault is as it was")?),
    };
    secrets.rekey(key)?;
    let vault = &settings.vault;
    let stale = match identity {
        None => vault.passphrase.as_ref().map(|reference| {
            format!("`passphrase` of [vault] is {reference}; put the new one there")
        }),
        Some(file) if vault.identity.as_deref() != Some(file) => {
            let file = file.display();
            Some(format!("`identity` of [vault] has to be {file}, unless it is the usual SSH key"))
        }
        Some(_) => None,
    };
    if let Some(stale) = stale {
        out.note(&stale);
    }
    if out.is_human() {
        out.line(&format!("resealed {}", crate::domain::text::harmless(&path)));
    } else {
        out.document(&Change { action: "resealed", reference: path });
    }
    Ok(Exit::Fine)
}

/// The value: typed, or all of standard input without its last line end.
fn value(reference: &SecretRef) -> Result<Value, Fault> {
    let value = if std::io::stdin().is_terminal() {
        passphrase::ask(&format!("Value of {reference}: "))?
    } else {
        let unread = |error| Fault::usage(format!("standard input cannot be read: {error}"));
        let mut bytes = Vec::new();
        std::io::stdin().take(LARGEST + 1).read_to_end(&mut bytes).map_err(unread)?;
        if bytes.len() as u64 > LARGEST {
            return Err(Fault::usage(
                "standard input holds more than 1 MiB; is it the right file?",
            ));
        }
        let text = String::from_utf8(bytes).map(Value::new);
        let text = text.map_err(|_| Fault::usage("standard input holds no text in UTF-8"))?;
        Value::new(text.reveal().trim_end_matches(['\r', '\n']))
    };
    if value.is_empty() {
        return Err(Fault::usage("the value is empty; nothing was kept"));
    }
    Ok(value)
}

fn list(settings: &Settings, secrets: &Secrets, out: &mut Output) -> Result<Exit, Fault> {
    if secrets.has_vault() && passphrase::is_possible() {
        passphrase::unlock(secrets)?;
    }
    let mut rows: Vec<Row> = Vec::new();
    for (reference, user) in settings.secrets() {
        let text = reference.to_string();
        match rows.iter_mut().find(|row| row.reference == text) {
            Some(row) => row.used_by.push(user),
            None => rows.push(row(secrets, reference, vec![user])),
        }
    }
    for reference in secrets.names()? {
        if !rows.iter().any(|row| row.reference == reference.to_string()) {
            rows.push(row(secrets, &reference, Vec::new()));
        }
    }
    rows.sort_by(|one, other| one.reference.cmp(&other.reference));
    let exit = if rows.iter().any(|row| row.error.is_some()) { Exit::Failed } else { Exit::Fine };
    if out.is_human() {
        let text = print(out.paint, &rows);
        out.text(&text);
        for row in &rows {
            if let Some(error) = &row.error {
                out.note(error);
            }
        }
        if rows.is_empty() {
            out.note("nothing is kept and nothing is referred to; `gitdeck secret set vault:NAME` keeps a value");
        }
    } else {
        out.document(&Document { vault: secrets.vault().display().to_string(), secrets: rows });
    }
    Ok(exit)
}

fn row(secrets: &Secrets, reference: &SecretRef, used_by: Vec<String>) -> Row {
    let (state, error) = match secrets.has(reference) {
        Ok(true) => ("there", None),
        Ok(false) => ("missing", None),
        Err(error) => ("unknown", Some(error.to_string())),
    };
    Row { reference: reference.to_string(), state, used_by, error }
}

fn print(paint: Paint, rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let style: Style = match row.state {
            "there" => Paint::good,
            "missing" => Paint::bad,
            _ => Paint::warn,
        };
        let users = if row.used_by.is_empty() { "-".to_owned() } else { row.used_by.join(", ") };
        vec![
            Cell::styled(&row.reference, Paint::name),
            Cell::styled(row.state, style),
            Cell::plain(&users),
        ]
    };
    table(paint, &["REFERENCE", "STATE", "USED BY"], rows.iter().map(cells).collect())
}

fn remove(
    settings: &Settings,
    secrets: &Secrets,
    (reference, in_use): (&SecretRef, bool),
    out: &mut Output,
) -> Result<Exit, Fault> {
    kept(reference)?;
    let uses = settings.secrets().into_iter().filter(|(one, _)| *one == reference);
    let users: Vec<String> = uses.map(|(_, user)| user).collect();
    if !users.is_empty() && !in_use {
        return Err(Fault {
            message: format!("{reference} is used by {}", users.join(", ")),
            hint: Some("`--in-use` removes it all the same".to_owned()),
            exit: Exit::Refused,
        });
    }
    if secrets.has_vault() && matches!(reference, SecretRef::Vault(_)) && passphrase::is_possible()
    {
        passphrase::unlock(secrets)?;
    }
    if secrets.remove(reference)? {
        return Ok(tell(out, "removed", reference));
    }
    Err(Fault::usage(format!("there is no {reference}"))
        .hint("`gitdeck secret list` shows what is kept"))
}

/// Refuses what is kept elsewhere, before anything is asked.
fn kept(reference: &SecretRef) -> Result<(), Fault> {
    match reference {
        SecretRef::Vault(_) | SecretRef::Keyring(_) => Ok(()),
        _ => Err(SecretError::NotKept { reference: reference.to_string() }.into()),
    }
}

fn tell(out: &mut Output, action: &'static str, reference: &SecretRef) -> Exit {
    if out.is_human() {
        let name = out.paint.name(&crate::domain::text::harmless(&reference.to_string()));
        out.line(&format!("{action} {name}"));
    } else {
        out.document(&Change { action, reference: reference.to_string() });
    }
    Exit::Fine
}

impl From<SecretError> for Fault {
    fn from(error: SecretError) -> Self {
        let exit = match error {
            SecretError::Damaged { .. }
            | SecretError::Storage { .. }
            | SecretError::NoKeyring { .. } => Exit::Failed,
            _ => Exit::Usage,
        };
        Self { message: error.to_string(), hint: None, exit }
    }
}
