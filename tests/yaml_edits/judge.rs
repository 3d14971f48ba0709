//! Whether an edit touched its value alone, byte for byte. The places of values come from a parser of other descent.

use super::generate::Down;
use super::marks::{Body, Marked};
use super::readers::Edit;
use super::{Case, Seen};
use serde_json::Value;
use std::ops::Range;

/// What is before and behind the value is as it was, and every other value is spelled as it was.
pub fn holds(before: &Seen, after: &Seen, case: &Case) -> Result<(), String> {
    line_ends(&before.text, &after.text)?;
    let (old, new) = (document(before, case)?, document(after, case)?);
    let target = old.at(&case.route).ok_or("the place is not marked")?;
    match &case.edit {
        Edit::Set(_) => {
            let found = new.at(&case.route).ok_or("the new value is not marked")?;
            if matches!(target.body, Body::Scalar(_)) {
                around(before, after, (&target.bytes(&before.text), found))?;
            } else {
                outside(before, after, (target, found))?;
            }
        }
        Edit::Add(down, value) => {
            let added = inserted(&before.text, &after.text)?;
            let own = format!("{down:?}{value}").matches('#').count();
            if added.matches('#').count() > own {
                return Err("a comment came with what was added".to_owned());
            }
        }
        Edit::Remove => removed(before, after, case, (old, new))?,
    }
    let (old, new) = (marks(before)?, marks(after)?);
    if old.len() != new.len() {
        return Err("a document is gone".to_owned());
    }
    for (position, pair) in old.iter().zip(new).enumerate() {
        let edited = (position == case.document.1).then_some(case);
        same(before, after, pair, (&mut Vec::new(), edited))?;
    }
    Ok(())
}

/// The same with the place of the scalar known from the writing.
pub fn holds_at(
    before: &Seen,
    after: &Seen,
    case: &Case,
    range: &Range<usize>,
) -> Result<(), String> {
    let found = document(after, case)?.at(&case.route).ok_or("the new value is not marked")?;
    around(before, after, (range, found))
}

fn marks(seen: &Seen) -> Result<&[Marked], String> {
    seen.marks.as_deref().map_err(|fault| format!("no marks: {fault}"))
}

fn document<'a>(seen: &'a Seen, case: &Case) -> Result<&'a Marked, String> {
    marks(seen)?.get(case.document.1).ok_or_else(|| "the document is gone".to_owned())
}

/// Lines end as they did.
fn line_ends(before: &str, after: &str) -> Result<(), String> {
    let (all, carriage) = (before.matches('\n').count(), before.matches("\r\n").count());
    let (all_now, carriage_now) = (after.matches('\n').count(), after.matches("\r\n").count());
    let bare = |text: &str| text.matches('\r').count() - text.matches("\r\n").count();
    let kept = match carriage {
        0 => carriage_now == 0,
        _ if carriage == all => carriage_now == all_now,
        _ => true,
    };
    if !kept || bare(before) != bare(after) {
        return Err("line ends changed".to_owned());
    }
    Ok(())
}

/// A value's surroundings: what stands before it, the rest of its line, and what follows. Text by indentation has its
/// line at the header.
fn surroundings<'a>(text: &'a str, range: &Range<usize>) -> (&'a str, &'a str, &'a str) {
    let line = |from: usize| {
        let end = text[from..].find('\n').map_or(text.len(), |at| from + at);
        if end > from && text.as_bytes()[end - 1] == b'\r' { end - 1 } else { end }
    };
    let own = &text[range.clone()];
    if own.starts_with(['|', '>']) {
        let header = own.find([' ', '\t', '\r', '\n']).map_or(range.end, |at| range.start + at);
        return (&text[..range.start], &text[header..line(header)], &text[range.end..]);
    }
    let end = line(range.end);
    (&text[..range.start], &text[range.end..end], &text[end..])
}

/// What stands around a scalar is as it was.
fn around(
    before: &Seen,
    after: &Seen,
    (range, found): (&Range<usize>, &Marked),
) -> Result<(), String> {
    let (old, new) = (before.text.as_str(), after.text.as_str());
    let place = found.bytes(new);
    let (head, line, rest) = surroundings(new, &place);
    let block =
        !matches!(found.body, Body::Scalar(_)) && !new[place.clone()].starts_with(['{', '[']);
    let (head, line) = if block {
        // A map on lines of its own below the key.
        let above = head.trim_end_matches(' ');
        let above = above.strip_suffix('\n').ok_or("the new value has no line of its own")?;
        (above.strip_suffix('\r').unwrap_or(above), line)
    } else {
        (head, line)
    };
    if range.is_empty() || place.is_empty() {
        // Nothing was written: the value came with the space before it, or went with it.
        let (head_was, line_was, rest_was) = surroundings(old, range);
        let bare = |head: &str, line: &str, rest: &str| format!("{head}{line}{rest}");
        let was = bare(head_was, line_was, rest_was);
        let now = bare(head, line, rest);
        let shorter = head.strip_suffix(' ').map(|head| bare(head, line, rest));
        let known = was == now || shorter.is_some_and(|now| was == now);
        return known.then_some(()).ok_or_else(|| "bytes around the value changed".to_owned());
    }
    let (head_was, line_was, rest_was) = surroundings(old, range);
    for (what, was, now) in [
        ("before the value", head_was, head),
        ("on the line of the value", line_was, line),
        ("behind the value", rest_was, rest),
    ] {
        // A value without a line break at the end of the file gets none, and text by indentation may need one.
        if was != now {
            return Err(format!("bytes {what} changed"));
        }
    }
    Ok(())
}

/// What is before and behind a map or list is as it was.
fn outside(before: &Seen, after: &Seen, (target, found): (&Marked, &Marked)) -> Result<(), String> {
    let old = before.text.as_str();
    let place = found.bytes(&after.text);
    let mut new = after.text.clone();
    let line = new[..place.start].rfind('\n').map_or(0, |at| at + 1);
    if !target.in_brackets(old)
        && (found.in_brackets(&new) || matches!(found.body, Body::Scalar(_)))
        && !new[line..place.start].trim().is_empty()
    {
        // It stands on the line of the key now, before a comment there or below.
        let space = usize::from(new[..place.start].ends_with(' '));
        new.replace_range(place.start - space..place.end, "");
    }
    let new = new.as_str();
    let range = target.bytes(old);
    let head = if target.in_brackets(old) {
        &old[..range.start]
    } else {
        old[..range.start].trim_end().trim_end_matches('-').trim_end()
    };
    if !new.starts_with(head) {
        return Err("bytes before the map changed".to_owned());
    }
    let tail = if target.in_brackets(old) {
        &old[range.end..]
    } else {
        let end = end_of(target, old, range.start);
        let line = old[end..].find('\n').map_or(old.len(), |at| end + at);
        &old[line..]
    };
    if !new.ends_with(tail) {
        return Err("bytes behind the map changed".to_owned());
    }
    Ok(())
}

/// Where a value ends that begins behind a place. What an alias stands for has its mark at the anchor.
fn end_of(node: &Marked, text: &str, from: usize) -> usize {
    let own = node.bytes(text);
    if node.is_merged(text) {
        return from;
    }
    if own.start < from {
        let word = text[from..].find('*').map_or(from, |at| from + at);
        return text[word..].find(char::is_whitespace).map_or(text.len(), |end| word + end);
    }
    match &node.body {
        Body::Map(entries) if !node.in_brackets(text) => {
            entries.iter().fold(own.start, |at, (_, value)| end_of(value, text, at))
        }
        Body::List(items) if !node.in_brackets(text) => {
            items.iter().fold(own.start, |at, item| end_of(item, text, at))
        }
        _ => own.end,
    }
}

/// What one insertion added.
fn inserted(before: &str, after: &str) -> Result<String, String> {
    let head = common(before.bytes(), after.bytes()).min(before.len());
    let tail = common(before.bytes().rev(), after.bytes().rev());
    if head + tail < before.len() || after.len() < before.len() {
        return Err("more than an addition".to_owned());
    }
    let tail = before.len() - head;
    Ok(String::from_utf8_lossy(&after.as_bytes()[head..after.len() - tail]).into_owned())
}

fn common(a: impl Iterator<Item = u8>, b: impl Iterator<Item = u8>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).count()
}

/// Only the lines of an entry or item are gone, or its bytes between brackets; comments above it are not its own.
fn removed(
    before: &Seen,
    after: &Seen,
    case: &Case,
    (old, new): (&Marked, &Marked),
) -> Result<(), String> {
    let text = before.text.as_str();
    let (last, above) = case.route.split_last().ok_or("a document is no entry")?;
    let (target, parent) =
        (old.at(&case.route).ok_or("not marked")?, old.at(above).ok_or("not marked")?);
    let mut after = after.text.clone();
    let count = match &parent.body {
        Body::Map(entries) => entries.len(),
        Body::List(items) => items.len(),
        Body::Scalar(_) => 0,
    };
    let brackets = parent.in_brackets(text);
    if count == 1 && !brackets {
        // What it was in stays, as `{}` or `[]`.
        let empty = new.at(above).ok_or("what it was in is gone")?.bytes(&after);
        let space = usize::from(after[..empty.start].ends_with(' '));
        after.replace_range(empty.start - space..empty.end, "");
    }
    let range = target.bytes(text);
    let range = range.start..end_of(target, text, range.start);
    let start = match last {
        Down::Key(key) => text[..range.start].rfind(key.as_str()).ok_or("no key")?,
        Down::Index(_) if brackets => range.start,
        Down::Index(_) => text[..range.start].rfind('-').ok_or("no dash")?,
    };
    let start = if text[..start].ends_with(['\'', '"']) { start - 1 } else { start };
    let blank = |c: char| c.is_whitespace() || (brackets && c == ',');
    let first = text[..start].trim_end_matches(blank).len();
    let line = if brackets { "" } else { surroundings(text, &range).1 };
    let end = if text[range.clone()].starts_with(['|', '>']) {
        range.end
    } else {
        range.end + line.len()
    };
    let end = text.len() - text[end..].trim_start_matches(blank).len();
    if !after.starts_with(&text[..first]) {
        return Err("bytes before what was removed changed".to_owned());
    }
    if !after.ends_with(&text[end..]) || after.len() < first + text.len() - end {
        return Err("bytes behind what was removed changed".to_owned());
    }
    let left = &after[first..after.len() - (text.len() - end)];
    cut(&text[first..end], left, 2).then_some(()).ok_or_else(|| "more than a removal".to_owned())
}

/// Whether `short` is what is left of `long` without its bytes in so many places.
fn cut(long: &str, short: &str, holes: usize) -> bool {
    super::is_cut(long, short, holes)
}

/// Every scalar but the edited one is spelled as it was, with the comment on its line.
fn same(
    before: &Seen,
    after: &Seen,
    (old, new): (&Marked, &Marked),
    (route, case): (&mut Vec<Down>, Option<&Case>),
) -> Result<(), String> {
    let edited = case.filter(|case| route.starts_with(&case.route));
    if let Some(case) = edited.filter(|case| case.route == *route) {
        match case.edit {
            Edit::Set(_) if matches!(old.body, Body::Scalar(_)) => return Ok(()),
            Edit::Remove => return Ok(()),
            _ => {}
        }
    }
    let loose = edited.is_some_and(|case| matches!(case.edit, Edit::Set(_)));
    match (&old.body, &new.body) {
        (Body::Map(entries), Body::Map(others)) => {
            for (index, (key, value)) in entries.iter().enumerate() {
                route.push(Down::Key(key.clone()));
                let near = others.get(index).filter(|(name, _)| name == key);
                let other = near.or_else(|| others.iter().find(|(name, _)| name == key));
                match other {
                    Some((_, other)) => same(before, after, (value, other), (route, case))?,
                    None if loose || gone(case, route) => {}
                    None => return Err(format!("{route:?} is gone")),
                }
                route.pop();
            }
            Ok(())
        }
        (Body::List(items), Body::List(others)) => {
            if loose && old.value() != new.value() {
                return Ok(());
            }
            let mut shift = 0;
            for (index, item) in items.iter().enumerate() {
                route.push(Down::Index(index));
                if gone(case, route) {
                    shift = 1;
                } else {
                    let other = others.get(index - shift);
                    let other = other.ok_or_else(|| format!("{route:?} is gone"))?;
                    // Behind the removed item the routes of both differ.
                    let case = case.filter(|_| shift == 0);
                    same(before, after, (item, other), (route, case))?;
                }
                route.pop();
            }
            Ok(())
        }
        (Body::Scalar(was), Body::Scalar(is)) if !loose || was == is => {
            spelled(before, after, (old, new)).map_err(|what| format!("{route:?}: {what}"))
        }
        _ if loose => Ok(()),
        _ => Err(format!("{route:?} is of another kind")),
    }
}

fn gone(case: Option<&Case>, route: &[Down]) -> bool {
    case.is_some_and(|case| matches!(case.edit, Edit::Remove) && case.route == route)
}

fn spelled(before: &Seen, after: &Seen, (old, new): (&Marked, &Marked)) -> Result<(), String> {
    if old.is_merged(&before.text) && new.is_merged(&after.text) {
        return Ok(());
    }
    let (was, is) = (old.bytes(&before.text), new.bytes(&after.text));
    if before.text[was.clone()] != after.text[is.clone()] {
        return Err("it is spelled in another way".to_owned());
    }
    let comment = |line: &str| line.trim_start().starts_with('#').then(|| line.to_owned());
    let (was, is) = (surroundings(&before.text, &was).1, surroundings(&after.text, &is).1);
    if comment(was) != comment(is) {
        return Err("the comment behind it changed".to_owned());
    }
    Ok(())
}

/// Whether what was written may be written otherwise on the way back: text folded by hand, odd quotes, odd numbers.
pub fn has_own_spelling(seen: &Seen, case: &Case, value: &Value) -> bool {
    let found = document(seen, case).ok().and_then(|document| document.at(&case.route));
    let Some(found) = found else { return true };
    let (own, plain) = (&seen.text[found.bytes(&seen.text)], value.to_string());
    match value {
        Value::String(text) => match own.chars().next() {
            Some('"') => own != plain,
            Some('\'') => *own != format!("'{}'", text.replace('\'', "''")),
            Some('|') => false,
            _ => own != text,
        },
        _ => own != plain,
    }
}
