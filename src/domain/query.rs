//! Places in an object as ignore rules name them: a JSON pointer, or a small part of jq.
//!
//! Of jq there is what names places and nothing else: fields (`.spec.replicas`, `."a/b"`, `.["a/b"]`), items (`[2]`),
//! all items (`[]`), pipes, and `select(.name == "app")` with `==` or `!=` and a text, number, `true`, `false` or `null`.
//! A whole jq could run for ever, and would give positions, where an item of a list has to be found by its key on both
//! sides. This walks each object once, and gives paths that `managedFields` knows.

use crate::domain::list::{Identity, Node};
use crate::domain::managed::{child, entries};
use crate::domain::path::{FieldPath, Step, fits_written, matches_key, same_scalar};
use serde_json::{Map, Value};

/// Steps of a path at most: what is nested deeper cannot be read anyway, and each is walked into.
const DEEPEST: usize = 128;

/// A path of a rule, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Query(Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Field(String),
    Each,
    At(usize),
    Key(Vec<(String, Value)>),
    Item(Value),
    Where { fields: Vec<String>, wanted: Value, equal: bool },
}

/// What is desired and what is live at one place.
#[derive(Clone, Copy)]
struct Pair<'a> {
    desired: Option<&'a Value>,
    live: Option<&'a Value>,
}

impl Query {
    /// Reads a path.
    ///
    /// # Errors
    /// What is not understood, with the character at which it stands (from 1).
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let parts = match text.chars().next() {
            Some('/') => pointer(text)?,
            Some('.') => Reader { text, at: 0 }.read()?,
            Some(_) if text.starts_with("select") => Reader { text, at: 0 }.read()?,
            _ => {
                return Err("begins with `/` (a JSON pointer) or with `.` (as in jq)".to_owned());
            }
        };
        if parts.len() > DEEPEST {
            return Err(format!("has more than {DEEPEST} steps; no object is that deep"));
        }
        if parts.iter().all(|part| matches!(part, Part::Where { .. })) {
            return Err("names a field; the whole object cannot be ignored".to_owned());
        }
        Ok(Self(parts))
    }

    /// The places that it names in an object. What decides is the desired object; of the live one only what Git says
    /// nothing about. A path of plain fields is given even where neither has it.
    pub fn paths(&self, desired: &Value, live: Option<&Value>) -> Vec<FieldPath> {
        let nodes: Vec<Node<'_>> =
            live.into_iter().flat_map(entries).map(|entry| entry.fields).collect();
        let mut found = Vec::new();
        let pair = Pair { desired: Some(desired), live };
        walk(&self.0, pair, &nodes, &mut FieldPath::default(), &mut found);
        found
    }
}

fn walk(
    parts: &[Part],
    at: Pair<'_>,
    nodes: &[Node<'_>],
    path: &mut FieldPath,
    found: &mut Vec<FieldPath>,
) {
    let Some((part, rest)) = parts.split_first() else {
        found.push(path.clone());
        return;
    };
    let is_list = at.desired.or(at.live).is_some_and(Value::is_array);
    let mut enter = |step: Step, pair: Pair<'_>| {
        let below: Vec<Node<'_>> = nodes.iter().filter_map(|node| child(node, &step)).collect();
        path.0.push(step);
        walk(rest, pair, &below, path, found);
        path.0.pop();
    };
    let item = |wanted: &dyn Fn(usize, &Step) -> bool| {
        let all = items(at, nodes).into_iter().enumerate();
        all.into_iter().find(|(index, (step, _))| wanted(*index, step)).map(|(_, found)| found)
    };
    match part {
        Part::Where { fields, wanted, equal } => {
            if at.desired.or(at.live).is_some_and(|value| says(value, fields, wanted) == *equal) {
                walk(rest, at, nodes, path, found);
            }
        }
        Part::Field(name) if is_list => {
            let Ok(index) = name.parse::<usize>() else { return };
            if let Some((step, pair)) = item(&|at, _| at == index) {
                enter(step, pair);
            }
        }
        Part::At(index) => {
            if let Some((step, pair)) = item(&|at, _| at == *index) {
                enter(step, pair);
            }
        }
        Part::Field(name) => {
            let desired = at.desired.and_then(|value| value.get(name));
            let live = at.live.and_then(|value| value.get(name));
            enter(Step::Field(name.clone()), Pair { desired, live });
        }
        Part::Each => items(at, nodes).into_iter().for_each(|(step, pair)| enter(step, pair)),
        Part::Key(keys) => {
            let named = Step::Key(keys.clone());
            match item(&|_, step| named.same(step)) {
                Some((step, pair)) => enter(step, pair),
                None => enter(named.clone(), Pair { desired: None, live: None }),
            }
        }
        Part::Item(value) => {
            let step = Step::Item(value.clone());
            let of = |value: Option<&'_ Value>| {
                value.is_some_and(|value| step.find_written(value).is_some())
            };
            let here = if of(at.desired) || of(at.live) { Some(value) } else { None };
            enter(step.clone(), Pair { desired: here, live: here });
        }
    }
}

/// The items of both lists, matched: those of the desired list first, in its order.
fn items<'a>(at: Pair<'a>, nodes: &[Node<'_>]) -> Vec<(Step, Pair<'a>)> {
    let list =
        |value: Option<&'a Value>| value.and_then(Value::as_array).map_or(&[][..], |items| items);
    let (desired, live) = (list(at.desired), list(at.live));
    let identity = Identity::of(desired, live, nodes);
    let Some(steps) = identity.steps(live).filter(|_| identity != Identity::Position) else {
        let count = desired.len().max(live.len());
        let pair = |index| Pair { desired: desired.get(index), live: live.get(index) };
        return (0..count).map(|index| (Step::Index(index), pair(index))).collect();
    };
    let mut taken = vec![false; live.len()];
    let mut found = Vec::with_capacity(live.len());
    for (index, item) in desired.iter().enumerate() {
        let exactly = |step: &Step| match step {
            Step::Key(keys) => matches_key(item, keys),
            Step::Item(value) => same_scalar(item, value),
            _ => false,
        };
        let written = |step: &Step| matches!(step, Step::Key(keys) if fits_written(item, keys));
        let mut free = steps.steps().iter().enumerate().filter(|(at, _)| !taken[*at]);
        let position = free
            .clone()
            .find(|(_, step)| exactly(step))
            .or_else(|| free.find(|(_, step)| written(step)))
            .map(|(at, _)| at);
        if let Some(at) = position {
            taken[at] = true;
            let pair = Pair { desired: Some(item), live: Some(&live[at]) };
            found.push((steps.steps()[at].clone(), pair));
        } else {
            found
                .push((own_step(&identity, item, index), Pair { desired: Some(item), live: None }));
        }
    }
    for (at, step) in steps.steps().iter().enumerate().filter(|(at, _)| !taken[*at]) {
        found.push((step.clone(), Pair { desired: None, live: Some(&live[at]) }));
    }
    found
}

/// The step of an item that is not live yet, by the key fields that it has.
fn own_step(identity: &Identity, item: &Value, index: usize) -> Step {
    match identity {
        Identity::Keys(names) => {
            let own = |name: &String| Some((name.clone(), item.get(name)?.clone()));
            let keys: Vec<(String, Value)> = names.iter().filter_map(own).collect();
            if keys.is_empty() { Step::Index(index) } else { Step::Key(keys) }
        }
        Identity::Set => Step::Item(item.clone()),
        Identity::Position => Step::Index(index),
    }
}

/// Whether a value has this value at these fields; what is missing reads as null.
fn says(value: &Value, fields: &[String], wanted: &Value) -> bool {
    let found = fields.iter().try_fold(value, |value, name| value.get(name));
    match (found.unwrap_or(&Value::Null), wanted) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (found, wanted) => found == wanted,
    }
}

fn pointer(text: &str) -> Result<Vec<Part>, String> {
    if let Some(fault) = FieldPath::fault(text) {
        return Err(fault.to_owned());
    }
    let path = FieldPath::parse(text).ok_or("begins with `/`")?;
    let part = |step| match step {
        Step::Field(name) => Part::Field(name),
        Step::Key(keys) => Part::Key(keys),
        Step::Item(value) => Part::Item(value),
        Step::Index(index) => Part::At(index),
    };
    Ok(path.0.into_iter().map(part).collect())
}

/// Reads the part of jq.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn read(mut self) -> Result<Vec<Part>, String> {
        let mut parts = Vec::new();
        loop {
            self.spaces();
            if self.rest().starts_with("select") {
                parts.push(self.select()?);
            } else {
                self.fields(&mut parts)?;
            }
            self.spaces();
            match self.peek() {
                None => return Ok(parts),
                Some('|') => self.at += 1,
                Some(_) => return Err(self.fault("is not understood here")),
            }
        }
    }

    /// `.a.b["c"][0][]`, or `.` alone.
    fn fields(&mut self, parts: &mut Vec<Part>) -> Result<(), String> {
        let start = self.at;
        loop {
            match self.peek() {
                Some('.') => {
                    self.at += 1;
                    match self.peek() {
                        Some('"') => parts.push(Part::Field(self.quoted()?)),
                        Some('[') => {}
                        Some(c) if is_name(c) => parts.push(Part::Field(self.name())),
                        // A dot alone is what came through the pipe.
                        None | Some(' ' | '|' | ')' | '=' | '!') if self.at == start + 1 => {
                            return Ok(());
                        }
                        _ => return Err(self.fault("is no name of a field")),
                    }
                }
                Some('[') if self.at > start => parts.push(self.index()?),
                // Nothing here can fail, so there is nothing to be lenient about.
                Some('?') if self.at > start => self.at += 1,
                _ if self.at > start => return Ok(()),
                _ => return Err(self.fault("is not understood; a path begins with `.`")),
            }
        }
    }

    /// `[]`, `[2]`, `["a/b"]`.
    fn index(&mut self) -> Result<Part, String> {
        self.at += 1;
        self.spaces();
        let part = match self.peek() {
            Some(']') => Part::Each,
            Some('"') => Part::Field(self.quoted()?),
            Some(c) if c.is_ascii_digit() => {
                let digits: String = self.rest().chars().take_while(char::is_ascii_digit).collect();
                let index = digits.parse().map_err(|_| self.fault("is too large"))?;
                self.at += digits.len();
                Part::At(index)
            }
            _ => return Err(self.fault("is no position, no text in quotes and no `]`")),
        };
        self.spaces();
        self.expect(']')?;
        Ok(part)
    }

    /// `select(.name == "app")`.
    fn select(&mut self) -> Result<Part, String> {
        self.at += "select".len();
        self.spaces();
        self.expect('(')?;
        self.spaces();
        let (start, mut parts) = (self.at, Vec::new());
        self.fields(&mut parts)?;
        let mut fields = Vec::with_capacity(parts.len());
        for part in parts {
            let Part::Field(name) = part else {
                self.at = start;
                return Err(self.fault("is no plain field; `select` looks at one"));
            };
            fields.push(name);
        }
        self.spaces();
        let equal = self.rest().starts_with("==");
        if !equal && !self.rest().starts_with("!=") {
            return Err(self.fault("is neither `==` nor `!=`"));
        }
        self.at += 2;
        self.spaces();
        let wanted = self.literal()?;
        self.spaces();
        self.expect(')')?;
        Ok(Part::Where { fields, wanted, equal })
    }

    fn literal(&mut self) -> Result<Value, String> {
        if self.peek() == Some('"') {
            return self.quoted().map(Value::String);
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
        let length = self.rest().find(|c| !is_part(c)).unwrap_or(self.rest().len());
        let value = serde_json::from_str(&self.rest()[..length]);
        let value =
            value.map_err(|_| self.fault("is no text in quotes, number, true, false or null"))?;
        self.at += length;
        Ok(value)
    }

    /// A text in quotes, escaped as in JSON.
    fn quoted(&mut self) -> Result<String, String> {
        let mut stream = serde_json::Deserializer::from_str(self.rest()).into_iter::<String>();
        let text = match stream.next() {
            Some(Ok(text)) if !text.is_empty() => text,
            _ => return Err(self.fault("opens a text that is empty or does not end")),
        };
        let length = stream.byte_offset();
        self.at += length;
        Ok(text)
    }

    fn name(&mut self) -> String {
        let rest = self.rest();
        let name = rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())].to_owned();
        self.at += name.len();
        name
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.peek() != Some(wanted) {
            return Err(self.fault(&format!("stands where `{wanted}` should be")));
        }
        self.at += wanted.len_utf8();
        Ok(())
    }

    /// What is wrong, with the place: the rest of the text, and the number of its first character.
    fn fault(&self, what: &str) -> String {
        let number = self.text[..self.at].chars().count() + 1;
        let rest: String = self.rest().chars().take(20).collect();
        let seen = if rest.is_empty() {
            "the end".to_owned()
        } else {
            format!("`{}`", rest.escape_debug())
        };
        format!("cannot be read: at character {number} {seen} {what}")
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Every place that a field manager owns in an object, subresources but `status` included. Keys of list items are left
/// out: an item without its key is none.
pub fn owned_paths(live: &Value, owner: impl Fn(&str) -> bool) -> Vec<FieldPath> {
    let mut found = Vec::new();
    for entry in entries(live).filter(|entry| entry.subresource != "status" && owner(entry.manager))
    {
        leaves(entry.fields, &mut FieldPath::default(), &mut found);
    }
    found
}

fn leaves(node: &Map<String, Value>, path: &mut FieldPath, found: &mut Vec<FieldPath>) {
    for (key, below) in node.iter().filter(|(key, _)| *key != ".") {
        let (Some(step), Some(below)) = (Step::of_node(key), below.as_object()) else { continue };
        if path.is_key_field(&step) {
            continue;
        }
        path.0.push(step);
        if below.keys().all(|key| key == ".") {
            found.push(path.clone());
        } else {
            leaves(below, path, found);
        }
        path.0.pop();
    }
}
