//! `gitdeck push`.

use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::prompt::Answer;
use crate::cli::select;
use crate::cli::session::Work;
use crate::domain::text::harmless;
use crate::engine::Command;
use clap::Args;

/// Push the commits of a repository that wait in the outbox
///
/// Believed only when the server's own report and the branch on the remote agree. A push that loses a race is rebuilt on
/// the new tip if other paths changed; otherwise the conflict is shown and the commits stay in the outbox, until --drop
/// takes one of them out.
#[derive(Debug, Args)]
pub struct Push {
    /// Repositories
    #[arg(value_name = "REPOSITORY", required = true)]
    repositories: Vec<String>,
    /// Drop this waiting commit instead of pushing; later ones are made again without it
    #[arg(long, value_name = "REV")]
    drop: Option<String>,
    /// Do not ask before a commit is dropped
    #[arg(long, short = 'y', requires = "drop")]
    yes: bool,
}

impl Push {
    /// Pushes.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        for name in &self.repositories {
            select::repository(&work.settings, name)?;
        }
        if let Some(revision) = &self.drop {
            return self.drop(work, revision).await;
        }
        let push = |name: &String| Command::Push { repository: name.clone() };
        let commands = self.repositories.iter().map(push).collect();
        Ok(work.write_each(&self.repositories, commands).await)
    }

    async fn drop(&self, work: &mut Work<'_>, revision: &str) -> Result<Exit, Fault> {
        let [repository] = self.repositories.as_slice() else {
            return Err(Fault::usage("--drop takes a commit out of one repository")
                .hint("name the repository where the commit waits"));
        };
        if !self.yes && !work.settings.safety.read_only {
            if !work.out.can_ask {
                return Err(Fault::usage("nobody is here to confirm that the commit is dropped")
                    .hint("`--yes` drops it without asking"));
            }
            let question =
                format!("Drop {} of {repository}, which was not pushed?", harmless(revision));
            if work.ask(&question).await? != Answer::Yes {
                return Ok(Exit::Fine);
            }
        }
        let (repository, revision) = (repository.clone(), revision.to_owned());
        let command = Command::Drop { repository, revision };
        Ok(work.write_each(&self.repositories, vec![command]).await)
    }
}
