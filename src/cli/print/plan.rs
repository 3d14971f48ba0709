//! Plans and differences for people.

use super::paint::Paint;
use super::time::age;
use crate::domain::text::harmless;
use crate::domain::{Change, Op, Operation, Plan, Summary};
use jiff::Timestamp;
use serde_json::Value;
use std::fmt::Write;

/// The longest value that is shown, in characters.
const LONGEST_VALUE: usize = 60;

/// The whole plan: every operation with every differing path, and what was found beside.
pub(crate) fn print(paint: Paint, plan: &Plan, now: Timestamp) -> String {
    let mut text = head(paint, plan);
    // What is deleted because another name stands in for it is part of that change.
    for operation in plan.operations.iter().filter(|one| plan.stand_in(one).is_none()) {
        print_operation(&mut text, paint, operation, now);
    }
    if let Some(words) = plan.risk.words() {
        let _ = writeln!(text, "  {}", paint.warn(&harmless(&words)));
    }
    print_beside(&mut text, paint, plan);
    text
}

/// Name, revision and counts alone.
pub(crate) fn head(paint: Paint, plan: &Plan) -> String {
    let name = paint.head(&harmless(&plan.mapping));
    let revision = paint.name(plan.revision.short());
    format!("{name} at {revision}: {}\n", counts(&plan.summary))
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
        let why = reason(operation);
        let was = format!("(new content under a new name, {why}; {old} is deleted last)");
        let was = paint.dim(&harmless(&was));
        let _ = writeln!(text, "  {} {} {was}", paint.warn("~"), harmless(&object));
        for change in &operation.changes {
            let _ = writeln!(text, "      {}", change_line(paint, change, now));
        }
        return;
    }
    let reason = paint.dim(&format!("({verb}, {})", reason(operation)));
    let _ = writeln!(text, "  {sign} {} {reason}", harmless(&object));
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

fn reason(operation: &Operation) -> &'static str {
    use crate::domain::Reason;
    match operation.reason {
        Reason::Commit => "commit",
        Reason::Drift => "drift",
        Reason::TakeOver => "exists already",
        Reason::Migration => "from client-side apply",
        Reason::Admission => "does not converge, rewritten by the server",
        Reason::Prune => "left Git",
    }
}

fn change_line(paint: Paint, change: &Change, now: Timestamp) -> String {
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
        let when = change.live_time.map_or(String::new(), |then| match age(then, now).as_str() {
            "now" => ", now".to_owned(),
            age => format!(", {age} ago"),
        });
        who.push(format!("live: {}{when}", harmless(manager)));
    }
    if let Some(commit) = &change.commit {
        who.push(format!("git: {}", commit.short()));
    }
    let who = if who.is_empty() { String::new() } else { format!("  [{}]", who.join("; ")) };
    format!("{path}  {values}{}", paint.dim(&who))
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

fn print_beside(text: &mut String, paint: Paint, plan: &Plan) {
    let extra: usize = plan.objects.iter().map(|object| object.extra.len()).sum();
    if extra > 0 {
        let line = format!("  {extra} live fields of other managers are not in Git and stay");
        let _ = writeln!(text, "{}", paint.dim(&line));
    }
    if plan.ignored > 0 {
        let line = format!("  {} differing paths are ignored or noise", plan.ignored);
        let _ = writeln!(text, "{}", paint.dim(&line));
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
}
