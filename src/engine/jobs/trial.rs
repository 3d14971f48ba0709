//! Finds out by trying which line of a chart makes a value: another value there, and another value comes out.

use crate::domain::blame::leaves;
use crate::domain::path::{FieldPath, Step};
use crate::domain::{Manifest, Mapping, hook};
use crate::engine::jobs::{Context, render};
use crate::render::{Capabilities, Gathered, Spot};
use crate::yaml::{self, Change, Lines, Place, documents};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Values of a chart that are tried at most for one question; each takes a render.
const MOST: usize = 64;
/// Texts shorter than this stand in others by chance.
const SHORTEST_PART: usize = 3;

/// Lines that make values of objects: by the object's place among the manifests, and the path of the value.
pub(super) type Makers = HashMap<(usize, String), Vec<Spot>>;

/// Lines that were found, with the part of the value that each makes.
type Parts = HashMap<(usize, String), Vec<(Spot, Value)>>;

/// What is tried on.
pub(super) struct Bench<'a> {
    pub ctx: &'a Context,
    pub mapping: &'a Mapping,
    pub gathered: &'a Gathered,
    pub cluster: Option<&'a Capabilities>,
    /// What it renders to as it is.
    pub manifests: &'a [Manifest],
    /// The places of those that are asked about.
    pub asked: &'a [usize],
}

/// A value that is written somewhere, and what is tried instead.
struct Attempt {
    spot: Spot,
    was: Value,
    tried: Value,
}

impl Bench<'_> {
    /// The lines behind the values of the objects that are asked about, as far as trying shows them.
    pub async fn makers(&self) -> Makers {
        let mut parts = self.literals().await.unwrap_or_default();
        for (file, path, was) in self.candidates(&parts) {
            let Some((attempt, gathered)) = self.attempt(&file, &path, was) else { continue };
            // A chart that refuses another value has said nothing about the one that it has.
            let Some(made) = self.render(gathered).await else { continue };
            self.compare(&made, std::slice::from_ref(&attempt), &mut parts);
        }
        parts
            .into_iter()
            .filter_map(|(of, found)| Some((of.clone(), self.whole(&of, found)?)))
            .collect()
    }

    /// The lines, where they make all of a value and no part is left that a condition or the template itself may say.
    fn whole(&self, (at, path): &(usize, String), found: Vec<(Spot, Value)>) -> Option<Vec<Spot>> {
        let value = FieldPath::parse(path)?;
        let mut rest = text(value.find(&self.manifests[*at].object)?)?;
        let mut parts: Vec<String> = found.iter().filter_map(|(_, was)| text(was)).collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        for part in parts {
            rest = rest.replace(&part, "");
        }
        let is_separator = |c: char| ":/@-._".contains(c);
        rest.chars().all(is_separator).then(|| found.into_iter().map(|(spot, _)| spot).collect())
    }

    /// The values of the chart that may have become one of the objects' values, those first that are alike.
    fn candidates(&self, known: &Parts) -> Vec<(String, FieldPath, Value)> {
        let open: Vec<&Value> = self
            .asked
            .iter()
            .flat_map(|at| {
                leaves(&self.manifests[*at].object).into_iter().map(move |leaf| (at, leaf))
            })
            .filter(|(at, (path, _))| !known.contains_key(&(**at, path.to_string())))
            .map(|(_, (_, value))| value)
            .collect();
        let (mut alike, mut parts) = (Vec::new(), Vec::new());
        for file in self.gathered.values(&self.mapping.rendering) {
            let content = self.gathered.content(&file).unwrap_or_default();
            let found = documents(content).unwrap_or_default();
            let Some(document) = found.first().filter(|one| one.value["sops"]["mac"].is_null())
            else {
                continue;
            };
            for (path, value) in leaves(&document.value) {
                let Some(text) = text(value).filter(|text| !text.is_empty()) else { continue };
                let candidate = (file.clone(), path, value.clone());
                if open.iter().any(|one| self::text(one).as_ref() == Some(&text)) {
                    alike.push(candidate);
                } else if text.len() >= SHORTEST_PART
                    && open.iter().any(|one| one.as_str().is_some_and(|one| one.contains(&text)))
                {
                    parts.push(candidate);
                }
            }
        }
        alike.extend(parts);
        alike.truncate(MOST);
        alike
    }

    fn attempt(&self, file: &str, path: &FieldPath, was: Value) -> Option<(Attempt, Gathered)> {
        let content = self.gathered.content(file)?;
        let document = documents(content).ok()?.into_iter().next()?;
        let origin = crate::domain::Origin {
            file: file.to_owned(),
            document: document.index,
            line: document.line,
        };
        let lines = Lines::read(content)?.of(&origin, path)?;
        let tried = other(&was)?;
        let place = Place::document(document.index);
        let edited = yaml::edit(content, &place, path, &Change::Set(tried.clone())).ok()?;
        let spot = Spot { file: file.to_owned(), lines };
        Some((Attempt { spot, was, tried }, self.gathered.with(file, edited)))
    }

    /// The values that templates say themselves, all tried at once: each line gets a mark of its own.
    async fn literals(&self) -> Option<Parts> {
        let files: BTreeSet<&String> =
            self.asked.iter().map(|at| &self.manifests[*at].origin.file).collect();
        let mut gathered = self.gathered.clone();
        let mut attempts = Vec::new();
        for file in files {
            let Ok(text) = std::str::from_utf8(self.gathered.content(file).unwrap_or_default())
            else {
                continue;
            };
            let mut lines: Vec<String> = Vec::new();
            for (index, line) in text.split('\n').enumerate() {
                let marked = marked(line, attempts.len());
                if let Some((_, was, tried)) = &marked {
                    let spot = Spot { file: file.clone(), lines: index + 1..=index + 1 };
                    attempts.push(Attempt { spot, was: was.clone(), tried: tried.clone() });
                }
                lines.push(marked.map_or_else(|| line.to_owned(), |(line, ..)| line));
            }
            gathered = gathered.with(file, lines.join("\n").into_bytes());
        }
        if attempts.is_empty() {
            return None;
        }
        let made = self.render(gathered).await?;
        let mut parts = Parts::new();
        self.compare(&made, &attempts, &mut parts);
        Some(parts)
    }

    async fn render(&self, gathered: Gathered) -> Option<Vec<Manifest>> {
        let made = render::build(self.ctx, self.mapping, gathered, self.cluster.cloned()).await;
        let mut made = made.ok()?;
        made.sort_by_key(|one| hook::is_hook(&one.object));
        let is_alike = made.len() == self.manifests.len()
            && made.iter().zip(self.manifests).all(|(a, b)| a.reference.kind == b.reference.kind);
        is_alike.then_some(made)
    }

    /// Notes whatever became exactly what was tried.
    fn compare(&self, made: &[Manifest], attempts: &[Attempt], parts: &mut Parts) {
        let tried: BTreeMap<String, &Attempt> =
            attempts.iter().filter_map(|one| Some((text(&one.tried)?, one))).collect();
        for at in self.asked {
            let before = &self.manifests[*at].object;
            for (path, value) in leaves(before) {
                let Some(after) = at_same_place(before, &made[*at].object, &path) else { continue };
                if after == value {
                    continue;
                }
                let found = match attempts {
                    [one] => Some(one).filter(|one| is_made(value, after, one)),
                    _ => text(after)
                        .and_then(|text| tried.get(&text).copied())
                        .filter(|one| one.was == *value),
                };
                if let Some(attempt) = found {
                    let part = (attempt.spot.clone(), attempt.was.clone());
                    parts.entry((*at, path.to_string())).or_default().push(part);
                }
            }
        }
    }
}

/// Whether a value became another one just as the value that it is made from did.
fn is_made(before: &Value, after: &Value, attempt: &Attempt) -> bool {
    let texts = (text(before), text(after), text(&attempt.was), text(&attempt.tried));
    let (Some(before), Some(after), Some(was), Some(tried)) = texts else { return false };
    before.replace(&was, &tried) == after
}

/// The value at the same place of another version of an object, whatever keys its items have there.
fn at_same_place<'a>(before: &Value, after: &'a Value, path: &FieldPath) -> Option<&'a Value> {
    let (mut before, mut after) = (before, after);
    for step in &path.0 {
        let below = step.find_written(before)?;
        after = match (step, before) {
            (Step::Field(name), _) => after.get(name)?,
            (_, Value::Array(items)) => {
                let position = items.iter().position(|item| std::ptr::eq(item, below))?;
                after.get(position)?
            }
            _ => return None,
        };
        before = below;
    }
    Some(after)
}

/// A scalar as templates print it.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// Another value of the same kind.
fn other(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(is) => Some((!is).into()),
        Value::Number(number) => Some((number.as_i64()?.checked_add(1)?).into()),
        Value::String(text) => match text.parse::<i64>() {
            Ok(number) => Some(number.checked_add(1)?.to_string().into()),
            Err(_) => Some(format!("{text}0").into()),
        },
        _ => None,
    }
}

/// A line of a template that says a value without any action, with a value of its own instead: the line, what it says
/// and what it would say. What objects are found by stays.
fn marked(line: &str, number: usize) -> Option<(String, Value, Value)> {
    if line.contains("{{") || line.contains("}}") || line.contains(['#', '|', '>', '&', '*']) {
        return None;
    }
    let (key, said) = line.trim_end().split_once(": ")?;
    let name = key.trim_start().trim_start_matches("- ");
    let is_item = key.trim_start().starts_with("- ");
    if matches!(name, "apiVersion" | "kind") || name == "name" && !is_item {
        return None;
    }
    let plain = said.trim().trim_matches(['"', '\'']);
    let is_quoted = plain.len() != said.trim().len();
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    if plain.is_empty() || !plain.chars().all(is_word) {
        return None;
    }
    let read: Value = if is_quoted {
        plain.into()
    } else {
        documents(said.as_bytes()).ok()?.into_iter().next()?.value
    };
    let tried: Value = match &read {
        Value::String(text) => format!("{text}-tried{number}").into(),
        Value::Number(number_now) if number_now.is_i64() => (7_310_000 + number as i64).into(),
        _ => return None,
    };
    let shown = if is_quoted { Value::from(text(&tried)?).to_string() } else { text(&tried)? };
    Some((format!("{key}: {shown}"), read, tried))
}

#[cfg(test)]
mod tests {
    use super::marked;
    use serde_json::json;

    #[test]
    fn only_lines_that_say_a_value_are_marked() {
        let (line, was, tried) = marked("  - name: http", 3).unwrap();
        assert_eq!(
            (line.as_str(), was, tried),
            ("  - name: http-tried3", json!("http"), json!("http-tried3"))
        );
        assert_eq!(marked("port: 80", 1).unwrap().0, "port: 7310001");
        assert_eq!(marked("port: \"80\"", 1).unwrap().0, "port: \"80-tried1\"");
        for line in [
            "kind: Service",
            "  name: app",
            "a: {{ .Values.a }}",
            "a: true",
            "a:",
            "a: |",
            "{{- if a: b }}",
        ] {
            assert!(marked(line, 0).is_none(), "{line}");
        }
    }
}
