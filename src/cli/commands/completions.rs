//! `gitdeck completions`.

use crate::cli::args::Arguments;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print the completions of a shell
///
/// For bash: `gitdeck completions bash > ~/.local/share/bash-completion/completions/gitdeck`.
#[derive(Debug, Args)]
pub struct Completions {
    /// Shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints.
    pub(crate) fn run(&self, out: &mut Output) -> Exit {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "gitdeck", &mut script);
        out.text(&String::from_utf8_lossy(&script));
        Exit::Fine
    }
}
