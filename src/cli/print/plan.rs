//! Plans and differences for people.

use super::paint::Paint;
use super::time::age;
use crate::domain::noise::counted;
use crate::domain::text::harmless;
use crate::domain::{Change, Op, Operation, Phase, Plan, RuleUse, Summary, Why};
use jiff::Timestamp;
use serde_json::Value;
use std::fmt::Write;

/// The longest value that is shown, in characters.
const LONGEST_VALUE: usize = 60;

/// Paths of one object that are not in Git, listed unasked.
const MOST_EXTRA: usize = 5;

/// The whole plan: every operation with every differing path, and what was found beside.
///
/// `whole` lists what was left out, too.
pub(crate) fn print(paint: Paint, plan: &Plan, now: Timestamp, whole: bool) -> String {
    let mut text = head(paint, plan);
    // What is deleted because another name stands in for it is part of that change.
    for operation in plan.operations.iter().filter(|one| plan.stand_in(one).is_none()) {
        print_operation(&mut text, paint, operation, now);
    }
    print_hooks(&mut text, paint, plan);
    if let Some(words) = plan.risk.words() {
        let _ = writeln!(text, "  {}", paint.warn(&harmless(&words)));
    }
    print_beside(&mut text, paint, plan, whole);
    text
}

/// Name, revision and counts alone.
pub(crate) fn head(paint: Paint, plan: &Plan) -> String {
    let name = paint.head(&harmless(&plan.mapping));
    let revision = paint.name(plan.revision.short());
    let hooks = match plan.hooks_run() {
        0 => String::new(),
        1 => ", 1 hook to run".to_owned(),
        many => format!(", {many} hooks to run"),
    };
    format!("{name} at {revision}: {}{hooks}\n", counts(&plan.summary))
}

/// The hooks in the order in which they run, each with its phase.
fn print_hooks(text: &mut String, paint: Paint, plan: &Plan) {
    for hook in &plan.hooks {
        let when = match hook.phase {
            Phase::SyncFail => "only where the sync fails".to_owned(),
            _ if hook.wave != 0 => format!("wave {}", hook.wave),
            _ => String::new(),
        };
        let when = if when.is_empty() { when } else { paint.dim(&format!(" ({when})")) };
        let phase = paint.name(&format!("{:<8}", hook.phase.word()));
        let object = harmless(&hook.object.to_string()).into_owned();
        let _ = writeln!(text, "  * {phase} {object}{when}");
    }
}

/// `1 to create, 2 to update, 7 unchanged`.
pub(crate) fn counts(summary: &Summary) -> String {
    let all = [
        (summary.create, "to create"),
        (summary.update, "to update"),
        (summary.take_over, "to take over"),
        (summary.recreate, "to recreate"),
        (summary.delete, "to delete"),
        (summary.unchanged, "unchanged"),
    ];
    let some: Vec<String> = all
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if some.is_empty() { "no objects".to_owned() } else { some.join(", ") }
}

fn print_operation(text: &mut String, paint: Paint, operation: &Operation, now: Timestamp) {
    let (sign, verb) = match operation.op {
        Op::Create => (paint.good("+"), "create"),
        Op::Update => (paint.warn("~"), "update"),
        Op::Delete => (paint.bad("-"), "delete"),
        Op::Recreate => (paint.bad("!"), "recreate"),
        Op::TakeOver => (paint.warn(">"), "take over"),
    };
    let object = operation.object.to_string();
    if let Some(old) = &operation.replaces {
        let why = reason(operation, now);
        let was = format!("(new content under a new name, {why}; {old} is deleted last)");
        let was = paint.dim(&harmless(&was));
        let _ = writeln!(text, "  {} {} {was}", paint.warn("~"), harmless(&object));
        for change in &operation.changes {
            let _ = writeln!(text, "      {}", change_line(paint, change, now));
        }
        return;
    }
    let reason = paint.dim(&format!("({verb}, {})", reason(operation, now)));
    let _ = writeln!(text, "  {sign} {} {reason}", harmless(&object));
    if let Some(why) = &operation.blind {
        let badge = format!("blind: no dry run possible, {}", harmless(why));
        let _ = writeln!(text, "      {}", paint.warn(&badge));
    }
    let forced = operation.forced().join(", ");
    if !forced.is_empty() {
        let badge = format!("forced: overwrites what {} set", harmless(&forced));
        let _ = writeln!(text, "      {}", paint.warn(&badge));
    }
    if operation.op == Op::Create {
        // Everything of a new object is new; its file says it better.
        if let Some(origin) = &operation.origin {
            let _ = writeln!(text, "      {}", paint.dim(&harmless(&origin.to_string())));
        }
        return;
    }
    for change in &operation.changes {
        let _ = writeln!(text, "      {}", change_line(paint, change, now));
    }
}

/// Why, with the commit or with who changed the cluster and when, where that is known.
fn reason(operation: &Operation, now: Timestamp) -> String {
    use crate::domain::Reason;
    let word = match operation.reason {
        Reason::Commit => "commit",
        Reason::Drift => "drift",
        Reason::TakeOver => "exists already",
        Reason::Migration => "from client-side apply",
        Reason::Admission => "does not converge, rewritten by the server",
        Reason::Prune => "left Git",
    };
    match (operation.reason, operation.commits().as_slice(), operation.culprit()) {
        (Reason::Commit, [one], _) => format!("{word} {}", one.short()),
        (Reason::Commit, [first, rest @ ..], _) => {
            format!("{word} {} and {} more", first.short(), rest.len())
        }
        (Reason::Drift, _, Some((manager, then))) => {
            let manager = harmless(manager);
            then.map_or_else(
                || format!("{word} by {manager}"),
                |then| format!("{word} by {manager} {}", ago(then, now)),
            )
        }
        _ => word.to_owned(),
    }
}

/// `4m ago`.
fn ago(then: Timestamp, now: Timestamp) -> String {
    match age(then, now).as_str() {
        "now" => "now".to_owned(),
        age => format!("{age} ago"),
    }
}

pub(super) fn change_line(paint: Paint, change: &Change, now: Timestamp) -> String {
    let path = harmless(&change.path);
    let values = if change.redacted {
        "secret value differs".to_owned()
    } else {
        let before = paint.bad(&shown(change.before.as_ref()));
        let after = paint.good(&shown(change.after.as_ref()));
        format!("{before} -> {after}")
    };
    let mut who = Vec::new();
    if let Some(manager) = &change.live_manager {
        let when = change.live_time.map_or(String::new(), |then| format!(", {}", ago(then, now)));
        who.push(format!("live: {}{when}", harmless(manager)));
    }
    if let Some(commit) = &change.commit {
        who.push(format!("git: {}", commit.short()));
    }
    let who = if who.is_empty() { String::new() } else { format!("  [{}]", who.join("; ")) };
    format!("{path}  {values}{}", paint.dim(&who))
}

/// What others added in full, everything else as one line of counts, or `whole`.
fn print_left_out(text: &mut String, paint: Paint, plan: &Plan, whole: bool) {
    let listed = plan.left_out.iter().filter(|left| whole || left.why == Why::Extra);
    for left in listed {
        let head = match &left.why {
            Why::Extra => "extra, not in Git".to_owned(),
            why => format!("left out {why}"),
        };
        let head = harmless(&format!("  = {} ({head})", left.object)).into_owned();
        let _ = writeln!(text, "{}", paint.dim(&head));
        let most = if whole { usize::MAX } else { MOST_EXTRA };
        for path in left.paths.iter().take(most) {
            let _ = writeln!(text, "      {}", paint.dim(&harmless(path)));
        }
        if left.paths.len() > most {
            let more =
                format!("      and {} more; --show-ignored lists them", left.paths.len() - most);
            let _ = writeln!(text, "{}", paint.dim(&more));
        }
    }
    if let Some(summary) = counted(&plan.left_out) {
        let _ = writeln!(text, "  {}", paint.dim(&format!("left out: {}", harmless(&summary))));
    }
}

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return "none".to_owned(),
        Some(value) => value.to_string(),
    };
    let text = harmless(&text);
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}

fn print_beside(text: &mut String, paint: Paint, plan: &Plan, whole: bool) {
    print_left_out(text, paint, plan, whole);
    for dead in plan.rules.iter().filter(|_| whole).filter_map(RuleUse::dead) {
        let _ = writeln!(text, "  {}", paint.warn(&harmless(&dead)));
    }
    for idle in &plan.idle_hooks {
        let line = format!("  hook {} is not run as {}", idle.object, idle.why);
        let _ = writeln!(text, "{}", paint.dim(&harmless(&line)));
    }
    // Where something would be done, the refusal says it.
    if let Some(suspension) = plan.suspension().filter(|_| !plan.is_refused()) {
        let line = format!("  {}", harmless(&suspension.to_string()));
        let _ = writeln!(text, "{}", paint.warn(&line));
    }
    if let Some(reason) = &plan.rights_unknown {
        let line = format!("  whether the rights suffice is not known: {}", harmless(reason));
        let _ = writeln!(text, "{}", paint.warn(&line));
    }
    if let Some(reason) = &plan.prune_blocked {
        let line = format!("  nothing can be pruned: {}", harmless(reason));
        let _ = writeln!(text, "{}", paint.warn(&line));
    }
    for unread in &plan.unread {
        let line = format!("  not read: {}", harmless(unread));
        let _ = writeln!(text, "{}", paint.warn(&line));
    }
}
