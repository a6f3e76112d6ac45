//! The config as written: a YAML tree in which every key and value knows its place.
//!
//! Environment variables and `--set` change this tree, so that what they bring is checked like
//! everything else and a problem with it is told with its place.

mod parse;
mod scalar;

use serde_json::Value;

use super::source::Location;

pub(super) use parse::parse;
pub(super) use scalar::{Scalar, Style};

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub at: Location,
    pub data: Data,
}

#[derive(Clone, Debug)]
pub(super) enum Data {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: String,
    pub key_at: Location,
    pub value: Node,
}

impl Node {
    /// An empty mapping: what an empty config is.
    pub fn empty(at: Location) -> Self {
        let data = Data::Map(Vec::new());
        Self { at, data }
    }

    pub fn is_null(&self) -> bool {
        matches!(&self.data, Data::Scalar(scalar) if scalar.is_null())
    }

    /// What it is, in the words of an error message.
    pub fn describe(&self) -> String {
        match &self.data {
            Data::Scalar(scalar) => scalar.describe(),
            Data::List(_) => "a list".into(),
            Data::Map(_) => "a mapping".into(),
        }
    }

    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.data {
            Data::Scalar(scalar) => Some(scalar),
            Data::List(_) | Data::Map(_) => None,
        }
    }

    fn child(&self, segment: &str) -> Option<Child<'_>> {
        match &self.data {
            Data::Scalar(_) => None,
            Data::List(items) => {
                let node = items.get(segment.parse::<usize>().ok()?)?;
                Some(Child { key_at: None, node })
            }
            Data::Map(entries) => entries
                .iter()
                .find(|entry| entry.key == segment)
                .map(|entry| Child {
                    key_at: Some(&entry.key_at),
                    node: &entry.value,
                }),
        }
    }

    /// What a JSON pointer (`/pipeline/processors/0`) points to.
    pub fn find(&self, pointer: &str) -> Option<Child<'_>> {
        let start = Child {
            key_at: None,
            node: self,
        };
        segments(pointer).try_fold(start, |at, segment| at.node.child(&segment))
    }

    /// The place of what a JSON pointer points to, or of the nearest thing around it.
    ///
    /// That is the value, or the key where the value is a mapping or a list: their first line says
    /// less than their name.
    pub fn place(&self, pointer: &str) -> Location {
        let mut child = Child {
            key_at: None,
            node: self,
        };
        for segment in segments(pointer) {
            match child.node.child(&segment) {
                Some(next) => child = next,
                None => break,
            }
        }
        child.place().clone()
    }

    /// The part of a JSON pointer that points to something.
    pub fn nearest<'a>(&self, pointer: &'a str) -> &'a str {
        let mut part = pointer;
        while self.find(part).is_none() {
            part = part.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
        part
    }

    /// As plain data for the schema and for serde.
    ///
    /// A `null` is a field left out, as in Go's YAML and so in Bento, except where a component
    /// stands (`input: { stdin: }`): there it is that component with its defaults. Under `value`
    /// (the literal of `generate`) a `null` is itself.
    pub fn to_json(&self) -> Value {
        self.json("", false)
    }

    fn json(&self, parent: &str, literal: bool) -> Value {
        match &self.data {
            Data::Scalar(scalar) => scalar.to_json(literal),
            Data::List(items) => items.iter().map(|item| item.json("", literal)).collect(),
            Data::Map(entries) => {
                let mut map = serde_json::Map::new();
                for entry in entries {
                    let value = if literal || !entry.value.is_null() {
                        let literal = literal || (parent == "generate" && entry.key == "value");
                        entry.value.json(&entry.key, literal)
                    } else if matches!(parent, "input" | "output" | "dead_letter" | "scanner") {
                        Value::Object(serde_json::Map::new())
                    } else {
                        continue;
                    };
                    map.insert(entry.key.clone(), value);
                }
                Value::Object(map)
            }
        }
    }

    /// As JSON text, numbers exactly as they were written.
    pub fn to_json_text(&self) -> Result<String, (Location, String)> {
        let mut text = String::new();
        self.write_json(&mut text)?;
        Ok(text)
    }

    fn write_json(&self, out: &mut String) -> Result<(), (Location, String)> {
        match &self.data {
            Data::Scalar(scalar) => {
                let text = scalar.to_json_text();
                out.push_str(&text.map_err(|why| (self.at.clone(), why))?);
            }
            Data::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_json(out)?;
                }
                out.push(']');
            }
            Data::Map(entries) => {
                out.push('{');
                for (index, entry) in entries.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(&Value::from(entry.key.as_str()).to_string());
                    out.push(':');
                    entry.value.write_json(out)?;
                }
                out.push('}');
            }
        }
        Ok(())
    }
}

/// A node under its key, or in its list.
#[derive(Clone, Copy)]
pub(super) struct Child<'a> {
    pub key_at: Option<&'a Location>,
    pub node: &'a Node,
}

impl<'a> Child<'a> {
    fn place(self) -> &'a Location {
        match (&self.node.data, self.key_at) {
            (Data::List(_) | Data::Map(_), Some(key_at)) => key_at,
            // A value left out has no place of its own.
            (Data::Scalar(scalar), Some(key_at)) if scalar.text.is_empty() => key_at,
            _ => &self.node.at,
        }
    }
}

/// The parts of a JSON pointer.
pub(super) fn segments(pointer: &str) -> impl Iterator<Item = String> {
    pointer
        .split('/')
        .skip(1)
        .map(|segment| segment.replace("~1", "/").replace("~0", "~"))
}

/// A JSON pointer as the user writes it: `pipeline.processors[0].python`.
pub(super) fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for segment in segments(pointer) {
        if segment.bytes().all(|byte| byte.is_ascii_digit()) {
            path.push_str(&format!("[{segment}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&segment);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::SourceText;

    fn tree(yaml: &str) -> Node {
        parse(&SourceText::file("t.yaml", yaml)).unwrap().unwrap()
    }

    #[test]
    fn places_are_values_or_the_keys_of_collections() {
        let tree = tree("a:\n  b: [1, 22]\n  c:\n");
        let place = |pointer| tree.place(pointer).to_string();
        assert_eq!(place("/a"), "t.yaml:1:1");
        assert_eq!(place("/a/b"), "t.yaml:2:3");
        assert_eq!(place("/a/b/1"), "t.yaml:2:10");
        assert_eq!(place("/a/c"), "t.yaml:3:3");
        assert_eq!(place("/a/nothing/below"), "t.yaml:1:1");
    }

    #[test]
    fn nulls_are_left_out_but_for_components_and_literals() {
        let tree = tree(
            "input: { stdin: , generate: { value: { a: ~ } } }\nlogger: { level: ~ }\nhttp:\n",
        );
        let expected = serde_json::json!({
            "input": { "stdin": {}, "generate": { "value": { "a": null } } },
            "logger": {},
        });
        assert_eq!(tree.to_json(), expected);
    }

    #[test]
    fn json_text_keeps_numbers_exact() {
        let tree = tree("[123456789012345678901234567890, 1.10, 0x10, yes, 'é\"', ~, {1: true}]");
        assert_eq!(
            tree.to_json_text().unwrap(),
            r#"[123456789012345678901234567890,1.10,16,"yes","é\"",null,{"1":true}]"#
        );
    }

    #[test]
    fn pointers_read_as_paths() {
        assert_eq!(
            dotted("/pipeline/processors/0/python"),
            "pipeline.processors[0].python"
        );
        assert_eq!(dotted("/a~1b"), "a/b");
    }
}
