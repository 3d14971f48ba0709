//! Random files and edits.

use super::generate::{Dice, Down, File};
use super::readers::{Edit, saphyr};
use super::{Case, edited, is_cut, random_value, routes};
use gitdeck::yaml::documents;
use serde_json::Value;

/// Cases of the ordinary run; `GITDECK_YAML_EDITS` asks for more.
const CASES: u64 = 3_000;

#[test]
fn every_byte_that_is_not_the_value_stays() {
    let cases = std::env::var("GITDECK_YAML_EDITS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(CASES);
    let mut done = [0_usize; 3];
    let mut refused = [0_usize; 3];
    for seed in 0..cases {
        let mut dice = Dice::new(seed ^ 0x00ff_00ff_00ff);
        let file = File::of(seed);
        let (kind, case) = pick(&mut dice, &file);
        let found = edited(&file.text, &case)
            .unwrap_or_else(|fault| panic!("seed {seed}: {case:?}\n{}\n{fault}", file.text));
        let Some(after) = found else {
            refused[kind] += 1;
            continue;
        };
        done[kind] += 1;
        if let Err(fault) = holds(&file, &case, &after) {
            panic!("seed {seed}: {fault}: {case:?}\n{}\n======\n{after}", file.text);
        }
    }
    println!("{cases} cases: set, added, removed {done:?}; refused {refused:?}");
    for kind in 0..3 {
        assert!(done[kind] > 20 * refused[kind] / 3, "too much is refused: {done:?} {refused:?}");
    }
}

/// A place and a change, by kind: a scalar set, a value added, a value removed.
fn pick(dice: &mut Dice, file: &File) -> (usize, Case) {
    let read =
        documents(file.text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{}", file.text));
    assert_eq!(Ok(read.len()), saphyr(&file.text).map(|read| read.len()));
    let position = |index: usize| read.iter().position(|document| document.index == index);
    if dice.one_in(2) && !file.scalars.is_empty() {
        let scalar = &file.scalars[dice.below(file.scalars.len())];
        let document = (scalar.document, position(scalar.document).unwrap_or_default());
        let edit = Edit::Set(random_value(dice, 1));
        return (0, Case { document, route: scalar.route.clone(), edit });
    }
    let at = dice.below(read.len());
    let mut found = Vec::new();
    routes(&read[at].value, &mut Vec::new(), &mut found);
    let document = (read[at].index, at);
    let removable: Vec<_> = found.iter().filter(|route| !route.is_empty()).collect();
    if dice.one_in(2) && !removable.is_empty() {
        let route = removable[dice.below(removable.len())].clone();
        return (2, Case { document, route, edit: Edit::Remove });
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
    let down = match super::readers::at(&mut root, &route) {
        Some(Value::Array(items)) => Down::Index(items.len()),
        _ => Down::Key("new".to_owned()),
    };
    (1, Case { document, route, edit: Edit::Add(down, random_value(dice, 0)) })
}

/// The bytes around what was to change.
fn holds(file: &File, case: &Case, after: &str) -> Result<(), String> {
    let before = file.text.as_str();
    match &case.edit {
        Edit::Set(value) => {
            let scalar = file
                .scalars
                .iter()
                .find(|scalar| scalar.document == case.document.0 && scalar.route == case.route)
                .ok_or("the scalar is not known")?;
            around(before, after, &scalar.range, value)
        }
        Edit::Add(..) => {
            is_cut(after, before, 1).then_some(()).ok_or_else(|| "more than an addition".to_owned())
        }
        Edit::Remove => {
            let emptied = ["{}", "[]"].iter().any(|empty| {
                after.match_indices(empty).any(|(at, _)| {
                    let mut bare = after.to_owned();
                    bare.replace_range(at..at + 2, "");
                    is_cut(before, &bare, 2)
                        || (at > 0 && bare.as_bytes()[at - 1] == b' ' && {
                            bare.remove(at - 1);
                            is_cut(before, &bare, 2)
                        })
                })
            });
            if !is_cut(before, after, 2) && !emptied {
                return Err("more than a removal".to_owned());
            }
            comments(before, after, 2)
        }
    }
}

/// What is before and behind a scalar is as it was. Text of several lines may go behind a comment of its key's line.
fn around(
    before: &str,
    after: &str,
    range: &std::ops::Range<usize>,
    value: &Value,
) -> Result<(), String> {
    let (head, tail) = (&before[..range.start], &before[range.end..]);
    if after.starts_with(head) && after.ends_with(tail) && after.len() >= head.len() + tail.len() {
        return Ok(());
    }
    let line = tail.find(['\r', '\n']).map_or(tail.len(), |end| end);
    let (comment, rest) = tail.split_at(line);
    let several = value.as_str().is_some_and(|text| text.contains('\n'));
    if several
        && after.starts_with(head)
        && after.ends_with(rest)
        && after[head.len()..].contains(comment)
    {
        return Ok(());
    }
    Err("bytes around the value changed".to_owned())
}

/// No more than the comments of what was removed are gone: those on its own lines.
fn comments(before: &str, after: &str, _own: usize) -> Result<(), String> {
    let lines = |text: &str| -> Vec<String> {
        text.lines()
            .map(str::trim)
            .filter(|line| line.starts_with("# c"))
            .map(str::to_owned)
            .collect()
    };
    let kept = lines(after);
    let lost: Vec<_> =
        lines(before).into_iter().filter(|comment| !kept.contains(comment)).collect();
    // Comment lines between the lines of the removed value go with it; they are then one run of the file.
    let start = before.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count();
    let cut = before.len().saturating_sub(after.len()) + 8;
    let gone = before.get(start.saturating_sub(8)..(start + cut + 8).min(before.len()));
    match lost.iter().find(|comment| gone.is_some_and(|gone| !gone.contains(comment.as_str()))) {
        Some(comment) => Err(format!("the comment {comment} is lost")),
        None => Ok(()),
    }
}
