//! Record live changes as commits, where the cluster is the source of truth.

use crate::cluster::TURN;
use crate::domain::automation::{Claim, Decision, Ended};
use crate::domain::{Automation, EngineKind, Mapping, PushOutcome, Refusal, Revision};
use crate::engine::error::Stop;
use crate::engine::jobs::live_changes::{Common, LiveChanges};
use crate::engine::jobs::look::{Look, look};
use crate::engine::jobs::observe::Seen;
use crate::engine::jobs::place_picks::{Placed, place};
use crate::engine::jobs::{Context, activity, commit, depends, drop, fetch, observe, push};
use crate::engine::journal::Intent;
use crate::engine::turn::{Turn, is_abandoned};
use crate::engine::{Command, Failure, SyncOptions};
use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Until a repository is fetched, what it has in common with the cluster is not put on record.
const UNFETCHED: Duration = Duration::from_secs(10);

/// What is to be done unasked with a mapping whose source is the cluster, from what was seen of it.
pub(super) async fn weigh(ctx: &Context, mapping: &Mapping, seen: &Look) -> Decision {
    let (name, now, quiet) = (&mapping.name, Timestamp::now(), &ctx.world.quiet);
    let suspended = seen.inventory.suspension.as_ref().is_some_and(|one| one.holds(now));
    if mapping.engine != EngineKind::Direct || suspended {
        return Decision::Nothing;
    }
    let own = waiting(ctx, mapping).await.unwrap_or_default();
    // What waits for a human to push it is recorded.
    let head =
        if own.is_empty() || mapping.record.push { None } else { at_head(ctx, mapping).await.ok() };
    let seen = head.as_ref().unwrap_or(seen);
    let found = LiveChanges::of(ctx, mapping, seen).await;
    let waits = mapping.record.push && !own.is_empty();
    if found.picks.is_empty() && !waits {
        quiet.settled(name);
        return held(found.left, own.len(), &mapping.repository);
    }
    let foreign = seen.plan.refusals.iter().find_map(|refusal| match refusal {
        Refusal::Held { holder } => Some(format!("its record is that of {holder}")),
        _ => None,
    });
    if ctx.world.settings.safety.read_only {
        return Decision::Held("gitdeck is read-only here".to_owned());
    }
    if let Some(foreign) = foreign {
        return Decision::Held(foreign);
    }
    let digest = found.digest();
    if let Some(why) = quiet.kept_back(name, &of_tip(&digest, &seen.revision)).filter(|_| !waits) {
        return Decision::Held(why);
    }
    // Who only glances waits for nothing.
    if !ctx.world.lasts.load(Ordering::Relaxed) {
        return Decision::Record;
    }
    let automation = &seen.inventory.automation;
    let data = &ctx.world.settings.data_dir;
    let other = automation.other(&ctx.world.process, now);
    if let Some(other) = other.filter(|other| !is_abandoned(data, name, &other.holder)) {
        return Decision::Later(other.until, format!("{} is at it", other.holder));
    }
    let still = quiet.left(name, &digest, mapping.record.quiet);
    if !still.is_zero() {
        let due = now + SignedDuration::try_from(still).unwrap_or_default();
        return Decision::Later(due, "recorded when nothing changes any more".to_owned());
    }
    let pause = ctx.world.settings.pace.pause(automation.failures);
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
    match automation.last_at.map(|last| last + pause) {
        Some(due) if automation.failures > 0 && now < due => {
            let why = quiet.failure(name).unwrap_or_else(|| "it failed".to_owned());
            Decision::Later(due, why)
        }
        _ => Decision::Record,
    }
}

fn held(mut left: Vec<String>, waiting: usize, repository: &str) -> Decision {
    if waiting > 0 {
        let words = format!("{waiting} recordings wait for a push: `gitdeck push {repository}`");
        left.insert(0, words);
    }
    match left.as_slice() {
        [] => Decision::Nothing,
        [one] => Decision::Held(one.clone()),
        [one, more @ ..] => Decision::Held(format!("{one}; and {} more", more.len())),
    }
}

/// What was tried at a tip is tried again at another one.
fn of_tip(digest: &str, tip: &Revision) -> String {
    format!("{digest} {tip}")
}

/// Recordings of a mapping that wait for a push, oldest first.
async fn waiting(ctx: &Context, mapping: &Mapping) -> Result<Vec<Revision>, Stop> {
    let pending = ctx.world.git(&mapping.repository, crate::git::Repository::pending).await?;
    let own =
        pending.into_iter().filter(|one| commit::is_recording_of(&one.message, &mapping.name));
    Ok(own.map(|one| one.revision).collect())
}

/// What follows a look of whoever watches: where Git and the cluster say the same, that is put on record, so that later
/// changes of either can be told apart; what is not recorded is told once. The answer is when to look again.
pub(super) async fn follow(ctx: &Context, seen: &Seen) -> Option<Duration> {
    let mapping = ctx.world.mapping(&seen.status.name).ok()?;
    if !mapping.is_recorded() {
        return None;
    }
    let (status, mut again) = (&seen.status, None);
    if seen.common.settled
        && let Some(tip) = &status.desired_revision
    {
        let known = status.synced_revision.as_ref();
        let moved = match known {
            Some(_) if !seen.common.lost => {
                observe::behind(ctx, mapping, known, tip).await.is_ok_and(|count| count > 0)
            }
            _ => true,
        };
        again = match moved {
            true if !ctx.world.is_fetched(&status.repository) => Some(UNFETCHED),
            true => note(ctx, mapping, tip).await.then_some(Duration::ZERO),
            false => None,
        };
    }
    let words = match &seen.decision {
        Decision::Held(words) => Some(words.as_str()),
        _ => None,
    };
    if ctx.world.quiet.is_news(&mapping.name, words)
        && let Some(words) = words
        && let Err(Stop::Failed(failure)) = tell(ctx, mapping, words).await
    {
        tracing::debug!(%failure, mapping = mapping.name, "what is not recorded was not journalled");
    }
    again
}

/// What a look at a tip says, for who goes on watching.
pub(super) async fn common(ctx: &Context, mapping: &Mapping, seen: &Look) -> Common {
    if mapping.is_recorded() && ctx.world.lasts.load(Ordering::Relaxed) {
        Common::of(ctx, mapping, seen).await
    } else {
        Common::default()
    }
}

/// Looks at the tip, and puts it on record where it has what is live.
pub(super) async fn note_where_level(ctx: &Context, mapping: &Mapping) {
    let options = SyncOptions::default();
    let looked = Box::pin(look(ctx, mapping, None, &options, depends::Sight::Fresh)).await;
    if let Ok(seen) = looked
        && Common::of(ctx, mapping, &seen).await.settled
    {
        note(ctx, mapping, &seen.revision).await;
    }
}

/// Puts on record up to where Git has what is live. Without it later commits of others could not be told from live
/// changes, and would wait for somebody. Only for a revision that was looked at.
async fn note(ctx: &Context, mapping: &Mapping, revision: &Revision) -> bool {
    let Ok(holder) = ctx.world.holder(mapping) else { return false };
    if ctx.world.settings.safety.read_only || !ctx.world.sickness.may_note(&mapping.name) {
        return false;
    }
    let Ok(cluster) = ctx.world.cluster(&mapping.target.context).await else { return false };
    let noted = cluster.note_recorded(&mapping.name, revision, &holder).await;
    if let Err(error) = &noted {
        tracing::debug!(%error, mapping = mapping.name, "what is recorded was not noted");
        ctx.world.sickness.not_noted(&mapping.name);
    }
    noted.is_ok()
}

/// Writes into the journal what is not recorded, and why.
async fn tell(ctx: &Context, mapping: &Mapping, words: &str) -> Result<(), Stop> {
    let journal = &ctx.world.journal;
    let name = mapping.name.clone();
    let last = journal
        .operations()
        .map_err(Failure::from)?
        .into_iter()
        .find(|one| matches!(&one.intent, Intent::Record { mapping } if *mapping == name));
    if last.is_some_and(|last| last.entry.message.as_deref() == Some(words)) {
        return Ok(());
    }
    let (line, now) =
        (Command::Observe { mapping: name.clone(), fetch: false }.line(), Timestamp::now());
    let id = journal.begin(Intent::Record { mapping: name }, &line, now).map_err(Failure::from)?;
    journal.end(id, "left out", Some(words), now).map_err(Failure::from)?;
    activity::tell(ctx).await.map(|_| ())
}

/// Takes the turn, records, pushes where that is configured, and notes how it ended.
pub(super) async fn run(
    ctx: &Context,
    name: &str,
    last_at: Option<Timestamp>,
) -> Result<String, Stop> {
    let mapping = ctx.world.mapping(name)?;
    let cluster = ctx.world.cluster(&mapping.target.context).await?;
    let mine = Turn::wait(ctx, name).await?;
    let gone = mine.gone();
    let (holder, now) = (&ctx.world.process, Timestamp::now());
    let claim = Claim { holder: holder.clone(), until: now + TURN };
    let turn = |automation: &mut Automation| {
        automation.take_turn(&claim, (last_at, &gone), now);
    };
    mine.sign(holder);
    let automation = cluster.automate(name, turn).await.map_err(Failure::from)?;
    if automation.claim.as_ref() != Some(&claim) {
        return Ok(format!("{name} is left to another gitdeck, which was faster"));
    }
    let result = cluster.while_holding(name, holder, Box::pin(carry(ctx, mapping))).await;
    let (ended, failure) = match &result {
        Ok(_) => (Ended::Done, None),
        Err(Stop::Failed(failure)) => (Ended::Failed, Some(failure.message.clone())),
        Err(Stop::Refused(_) | Stop::Cancelled) => (Ended::Left, None),
    };
    ctx.world.quiet.ended(name, failure.as_deref());
    let (now, tip) = (Timestamp::now(), Revision::new(String::new()));
    let note = |automation: &mut Automation| automation.note(ended, &tip, &[], now);
    let noted = cluster.automate(name, note).await.map_err(Failure::from);
    if noted.is_ok() {
        mine.clear();
    }
    let said = result?;
    noted?;
    Ok(said)
}

/// Looks at the head, commits what is live, and pushes what waits.
async fn carry(ctx: &Context, mapping: &Mapping) -> Result<String, Stop> {
    ctx.doing("fetching");
    // On an old branch it would be recorded what another gitdeck has recorded already.
    fetch::unasked(ctx, &mapping.repository).await?;
    ours_alone(ctx, mapping).await?;
    let mut said = Vec::new();
    // What waits goes first, on top of what others pushed: what they changed is seen only from there.
    if mapping.record.push && !waiting(ctx, mapping).await?.is_empty() {
        said.push(pushed(ctx, mapping).await?);
    }
    let seen = at_head(ctx, mapping).await?;
    let found = LiveChanges::of(ctx, mapping, &seen).await;
    let placed = match found.picks.as_slice() {
        [] => Placed::default(),
        picks => place(ctx, mapping, picks, &seen.revision).await?,
    };
    if !placed.edits.is_empty() {
        let cluster = seen.cluster.uid().await.map_err(Failure::from)?.unwrap_or_default();
        let committed = commit::run(ctx, request(mapping, &placed, cluster)).await?;
        said.push(if mapping.record.push { pushed(ctx, mapping).await? } else { committed });
    }
    let why = match placed.left.as_slice() {
        [] if found.picks.is_empty() || !placed.edits.is_empty() => None,
        [] => Some("the files have no place for what is live".to_owned()),
        left => Some(left.join("; ")),
    };
    if let Some(words) = why {
        // Looked at again at this head it would be the same.
        let seen = at_head(ctx, mapping).await?;
        let rest = LiveChanges::of(ctx, mapping, &seen).await.digest();
        ctx.world.quiet.keep_back(&mapping.name, &of_tip(&rest, &seen.revision), &words);
        said.push(format!("not recorded: {words}"));
    }
    ctx.world.quiet.settled(&mapping.name);
    // Somebody may have pushed in between: only what is looked at anew is put on record.
    let seen = observe::see(ctx, &mapping.name).await?;
    follow(ctx, &seen).await;
    Ok(match said.as_slice() {
        [] => format!("{}: Git has it already", mapping.name),
        said => said.join("; "),
    })
}

/// A look at the head: what waits for a push counts as recorded.
async fn at_head(ctx: &Context, mapping: &Mapping) -> Result<Look, Stop> {
    let head = ctx.world.git(&mapping.repository, |git| Ok(git.head())).await?;
    let head = head.map(|head| head.to_string());
    let options = SyncOptions::default();
    let seen = look(ctx, mapping, head.as_deref(), &options, depends::Sight::Known);
    Ok(Box::pin(seen).await?)
}

fn request(mapping: &Mapping, placed: &Placed, cluster: String) -> commit::Request {
    commit::Request {
        base: placed.base.clone(),
        // The server has taken it.
        validate: false,
        live: Some(commit::Live { managers: placed.managers.clone(), cluster }),
        ..commit::Request::of(mapping.name.clone(), placed.edits.clone())
    }
}

/// What somebody left in the outbox is not pushed unasked, nor are recordings that are to wait.
async fn ours_alone(ctx: &Context, mapping: &Mapping) -> Result<(), Stop> {
    if !mapping.record.push {
        return Ok(());
    }
    let repository = &mapping.repository;
    let pending = ctx.world.git(repository, crate::git::Repository::pending).await?;
    let is_pushed = |message: &str| {
        let of = commit::recorded_mapping(message);
        of.and_then(|name| ctx.world.settings.mappings.get(name))
            .is_some_and(|of| of.is_recorded() && of.record.push && of.repository == *repository)
    };
    let theirs = pending.iter().filter(|one| !is_pushed(&one.message)).count();
    if theirs == 0 {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{theirs} commits of yours wait for a push to {repository}, and would be pushed along"
    ))
    .hint(format!("`gitdeck push {repository}` sends them, `--drop REV` forgets one"))
    .into())
}

/// Pushes. Where somebody changed the same file meanwhile, the recording is taken back: what is live is still there, and
/// is recorded anew on top of that change. Commits of others are left to them.
async fn pushed(ctx: &Context, mapping: &Mapping) -> Result<String, Stop> {
    let repository = &mapping.repository;
    let outcome = push::attempt(ctx, repository).await?;
    let Some(PushOutcome::Conflict { paths, .. }) = &outcome else {
        return push::ended(ctx, repository, outcome).await;
    };
    let (files, own) = (paths.join(", "), waiting(ctx, mapping).await?);
    if let Some(other) = in_the_way(ctx, repository, paths, &own).await? {
        return Err(Failure::new(format!(
            "{}: not pushed, because somebody changed {files}, which the waiting commit {} changes as well",
            mapping.name,
            other.short()
        ))
        .hint(format!("`gitdeck push {repository} --drop {}` forgets it", other.short()))
        .into());
    }
    for revision in own.into_iter().rev() {
        drop::run(ctx, repository, revision.as_str()).await?;
    }
    Err(Failure::new(format!(
        "{}: somebody changed {files} meanwhile; the recording was taken back and is made anew on top of that",
        mapping.name
    ))
    .into())
}

/// A waiting commit of somebody else that changes one of these files.
async fn in_the_way(
    ctx: &Context,
    repository: &str,
    paths: &[String],
    own: &[Revision],
) -> Result<Option<Revision>, Stop> {
    let (paths, own) = (paths.to_vec(), own.to_vec());
    let search = ctx.world.git(repository, move |git| {
        for commit in git.pending()?.into_iter().filter(|one| !own.contains(&one.revision)) {
            let files = git.details(&commit.revision)?.files;
            if files.iter().any(|file| paths.contains(&file.path)) {
                return Ok(Some(commit.revision));
            }
        }
        Ok(None)
    });
    search.await
}
