//! Parser from text to tree.
//!
//! It is built on the events of `saphyr-parser`. Ready-made trees keep no place for keys, end at the first duplicate
//! key, and do not know merge keys (`<<`).

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScanError, Span, StrInput, Tag};

use super::indentation;
use super::{Data, Entry, Node, Scalar, Style};
use crate::config::diagnostics::{Diagnostic, Diagnostics};
use crate::config::env::mask;
use crate::config::source::{Location, SourceText};

/// Limit on nesting: deeper than any config, and shallow enough for the recursion here and in serde.
const MAX_DEPTH: usize = 64;

/// Limit on the nodes that aliases bring. Without it, a few lines of anchors could grow without end.
const MAX_ALIAS_NODES: usize = 10_000;

/// Reads one YAML document. Returns `None` if it is empty.
pub(in crate::config) fn parse(source: &Arc<SourceText>) -> Result<Option<Node>, Diagnostics> {
    let masked = mask::hide(source.text());
    let mut loader = Loader {
        source,
        events: Parser::new_from_str(&masked),
        anchors: HashMap::new(),
        alias_nodes: 0,
        problems: Diagnostics::default(),
    };
    let root = loader.document();
    let mut problems = loader.problems;
    match root {
        Ok(root) if problems.is_empty() => Ok(root),
        Ok(_) => Err(problems),
        Err(fatal) => {
            problems.push(*fatal);
            Err(problems)
        }
    }
}

/// Problem after which the events make no sense.
type Fatal = Box<Diagnostic>;

struct Loader<'a> {
    source: &'a Arc<SourceText>,
    events: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    alias_nodes: usize,
    problems: Diagnostics,
}

impl<'a> Loader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Fatal> {
        match self.events.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.malformed(&error)),
            None => Ok((Event::StreamEnd, Span::empty(Marker::default()))),
        }
    }

    fn document(&mut self) -> Result<Option<Node>, Fatal> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::DocumentStart(_) if root.is_some() => {
                    // An empty document is a `---` at the end, or comments after one.
                    let (event, inner) = self.next()?;
                    if matches!(&event, Event::Scalar(text, ..) if text.is_empty()) {
                        continue;
                    }
                    let at = if inner.start.line() > span.start.line() {
                        self.at(span)
                    } else {
                        self.at(inner)
                    };
                    let help = "one config is one document: put the other into a file of its own";
                    let problem = Diagnostic::error("a second document begins here");
                    return Err(Box::new(problem.at(at).help(help)));
                }
                Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing => {}
                _ => root = Some(self.node(event, span, 0)?),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Fatal> {
        let at = self.at(span);
        if depth > MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(Box::new(Diagnostic::error(message).at(at)));
        }
        let (data, anchor) = match event {
            Event::Alias(id) => return self.alias(id, at),
            Event::Scalar(text, style, anchor, tag) => {
                let tag = self.core_tag(tag.as_deref(), &at);
                let end = (span.end.line(), span.end.col());
                let scalar = Scalar::new(mask::show(&text), style);
                (Data::Scalar(Scalar { tag, end, ..scalar }), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.core_tag(tag.as_deref(), &at);
                (Data::List(self.list(depth)?), anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.core_tag(tag.as_deref(), &at);
                (Data::Map(self.map(depth)?), anchor)
            }
            // The parser sends no other event where a value stands.
            other => unreachable!("{other:?} where a value stands"),
        };
        let node = Node { at, data };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Fatal> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry>, Fatal> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => break,
                (event, span) => self.node(event, span, depth + 1)?,
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            let Data::Scalar(scalar) = key.data else {
                let problem = Diagnostic::error("a key must be a text").at(key.at);
                self.problems
                    .push(problem.help("quote values with `{` or `[` in them"));
                continue;
            };
            let key_at = key.at;
            if scalar.text == "<<" && scalar.style == Style::Plain {
                merged.push(value);
            } else if let Some(first) = entries.iter().find(|entry| entry.key == scalar.text) {
                let message = format!("the key `{}` stands here twice", scalar.text);
                let problem = Diagnostic::error(message)
                    .at(key_at)
                    .related(first.key_at.clone(), "first here");
                self.problems.push(problem.help("remove one of them"));
            } else {
                let key = scalar.text;
                entries.push(Entry { key, key_at, value });
            }
        }
        for value in merged {
            self.merge(&mut entries, value);
        }
        Ok(entries)
    }

    /// Adds the entries that `<<` brings. Keys that are written here take precedence, and earlier maps before later
    /// ones.
    fn merge(&mut self, entries: &mut Vec<Entry>, value: Node) {
        match value.data {
            Data::Map(more) => {
                for entry in more {
                    if !entries.iter().any(|one| one.key == entry.key) {
                        entries.push(entry);
                    }
                }
            }
            Data::List(maps) if maps.iter().all(|map| matches!(map.data, Data::Map(_))) => {
                for map in maps {
                    self.merge(entries, map);
                }
            }
            Data::Scalar(_) | Data::List(_) => self.problems.push(
                Diagnostic::error("`<<` takes a mapping or a list of mappings")
                    .at(value.at)
                    .help("write it with an alias, as in `<<: *defaults`"),
            ),
        }
    }

    fn alias(&mut self, id: usize, at: Location) -> Result<Node, Fatal> {
        // The parser knows the anchor, but the loader does not yet, so the alias is within it.
        let Some(node) = self.anchors.get(&id) else {
            let problem = Diagnostic::error("this alias stands within its own anchor");
            return Err(Box::new(problem.at(at)));
        };
        self.alias_nodes += count(node);
        if self.alias_nodes > MAX_ALIAS_NODES {
            let message = format!("aliases bring more than {MAX_ALIAS_NODES} values");
            return Err(Box::new(Diagnostic::error(message).at(at)));
        }
        Ok(node.clone())
    }

    /// Returns the tag if it is one of YAML's own, and reports any other.
    fn core_tag(&mut self, tag: Option<&Tag>, at: &Location) -> Option<String> {
        let tag = tag?;
        let known = ["str", "int", "float", "bool", "null", "seq", "map"];
        if tag.is_yaml_core_schema() && known.contains(&tag.suffix.as_str()) {
            return Some(tag.suffix.clone());
        }
        // A lone `!` means "text".
        if tag.suffix.is_empty() || (tag.handle.is_empty() && tag.suffix == "!") {
            return Some("str".into());
        }
        // In a password that begins with `!`, the tag is a part of the password.
        let what = match at.is_hidden() {
            true => "unknown tag".into(),
            false => format!("unknown tag `{tag}`"),
        };
        let help = "tags are `!!str`, `!!int`, `!!float` and `!!bool`; few configs need any";
        self.problems
            .push(Diagnostic::error(what).at(at.clone()).help(help));
        None
    }

    fn at(&self, span: Span) -> Location {
        let (start, end) = (span.start, span.end);
        let end = match start.line() == end.line() {
            true => end.col(),
            // The length is that of the rest of the first line.
            false => {
                let line = self.source.line(start.line()).unwrap_or_default();
                line.trim_end().chars().count()
            }
        };
        let length = end.saturating_sub(start.col()).max(1);
        self.source.location(start.line(), start.col() + 1, length)
    }

    fn malformed(&self, error: &ScanError) -> Fatal {
        let at = *error.marker();
        let line = self.source.line(at.line()).unwrap_or_default();
        let info = error.info();
        if let Some(found) = indentation::explain(self.source, at.line(), info) {
            let problem = Diagnostic::error(format!("malformed YAML: {}", found.message));
            let place = self.source.location(found.line, found.column, found.length);
            return Box::new(problem.at(place).help(found.help));
        }
        let help = if info.contains("unprintable") {
            "remove the character, or write it as an escape (such as `\\u0001`) within double quotes"
        } else if info.contains("tab") || line.trim_start_matches(' ').starts_with('\t') {
            "YAML is indented with spaces; replace the tab"
        } else if info.contains("mapping values are not allowed") {
            "quote values that contain `: `, and check the indentation"
        } else if info.contains("unknown anchor") {
            "define it with `&name` before it is used"
        } else if line.contains("${") && line.contains(['[', '{']) {
            "quote values with `${…}` in them"
        } else if info.contains("unexpected character") {
            "quote values that begin with one of @ ` % & * ! | >"
        } else if info.contains("quoted scalar") {
            "close the quote, or put the script below `script: |`"
        } else if info.contains("flow") {
            "close what `[` or `{` opened"
        } else {
            "check the indentation and the quotes of this line and the one before"
        };
        // After a directive (`%…`) the parser counts columns beyond the end of the line.
        let column = at.col().min(line.chars().count()) + 1;
        let problem = Diagnostic::error(format!("malformed YAML: {info}"));
        let place = self.source.location(at.line(), column, 1);
        Box::new(problem.at(place).help(help))
    }
}

fn count(node: &Node) -> usize {
    1 + match &node.data {
        Data::Scalar(_) => 0,
        Data::List(items) => items.iter().map(count).sum(),
        Data::Map(entries) => entries.iter().map(|entry| count(&entry.value)).sum(),
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
