//! Edits of single values hold their promise: every byte that is not the value stays, and other readers agree.

mod corpus;
mod generate;
mod judge;
mod marks;
mod random;
mod readers;
mod wrong;

use generate::{Dice, Down};
use gitdeck::domain::path::{FieldPath, Step};
use gitdeck::yaml::{self, Change, Place};
use marks::{Marked, marked};
use readers::{Edit, changed, libyaml, saphyr};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Values that are easily misread.
const TEXTS: &[&str] = &[
    "",
    "y",
    "n",
    "yes",
    "No",
    "on",
    "null",
    "~",
    "1",
    "1.0",
    "1_000",
    "0644",
    "0x1F",
    "1e3",
    "12e03",
    "09",
    "1:30",
    "2001-01-01",
    "a: b",
    "a #b",
    " x",
    "x ",
    "#",
    "-",
    "- a",
    "--",
    "---",
    "...",
    "*a",
    "&a",
    "!x",
    "%x",
    "@x",
    "`x`",
    "{a}",
    "[a",
    "a, b",
    "'",
    "\"",
    "it's",
    "a\\b",
    "\t",
    "a\tb",
    "\u{0}x",
    "\u{7}",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "\u{202e}x",
    "=",
    "<<",
    "?",
    "? a",
    ":",
    "a:",
    "|",
    ">",
    "é",
    "plain",
    "two words",
    "r.io/a/b:1.2@sha256:0f",
    "100m",
    "25%",
    "$(VAR)",
    "a\nb",
    "a\nb\n",
    "a\n\n",
    "\na",
    " a\nb",
    "a \nb",
    "a\n \nb\n",
    "x\r\ny",
    "x\n# y\n",
    "--- a\nb\n",
];

/// A new value, of any type.
fn random_value(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(if depth > 1 { 7 } else { 9 }) {
        0 => json!(dice.below(3) == 0),
        1 => json!(dice.below(100_000)),
        2 => json!(null),
        3 => json!(-1.5),
        4..=6 => json!(dice.pick(TEXTS)),
        7 => (0..dice.below(3)).map(|_| random_value(dice, depth + 1)).collect(),
        _ => {
            let keys =
                (0..dice.below(3)).map(|_| (*dice.pick(&["k", "no", "1", "a b", "é"])).to_owned());
            let keys: Vec<String> = keys.collect();
            Value::Object(
                keys.into_iter().map(|key| (key, random_value(dice, depth + 1))).collect(),
            )
        }
    }
}

/// Every value of a document with the way to it.
fn routes(value: &Value, above: &mut Vec<Down>, found: &mut Vec<Vec<Down>>) {
    found.push(above.clone());
    let children: Vec<(Down, &Value)> = match value {
        Value::Object(map) => {
            map.iter().map(|(key, value)| (Down::Key(key.clone()), value)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| (Down::Index(index), item)).collect()
        }
        _ => Vec::new(),
    };
    for (down, child) in children {
        above.push(down);
        routes(child, above, found);
        above.pop();
    }
}

fn field_path(route: &[Down]) -> FieldPath {
    let step = |down: &Down| match down {
        Down::Key(key) => Step::Field(key.clone()),
        Down::Index(index) => Step::Index(*index),
    };
    FieldPath(route.iter().map(step).collect())
}

/// What is edited, and how.
#[derive(Debug)]
struct Case {
    /// The document's position in the file, and among those that are not empty.
    document: (usize, usize),
    route: Vec<Down>,
    edit: Edit,
}

/// The readers that judge. gitdeck's own parser is that of the first; the two others descend from other ones.
const READERS: [&str; 3] = ["serde-saphyr", "libyaml", "noyalib"];

/// A text as the readers see it.
struct Seen {
    text: String,
    values: [Result<Vec<Value>, String>; 3],
    marks: Result<Vec<Marked>, String>,
}

impl Seen {
    fn of(text: String) -> Self {
        let marks = marked(&text);
        let third = match &marks {
            Ok(marks) => Ok(marks.iter().map(Marked::value).collect()),
            Err(fault) => Err(fault.clone()),
        };
        Self { values: [saphyr(&text), libyaml(&text), third], marks, text }
    }
}

/// What was judged, and what was not.
#[derive(Debug, Default)]
struct Tally {
    /// Edits that a reader judged, and those before which it could not read the file.
    judged: [usize; 3],
    blind: [usize; 3],
    /// Edits that gitdeck refused, by the reason.
    refused: BTreeMap<String, usize>,
}

impl Tally {
    /// Fails where a reader left out more than a few of a thousand.
    fn hold(&self) {
        for (index, name) in READERS.iter().enumerate() {
            let (judged, blind) = (self.judged[index], self.blind[index]);
            println!("{name}: {judged} edits judged, {blind} not readable before");
            assert!(judged > 0 && blind * 200 <= judged, "{name} is blind: {self:?}");
        }
    }
}

/// Edits, and holds what comes out to all readers. The reason where the edit was refused.
fn edited(before: &Seen, case: &Case, tally: &mut Tally) -> Result<Result<Seen, String>, String> {
    let place = Place::document(case.document.0);
    let (route, change) = match &case.edit {
        Edit::Set(value) => (case.route.clone(), Change::Set(value.clone())),
        Edit::Remove => (case.route.clone(), Change::Remove),
        Edit::Add(down, value) => {
            let mut route = case.route.clone();
            route.push(down.clone());
            (route, Change::Set(value.clone()))
        }
    };
    let after = match yaml::edit(before.text.as_bytes(), &place, &field_path(&route), &change) {
        Ok(edited) => Seen::of(String::from_utf8(edited).map_err(|error| error.to_string())?),
        Err(error) => {
            *tally.refused.entry(error.reason.clone()).or_default() += 1;
            return Ok(Err(error.reason));
        }
    };
    for (index, name) in READERS.iter().enumerate() {
        let expected = before.values[index]
            .as_ref()
            .ok()
            .and_then(|values| changed(values, case.document.1, &case.route, &case.edit));
        let Some(expected) = expected else {
            // What a reader cannot read before, it cannot judge.
            tally.blind[index] += 1;
            continue;
        };
        let text = &after.text;
        let read = after.values[index].as_ref().map_err(|error| format!("{name}: {error}\n{text}"));
        if *read? != expected {
            return Err(format!("{name} reads something else\n{text}"));
        }
        tally.judged[index] += 1;
    }
    Ok(Ok(after))
}

/// Whether `short` is what is left of `long` without some of its bytes, and is so in at most `holes` places.
fn is_cut(long: &str, short: &str, holes: usize) -> bool {
    let common = long.bytes().zip(short.bytes()).take_while(|(a, b)| a == b).count();
    let (long, short) = (&long.as_bytes()[common..], &short.as_bytes()[common..]);
    if short.is_empty() {
        return long.is_empty() || holes > 0;
    }
    let tail = long.iter().rev().zip(short.iter().rev()).take_while(|(a, b)| a == b).count();
    tail == short.len() && holes > 0
        || (holes > 1
            && (1..=long.len().saturating_sub(short.len())).any(|cut| {
                text(&long[cut..]).is_some_and(|long| {
                    text(short).is_some_and(|short| is_cut(long, short, holes - 1))
                })
            }))
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// The positions of the documents that are not empty.
fn documents_of(text: &str) -> Vec<usize> {
    let read = yaml::documents(text.as_bytes()).unwrap_or_default();
    read.iter().map(|document| document.index).collect()
}
