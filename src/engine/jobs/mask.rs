//! Patches without the values of the Secrets that they touch.

use crate::domain::normalize::is_secret;
use crate::domain::redact::{MASK, scrub};
use crate::domain::sensitive::{self, Places};
use crate::yaml::{Visible, documents, secret_lines};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A file before and after; nothing where it did not exist. `Err` where it cannot be read.
pub(super) type Sides = [Result<Option<Vec<u8>>, ()>; 2];

/// Removes the values of every Secret from the patch of one file: the lines on which they are written, and what other
/// lines repeat of them.
///
/// A file that cannot be read as YAML but names the kind keeps no line of its own: what is secret there cannot be told.
pub(super) fn mask(patch: &str, sides: &Sides) -> String {
    let mut hidden = [BTreeMap::new(), BTreeMap::new()];
    let mut masked = patch.to_owned();
    for (side, hidden) in sides.iter().zip(&mut hidden) {
        let Ok(content) = side else { return without_lines(patch) };
        let Some(content) = content else { continue };
        match secret_lines(content) {
            Ok(lines) => *hidden = lines,
            Err(_) if may_hide(&String::from_utf8_lossy(content)) => return without_lines(patch),
            Err(_) => {}
        }
        for document in documents(content).unwrap_or_default() {
            for object in objects(&document.value) {
                masked = scrub(&masked, &by_line(object));
            }
        }
    }
    if hidden.iter().all(BTreeMap::is_empty) { masked } else { without(&masked, &hidden) }
}

/// Whether a file that cannot be read may hold what nobody is to see.
fn may_hide(text: &str) -> bool {
    text.contains("Secret") || sensitive::may_be_in(text)
}

fn objects(value: &Value) -> Vec<&Value> {
    match value["items"].as_array() {
        Some(items) => items.iter().flat_map(objects).collect(),
        None => vec![value],
    }
}

// Block text stands in a patch line by line, so each line is a value of its own.
fn by_line(object: &Value) -> Value {
    let mut texts = Places::of(object).texts(object);
    let fields: &[&str] = if is_secret(object) { &["data", "stringData"] } else { &[] };
    for field in fields {
        let values = object[*field].as_object().into_iter().flat_map(Map::values);
        texts.extend(
            values.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
        );
    }
    let mut lines = Map::new();
    for text in &texts {
        for line in text.lines().map(str::trim).chain([text.as_str()]) {
            lines.insert(lines.len().to_string(), line.into());
        }
    }
    json!({"apiVersion": "v1", "kind": "Secret", "stringData": lines})
}

/// The patch with some lines of both sides masked.
fn without(patch: &str, hidden: &[BTreeMap<usize, Visible>; 2]) -> String {
    let mut place = Hunk::default();
    map_lines(patch, |line| {
        if let Some(hunk) = Hunk::begins(line, &place) {
            place = hunk;
            return Some(place.header());
        }
        let visible = match place.step(line)? {
            (Some(old), _) if hidden[0].contains_key(&old) => hidden[0][&old],
            (_, Some(new)) => *hidden[1].get(&new)?,
            _ => return None,
        };
        let (sign, text) = line.split_at(1);
        Some(match (visible, text.split_once(':')) {
            (Visible::Key, Some((key, _))) => format!("{sign}{key}: {MASK}"),
            _ => format!("{sign}{MASK}"),
        })
    })
}

/// The patch with every line of its file masked.
fn without_lines(patch: &str) -> String {
    let mut place = Hunk::default();
    map_lines(patch, |line| {
        if let Some(hunk) = Hunk::begins(line, &place) {
            place = hunk;
            return Some(place.header());
        }
        place.step(line)?;
        Some(format!("{}{MASK}", &line[..1]))
    })
}

fn map_lines(patch: &str, mut change: impl FnMut(&str) -> Option<String>) -> String {
    let lines = patch.lines().map(|line| change(line).unwrap_or_else(|| line.to_owned()) + "\n");
    lines.collect()
}

/// Where one stands in a hunk: the next line of each side, and how many are left.
#[derive(Default)]
struct Hunk {
    old: (usize, usize),
    new: (usize, usize),
}

impl Hunk {
    /// A header `@@ -1,2 +3,4 @@ words`, where no lines of the hunk before are left.
    fn begins(line: &str, before: &Self) -> Option<Self> {
        if before.old.1 + before.new.1 > 0 {
            return None;
        }
        let (ranges, _) = line.strip_prefix("@@ -")?.split_once(" @@")?;
        let (old, new) = ranges.split_once(" +")?;
        let range = |text: &str| match text.split_once(',') {
            Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
            None => Some((text.parse().ok()?, 1)),
        };
        Some(Self { old: range(old)?, new: range(new)? })
    }

    /// The header without the line that Git repeats in it.
    fn header(&self) -> String {
        format!("@@ -{},{} +{},{} @@", self.old.0, self.old.1, self.new.0, self.new.1)
    }

    /// The numbers of a line on both sides; nothing for what is no line of the file.
    fn step(&mut self, line: &str) -> Option<(Option<usize>, Option<usize>)> {
        let next = |side: &mut (usize, usize)| {
            let number = side.0;
            *side = (number + 1, side.1.checked_sub(1)?);
            Some(number)
        };
        match line.as_bytes().first()? {
            b' ' if self.old.1 > 0 => Some((next(&mut self.old), next(&mut self.new))),
            b'-' if self.old.1 > 0 => Some((next(&mut self.old), None)),
            b'+' if self.new.1 > 0 => Some((None, next(&mut self.new))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::mask;
    use similar::TextDiff;

    fn masked(old: &str, new: &str) -> String {
        let patch = TextDiff::from_lines(old, new).unified_diff().header("a/s", "b/s").to_string();
        let side = |text: &str| Ok(Some(text.as_bytes().to_vec()));
        mask(&patch, &[side(old), side(new)])
    }

    #[test]
    fn values_of_secrets_leave_the_patch_and_others_stay() {
        let head =
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: visible\n  annotations:\n    copy: ";
        let old = format!("{head}ab\nstringData:\n  token: canary-old\n  pin: \"12\"\n");
        let new = format!(
            "{head}cd\nstringData:\n  # was canary\n  token: |\n    canary-one\n    canary-two\n  pin: \"34\"\n"
        );
        let shown = masked(&old, &new);
        for value in ["canary", "ab", "cd", "12\"", "34\""] {
            assert!(!shown.contains(value), "{value}: {shown}");
        }
        for kept in ["   name: visible\n", "-    copy: ***\n", "+  token: ***\n", "+  pin: ***\n"] {
            assert!(shown.contains(kept), "{kept}: {shown}");
        }
    }

    #[test]
    fn what_cannot_be_read_shows_no_line() {
        let shown = masked("", "kind: Secret\n  stringData: [canary\n");
        assert!(shown.ends_with("@@ -0,0 +1,2 @@\n+***\n+***\n"), "{shown}");
        let unread = mask("@@ -1,1 +1,1 @@ canary\n-canary\n+canary\n", &[Err(()), Ok(None)]);
        assert_eq!(unread, "@@ -1,1 +1,1 @@\n-***\n+***\n");
    }

    #[test]
    fn patches_of_others_are_not_touched() {
        let shown = masked("-- a\nkind: ConfigMap\n", "kind: ConfigMap\n# Secret\n");
        assert!(shown.contains("--- a\n") && shown.contains("+# Secret\n"), "{shown}");
    }
}
