//! What a person types unseen: passphrases and values of secrets. Never an argument, never echoed.

use super::exit::Exit;
use super::fault::Fault;
use super::output::Output;
use crate::config::Settings;
use crate::domain::{Secret, SecretRef};
use crate::engine::{SecretError, Secrets};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Read, Write};
use std::sync::Arc;

/// How often a passphrase may be typed wrong.
const TRIES: usize = 3;

/// Asks for the passphrase of a vault that the configuration needs and that does not open by itself. Left empty, the
/// command goes on: what needs the vault says that it is locked.
pub(super) async fn open_vault(
    settings: &Settings,
    secrets: &Arc<Secrets>,
    out: &Output,
) -> Result<(), Fault> {
    let in_vault = |(one, _): &(&SecretRef, String)| matches!(one, SecretRef::Vault(_));
    if !out.can_ask || !secrets.has_vault() || !settings.secrets().iter().any(in_vault) {
        return Ok(());
    }
    let secrets = Arc::clone(secrets);
    let asked = tokio::task::spawn_blocking(move || unlock(&secrets)).await;
    match asked {
        Ok(Err(fault)) if fault.exit == Exit::Interrupted => Err(fault),
        // Whoever needs the vault says what is wrong with it.
        _ => Ok(()),
    }
}

/// Opens the vault, with what is typed where it does not open by itself.
pub(super) fn unlock(secrets: &Secrets) -> Result<(), Fault> {
    for left in (0..TRIES).rev() {
        let Some(wanted) = secrets.wanted() else { return Ok(()) };
        let typed = ask(&format!("Vault: {wanted}: "))?;
        if typed.is_empty() {
            return Err(Fault::usage("nothing was typed; the vault stays locked"));
        }
        match secrets.unlock(typed) {
            Err(SecretError::WrongPassphrase { .. }) if left > 0 => tell("That is not it."),
            other => return other.map_err(Fault::from),
        }
    }
    Ok(())
}

/// Lets a person choose the passphrase of a new vault.
pub(super) fn choose(secrets: &Secrets) -> Result<(), Fault> {
    let path = secrets.vault().display().to_string();
    tell(&format!(
        "A new vault is made: {path}. There is no way back to it without its passphrase."
    ));
    secrets.choose_passphrase(chosen("no vault was made")?);
    Ok(())
}

/// A passphrase that a person chooses, typed twice.
pub(super) fn chosen(otherwise: &str) -> Result<Secret, Fault> {
    let chosen = ask("New passphrase: ")?;
    if chosen.is_empty() {
        return Err(Fault::usage(format!("nothing was typed; {otherwise}")));
    }
    if ask("Once more: ")? != chosen {
        return Err(Fault::usage(format!("the two were not the same; {otherwise}")));
    }
    Ok(chosen)
}

/// Whether a person can be asked.
pub(super) fn is_possible() -> bool {
    std::io::stderr().is_terminal() && terminal().is_ok()
}

/// What is typed after a question, up to the end of the line.
pub(super) fn ask(question: &str) -> Result<Secret, Fault> {
    let unasked = |error: std::io::Error| {
        Fault::usage(format!("nobody can be asked here: the terminal cannot be read ({error})"))
    };
    let terminal = terminal().map_err(unasked)?;
    // Before the question is there: who answers at once is not to be seen either.
    let unseen = Unseen::begin(&terminal).map_err(|error| unasked(error.into()))?;
    write!(&terminal, "{question}").map_err(unasked)?;
    let typed = line(&terminal);
    drop(unseen);
    let _ = writeln!(&terminal);
    match typed.map_err(unasked)? {
        Some(bytes) => String::from_utf8(bytes)
            .map(Secret::new)
            .map_err(|_| Fault::usage("what was typed is no text in UTF-8")),
        None => Err(Fault {
            message: "interrupted; nothing was done".to_owned(),
            hint: None,
            exit: Exit::Interrupted,
        }),
    }
}

fn tell(text: &str) {
    if let Ok(mut terminal) = terminal() {
        let _ = writeln!(terminal, "{text}");
    }
}

/// The terminal itself: standard input may carry the secret.
fn terminal() -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/tty")
}

/// The bytes of a line as they were meant; nothing after Ctrl-C, or where the terminal went away before its end.
fn line(mut terminal: &File) -> std::io::Result<Option<Vec<u8>>> {
    let mut typed = Vec::new();
    let mut byte = [0];
    while terminal.read(&mut byte)? == 1 {
        match byte[0] {
            b'\r' | b'\n' | 0x04 => return Ok(Some(typed)),
            0x03 | 0x1a => return Ok(None),
            0x08 | 0x7f => {
                // A letter may be several bytes.
                while typed.pop().is_some_and(|byte: u8| byte & 0xc0 == 0x80) {}
            }
            0x15 => typed.clear(),
            byte => typed.push(byte),
        }
    }
    Ok(None)
}

/// The terminal without echo, line editing and signals; as it was again when this is dropped.
struct Unseen<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Unseen<'a> {
    fn begin(terminal: &'a File) -> rustix::io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes -=
            LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        // What was typed before the question is no answer to it.
        tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Unseen<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}
