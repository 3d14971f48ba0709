//! `gitdeck revert`.

use super::commit::{Offered, tell_offered};
use super::landing::{Destination, Place};
use super::release::{Release, options};
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print;
use crate::cli::prompt::Answer;
use crate::cli::select;
use crate::cli::session::Work;
use crate::config::duration;
use crate::domain::depends::PATIENCE;
use crate::domain::revert::{RevertConflict, RevertDraft, Undo};
use crate::domain::text::harmless;
use crate::domain::{Commit, Plan, PushOutcome, Revision};
use crate::engine::{Command, Confirmed, Event, Outcome, SyncOptions, Wish};
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// Undo a commit, a range, or everything since a state, by a new commit
///
/// `revert MAPPING` undoes the newest commit of the mapping, `revert MAPPING REV` that commit or range A..B, each as far as
/// it is about what the mapping's log shows: its path, and the bases, components and values that it is made from. What else
/// it changed is told and stays. Other mappings that are made from the same files change as well: they are planned and shown
/// with it. `revert REV` undoes all of it. Undoing a revert applies again what it undid. A commit that was changed again
/// since is a conflict: the files are named, and nothing is kept.
///
/// A range makes one commit for each of its commits, the newest first, as `git revert` does, or one of all with --squash;
/// they are shown, pushed and synced together. Its merges are passed over, since the commits of their lines are in the
/// range; a merge with changes of its own is refused, and --mainline 1 undoes each merge as a whole instead. --to makes
/// one commit.
///
/// The result is shown as a diff and, for every mapping that it touches, as a plan of the cluster. With --sync it is
/// pushed and exactly these plans are carried out and waited for; each step is in the journal. With --branch or
/// --pull-request it goes to a new branch without what waits for a push, and nothing is synced.
#[derive(Debug, Args)]
pub struct Revert {
    /// A mapping, or a commit or range A..B
    #[arg(value_name = "MAPPING|REV")]
    subject: String,
    /// Of the mapping, this commit or range A..B instead of the newest commit
    #[arg(value_name = "REV", conflicts_with = "to")]
    revision: Option<String>,
    /// Undo everything since this state; what the mapping is made from is exactly that state again
    #[arg(long, value_name = "REV")]
    to: Option<String>,
    /// Of a merge, the parent that stays, counted from 1
    #[arg(long, value_name = "N")]
    mainline: Option<usize>,
    /// Message; the default one says what is undone
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Make one commit of a range
    #[arg(long, conflicts_with_all = ["to", "mainline"])]
    squash: bool,
    /// Where it goes
    #[command(flatten)]
    destination: Destination,
    /// Push, then carry out the plans that were shown, and wait until everything is healthy
    #[arg(long, conflicts_with_all = ["no_push", "branch", "pull_request"])]
    sync: bool,
    /// With --sync, wait at most this long
    #[arg(long, value_name = "TIMEOUT", requires = "sync", value_parser = timeout)]
    timeout: Option<Duration>,
    #[command(flatten)]
    release: Release,
    /// Revert also what a mapping would no longer render from
    #[arg(long)]
    no_validate: bool,
    /// Do not ask
    #[arg(long, short = 'y')]
    yes: bool,
}

fn timeout(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| "a duration like 30s, 5m or 1h".to_owned())
}

/// The document.
#[derive(Debug, Serialize)]
struct Document<'a> {
    repository: &'a str,
    mapping: Option<&'a str>,
    /// `committed`, `pushed`, `offered`, `synced`, `declined`, `refused`, `failed`, `cancelled`.
    outcome: &'static str,
    message: Option<String>,
    /// The newest commit.
    revision: &'a Revision,
    title: &'a str,
    /// All commits, in the order in which they were made.
    commits: Vec<Made<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<Offered<'a>>,
    files: Vec<&'a str>,
    /// Files that what is undone changed elsewhere, and that stay.
    besides: &'a [String],
    push: Option<&'a PushOutcome>,
    plans: Vec<&'a Plan>,
}

#[derive(Debug, Serialize)]
struct Made<'a> {
    revision: &'a Revision,
    title: &'a str,
}

/// How it ended.
#[derive(Default)]
struct End<'a> {
    word: &'static str,
    message: Option<String>,
    push: Option<&'a PushOutcome>,
    branch: Option<Offered<'a>>,
}

impl End<'_> {
    fn of(word: &'static str) -> Self {
        Self { word, ..Self::default() }
    }
}

impl Revert {
    /// Drafts, shows, asks; commits, pushes and syncs as far as wanted.
    pub(crate) async fn run(&self, work: &mut Work<'_>) -> Result<Exit, Fault> {
        let wish = self.wish(work)?;
        let fetched = self.fetch(work, &wish).await;
        let (outcome, events) =
            work.run_one(Command::DraftRevert { wish: Box::new(wish.clone()) }).await;
        let drafted = events.iter().find_map(|event| match event {
            Event::RevertDrafted { draft, .. } => Some(Arc::clone(draft)),
            _ => None,
        });
        let Some(draft) = drafted else {
            conflicts(work, &events);
            return Ok(work.settle(&self.subject, &outcome));
        };
        let released = SyncOptions {
            wait: self.sync.then(|| self.timeout.unwrap_or(PATIENCE)),
            after: draft.touches.clone(),
            ..options(self.release.released())
        };
        let revision = draft.details.commit.revision.clone();
        let text = revision.as_str();
        let (plans, planned) = work.plans_of_fetched(&draft.touches, Some(text), &released).await;
        if work.out.is_human() {
            show(work, &draft, &plans);
        }
        let mut exit = if self.sync { planned } else { Exit::Fine };
        for plan in plans.iter().filter(|plan| self.sync && plan.is_refused()) {
            exit = exit.and(work.refused(&plan.mapping, &plan.refusals));
        }
        if exit != Exit::Fine {
            let what = "nothing was committed: what would be synced cannot be synced as it is";
            work.out.note(what);
            tell(work, &draft, &plans, End::of("refused"));
            return Ok(exit);
        }
        let Some(push) = self.decided(work, &draft, &plans).await? else {
            tell(work, &draft, &plans, End::of("declined"));
            return Ok(Exit::Fine);
        };
        let sync = |plan: &Arc<Plan>| (plan.mapping.clone(), plan.digest.clone(), released.clone());
        let syncs = plans.iter().filter(|_| self.sync).map(sync).collect();
        let repository = draft.repository.clone();
        let base = draft.base.clone();
        let confirmed = Confirmed { repository, base, draft: revision, push, syncs };
        let exit = self.carry_out(work, (wish, confirmed), &draft, &plans).await;
        Ok(if exit == Exit::Fine && !push { exit.and(fetched) } else { exit })
    }

    /// Commits, pushes and syncs what was confirmed.
    async fn carry_out(
        &self,
        work: &mut Work<'_>,
        (wish, confirmed): (Wish, Confirmed),
        draft: &RevertDraft,
        plans: &[Arc<Plan>],
    ) -> Exit {
        let push = confirmed.push;
        let command = Command::Revert { wish: Box::new(wish), confirmed: Box::new(confirmed) };
        let (outcome, events) = work.run_one(command).await;
        let exit = work.settle(&self.subject, &outcome);
        let pushed = events.iter().find_map(|event| match event {
            Event::Pushed { outcome, .. } => Some(outcome),
            _ => None,
        });
        let branch = events.iter().find_map(Offered::of);
        let (word, message) = match &outcome {
            Outcome::Done(_) if branch.is_some() => ("offered", None),
            Outcome::Done(said) if self.sync => ("synced", Some(said.clone())),
            Outcome::Done(said) if push => ("pushed", Some(said.clone())),
            Outcome::Done(said) => ("committed", Some(said.clone())),
            Outcome::Failed(failure) => ("failed", Some(failure.message.clone())),
            Outcome::Refused(_) => ("refused", None),
            Outcome::Cancelled => ("cancelled", None),
        };
        tell(work, draft, plans, End { word, message, push: pushed, branch });
        exit
    }

    /// What is wanted, in the engine's words.
    fn wish(&self, work: &Work<'_>) -> Result<Wish, Fault> {
        let named = work.settings.mappings.contains_key(&self.subject);
        let is_repository = work.settings.repositories.contains_key(&self.subject);
        let undo = match (&self.to, &self.revision) {
            (Some(state), _) => Undo::Since(state.clone()),
            (None, Some(revision)) => Undo::parse(revision),
            (None, None) if named => Undo::Newest,
            (None, None) if is_repository => {
                return Err(Fault::usage(format!(
                    "nothing says what of `{}` is undone",
                    self.subject
                ))
                .hint("give a commit or a range A..B, or --to REV"));
            }
            (None, None) => Undo::parse(&self.subject),
        };
        if self.squash && !matches!(undo, Undo::Range(..)) {
            return Err(Fault::usage("--squash is for a range A..B; anything else is one commit"));
        }
        if !named && !is_repository && (self.to.is_some() || self.revision.is_some()) {
            select::subject(&work.settings, &self.subject)?;
        }
        Ok(Wish {
            repository: is_repository.then(|| self.subject.clone()).filter(|_| !named),
            mapping: named.then(|| self.subject.clone()),
            undo,
            mainline: self.mainline,
            message: self.message.clone(),
            squash: self.squash,
            branch: self.destination.chosen().and_then(|place| place.branch()),
            unchecked: self.no_validate,
        })
    }

    async fn fetch(&self, work: &mut Work<'_>, wish: &Wish) -> Exit {
        match (&wish.mapping, &wish.repository) {
            (Some(mapping), _) => work.fetch(std::slice::from_ref(mapping)).await,
            (None, Some(name)) => work.fetch_repositories(std::slice::from_ref(name)).await,
            (None, None) => {
                let all: Vec<String> = work.settings.repositories.keys().cloned().collect();
                work.fetch_repositories(&all).await
            }
        }
    }

    /// Whether it is pushed; nothing where it is declined.
    async fn decided(
        &self,
        work: &mut Work<'_>,
        draft: &RevertDraft,
        plans: &[Arc<Plan>],
    ) -> Result<Option<bool>, Fault> {
        let chosen = self.destination.chosen();
        let apart = chosen.as_ref().is_some_and(|place| place.branch().is_some());
        let push = self.sync || chosen == Some(Place::Push);
        let settings = Arc::clone(&work.settings);
        let production = plans.iter().filter(|plan| {
            self.sync && settings.mappings.get(&plan.mapping).is_some_and(|one| one.production)
        });
        let production: Vec<&str> = production.map(|plan| plan.mapping.as_str()).collect();
        if self.yes || work.settings.safety.read_only {
            let unnamed = production.iter().find(|name| **name != self.subject);
            return match unnamed {
                Some(name) => Err(Fault {
                    message: format!(
                        "{name} goes to production, which --yes alone does not release"
                    ),
                    hint: Some("revert without --sync, and name it in `gitdeck sync`".to_owned()),
                    exit: Exit::Refused,
                }),
                None => Ok(Some(push)),
            };
        }
        if !work.out.can_ask {
            let what = match (apart, push) {
                (true, _) => "pushed to a new branch",
                (_, true) => "committed and pushed",
                (_, false) => "committed",
            };
            return Err(Fault::usage(format!(
                "a revert would be {what}, and nobody is here to confirm it"
            ))
            .hint("`--yes` does it without asking"));
        }
        for name in production {
            let question = format!("{name} goes to production; type its name to go on");
            if work.ask_for(&question, name).await? != Answer::Yes {
                return Ok(None);
            }
        }
        let repository = &draft.repository;
        let question = match (self.sync, &chosen) {
            (true, _) => format!("Commit, push to {repository}, and sync?"),
            (false, Some(Place::Branch(_))) => format!("Push to a new branch of {repository}?"),
            (false, Some(Place::Outbox)) => format!("Commit to the outbox of {repository}?"),
            (false, _) => format!("Commit and push to {repository}?"),
        };
        let yes = work.ask(&question).await? == Answer::Yes;
        Ok(yes.then_some(!apart && chosen != Some(Place::Outbox)))
    }
}

/// The document where nothing was drafted.
#[derive(Debug, Serialize)]
struct Conflicted<'a> {
    /// `conflict`.
    outcome: &'static str,
    conflicts: &'a [RevertConflict],
}

/// Says in which files the revert met what came since, and what that is.
fn conflicts(work: &mut Work<'_>, events: &[Event]) {
    let found = events.iter().find_map(|event| match event {
        Event::RevertConflicted { conflicts, .. } => Some(conflicts),
        _ => None,
    });
    let Some(conflicts) = found else { return };
    if !work.out.is_human() {
        work.out.document(&Conflicted { outcome: "conflict", conflicts });
        return;
    }
    if let Some(at) = conflicts.first().and_then(|conflict| conflict.at.as_ref()) {
        let (short, title) = (at.revision.short(), harmless(at.title()));
        work.out.line(&format!("while undoing {short} {title}"));
    }
    for conflict in conflicts.iter() {
        work.out.line(&format!("conflict in {}", harmless(&conflict.path)));
        for commit in &conflict.since {
            let (short, author) = (commit.revision.short(), harmless(&commit.author));
            work.out.line(&format!(
                "  changed since by {short} {author}: {}",
                harmless(commit.title())
            ));
        }
        work.out.text(&print::commit::patch(work.out.paint, &conflict.patch));
    }
}

/// Says how it ended.
fn tell(
    work: &mut Work<'_>,
    draft: &RevertDraft,
    plans: &[Arc<Plan>],
    End { word: outcome, message, push, branch }: End<'_>,
) {
    if work.out.is_human() {
        if let (Some(message), true) = (&message, outcome != "failed") {
            work.out.line(&harmless(message));
        }
        if let Some(offered) = &branch {
            tell_offered(work, offered);
        }
        if outcome == "committed" {
            work.out.note(&format!("`gitdeck push {}` pushes it", draft.repository));
        }
        return;
    }
    let commit = &draft.details.commit;
    work.out.document(&Document {
        repository: &draft.repository,
        mapping: draft.mapping.as_deref(),
        outcome,
        message,
        revision: &commit.revision,
        title: commit.title(),
        commits: draft.commits.iter().map(made).collect(),
        branch,
        files: draft.details.files.iter().map(|file| file.path.as_str()).collect(),
        besides: &draft.besides,
        push,
        plans: plans.iter().map(Arc::as_ref).collect(),
    });
}

fn made(commit: &Commit) -> Made<'_> {
    Made { revision: &commit.revision, title: commit.title() }
}

/// The commit with its diff, what stays as it is, and what would happen on the clusters.
fn show(work: &mut Work<'_>, draft: &RevertDraft, plans: &[Arc<Plan>]) {
    let paint = work.out.paint;
    if draft.commits.len() > 1 {
        work.out.text(&print::commit::print_several(paint, &draft.commits, &draft.details));
    } else {
        work.out.text(&print::commit::print_details(
            paint,
            &draft.repository,
            &draft.details,
            None,
        ));
    }
    if !draft.besides.is_empty() {
        let files = draft.besides.join(", ");
        work.out.note(&format!("stays as it is, outside of the mapping: {}", harmless(&files)));
    }
    for commit in &draft.waiting {
        let (short, title) = (commit.revision.short(), harmless(commit.title()));
        work.out.note(&format!("waits for a push, which takes it along: {short} {title}"));
    }
    for plan in plans {
        work.out.text(&print::plan::print(paint, plan, Timestamp::now(), false));
    }
}
