//! What becomes of a change on its way to a commit: the flags that commands share, the questions, and the dry run.

use crate::cli::fault::Fault;
use crate::cli::print;
use crate::cli::prompt::Answer;
use crate::cli::session::Work;
use crate::domain::text::harmless;
use crate::engine::Branch;
use clap::Args;
use serde::Serialize;

/// Where a commit goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Into the outbox.
    Outbox,
    /// To the branch that is followed.
    Push,
    /// To a branch of its own.
    Branch(Branch),
}

impl Place {
    /// Whether it is pushed to the branch that is followed.
    pub(super) fn is_push(&self) -> bool {
        *self == Self::Push
    }

    /// The branch of its own.
    pub(super) fn branch(&self) -> Option<Branch> {
        match self {
            Self::Branch(branch) => Some(branch.clone()),
            Self::Outbox | Self::Push => None,
        }
    }
}

/// Flags of where a commit goes.
#[derive(Debug, Args)]
pub struct Destination {
    /// Push right after
    #[arg(long, conflicts_with = "no_push")]
    push: bool,
    /// Leave the commit in the outbox
    #[arg(long)]
    no_push: bool,
    /// Push the commit to a new branch of this name, to be merged by others
    #[arg(long, value_name = "NAME", conflicts_with_all = ["push", "no_push"])]
    branch: Option<String>,
    /// Push the commit to a new branch with a generated name, and tell where a pull request is opened
    #[arg(long, conflicts_with_all = ["push", "no_push", "branch"])]
    pull_request: bool,
}

impl Destination {
    /// What the flags say; nothing where none was given.
    pub(super) fn chosen(&self) -> Option<Place> {
        match &self.branch {
            Some(name) => Some(Place::Branch(Branch::Named(name.clone()))),
            None if self.pull_request => Some(Place::Branch(Branch::Generated)),
            None if self.push => Some(Place::Push),
            None if self.no_push => Some(Place::Outbox),
            None => None,
        }
    }
}

/// Flags of what becomes a commit.
#[derive(Debug, Args)]
pub struct Landing {
    /// Message; the default one says what changes
    #[arg(short, long, value_name = "TEXT")]
    pub(super) message: Option<String>,
    /// Where the commit goes
    #[command(flatten)]
    destination: Destination,
    /// Commit without asking
    #[arg(long, short = 'y')]
    yes: bool,
    /// Show what would be committed, and commit nothing
    #[arg(long, conflicts_with_all = ["push", "no_push", "branch", "pull_request", "yes"])]
    pub(super) dry_run: bool,
}

impl Landing {
    /// Refuses to go on where somebody would have to be asked and nobody is there.
    pub(super) fn refuse_silence(&self, work: &Work<'_>) -> Result<(), Fault> {
        if self.dry_run || work.out.can_ask {
            return Ok(());
        }
        if !self.yes {
            return Err(Fault::usage("nobody is here to ask whether this is committed")
                .hint("say --yes with --push, --no-push or --branch, or --dry-run to look at it"));
        }
        if self.destination.chosen().is_none() {
            return Err(Fault::usage("nobody is here to ask whether the commit is pushed")
                .hint("say --push, --no-push to leave it in the outbox, or --branch NAME"));
        }
        Ok(())
    }

    /// The message that was given, else the default one.
    pub(super) fn said<'a>(&'a self, default: &'a str) -> &'a str {
        self.message.as_deref().unwrap_or(default)
    }

    /// [`Self::decide`] about a commit with the title of its message, which is the drafted one where none was given.
    pub(super) async fn ask(
        &self,
        work: &mut Work<'_>,
        repository: &str,
        (diff, message): (&str, &str),
    ) -> Result<Option<Place>, Fault> {
        let title = self.said(message).lines().next().unwrap_or_default();
        let question = format!("Commit \"{}\" to {repository}?", harmless(title));
        self.decide(work, repository, (diff, &question)).await
    }

    /// Where the commit goes; nothing where it is not wanted at all.
    pub(super) async fn decide(
        &self,
        work: &mut Work<'_>,
        repository: &str,
        (diff, question): (&str, &str),
    ) -> Result<Option<Place>, Fault> {
        if !self.yes {
            let text = print::commit::patch(work.out.note_paint, diff);
            work.out.note_painted(&text);
            if work.ask(question).await? != Answer::Yes {
                return Ok(None);
            }
        }
        if let Some(place) = self.destination.chosen() {
            return Ok(Some(place));
        }
        self.refuse_silence(work)?;
        let pushes = work.ask(&format!("Push to {repository} right after?")).await? == Answer::Yes;
        Ok(Some(if pushes { Place::Push } else { Place::Outbox }))
    }
}

/// Shows what would be committed, as a diff for people or as a document.
pub(super) fn show(work: &mut Work<'_>, diff: &str, message: &str, document: &impl Serialize) {
    if !work.out.is_human() {
        work.out.document(document);
        return;
    }
    let text = print::commit::patch(work.out.paint, diff);
    work.out.line(text.trim_end());
    work.out.note(&format!("would commit: {}", harmless(message)));
}
