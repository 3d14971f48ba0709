//! Objects with who set each field, in the form of YAML with a gutter, as `git blame` shows files.

use super::paint::Paint;
use super::time::age;
use crate::domain::text::harmless;
use crate::domain::{Blame, BlamedField, BlamedObject};
use jiff::Timestamp;
use std::fmt::Write;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Widest author and title, in cells.
const AUTHOR: usize = 16;
const TITLE: usize = 32;

/// Every object below a heading.
pub(crate) fn print(paint: Paint, blame: &Blame, now: Timestamp) -> String {
    let mut text = String::new();
    for object in &blame.objects {
        if !text.is_empty() {
            text.push('\n');
        }
        let name = paint.head(&harmless(&object.object.to_string()));
        let at = format!("{} at {}", blame.mapping, blame.revision.short());
        let _ =
            writeln!(text, "{name}  {}", paint.dim(&harmless(&format!("{at}, {}", object.file))));
        print_object(&mut text, paint, object, now);
    }
    text
}

fn print_object(text: &mut String, paint: Paint, object: &BlamedObject, now: Timestamp) {
    let gutters: Vec<[String; 4]> = object.fields.iter().map(|field| gutter(field, now)).collect();
    let mut widths = [0; 4];
    for gutter in &gutters {
        for (width, cell) in widths.iter_mut().zip(gutter) {
            *width = (*width).max(cell.width());
        }
    }
    let none = [const { String::new() }; 4];
    for (field, line) in object.lines() {
        let cells = field.and_then(|index| gutters.get(index)).unwrap_or(&none);
        let is_known = field.is_some_and(|index| object.fields[index].commit.is_some());
        for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let padded = format!("{cell}{}", " ".repeat(width - cell.width()));
            let painted =
                if at == 0 && is_known { paint.name(&padded) } else { paint.dim(&padded) };
            let _ = write!(text, "{painted} ");
        }
        let _ = writeln!(text, "{} {}", paint.dim("|"), harmless(&line));
    }
}

/// Commit, age, author and title; what computes a value and where instead.
fn gutter(field: &BlamedField, now: Timestamp) -> [String; 4] {
    let Some(commit) = &field.commit else {
        let by = field.computed.as_deref().unwrap_or_default();
        return ["-".into(), String::new(), "computed".into(), cut(by, TITLE)];
    };
    [
        commit.short().to_owned(),
        field.time.map_or(String::new(), |then| age(then, now)),
        cut(field.author.as_deref().unwrap_or_default(), AUTHOR),
        cut(field.title.as_deref().unwrap_or_default(), TITLE),
    ]
}

/// Foreign text, harmless, in at most so many cells.
fn cut(text: &str, most: usize) -> String {
    let text = harmless(text);
    if text.width() <= most {
        return text.into_owned();
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= most
    };
    let mut short: String = text.chars().take_while(fits).collect();
    short.push('…');
    short
}
