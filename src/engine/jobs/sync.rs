//! Carry out a plan that somebody confirmed.

use crate::cluster::{Applied, HookRun, Step, StepOutcome, Steps, Verb};
use crate::domain::{Phase, Refusal, Revision};
use crate::engine::error::Stop;
use crate::engine::event::StepResult;
use crate::engine::jobs::look::{Look, look};
use crate::engine::jobs::{Context, depends, observe, regress, wait};
use crate::engine::journal::{Intent, Place};
use crate::engine::turn::Turn;
use crate::engine::{Command, Event, Failure, Progress, SyncOptions};
use jiff::Timestamp;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What to sync.
pub(super) struct Request {
    pub mapping: String,
    pub revision: Option<String>,
    /// Digest of the confirmed plan; nothing when an interrupted sync is finished.
    pub confirmed: Option<String>,
    pub options: SyncOptions,
    /// Who asked for it where it was no human.
    pub owner: Option<String>,
    /// The sync that this one goes on with.
    pub resumed: Option<Resumed>,
}

impl Request {
    /// What somebody confirmed.
    pub fn confirmed(
        mapping: String,
        revision: Option<String>,
        confirmed: String,
        options: SyncOptions,
    ) -> Self {
        let confirmed = Some(confirmed);
        Self { mapping, revision, confirmed, options, owner: None, resumed: None }
    }
}

/// What a killed process left of a sync.
pub(super) struct Resumed {
    /// The number under which its hooks run.
    pub run: u64,
    /// Hooks that ended well.
    pub finished: Vec<String>,
}

/// Plans again, refuses when the world moved, applies, and waits for health where asked.
pub(super) async fn run(ctx: &Context, request: Request) -> Result<String, Stop> {
    carry(ctx, request).await.map(|(_, said)| said).map_err(|(_, stop)| stop)
}

/// [`run`], with the revision that was or would have been synced, as far as it was found.
pub(super) async fn carry(
    ctx: &Context,
    request: Request,
) -> Result<(Revision, String), (Option<Revision>, Stop)> {
    let unplanned = |stop| (None, stop);
    depends::take_turn(ctx, &request).await.map_err(unplanned)?;
    let _mine = Turn::wait(ctx, &request.mapping).await.map_err(unplanned)?;
    let mapping = ctx.world.mapping(&request.mapping).map_err(|f| unplanned(f.into()))?;
    ctx.doing("planning");
    // Whoever goes before it in the same run is done by now, and has to be as ready as the others.
    let options = SyncOptions { after: Vec::new(), ..request.options.clone() };
    let revision = request.revision.as_deref();
    let planned = Box::pin(look(ctx, mapping, revision, &options, depends::Sight::Fresh));
    let seen = ctx.read(async { planned.await.map_err(Stop::from) }).await.map_err(unplanned)?;
    match finish(ctx, &request, &seen).await {
        Ok(said) => Ok((seen.revision, said)),
        Err(stop) => Err((Some(seen.revision), stop)),
    }
}

async fn finish(ctx: &Context, request: &Request, seen: &Look) -> Result<String, Stop> {
    guard(request, seen)?;
    let summary = seen.plan.summary;
    if request.options.dry_run {
        return Ok(format!(
            "{}: {} operations, none written",
            request.mapping,
            seen.plan.operations.len()
        ));
    }
    apply(ctx, request, seen).await?;
    let mut status = observe::observe(ctx, &request.mapping).await?;
    if let Some(limit) = request.options.wait {
        let waited = wait::wait(ctx, &request.mapping, seen, limit).await;
        status = observe::observe(ctx, &request.mapping).await?;
        waited?;
    }
    regress::note_healthy(ctx, &status).await;
    let written = summary.create + summary.update + summary.recreate + summary.take_over;
    let hooks = seen.plan.hooks_run();
    let ran = match hooks {
        0 => String::new(),
        1 => ", 1 hook run".to_owned(),
        many => format!(", {many} hooks run"),
    };
    Ok(format!(
        "{} is at {}: {written} applied, {} deleted, {} unchanged{ran}",
        request.mapping,
        seen.revision.short(),
        summary.delete,
        summary.unchanged
    ))
}

fn guard(request: &Request, seen: &Look) -> Result<(), Stop> {
    if !seen.plan.refusals.is_empty() {
        return Err(Stop::Refused(seen.plan.refusals.clone()));
    }
    match &request.confirmed {
        // Nobody confirmed what is elsewhere by now.
        None if !seen.basis.unpinned.is_empty() => {
            let (name, unpinned) = (&request.mapping, seen.basis.unpinned.join(", "));
            let what = format!(
                "{name} reads {unpinned}, which the commit does not pin and may say something else by now; drop this operation and sync {name} anew"
            );
            Err(Stop::Refused(vec![Refusal::Moved { what }]))
        }
        Some(digest) if *digest != seen.plan.digest => {
            let (name, at) = (&request.mapping, seen.revision.short());
            let what = match seen.plan.operations.len() + seen.plan.hooks_run() {
                0 => format!(
                    "{name} is at {at} already, somebody else was faster; nothing is left to do"
                ),
                1 => format!("{name} would now take 1 operation at {at}"),
                many => format!("{name} would now take {many} operations at {at}"),
            };
            Err(Stop::Refused(vec![Refusal::Moved { what }]))
        }
        _ => Ok(()),
    }
}

async fn apply(ctx: &Context, request: &Request, seen: &Look) -> Result<(), Stop> {
    let mapping = ctx.world.mapping(&request.mapping)?;
    let mut recorder = Recorder::new(ctx, request, seen);
    let neighbours = seen.basis.neighbours();
    let basis = seen.basis.request(mapping, &seen.revision, &neighbours);
    let applied = Box::pin(seen.cluster.apply(&basis, &seen.plan, &mut recorder)).await;
    let (name, revision) = (&request.mapping, &seen.revision);
    if let Ok(Applied { stall: Some(stall), .. }) = &applied {
        let stall = Arc::new(stall.clone());
        ctx.emit(Event::Stalled { mapping: name.clone(), stall }).await;
    }
    let result = applied.map_err(Stop::from).and_then(|applied| Ok(complete(name, &applied)?));
    let result =
        if ctx.token.is_cancelled() { result.map_err(|_| Stop::Cancelled) } else { result };
    match result {
        Ok(()) => {
            recorder.end("done", None)?;
            ctx.world.set_failure(name, None);
            let at = Timestamp::now();
            ctx.emit(Event::Synced { mapping: name.clone(), revision: revision.clone(), at }).await;
            Ok(())
        }
        Err(stop) => {
            match &stop {
                Stop::Failed(failure) => {
                    recorder.end("failed", Some(&failure.message))?;
                    ctx.world.set_failure(name, Some((revision.clone(), failure.message.clone())));
                }
                Stop::Refused(_) => recorder.end("failed", Some("refused"))?,
                Stop::Cancelled => recorder.end("cancelled", Some("stopped between two steps"))?,
            }
            observe::observe(ctx, name).await?;
            Err(stop)
        }
    }
}

/// A sync is done when everything was carried out; otherwise the first failure is its reason.
fn complete(name: &str, applied: &Applied) -> Result<(), Failure> {
    if applied.complete {
        return Ok(());
    }
    let (done, total) = (applied.done(), applied.outcomes.len());
    let failed = applied.outcomes.iter().find_map(|(verb, object, outcome)| match outcome {
        StepOutcome::Failed { error } => Some((*verb, format!("{object}: {error}"))),
        _ => None,
    });
    let nothing =
        "nothing was pruned; mend the cause and sync again, what is done is not done twice";
    let (message, hint) = match (failed, &applied.failed, &applied.stopped) {
        (Some((Verb::Hook(phase), error)), ..) => (format!("{phase} {error}"), hook_hint(phase)),
        (Some((_, error)), ..) => (error, nothing),
        (None, Some(unready), _) if ran_hooks(applied) => {
            (unready.clone(), hook_hint(Phase::PostSync))
        }
        (None, Some(unready), _) => (unready.clone(), UNREADY),
        (None, None, Some(reason)) => (reason.clone(), nothing),
        (None, None, None) => {
            ("the record of the mapping could not be written".to_owned(), nothing)
        }
    };
    Err(Failure::new(format!("{name}: {done} of {total} done, then: {message}")).hint(hint))
}

/// What to do where what stands already holds up the rest.
const UNREADY: &str = "nothing was pruned; mend it and sync again; where it waits for what comes after it, give it a later \
                       wave, or the annotation argocd.argoproj.io/ignore-healthcheck: \"true\"";

fn ran_hooks(applied: &Applied) -> bool {
    applied.outcomes.iter().any(|(verb, ..)| matches!(verb, Verb::Hook(_)))
}

/// What a failed hook means for everything else, and what to do.
fn hook_hint(phase: Phase) -> &'static str {
    match phase {
        Phase::PreSync => {
            "nothing after it was written; mend the hook and sync again, then all hooks run anew"
        }
        Phase::Sync => {
            "nothing after it was written and nothing was pruned; mend the hook and sync again, then all hooks run anew"
        }
        Phase::PostSync | Phase::SyncFail => {
            "what was applied stays so; mend the cause and sync again, then all hooks run anew"
        }
    }
}

/// Writes each step into the journal before and after it is taken, and tells it.
struct Recorder<'a> {
    ctx: &'a Context,
    mapping: String,
    intent: Intent,
    line: String,
    entry: Option<u64>,
    done: u64,
    run: HookRun,
}

impl<'a> Recorder<'a> {
    fn new(ctx: &'a Context, request: &Request, seen: &Look) -> Self {
        let options = request.options.clone();
        let run = hook_run(request);
        let intent = Intent::Sync {
            mapping: request.mapping.clone(),
            revision: seen.revision.to_string(),
            digest: seen.plan.digest.clone(),
            allow_delete: options.allow_delete,
            prune: options.prune,
            recreate: options.recreate,
            take_over: options.take_over,
            owner: request.owner.clone(),
            run: run.id,
            finished: run.finished.clone(),
        };
        let line = Command::Sync {
            mapping: request.mapping.clone(),
            revision: request.revision.clone(),
            confirmed: String::new(),
            options,
        }
        .line();
        Self { ctx, mapping: request.mapping.clone(), intent, line, entry: None, done: 0, run }
    }

    // The entry begins with the first step: a sync that has nothing to do leaves no trace.
    fn entry(&mut self) -> Result<u64, String> {
        if let Some(id) = self.entry {
            return Ok(id);
        }
        let journal = &self.ctx.world.journal;
        let id =
            journal.begin(self.intent.clone(), &self.line, Timestamp::now()).map_err(unwritten)?;
        self.entry = Some(id);
        Ok(id)
    }

    fn end(&self, state: &str, message: Option<&str>) -> Result<(), Stop> {
        let Some(id) = self.entry else { return Ok(()) };
        Ok(self
            .ctx
            .world
            .journal
            .end(id, state, message, Timestamp::now())
            .map_err(Failure::from)?)
    }

    fn tell(&self, step: &Step, result: StepResult) {
        let event = Event::StepTaken {
            mapping: self.mapping.clone(),
            object: step.object.clone(),
            verb: step.verb.word().to_owned(),
            result,
        };
        // The journal has it; the screen may miss a step when it is far behind.
        let _ = self.ctx.events.try_send(event);
    }
}

/// The sync that the hooks of a request run in: a new one, or the one that goes on.
fn hook_run(request: &Request) -> HookRun {
    let now = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or_default();
    let limit = request.options.wait;
    match &request.resumed {
        Some(Resumed { run, finished }) if *run > 0 => {
            HookRun { id: *run, finished: finished.clone(), resumed: true, limit }
        }
        _ => HookRun { id: now, limit, ..HookRun::default() },
    }
}

impl Steps for Recorder<'_> {
    fn run(&self) -> HookRun {
        self.run.clone()
    }

    fn waiting(&mut self, for_what: &str) -> bool {
        if self.ctx.token.is_cancelled() {
            return false;
        }
        self.ctx.doing(for_what);
        true
    }

    fn before(&mut self, step: &Step) -> Result<(), String> {
        self.before_all(std::slice::from_ref(step)).map_err(|(_, reason)| reason)
    }

    fn stop(&self) -> CancellationToken {
        self.ctx.token.clone()
    }

    fn after(&mut self, step: &Step, outcome: &StepOutcome) {
        self.after_all(&[(step.clone(), outcome.clone())]);
    }

    fn before_all(&mut self, steps: &[Step]) -> Result<(), (usize, String)> {
        let mut begin = || {
            if self.ctx.token.is_cancelled() {
                return Err("stopped".to_owned());
            }
            let id = self.entry()?;
            let places: Vec<Place> = steps.iter().map(place).collect();
            self.ctx.world.journal.before_all(id, &places).map_err(unwritten)
        };
        begin().map_err(|reason| (0, reason))?;
        for step in steps {
            self.tell(step, StepResult::Started);
        }
        Ok(())
    }

    fn after_all(&mut self, ended: &[(Step, StepOutcome)]) {
        let places: Vec<(Place, Option<&str>)> =
            ended.iter().map(|(step, outcome)| (place(step), error(outcome))).collect();
        if let Some(id) = self.entry
            && let Err(error) = self.ctx.world.journal.after_all(id, &places)
        {
            tracing::error!(%error, "the outcome of a step could not be written");
        }
        for (step, outcome) in ended {
            self.done += 1;
            self.ctx.progress(Progress {
                done: self.done,
                total: Some(step.total as u64),
                unit: "steps",
                what: place(step).what,
            });
            self.tell(step, result(outcome));
        }
    }
}

fn place(step: &Step) -> Place {
    let what = format!("{} {}", step.verb.word(), step.object);
    Place { step: step.index, total: step.total, what }
}

fn error(outcome: &StepOutcome) -> Option<&str> {
    match outcome {
        StepOutcome::Done { .. } => None,
        StepOutcome::Failed { error: why } | StepOutcome::Skipped { because: why } => Some(why),
    }
}

fn result(outcome: &StepOutcome) -> StepResult {
    match outcome {
        StepOutcome::Done { .. } => StepResult::Done,
        StepOutcome::Failed { error } => StepResult::Failed(error.clone()),
        StepOutcome::Skipped { because } => StepResult::Skipped(because.clone()),
    }
}

fn unwritten(error: std::io::Error) -> String {
    format!("the journal cannot be written, so nothing more is changed: {error}")
}
