//! `gitdeck man`.

use crate::cli::args::Arguments;
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::output::Output;
use crate::config::suggest;
use clap::{Args, CommandFactory};

/// Print the manual, of gitdeck or of one subcommand, as roff
///
/// `gitdeck man sync | man -l -` reads it.
#[derive(Debug, Args)]
pub struct Man {
    /// Subcommand, `repo add`
    #[arg(value_name = "SUBCOMMAND")]
    subcommand: Vec<String>,
}

impl Man {
    /// Prints.
    pub(crate) fn run(&self, out: &mut Output) -> Result<Exit, Fault> {
        let mut command = Arguments::command();
        command.build();
        for word in &self.subcommand {
            let names: Vec<String> =
                command.get_subcommands().map(|known| known.get_name().to_owned()).collect();
            let Some(found) = command.find_subcommand(word) else {
                let hint = suggest::hint(word, names.iter().map(String::as_str));
                return Err(Fault::usage(format!("there is no subcommand `{word}`{hint}")));
            };
            command = found.clone();
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(|error| Fault::usage(format!("the manual cannot be made: {error}")))?;
        out.text(&String::from_utf8_lossy(&page));
        Ok(Exit::Fine)
    }
}
