//! Parser events to document trees: anchors, merge keys, unique keys, and a budget against expansion bombs.

use super::document::YamlError;
use super::node::{Body, Entry, Node};
use super::scalar;
use serde_json::Value;
use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle, Span, StrInput, Tag};
use std::collections::{HashMap, HashSet};

/// Nodes that one file may come to, aliases expanded. A manifest of 10 MiB has about half a million.
const MOST_NODES: usize = 2_000_000;
/// How deep a document may nest; the API server's own JSON reader stops far earlier than a stack would.
const MOST_DEPTH: usize = 200;

/// Reads all documents of a text; empty ones are scalar nulls.
pub(super) fn compose(source: &str) -> Result<Vec<Node>, YamlError> {
    let mut composer = Composer::new(source);
    let mut documents = Vec::new();
    while let Some((event, _)) = composer.next()? {
        match event {
            Event::DocumentStart(..) => {
                composer.anchors.clear();
                let (event, span) = composer.content()?;
                documents.push(composer.node(event, span, 0)?);
            }
            Event::StreamEnd => break,
            _ => {}
        }
    }
    Ok(documents)
}

struct Composer<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'a> Composer<'a> {
    fn new(source: &'a str) -> Self {
        let mut options = granit_parser::Options::default();
        options.set_emit_comments(false);
        Self {
            parser: Parser::new_from_str_with_options(source, options),
            anchors: HashMap::new(),
            nodes: 0,
        }
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, YamlError> {
        self.parser.next_event().transpose().map_err(|error| YamlError {
            line: error.marker().line().max(1),
            message: error.info(),
        })
    }

    fn content(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        self.next()?
            .ok_or_else(|| YamlError { line: 1, message: "the document ends too early".to_owned() })
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, YamlError> {
        let line = span.start.line();
        self.spend(1, line)?;
        if depth > MOST_DEPTH {
            return Err(fault(line, "the document nests too deep"));
        }
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = read_scalar(&text, style, tag.as_deref())
                    .map_err(|message| YamlError { line, message })?;
                let last = last_line(&span, style, &text);
                (Node { first: line, last, shared: false, body: Body::Scalar(value) }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.sequence(line, depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.mapping(line, depth)?, anchor),
            Event::Alias(id) => {
                let Some(target) = self.anchors.get(&id) else {
                    return Err(fault(line, "an alias refers to the value that it is part of"));
                };
                let size = target.size();
                self.spend(size, line)?;
                let mut node = self.anchors[&id].clone().share();
                (node.first, node.last) = (line, line);
                (node, 0)
            }
            _ => return Err(fault(line, "the document has no value here")),
        };
        if anchor != 0 {
            self.spend(node.size(), line)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn sequence(&mut self, line: usize, depth: usize) -> Result<Node, YamlError> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.content()?;
            if matches!(event, Event::SequenceEnd) {
                let last = items.last().map_or(line, |item: &Node| item.last);
                return Ok(Node { first: line, last, shared: false, body: Body::Sequence(items) });
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn mapping(&mut self, line: usize, depth: usize) -> Result<Node, YamlError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = HashSet::new();
        let mut merges = Vec::new();
        loop {
            let (event, span) = self.content()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key_line = span.start.line();
            let is_merge =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let Body::Scalar(key) = self.node(event, span, depth + 1)?.body else {
                return Err(fault(key_line, "a key is a map or a list"));
            };
            let (event, span) = self.content()?;
            let node = self.node(event, span, depth + 1)?;
            if is_merge {
                merges.push((key_line, node));
                continue;
            }
            let key = scalar::key(key).map_err(|message| YamlError { line: key_line, message })?;
            if !seen.insert(key.clone()) {
                return Err(YamlError {
                    line: key_line,
                    message: format!("the key \"{key}\" is written twice"),
                });
            }
            entries.push(Entry { key, line: key_line, node });
        }
        let last = entries.last().map_or(line, |entry| entry.node.last);
        for (key_line, node) in merges {
            merge(&mut entries, &mut seen, node, key_line)?;
        }
        Ok(Node { first: line, last, shared: false, body: Body::Mapping(entries) })
    }

    fn spend(&mut self, nodes: usize, line: usize) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MOST_NODES {
            Err(fault(line, "the file has too many values (aliases expanded)"))
        } else {
            Ok(())
        }
    }
}

/// Adds what `<<` brings; written keys win, and of several maps the first.
fn merge(
    entries: &mut Vec<Entry>,
    seen: &mut HashSet<String>,
    node: Node,
    line: usize,
) -> Result<(), YamlError> {
    match node.body {
        Body::Mapping(merged) => {
            for entry in merged {
                if seen.insert(entry.key.clone()) {
                    entries.push(Entry { key: entry.key, line, node: entry.node.share() });
                }
            }
            Ok(())
        }
        Body::Sequence(items) if items.iter().all(|item| matches!(item.body, Body::Mapping(_))) => {
            items.into_iter().try_for_each(|item| merge(entries, seen, item, line))
        }
        _ => Err(fault(line, "<< takes a map or a list of maps")),
    }
}

fn read_scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    if text.contains('\0') {
        return Err("the text holds a NUL character".to_owned());
    }
    match tag.map(|tag| tag.suffix_in_namespace("tag:yaml.org,2002:")) {
        Some(Some(core)) => scalar::read_tagged(&core, text),
        None if style == ScalarStyle::Plain => scalar::read_plain(text),
        Some(None) | None => Ok(Value::String(text.to_owned())),
    }
}

/// The last line of a scalar. The parser begins block text at its first line that is not empty and ends it where the
/// next token begins, so its lines are counted.
fn last_line(span: &Span, style: ScalarStyle, text: &str) -> usize {
    let (start, end) = (span.start.line(), span.end.line());
    match style {
        ScalarStyle::Literal => {
            start + text.trim_start_matches('\n').lines().count().saturating_sub(1)
        }
        ScalarStyle::Folded if end > start => end - 1,
        _ => end.max(start),
    }
}

fn fault(line: usize, message: &str) -> YamlError {
    YamlError { line, message: message.to_owned() }
}
