//! The question before a sync: what would happen where, and what somebody has to type first.

use crate::domain::depends::{PATIENCE, is_dependent, order};
use crate::domain::noise::counted;
use crate::domain::{Phase, Plan, Refusal, SyncState};
use crate::engine::store::MappingView;
use crate::engine::{Command, Store, SyncOptions};
use crate::tui::effect::{Effect, Purpose};
use crate::tui::flows::{Step, SyncFlow};
use crate::tui::panes::diff::lines::badges;
use crate::tui::panes::diff::op_words;
use crate::tui::popups::confirm::{Challenge, Choice, Question};
use crate::tui::refusal;
use crate::tui::style::Role;
use crate::tui::ui::Notice;
use crate::tui::widgets::text::safe;
use crate::tui::words::count;
use std::fmt::Write;

/// Operations listed for one mapping.
const LISTED: usize = 30;

/// A mapping that is ready to be asked about.
pub(super) struct Item<'a> {
    /// The mapping.
    pub view: &'a MappingView,
    /// What would be done.
    pub plan: &'a Plan,
    /// What was released.
    pub options: SyncOptions,
}

/// Builds the question; a sentence instead where there is nothing to ask.
pub fn ask(store: &Store, flow: &SyncFlow) -> Result<Question, Notice> {
    let mut items = Vec::new();
    let mut idle = Vec::new();
    for (name, options) in &flow.mappings {
        if flow.failed.iter().any(|(failed, _)| failed == name) {
            continue;
        }
        let Some(view) = store.mappings.get(name) else { continue };
        let Some((plan, _)) = &view.plan else { continue };
        // Commits that left the path alone move the tip, but give a sync nothing to do.
        let status = &view.status;
        let up_to_date = status.synced_revision.as_ref() == Some(&plan.revision)
            || status.sync == SyncState::Synced;
        if plan.is_empty() && !plan.is_refused() && up_to_date {
            idle.push(name.clone());
        } else {
            items.push(Item { view, plan, options: options.clone() });
        }
    }
    if items.is_empty() {
        return Err(nothing(flow, &idle));
    }
    Ok(question(items, &idle, flow))
}

fn nothing(flow: &SyncFlow, idle: &[String]) -> Notice {
    if let Some((name, failure)) = flow.failed.first() {
        return Notice { role: Role::Bad, text: format!("{name} cannot be planned: {failure}") };
    }
    let text = match idle {
        [one] => format!("{one} is in sync: nothing to do"),
        many => format!("{} are in sync: nothing to do", count(many.len(), "mapping")),
    };
    Notice { role: Role::Good, text }
}

/// Asks about what can be synced; what is suspended is left out, and asked about only where nothing else is.
fn question(items: Vec<Item>, idle: &[String], flow: &SyncFlow) -> Question {
    let (held, free): (Vec<_>, Vec<_>) =
        items.into_iter().partition(|item| item.plan.suspension().is_some());
    let mut body = Vec::new();
    let items = if free.is_empty() { &held } else { &free };
    for item in items {
        describe(&mut body, item);
    }
    for item in held.iter().filter(|_| !free.is_empty()) {
        let why = item.plan.suspension().map(ToString::to_string).unwrap_or_default();
        let name = safe(&item.view.mapping.name);
        body.push((Role::Suspended, format!("{name} is left out: {}", safe(&why))));
    }
    for name in idle {
        body.push((Role::Muted, format!("{}: nothing to do", safe(name))));
    }
    for (name, failure) in &flow.failed {
        body.push((Role::Bad, format!("{} cannot be planned: {}", safe(name), safe(failure))));
    }
    let released: Vec<(String, SyncOptions)> =
        items.iter().map(|item| (item.view.mapping.name.clone(), release(item))).collect();
    let blocked =
        items.iter().any(|item| item.plan.refusals.iter().any(|r| blocks(r, &item.options)));
    let effects = in_order(items, &released);
    let title = match items.as_slice() {
        [one] => format!("Sync {}?", one.view.mapping.name),
        many => format!("Sync {}?", count(many.len(), "mapping")),
    };
    Question {
        challenges: challenges(items),
        choices: choices(items, &held),
        accept: (!blocked).then_some(Step::Run(effects)),
        accept_label: "sync".to_owned(),
        writes: true,
        ..Question::new(title, body)
    }
}

/// What the others depend on goes first; they wait for it.
fn in_order(items: &[Item], released: &[(String, SyncOptions)]) -> Vec<Effect> {
    let names: Vec<String> = released.iter().map(|(name, _)| name.clone()).collect();
    let of = |name: &str| items.iter().find(|item| item.view.mapping.name == name);
    let turns = order(
        &names,
        |name| of(name).map(|item| item.view.mapping.depends_on.as_slice()).unwrap_or_default(),
        |name| of(name).is_some_and(|item| !is_dependent(item.plan)),
    );
    let effects = turns.iter().filter_map(|turn| {
        let (_, options) = released.iter().find(|(name, _)| *name == turn.mapping)?;
        let after = if options.ignore_dependencies { Vec::new() } else { turn.after.clone() };
        let awaited = turns.iter().any(|other| other.after.contains(&turn.mapping));
        let wait = options.wait.or(awaited.then_some(PATIENCE));
        Some(sync(of(&turn.mapping)?, &SyncOptions { wait, after, ..options.clone() }))
    });
    effects.collect()
}

fn sync(item: &Item, options: &SyncOptions) -> Effect {
    let mapping = item.view.mapping.name.clone();
    let command = Command::Sync {
        mapping: mapping.clone(),
        revision: None,
        confirmed: item.plan.digest.clone(),
        options: options.clone(),
    };
    Effect::Run(command, Purpose::Sync { mapping })
}

/// Where it goes, what happens there, and what stands in the way.
pub(super) fn describe(body: &mut Vec<(Role, String)>, item: &Item) {
    let (mapping, plan) = (&item.view.mapping, item.plan);
    let target = &mapping.target;
    let guard = if mapping.production { "  PRODUCTION" } else { "" };
    body.push((Role::Strong, format!("{}{guard}", safe(&mapping.name))));
    body.push((
        Role::Text,
        format!(
            "  from  {} {} at {}",
            safe(&mapping.repository),
            safe(&mapping.path),
            plan.revision.short()
        ),
    ));
    body.push((
        Role::Text,
        format!("  to    cluster {}, namespace {}", safe(&target.context), safe(&target.namespace)),
    ));
    let summary = plan.summary;
    let mut counts = format!(
        "  plan  +{} create  ~{} update  -{} delete",
        summary.create, summary.update, summary.delete
    );
    for (number, word) in [(summary.recreate, "recreate"), (summary.take_over, "take over")] {
        if number > 0 {
            let _ = write!(counts, "  {number} {word}");
        }
    }
    match plan.hooks_run() {
        0 => {}
        1 => counts.push_str("  1 hook"),
        many => {
            let _ = write!(counts, "  {many} hooks");
        }
    }
    body.push((Role::Text, counts));
    if plan.is_empty() && !plan.is_refused() {
        let why = "        nothing changes in the cluster; the revision is recorded";
        body.push((Role::Muted, why.to_owned()));
    }
    if let Some(words) = plan.risk.words() {
        body.push((Role::Drift, format!("        {}", safe(&words))));
    }
    if let Some(counts) = counted(&plan.left_out) {
        body.push((Role::Muted, format!("        left out: {}", safe(&counts))));
    }
    obstacles(body, item);
    list(body, plan);
    body.push((Role::Muted, String::new()));
}

/// What is done, operation by operation, and the hooks that run.
fn list(body: &mut Vec<(Role, String)>, plan: &Plan) {
    for operation in plan.operations.iter().take(LISTED) {
        let (sign, role, _) = op_words(operation.op);
        let object = operation.object.to_string();
        body.push((role, format!("    {sign} {}", safe(&object))));
        let badges = badges(operation).into_iter();
        body.extend(badges.map(|text| (Role::Drift, format!("      {text}"))));
    }
    if plan.operations.len() > LISTED {
        let more = plan.operations.len() - LISTED;
        body.push((Role::Muted, format!("    and {more} more")));
    }
    for hook in &plan.hooks {
        let when = if hook.phase == Phase::SyncFail { ", only where it fails" } else { "" };
        let object = hook.object.to_string();
        body.push((
            Role::Behind,
            format!("    * {:<8} {}{when}", hook.phase.word(), safe(&object)),
        ));
    }
}

/// What stands in the way, and what is passed over.
fn obstacles(body: &mut Vec<(Role, String)>, item: &Item) {
    let (mapping, plan) = (&item.view.mapping, item.plan);
    for refusal in &plan.refusals {
        let held = matches!(refusal, Refusal::Suspended(_));
        let role = if held { Role::Suspended } else { Role::Bad };
        body.push((role, format!("  ! {}", refusal_words(refusal, &item.options))));
        if let Refusal::Rights(missing) = refusal {
            body.push((Role::Muted, format!("    {}", safe(&missing.way_out()))));
        }
    }
    if item.options.ignore_dependencies && !mapping.depends_on.is_empty() {
        let names = mapping.depends_on.join(", ");
        body.push((Role::Drift, format!("  ! does not wait for {}", safe(&names))));
    }
    if let Some(why) = &plan.prune_blocked {
        body.push((Role::Suspended, format!("  ! nothing is pruned: {}", safe(why))));
    }
    for unread in &plan.unread {
        body.push((Role::Suspended, format!("  ! not read: {}", safe(unread))));
    }
}

fn refusal_words(refusal: &Refusal, options: &SyncOptions) -> String {
    let releasable = blocks(refusal, &SyncOptions::default());
    let released = if releasable && !blocks(refusal, options) { " (released)" } else { "" };
    format!("{}{released}", refusal::words(refusal))
}

/// Whether a refusal still stands with these options. A number of deletions is asked for, not a choice.
pub(super) fn blocks(refusal: &Refusal, options: &SyncOptions) -> bool {
    match refusal {
        Refusal::Deletions { .. } => false,
        Refusal::Foreign { .. } | Refusal::Exists { .. } | Refusal::Held { .. } => {
            !options.take_over
        }
        Refusal::Immutable { .. } => !options.recreate,
        Refusal::Waits(_) => !options.ignore_dependencies,
        Refusal::Invalid { .. }
        | Refusal::Rights(_)
        | Refusal::Moved { .. }
        | Refusal::Suspended(_)
        | Refusal::LiveWins
        | Refusal::Disconnected { .. }
        | Refusal::Unsigned { .. }
        | Refusal::ReadOnly => true,
    }
}

/// The options with the number of deletions, which is only used after somebody typed it.
pub(super) fn release(item: &Item) -> SyncOptions {
    let typed = item.plan.refusals.iter().find_map(|refusal| match refusal {
        Refusal::Deletions { count, .. } => Some(*count),
        _ => None,
    });
    SyncOptions { allow_delete: typed.or(item.options.allow_delete), ..item.options.clone() }
}

/// What has to be typed: the name of every production mapping, and every number of deletions beyond its limit.
pub(super) fn challenges(items: &[Item]) -> Vec<Challenge> {
    let mut challenges = Vec::new();
    for item in items {
        let mapping = &item.view.mapping;
        if let Some(number) = release(item).allow_delete {
            challenges.push(Challenge {
                ask: format!("Type the number of objects that {} loses:", safe(&mapping.name)),
                expect: number.to_string(),
            });
        }
        if mapping.production {
            challenges.push(Challenge {
                ask: format!(
                    "{}/{} is production. Type the name of the mapping:",
                    safe(&mapping.target.context),
                    safe(&mapping.target.namespace)
                ),
                expect: mapping.name.clone(),
            });
        }
    }
    challenges
}

fn choices(items: &[Item], held: &[Item]) -> Vec<Choice> {
    let mut choices = Vec::new();
    let stands = |wanted: fn(&Refusal) -> bool| {
        items.iter().any(|item| {
            item.plan
                .refusals
                .iter()
                .any(|refusal| wanted(refusal) && blocks(refusal, &item.options))
        })
    };
    let again = |change: fn(&mut SyncOptions)| {
        Step::Plan(
            items
                .iter()
                .map(|item| {
                    let mut options = item.options.clone();
                    change(&mut options);
                    (item.view.mapping.name.clone(), options)
                })
                .collect(),
        )
    };
    let ownership = |refusal: &Refusal| {
        matches!(refusal, Refusal::Foreign { .. } | Refusal::Exists { .. } | Refusal::Held { .. })
    };
    if stands(ownership) {
        let step = again(|options| options.take_over = true);
        choices.push(Choice { key: 't', label: "take over".to_owned(), step });
    }
    if stands(|refusal| matches!(refusal, Refusal::Immutable { .. })) {
        let step = again(|options| options.recreate = true);
        choices.push(Choice { key: 'r', label: "delete and create".to_owned(), step });
    }
    if stands(|refusal| matches!(refusal, Refusal::Waits(_))) {
        let step = again(|options| options.ignore_dependencies = true);
        choices.push(Choice { key: 'i', label: "go on without it".to_owned(), step });
    }
    if !held.is_empty() {
        let resume = |item: &Item| Command::Resume { mapping: item.view.mapping.name.clone() };
        let step = Step::Run(held.iter().map(|item| Effect::inform(resume(item))).collect());
        choices.push(Choice { key: 'x', label: "resume what is suspended".to_owned(), step });
    }
    choices
}
