//! The judge itself: editors that do more than they should are caught, each time.

use super::corpus::files;
use super::generate::{Dice, File};
use super::judge::holds;
use super::random::{Kind, pick};
use super::readers::Edit;
use super::{Case, Seen, Tally, edited};
use serde_json::json;
use std::fs;
use std::ops::Range;

/// What a bad editor does beside the edit, with the text that it was given and the part that no edit was asked for.
type Wrong = (&'static str, fn(&str, Range<usize>) -> Option<String>);

const WRONG: &[Wrong] = &[
    ("drops a comment", |text, part| {
        let at = part.start + text[part].find(" # ")?;
        let end = at + text[at..].find(['\r', '\n']).unwrap_or(text.len() - at);
        Some(format!("{}{}", &text[..at], &text[end..]))
    }),
    ("adds a comment", |text, part| {
        let line = part.start + text[part].find('\n')?;
        Some(format!("{}\n# edited{}", &text[..line], &text[line..]))
    }),
    ("changes the indentation", |text, part| {
        let at = part.start + text[part].find("\n  ")? + 1;
        Some(format!("{} {}", &text[..at], &text[at..]))
    }),
    ("quotes a neighbour", |text, part| {
        let at = part.start + text[part.clone()].find(": ")? + 2;
        let end = at + text[at..].find(['\r', '\n', ' '])?;
        let bare = text[at..end].chars().all(char::is_alphanumeric) && at < end;
        bare.then(|| format!("{}\"{}\"{}", &text[..at], &text[at..end], &text[end..]))
    }),
    ("changes one line end", |text, part| {
        let at = part.start + text[part].find('\n')?;
        let crlf = text[..at].ends_with('\r');
        let head = if crlf { &text[..at - 1] } else { &text[..at] };
        Some(format!("{head}{}{}", if crlf { "\n" } else { "\r\n" }, &text[at + 1..]))
    }),
    ("changes all line ends", |text, _| {
        let crlf = text.contains("\r\n");
        text.contains('\n')
            .then(|| if crlf { text.replace("\r\n", "\n") } else { text.replace('\n', "\r\n") })
    }),
    ("strips blanks at the end of a line", |text, part| {
        let at = part.start + text[part].find(" \n")?;
        Some(format!("{}{}", &text[..at], &text[at + 1..]))
    }),
    ("drops an empty line", |text, part| {
        let at = part.start + text[part].find("\n\n")?;
        Some(format!("{}{}", &text[..at], &text[at + 1..]))
    }),
    ("drops the byte order mark", |text, _| text.strip_prefix('\u{feff}').map(str::to_owned)),
    ("doubles a space", |text, part| {
        let at = part.start + text[part].find(": ")? + 1;
        Some(format!("{} {}", &text[..at], &text[at..]))
    }),
    ("writes all in its own manner", |text, _| {
        let documents = gitdeck::yaml::documents(text.as_bytes()).ok()?;
        let parts: Option<Vec<String>> =
            documents.iter().map(|one| gitdeck::yaml::document(&one.value)).collect();
        let again = parts?.join("---\n");
        (again != text).then_some(again)
    }),
];

/// The bytes in front that an edit left as they were, away from the edit by a line and more.
fn untouched(before: &str, after: &str) -> [Range<usize>; 2] {
    let head = before.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count();
    let head = before.as_bytes()[..head].iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let head = before[..head].trim_end().rfind('\n').unwrap_or(0);
    let same = before.bytes().rev().zip(after.bytes().rev()).take_while(|(a, b)| a == b).count();
    let tail = after.len() - same.min(after.len() - head);
    let line = |from: usize| after.as_bytes()[from..].iter().position(|byte| *byte == b'\n');
    let tail = line(tail).map_or(after.len(), |at| tail + at + 1);
    let tail = line(tail).map_or(after.len(), |at| tail + at + 1);
    [0..head, tail..after.len()]
}

/// Lets each bad editor go at a right edit. How many of them found something to spoil, each of which was caught.
fn spoil(before: &Seen, after: &Seen, case: &Case, caught: &mut [usize]) {
    if before.text == after.text {
        return;
    }
    holds(before, after, case).unwrap();
    for ((what, wrong), caught) in WRONG.iter().zip(caught) {
        for part in untouched(&before.text, &after.text) {
            let Some(spoilt) = wrong(&after.text, part).filter(|text| *text != after.text) else {
                continue;
            };
            let spoilt = Seen::of(spoilt);
            let verdict = holds(before, &spoilt, case);
            assert!(
                verdict.is_err(),
                "an editor that {what} is not caught: {case:?}\n{}\n======\n{}",
                before.text,
                spoilt.text
            );
            *caught += 1;
        }
    }
}

#[test]
fn an_editor_that_does_more_is_caught() {
    let mut tally = Tally::default();
    let mut caught = vec![0; WRONG.len()];
    for seed in 0..800 {
        let mut dice = Dice::new(seed ^ 0x0bad);
        let file = File::of(seed);
        let (kind, case) = pick(&mut dice, &file);
        let seen = Seen::of(file.text);
        // A map that is set or emptied may lose lines of its own, which the spoiler cannot tell from others.
        if matches!(kind, Kind::SetScalar | Kind::Add | Kind::Remove)
            && let Ok(after) = edited(&seen, &case, &mut tally).unwrap()
        {
            spoil(&seen, &after, &case, &mut caught);
        }
    }
    for file in files().iter().step_by(7) {
        let seen = Seen::of(fs::read_to_string(file).unwrap());
        if seen.text.len() > 50_000 {
            continue;
        }
        for key in ["kind", "apiVersion"] {
            let route = vec![super::Down::Key(key.to_owned())];
            let first = super::documents_of(&seen.text).first().copied().unwrap_or(0);
            let case = Case { document: (first, 0), route, edit: Edit::Set(json!("other")) };
            if let Ok(after) = edited(&seen, &case, &mut tally).unwrap() {
                spoil(&seen, &after, &case, &mut caught);
            }
        }
    }
    for ((what, _), caught) in WRONG.iter().zip(&caught) {
        println!("{what}: {caught} times, caught each time");
        assert!(*caught > 5, "nothing to spoil for an editor that {what}");
    }
}

/// The value itself: what comes with it is caught, too.
#[test]
fn what_comes_along_with_the_value_is_caught() {
    let before = Seen::of("a: 1 # one\nb: {c: 2}\nd: |  # text\n  x\ne:\n".to_owned());
    let case = |route: &[&str], edit| Case {
        document: (0, 0),
        route: route.iter().map(|key| super::Down::Key((*key).to_owned())).collect(),
        edit,
    };
    for (route, value, right, wrong) in [
        (vec!["a"], json!(2), "a: 2 # one", ["a: 2", "a: 2 # two", "a:  2 # one"]),
        (vec!["b", "c"], json!(3), "b: {c: 3}", ["b: { c: 3 }", "b: {c: 3} # new", "b:\n  c: 3"]),
        (
            vec!["d"],
            json!("y\n"),
            "d: |  # text\n  y",
            ["d: |\n  y", "d: | # text\n  y", "d: |  # text\n  y\n"],
        ),
        (vec!["e"], json!(5), "e: 5", ["e: 5 # set", "e:   5", "e: 5\n"]),
    ] {
        let old = match *route.first().unwrap() {
            "a" => "a: 1 # one",
            "b" => "b: {c: 2}",
            "d" => "d: |  # text\n  x",
            _ => "\ne:",
        };
        let right = if old.starts_with('\n') { format!("\n{right}") } else { right.to_owned() };
        let case = case(&route, Edit::Set(value));
        let after = |new: &str| Seen::of(before.text.replacen(old, new, 1));
        holds(&before, &after(&right), &case).unwrap_or_else(|fault| panic!("{right}: {fault}"));
        for wrong in wrong {
            let wrong = if old.starts_with('\n') { format!("\n{wrong}") } else { wrong.to_owned() };
            assert!(holds(&before, &after(&wrong), &case).is_err(), "{wrong}");
        }
    }
}
