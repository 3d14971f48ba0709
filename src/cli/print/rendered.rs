//! What a commit makes of objects, for people.

use super::paint::Paint;
use super::plan::change_line;
use crate::domain::rendered::{RenderedMapping, RenderedObject};
use crate::domain::text::{harmless, harmless_lines};
use crate::domain::{Op, RenderedCommit};
use jiff::Timestamp;
use std::fmt::Write;

/// Every mapping with its objects, path by path.
pub(crate) fn print(paint: Paint, rendered: &RenderedCommit, now: Timestamp) -> String {
    if rendered.mappings.is_empty() {
        return "no mapping is made from what this commit touches\n".to_owned();
    }
    rendered.mappings.iter().map(|mapping| print_mapping(paint, mapping, now)).collect()
}

fn print_mapping(paint: Paint, mapping: &RenderedMapping, now: Timestamp) -> String {
    let mut text = format!("{}: {}\n", paint.head(&harmless(&mapping.mapping)), counts(mapping));
    for (side, fault) in [("before", &mapping.faults.before), ("after", &mapping.faults.after)] {
        if let Some(fault) = fault {
            let line = format!("  {side} the commit it does not render: {fault}");
            let _ = writeln!(text, "{}", paint.bad(&harmless_lines(&line)));
        }
    }
    for object in &mapping.objects {
        print_object(&mut text, paint, object, now);
    }
    text
}

/// `1 created, 2 changed, 7 unchanged`.
fn counts(mapping: &RenderedMapping) -> String {
    if !mapping.faults.is_empty() {
        return "cannot be compared".to_owned();
    }
    let of = |op: Op| mapping.objects.iter().filter(|one| one.op == op).count();
    let all = [
        (of(Op::Create), "created"),
        (of(Op::Update), "changed"),
        (of(Op::Delete), "deleted"),
        (mapping.unchanged, "unchanged"),
    ];
    let some = all.iter().filter(|(count, _)| *count > 0);
    let some: Vec<String> = some.map(|(count, word)| format!("{count} {word}")).collect();
    if some.is_empty() { "no objects".to_owned() } else { some.join(", ") }
}

fn print_object(text: &mut String, paint: Paint, object: &RenderedObject, now: Timestamp) {
    let (sign, word) = match object.op {
        Op::Create => (paint.good("+"), "created"),
        Op::Delete => (paint.bad("-"), "deleted"),
        _ => (paint.warn("~"), "changed"),
    };
    let was = object.replaces.as_ref().map_or(String::new(), |old| format!(" in place of {old}"));
    let aside = paint.dim(&harmless(&format!("({word}{was}, {})", object.file)));
    let _ = writeln!(text, "  {sign} {} {aside}", harmless(&object.object.to_string()));
    // Everything of a new object is new; its file says it better.
    for change in object.changes.iter().filter(|_| object.op != Op::Create) {
        let _ = writeln!(text, "      {}", change_line(paint, change, now));
    }
}
