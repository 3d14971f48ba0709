//! A sync of several mappings: what others depend on goes first, and what could not be planned before it is planned after it.

use super::saved;
use super::sync::{Sync, Synced, is_recorded, result};
use crate::cli::exit::Exit;
use crate::cli::fault::Fault;
use crate::cli::print;
use crate::cli::session::Work;
use crate::domain::depends::{Turn, is_dependent, order};
use crate::domain::{Plan, Refusal, SavedPlans, Wait};
use crate::engine::{Outcome, SyncOptions};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A run from the first plan to the last result.
#[derive(Default)]
pub(super) struct Run {
    /// Mappings of the run.
    pub names: Vec<String>,
    /// How those ended that ended.
    pub results: Vec<Synced>,
    /// The worst so far.
    pub exit: Exit,
    /// Mappings that are planned again when those have ended that they depend on.
    later: Vec<String>,
    /// Mappings that were planned twice: a third time would not help.
    again: BTreeSet<String>,
}

impl Run {
    pub fn new(names: &[String]) -> Self {
        Self { names: names.to_vec(), ..Self::default() }
    }

    /// Notes a result and how bad it is.
    pub fn note(&mut self, exit: Exit, result: Synced) {
        self.exit = self.exit.and(exit);
        self.results.push(result);
    }

    /// Puts a mapping off until those have ended that it depends on; whether that may help.
    fn put_off(&mut self, name: &str) -> bool {
        let first = self.again.insert(name.to_owned());
        if first {
            self.later.push(name.to_owned());
        }
        first
    }
}

impl Sync {
    /// Plans, asks and applies until nothing is put off any more.
    pub(super) async fn rounds(
        &self,
        work: &mut Work<'_>,
        run: &mut Run,
        saved: Option<&SavedPlans>,
    ) -> Result<(), Fault> {
        let names = run.names.clone();
        let (mut plans, mut failed) = if let Some(saved) = saved {
            let (same, moved, exit) = saved::plans(work, saved, &names).await;
            run.results.extend(moved.iter().map(|plan| result(plan, "refused")));
            run.exit = run.exit.and(exit);
            (same, Vec::new())
        } else {
            work.reach(&names);
            run.exit = run.exit.and(work.fetch(&names).await);
            self.planned(work, &names).await
        };
        loop {
            let todo = self.sorted(work, run, plans);
            for (name, outcome) in failed {
                let writes = |on: &str| todo.iter().any(|one| one.mapping == on && !one.is_empty());
                let brought = !self.dry_run && reaches(work, &name, writes);
                if !(brought && run.put_off(&name)) {
                    run.exit = run.exit.and(work.settle(&name, &outcome));
                }
            }
            if self.dry_run || work.was_interrupted() {
                return Ok(());
            }
            // What depends on one that was put off goes with it.
            let (waiting, todo): (Vec<_>, Vec<_>) = todo.into_iter().partition(|plan| {
                !self.ignore_dependencies
                    && reaches(work, &plan.mapping, |on| run.later.iter().any(|one| one == on))
            });
            for plan in waiting {
                run.put_off(&plan.mapping);
            }
            let (chosen, declined) = self.confirmed(work, todo).await?;
            run.results.extend(declined.iter().map(|plan| result(plan, "declined")));
            self.apply(work, chosen, saved, run).await;
            let later = std::mem::take(&mut run.later);
            if later.is_empty() || work.was_interrupted() {
                return Ok(());
            }
            (plans, failed) = self.planned(work, &later).await;
        }
    }

    async fn planned(
        &self,
        work: &mut Work<'_>,
        names: &[String],
    ) -> (Vec<Arc<Plan>>, Vec<(String, Outcome)>) {
        let options = SyncOptions { after: names.to_vec(), ..self.options(self.released()) };
        work.try_plans(names, self.revision(), &options).await
    }

    /// Shows plans; those that have something to do are given back.
    fn sorted(&self, work: &mut Work<'_>, run: &mut Run, plans: Vec<Arc<Plan>>) -> Vec<Arc<Plan>> {
        let mut todo: Vec<Arc<Plan>> = Vec::new();
        for plan in plans {
            let paint = work.out.note_paint;
            let warns = plan.prune_blocked.is_some() || !plan.unread.is_empty();
            if !plan.is_empty() || plan.is_refused() || warns {
                work.out.note_painted(&print::plan::print(paint, &plan, Timestamp::now(), false));
            }
            if plan.is_refused() {
                let exit = work.refused(&plan.mapping, &plan.refusals);
                run.note(exit, result(&plan, "refused"));
            } else if self.dry_run {
                run.results.push(result(&plan, "planned"));
            } else if plan.is_empty() && is_recorded(work, &plan) {
                run.results.push(result(&plan, "unchanged"));
            } else {
                todo.push(plan);
            }
        }
        todo
    }

    /// The order in which plans are carried out.
    pub(super) fn turns(&self, work: &Work<'_>, plans: &[Arc<Plan>]) -> Vec<Turn> {
        let names: Vec<String> = plans.iter().map(|plan| plan.mapping.clone()).collect();
        if self.ignore_dependencies {
            let free = |mapping| Turn { mapping, after: Vec::new() };
            return names.into_iter().map(free).collect();
        }
        let deletes = |name: &str| {
            let plan = plans.iter().find(|plan| plan.mapping == name);
            plan.is_some_and(|plan| !is_dependent(plan))
        };
        order(&names, |name| depends_on(work, name), deletes)
    }

    /// Takes out of the turns what depends on a mapping of the run that did not go well, and says it.
    pub(super) fn skip(
        &self,
        work: &mut Work<'_>,
        run: &mut Run,
        turns: &mut Vec<Turn>,
        plans: &[Arc<Plan>],
    ) {
        if self.ignore_dependencies {
            return;
        }
        let sent: Vec<String> = turns.iter().map(|turn| turn.mapping.clone()).collect();
        turns.retain(|turn| {
            // What only deletes needs nobody.
            let plan = plans.iter().find(|plan| plan.mapping == turn.mapping);
            let needs = plan.is_some_and(|plan| plan.is_empty() || is_dependent(plan));
            let on = if needs { depends_on(work, &turn.mapping) } else { &[] };
            let bad = on.iter().find_map(|name| {
                let ended = run.results.iter().find(|result| result.mapping == *name);
                let unplanned =
                    run.names.contains(name) && !run.later.contains(name) && !sent.contains(name);
                let outcome =
                    ended.map_or(unplanned.then_some("failed"), |one| Some(one.outcome))?;
                let bad = ["failed", "refused", "declined", "cancelled", "skipped"];
                bad.contains(&outcome).then(|| (name.clone(), outcome))
            });
            let Some((mapping, outcome)) = bad else { return true };
            let why =
                if outcome == "failed" { outcome.to_owned() } else { format!("was {outcome}") };
            let wait = Wait { mapping, why, failed: true };
            let mut skipped = Synced::unplanned(&turn.mapping, "skipped");
            skipped.message = Some(wait.to_string());
            let exit = work.refused(&turn.mapping, &[Refusal::Waits(wait)]);
            run.note(exit, skipped);
            false
        });
    }

    /// Whether a sync was refused only because those that went before it changed what it does: it is planned again.
    pub(super) fn is_put_off(work: &Work<'_>, run: &mut Run, turn: &Turn, ended: &Outcome) -> bool {
        let moved = matches!(ended, Outcome::Refused(all)
            if all.iter().all(|one| matches!(one, Refusal::Moved { .. })));
        moved && !turn.after.is_empty() && !work.was_interrupted() && run.put_off(&turn.mapping)
    }
}

fn depends_on<'w>(work: &'w Work<'_>, name: &str) -> &'w [String] {
    let mapping = work.settings.mappings.get(name);
    mapping.map(|mapping| mapping.depends_on.as_slice()).unwrap_or_default()
}

/// Whether a mapping depends on such a one, however many steps away.
fn reaches(work: &Work<'_>, name: &str, such: impl Fn(&str) -> bool) -> bool {
    let mut open = depends_on(work, name).to_vec();
    let mut seen = BTreeSet::new();
    while let Some(one) = open.pop() {
        if such(&one) {
            return true;
        }
        if seen.insert(one.clone()) {
            open.extend_from_slice(depends_on(work, &one));
        }
    }
    false
}
