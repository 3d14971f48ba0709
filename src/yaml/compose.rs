//! Parser events to document trees: anchors, merge keys, unique keys, and a budget against expansion bombs.

use super::document::YamlError;
use super::node::{Body, Entry, Mark, Node, Style};
use super::scalar;
use serde_json::Value;
use serde_saphyr::granit_parser::{
    self, Event, Parser, ScalarStyle, Span, StrInput, StructureStyle, Tag,
};
use std::collections::{HashMap, HashSet};

/// Nodes that one file may come to, aliases expanded. A manifest of 10 MiB has about half a million.
const MOST_NODES: usize = 2_000_000;
/// How deep a document may nest; the API server's own JSON reader stops far earlier than a stack would.
const MOST_DEPTH: usize = 200;

/// One document with what an edit has to know of it.
pub(super) struct Composed {
    /// The content.
    pub node: Node,
    /// Numbers of the anchors that an alias refers to.
    pub aliased: HashSet<usize>,
}

/// Reads all documents of a text; empty ones are scalar nulls.
pub(super) fn compose(source: &str) -> Result<Vec<Node>, YamlError> {
    Ok(compose_all(source)?.into_iter().map(|document| document.node).collect())
}

/// As [`compose`], with the anchors that are in use.
pub(super) fn compose_all(source: &str) -> Result<Vec<Composed>, YamlError> {
    let mut composer = Composer::new(source);
    let mut documents = Vec::new();
    while let Some((event, _)) = composer.next()? {
        match event {
            Event::DocumentStart(..) => {
                composer.anchors.clear();
                let (event, span) = composer.content()?;
                let node = composer.node(event, span, 0)?;
                documents.push(Composed { node, aliased: std::mem::take(&mut composer.aliased) });
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
    aliased: HashSet<usize>,
    nodes: usize,
}

impl<'a> Composer<'a> {
    fn new(source: &'a str) -> Self {
        let mut options = granit_parser::Options::default();
        options.set_emit_comments(false);
        Self {
            parser: Parser::new_from_str_with_options(source, options),
            anchors: HashMap::new(),
            aliased: HashSet::new(),
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
                let mark = mark(&span, written(style), anchor, tag.is_some());
                (Node { first: line, last, shared: false, mark, body: Body::Scalar(value) }, anchor)
            }
            Event::SequenceStart(style, anchor, tag) => {
                let mark = mark(&span, structured(style), anchor, tag.is_some());
                (self.sequence(line, mark, depth)?, anchor)
            }
            Event::MappingStart(style, anchor, tag) => {
                let mark = mark(&span, structured(style), anchor, tag.is_some());
                (self.mapping(line, mark, depth)?, anchor)
            }
            Event::Alias(id) => {
                let Some(target) = self.anchors.get(&id) else {
                    return Err(fault(line, "an alias refers to the value that it is part of"));
                };
                let size = target.size();
                self.spend(size, line)?;
                self.aliased.insert(id);
                let mut node = self.anchors[&id].clone().share();
                (node.first, node.last) = (line, line);
                node.mark = mark(&span, Style::Alias, 0, false);
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

    fn sequence(&mut self, line: usize, mark: Mark, depth: usize) -> Result<Node, YamlError> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.content()?;
            if matches!(event, Event::SequenceEnd) {
                let last = items.last().map_or(line, |item: &Node| item.last);
                let mark = Mark { end: bytes(&span).1, ..mark };
                let body = Body::Sequence(items);
                return Ok(Node { first: line, last, shared: false, mark, body });
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn mapping(&mut self, line: usize, mark: Mark, depth: usize) -> Result<Node, YamlError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = HashSet::new();
        let mut merges = Vec::new();
        let end = loop {
            let (event, span) = self.content()?;
            if matches!(event, Event::MappingEnd) {
                break bytes(&span).1;
            }
            let key_line = span.start.line();
            let is_merge =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let written = self.node(event, span, depth + 1)?;
            let (Body::Scalar(key), at) = (written.body, written.mark) else {
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
            entries.push(Entry { key, line: key_line, at, merged: false, node });
        };
        let last = entries.last().map_or(line, |entry| entry.node.last);
        for (key_line, node) in merges {
            merge(&mut entries, &mut seen, node, key_line)?;
        }
        let mark = Mark { end, ..mark };
        Ok(Node { first: line, last, shared: false, mark, body: Body::Mapping(entries) })
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
                    entries.push(Entry { line, merged: true, node: entry.node.share(), ..entry });
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

fn mark(span: &Span, style: Style, anchor: usize, tagged: bool) -> Mark {
    let (start, end) = bytes(span);
    Mark { start, end, style, anchor, tagged }
}

/// The reader of a text in memory knows every offset in bytes.
fn bytes(span: &Span) -> (usize, usize) {
    let start = span.start.byte_offset().unwrap_or_default();
    (start, span.end.byte_offset().unwrap_or(start))
}

fn written(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
        ScalarStyle::Plain => Style::Plain,
    }
}

fn structured(style: StructureStyle) -> Style {
    if style == StructureStyle::Flow { Style::Flow } else { Style::Block }
}

fn fault(line: usize, message: &str) -> YamlError {
    YamlError { line, message: message.to_owned() }
}
