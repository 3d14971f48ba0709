//! `gitdeck repo accept`.

use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::prompt::Answer;
use crate::cli::select;
use crate::cli::session::Work;
use crate::domain::Rewrite;
use crate::domain::text::harmless;
use crate::engine::{Command, Event, Outcome};
use clap::Args;
use serde::Serialize;

/// Follow a branch whose history was rewritten on the remote (force-pushed)
///
/// Shows the old and the new tip and the commits that would be left behind, then asks. The old commits stay readable, and
/// commits that wait for a push are made again on the new tip when they are pushed.
#[derive(Debug, Args)]
pub struct Accept {
    /// Repository
    #[arg(value_name = "REPOSITORY")]
    name: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// The document.
#[derive(Debug, Serialize)]
struct Document<'a> {
    repository: &'a str,
    branch: &'a str,
    #[serde(flatten)]
    rewrite: Option<&'a Rewrite>,
    /// `accepted`, `declined`, `unchanged`, `refused`, `failed`, `cancelled`.
    outcome: &'static str,
}

impl Accept {
    /// Looks, asks, follows.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        select::repository(&work.settings, &self.name)?;
        let branch = work.settings.repositories[&self.name].remote.branch.clone();
        let compare = Command::Compare { repository: self.name.clone() };
        let (compared, events) = work.run_one(compare).await;
        let rewrite = events.into_iter().find_map(|event| match event {
            Event::RewriteLoaded { rewrite, .. } => rewrite,
            _ => None,
        });
        let Some(rewrite) = rewrite else {
            let exit = work.settle(&self.name, &compared);
            let outcome = if exit == Exit::Fine { "unchanged" } else { "failed" };
            self.tell(work, &branch, None, outcome);
            return Ok(exit);
        };
        show(work, &self.name, &branch, &rewrite);
        if !self.confirmed(work, &branch, &rewrite).await? {
            self.tell(work, &branch, Some(&rewrite), "declined");
            return Ok(Exit::Fine);
        }
        let accept = Command::Accept { repository: self.name.clone(), tip: rewrite.tip.clone() };
        let (ended, _) = work.run_one(accept).await;
        let exit = work.settle(&self.name, &ended);
        let outcome = match ended {
            Outcome::Done(_) => "accepted",
            Outcome::Failed(_) => "failed",
            Outcome::Refused(_) => "refused",
            Outcome::Cancelled => "cancelled",
        };
        self.tell(work, &branch, Some(&rewrite), outcome);
        Ok(exit)
    }

    async fn confirmed(
        &self,
        work: &mut Work<'_>,
        branch: &str,
        rewrite: &Rewrite,
    ) -> Result<bool, Fault> {
        // Nobody is asked about what is refused anyway.
        if self.yes || work.settings.safety.read_only {
            return Ok(true);
        }
        if !work.out.can_ask {
            return Err(Fault::usage("nobody is here to confirm that the new history is followed")
                .hint("`--yes` follows it without asking"));
        }
        let question = format!("Follow {branch} of {} to {}?", self.name, rewrite.tip.short());
        Ok(work.ask(&question).await? == Answer::Yes)
    }

    fn tell(
        &self,
        work: &mut Work<'_>,
        branch: &str,
        rewrite: Option<&Rewrite>,
        outcome: &'static str,
    ) {
        if !work.out.is_human() {
            work.out.document(&Document { repository: &self.name, branch, rewrite, outcome });
            return;
        }
        match (outcome, rewrite) {
            ("accepted", Some(rewrite)) => {
                let (tip, name) = (work.out.paint.name(rewrite.tip.short()), &self.name);
                work.out.line(&format!("{branch} of {name} is followed to {tip}"));
            }
            ("unchanged", _) => {
                work.out.line(&format!("{branch} of {} was not rewritten", self.name));
            }
            _ => {}
        }
    }
}

fn show(work: &mut Work<'_>, name: &str, branch: &str, rewrite: &Rewrite) {
    let (before, tip) = (rewrite.before.short(), rewrite.tip.short());
    work.out
        .note(&format!("{branch} of {name} was rewritten: it was at {before} and is now at {tip}"));
    work.out.note(&format!("left behind: {}", rewrite.count));
    for commit in &rewrite.left {
        let (author, title) = (harmless(&commit.author), harmless(commit.title()));
        work.out.note(&format!("  {} {author}: {title}", commit.revision.short()));
    }
    let more = rewrite.count - rewrite.left.len();
    if more > 0 {
        work.out.note(&format!("  and {more} more"));
    }
}
