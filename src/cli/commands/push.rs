//! `gitdeck push`.

use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::select;
use crate::cli::session::Work;
use crate::engine::Command;
use clap::Args;

/// Push the commits of a repository that wait in the outbox
///
/// Believed only when the server's own report and the branch on the remote agree. A push that loses a race is rebuilt on
/// the new tip if other paths changed; otherwise the conflict is shown and the commits stay in the outbox.
#[derive(Debug, Args)]
pub struct Push {
    /// Repositories
    #[arg(value_name = "REPOSITORY", required = true)]
    repositories: Vec<String>,
}

impl Push {
    /// Pushes.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        for name in &self.repositories {
            select::repository(&work.settings, name)?;
        }
        let push = |name: &String| Command::Push { repository: name.clone() };
        let commands = self.repositories.iter().map(push).collect();
        Ok(work.write_each(&self.repositories, commands).await)
    }
}
