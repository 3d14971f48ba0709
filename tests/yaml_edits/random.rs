//! Random files and edits.

use super::generate::{Dice, Down, File};
use super::judge::{holds, holds_at};
use super::readers::{Edit, saphyr};
use super::{Case, Seen, Tally, edited, random_value, routes};
use gitdeck::yaml::documents;
use serde_json::Value;
use std::time::Instant;

/// Cases of the ordinary run; `GITDECK_YAML_EDITS` asks for more.
const CASES: u64 = 3_000;

/// What an edit does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    SetScalar,
    SetMapOrList,
    Add,
    Remove,
    /// Of a value that comes through a merge key, which is refused.
    Merged,
}

const KINDS: [Kind; 5] =
    [Kind::SetScalar, Kind::SetMapOrList, Kind::Add, Kind::Remove, Kind::Merged];

/// How many cases a run has.
fn cases() -> u64 {
    let asked = std::env::var("GITDECK_YAML_EDITS").ok();
    asked.map_or(CASES, |count| count.parse().expect("GITDECK_YAML_EDITS is a number"))
}

#[test]
fn every_byte_that_is_not_the_value_stays() {
    let (cases, began) = (cases(), Instant::now());
    let (mut done, mut refused) = ([0_usize; 5], [0_usize; 5]);
    let (mut tally, mut faults) = (Tally::default(), Vec::new());
    for seed in 0..cases {
        let mut dice = Dice::new(seed ^ 0x00ff_00ff_00ff);
        let file = File::of(seed);
        let (kind, case) = pick(&mut dice, &file);
        let seen = Seen::of(file.text.clone());
        let shown = format!("seed {seed}: {case:?}\n{}", file.text);
        let after = match edited(&seen, &case, &mut tally) {
            Ok(Ok(after)) => after,
            Err(fault) => {
                faults.push(format!("{shown}\n{fault}"));
                continue;
            }
            Ok(Err(reason)) => {
                if kind == Kind::Merged {
                    let why = reason.contains("comes through a merge key (<<)");
                    // What it is merged into may itself be used elsewhere, which comes first.
                    let above = reason.contains("has an anchor that is used elsewhere");
                    assert!(why || above, "{shown}\nrefused otherwise: {reason}");
                    refused[kind as usize] += usize::from(why);
                } else {
                    refused[kind as usize] += 1;
                }
                continue;
            }
        };
        assert!(kind != Kind::Merged, "{shown}\na merged value was changed");
        done[kind as usize] += 1;
        let known = file
            .scalars
            .iter()
            .find(|scalar| scalar.document == case.document.0 && scalar.route == case.route);
        let judged = holds(&seen, &after, &case).and_then(|()| match (&case.edit, known) {
            (Edit::Set(_), Some(known)) => holds_at(&seen, &after, &case, &known.range),
            _ => Ok(()),
        });
        if let Err(fault) = judged {
            faults.push(format!("{shown}\n======\n{}\n{fault}", after.text));
        }
    }
    let some: Vec<_> = faults.iter().take(8).map(String::as_str).collect();
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), some.join("\n\n"));
    println!("{cases} cases in {:?}: {KINDS:?}", began.elapsed());
    println!("done {done:?}, refused {refused:?}\n{:#?}", tally.refused);
    tally.hold();
    for kind in [Kind::SetScalar, Kind::SetMapOrList, Kind::Add, Kind::Remove] {
        let (done, refused) = (done[kind as usize], refused[kind as usize]);
        assert!(done * 20 > cases as usize, "{kind:?}: too few of {cases}: {done}");
        assert!(done > refused, "{kind:?}: too much is refused: {done}, {refused}");
    }
    assert!(
        refused[Kind::Merged as usize] * 60 > cases as usize,
        "too few merge keys: {refused:?}"
    );
}

/// A place and a change.
pub fn pick(dice: &mut Dice, file: &File) -> (Kind, Case) {
    let read =
        documents(file.text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{}", file.text));
    assert_eq!(Ok(read.len()), saphyr(&file.text).map(|read| read.len()));
    let position = |index: usize| read.iter().position(|document| document.index == index);
    if !file.merges.is_empty()
        && dice.one_in(2)
        && let Some(found) = merged(dice, file, &position, &read)
    {
        return found;
    }
    if dice.one_in(3) && !file.scalars.is_empty() {
        let scalar = &file.scalars[dice.below(file.scalars.len())];
        let document = (scalar.document, position(scalar.document).unwrap_or_default());
        let edit = Edit::Set(random_value(dice, 1));
        return (Kind::SetScalar, Case { document, route: scalar.route.clone(), edit });
    }
    let at = dice.below(read.len());
    let mut found = Vec::new();
    routes(&read[at].value, &mut Vec::new(), &mut found);
    let document = (read[at].index, at);
    let removable: Vec<_> = found.iter().filter(|route| !route.is_empty()).collect();
    if dice.one_in(3) && !removable.is_empty() {
        let route = removable[dice.below(removable.len())].clone();
        return (Kind::Remove, Case { document, route, edit: Edit::Remove });
    }
    let mut root = read[at].value.clone();
    let open: Vec<_> = found
        .into_iter()
        .filter(|route| {
            super::readers::at(&mut root, route)
                .is_some_and(|value| value.is_object() || value.is_array())
        })
        .collect();
    let route = open[dice.below(open.len())].clone();
    let value = super::readers::at(&mut root, &route).cloned().unwrap_or_default();
    // Readers do not agree on text by indentation that the end of a file cuts off, which would be set as gitdeck reads it.
    if dice.one_in(2) && file.text.ends_with('\n') {
        let edit = Edit::Set(other(dice, &value, route.is_empty()));
        return (Kind::SetMapOrList, Case { document, route, edit });
    }
    let down = match value {
        Value::Array(items) => Down::Index(items.len()),
        _ => Down::Key("new".to_owned()),
    };
    (Kind::Add, Case { document, route, edit: Edit::Add(down, random_value(dice, 0)) })
}

/// A value that comes through a merge key, changed or removed.
fn merged(
    dice: &mut Dice,
    file: &File,
    position: &dyn Fn(usize) -> Option<usize>,
    read: &[gitdeck::yaml::Document],
) -> Option<(Kind, Case)> {
    let merge = &file.merges[dice.below(file.merges.len())];
    let at = position(merge.document)?;
    let mut root = read[at].value.clone();
    let from = super::readers::at(&mut root, &merge.from)?.as_object()?;
    let key = from.keys().find(|key| !merge.own.contains(&key.as_str()))?;
    let mut route = merge.route.clone();
    route.push(Down::Key(key.clone()));
    let edit = if dice.one_in(2) { Edit::Remove } else { Edit::Set(Value::from("new value")) };
    Some((Kind::Merged, Case { document: (merge.document, at), route, edit }))
}

/// Another map or list: some of it is what it was, some is changed, new or gone; or another value altogether.
fn other(dice: &mut Dice, value: &Value, root: bool) -> Value {
    match value {
        _ if !root && dice.one_in(6) => random_value(dice, 0),
        Value::Object(fields) => {
            let mut new = serde_json::Map::new();
            for (key, value) in fields {
                match dice.below(6) {
                    0 if fields.len() > 1 => {}
                    1 => drop(new.insert(key.clone(), random_value(dice, 1))),
                    _ => drop(new.insert(key.clone(), value.clone())),
                }
            }
            if dice.one_in(3) {
                new.insert("added".to_owned(), random_value(dice, 1));
            }
            Value::Object(new)
        }
        Value::Array(items) => {
            let mut new = Vec::new();
            for item in items {
                match dice.below(6) {
                    0 if items.len() > 1 => {}
                    1 => new.push(random_value(dice, 1)),
                    _ => new.push(item.clone()),
                }
            }
            if dice.one_in(3) {
                new.push(random_value(dice, 1));
            }
            Value::Array(new)
        }
        other => other.clone(),
    }
}
