//! The config as it was written: a YAML tree in which every key and value has its place.
//!
//! Environment variables and `--set` change this tree. So their values are checked like everything else, and a problem
//! with one is reported with its place.

mod indentation;
mod parse;
mod path;
mod scalar;

use serde_json::Value;

use super::source::Location;

pub(super) use parse::parse;
pub(super) use path::FieldPath;
pub(super) use scalar::{Scalar, Style, is_plain_text};

/// Value with its place.
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
    /// Creates an empty mapping, which is the tree of an empty config.
    pub(super) fn empty(at: Location) -> Self {
        let data = Data::Map(Vec::new());
        Self { at, data }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(&self.data, Data::Scalar(scalar) if scalar.is_null())
    }

    /// Returns whether there is a text, even if it is `null`.
    pub(super) fn is_written(&self) -> bool {
        self.scalar().is_none_or(|scalar| !scalar.text.is_empty())
    }

    /// Returns whether the node is a secret, or has one in it.
    pub(super) fn is_secret(&self) -> bool {
        match &self.data {
            Data::Scalar(scalar) => scalar.secret,
            Data::List(items) => items.iter().any(Self::is_secret),
            Data::Map(entries) => entries.iter().any(|entry| entry.value.is_secret()),
        }
    }

    /// Describes the value in the words of an error message.
    pub(super) fn describe(&self) -> String {
        match &self.data {
            Data::Scalar(scalar) => scalar.describe(),
            Data::List(_) => "a list".into(),
            Data::Map(_) => "a mapping".into(),
        }
    }

    pub(super) fn scalar(&self) -> Option<&Scalar> {
        match &self.data {
            Data::Scalar(scalar) => Some(scalar),
            Data::List(_) | Data::Map(_) => None,
        }
    }

    fn child(&self, name: &str) -> Option<(&Node, &Location)> {
        match &self.data {
            Data::Scalar(_) => None,
            Data::List(items) => {
                let item = items.get(name.parse::<usize>().ok()?)?;
                Some((item, &item.at))
            }
            Data::Map(entries) => {
                let entry = entries.iter().find(|entry| entry.key == name)?;
                Some((&entry.value, entry.place()))
            }
        }
    }

    /// Returns a field of the mapping that this is.
    pub(super) fn field(&self, name: &str) -> Option<&Node> {
        match &self.data {
            Data::Map(_) => self.child(name).map(|(child, _)| child),
            Data::Scalar(_) | Data::List(_) => None,
        }
    }

    /// Returns the node of a field.
    pub(super) fn find(&self, path: &FieldPath) -> Option<&Node> {
        let mut names = path.names().into_iter();
        names.try_fold(self, |node, name| Some(node.child(name)?.0))
    }

    /// Returns the path and the place of a field, or of the nearest node around it.
    pub(super) fn nearest(&self, path: &FieldPath) -> (FieldPath, Location) {
        let (mut node, mut at, mut depth) = (self, &self.at, 0);
        for name in path.names() {
            let Some(child) = node.child(name) else { break };
            (node, at) = child;
            depth += 1;
        }
        (path.part(depth), at.clone())
    }

    /// Returns the node as JSON text. Numbers that are valid in JSON stay exactly as they were written.
    pub(super) fn to_json_text(&self) -> Result<String, (Location, String)> {
        match &self.data {
            Data::Scalar(scalar) => {
                let text = scalar.to_json_text();
                text.map_err(|why| (self.at.clone(), why))
            }
            Data::List(items) => {
                let items = items.iter().map(Self::to_json_text);
                let items = items.collect::<Result<Vec<_>, _>>()?;
                Ok(format!("[{}]", items.join(",")))
            }
            Data::Map(entries) => {
                let entries = entries.iter().map(|Entry { key, value, .. }| {
                    let value = value.to_json_text()?;
                    Ok(format!("{}:{value}", Value::from(key.as_str())))
                });
                let entries = entries.collect::<Result<Vec<_>, _>>()?;
                Ok(format!("{{{}}}", entries.join(",")))
            }
        }
    }
}

impl Entry {
    /// Returns the place of the value. For a mapping or a list it is the place of the key, whose name says more than
    /// their first line. A value left out has no place of its own, so the place of its key is returned as well.
    pub(super) fn place(&self) -> &Location {
        match &self.value.data {
            Data::Scalar(scalar) if !scalar.text.is_empty() => &self.value.at,
            _ => &self.key_at,
        }
    }
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
        let place = |path| tree.nearest(&FieldPath::of(path)).1.to_string();
        assert_eq!(place("a"), "t.yaml:1:1");
        assert_eq!(place("a.b"), "t.yaml:2:3");
        assert_eq!(place("a.b.1"), "t.yaml:2:10");
        assert_eq!(place("a.c"), "t.yaml:3:3");
        assert_eq!(place("a.nothing.below"), "t.yaml:1:1");
        let nothing = tree.nearest(&FieldPath::of("a.nothing.below")).0;
        assert_eq!(nothing, FieldPath::of("a"));
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
    fn paths_are_shown_as_they_are_written() {
        let path = FieldPath::of("pipeline.processors").item(0);
        assert_eq!(
            path.field("python").to_string(),
            "pipeline.processors[0].python"
        );
        assert!(path.is_within(&FieldPath::of("pipeline")));
        assert!(!path.is_within(&path.field("python")));
    }
}
