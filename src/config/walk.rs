//! Walk over the tree and the schema together. It finds unknown fields, wrong types and choices, texts that cannot be
//! read, and fields of Bento's that do nothing. It finds them all at once, which serde cannot do: it ends at the first.
//!
//! A value with the right shape comes out as plain data that serde reads. A value without the right shape is reported
//! and left out: the rest is still worth checking, and one run reports all that is wrong.

use serde_json::{Map, Value};

use super::diagnostics::{Diagnostic, Diagnostics};
use super::foreign;
use super::misshapen;
use super::schema::{SCHEMA, types};
use super::source::Location;
use super::tree::{Data, Entry, FieldPath, Node};

/// Result of a walk.
#[derive(Default)]
pub(super) struct Walked {
    /// Values with the right shape, for serde.
    pub data: Value,
    /// Fields left out because they are unknown or have the wrong shape. Problems that only follow from their absence
    /// are not reported: a misspelled `script` is not a missing script.
    pub misshapen: Vec<FieldPath>,
    /// Fields left out because a variable is not set.
    pub unset: Vec<FieldPath>,
    /// Fields left out because their text cannot be read, such as a duration without a unit.
    pub unread: Vec<FieldPath>,
}

/// Walks over a config, and reports what is wrong with its shape.
pub(super) fn walk(root: &Node, problems: &mut Diagnostics) -> Walked {
    let mut walk = Walk {
        found: Walked::default(),
        problems,
    };
    let data = walk.value(&Field {
        path: &FieldPath::default(),
        node: root,
        at: &root.at,
        schema: &SCHEMA,
    });
    let data = data.unwrap_or_else(|| Value::Object(Map::new()));
    Walked { data, ..walk.found }
}

/// Field of the tree.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub path: &'a FieldPath,
    pub node: &'a Node,
    /// Place to report.
    pub at: &'a Location,
    pub schema: &'a Value,
}

struct Walk<'a> {
    found: Walked,
    problems: &'a mut Diagnostics,
}

impl Walk<'_> {
    /// Returns the value of a field, if it has the right shape.
    fn value(&mut self, field: &Field<'_>) -> Option<Value> {
        let Field { node, schema, .. } = *field;
        if let Some(short) = schema["x-short"].as_str()
            && node.scalar().is_some()
        {
            return self.short(field, short);
        }
        let types = types(schema);
        match &node.data {
            _ if types.is_empty() => return self.literal(field),
            Data::Map(entries) if types.contains(&"object") => {
                return Some(self.map(entries, field));
            }
            Data::List(items) if types.contains(&"array") => return self.list(items, field),
            _ => {}
        }
        let value = node.scalar().map(|scalar| scalar.to_json(false));
        if let Some(problem) = misshapen::of_type(field, value.as_ref()) {
            self.problems.push(problem.at(field.at.clone()));
            self.found.misshapen.push(field.path.clone());
            return None;
        }
        let value = value?;
        if schema["x-ignored"] != true
            && let Some(problem) = misshapen::of_text(field, &value)
        {
            self.problems.push(problem.at(field.at.clone()));
            self.found.unread.push(field.path.clone());
            return None;
        }
        match node.scalar() {
            Some(scalar) if schema["x-as-written"] == true => Some(scalar.as_written().into()),
            _ => Some(value),
        }
    }

    /// Returns a section that is written as the value of its most important field.
    fn short(&mut self, field: &Field<'_>, name: &str) -> Option<Value> {
        let value = self.value(&Field {
            path: field.path,
            schema: &field.schema["properties"][name],
            ..*field
        })?;
        Some(Value::Object(Map::from_iter([(name.to_owned(), value)])))
    }

    /// Returns a value of any shape as JSON text, with its numbers as they are written.
    fn literal(&mut self, field: &Field<'_>) -> Option<Value> {
        match field.node.to_json_text() {
            Ok(json) => Some(Value::String(json)),
            Err((at, why)) => {
                let problem = Diagnostic::error(why).at(at);
                self.problems.push(problem.help("quote it to make it text"));
                self.found.misshapen.push(field.path.clone());
                None
            }
        }
    }

    /// Returns a list, if all its items have the right shape. Without one of them, the indices of the others would
    /// change.
    fn list(&mut self, items: &[Node], list: &Field<'_>) -> Option<Value> {
        let values: Vec<_> = (0..)
            .zip(items)
            .map(|(index, node)| {
                self.value(&Field {
                    path: &list.path.item(index),
                    node,
                    at: &node.at,
                    schema: &list.schema["items"],
                })
            })
            .collect();
        values.into_iter().collect()
    }

    /// Returns a mapping with those of its fields that have the right shape.
    ///
    /// A `null` is a field left out, as in Go's YAML and so in Bento, except in the place of a component (`input: {
    /// stdin: }`), where it is that component with its defaults, and in that of a JSON value, if it is written.
    fn map(&mut self, entries: &[Entry], map: &Field<'_>) -> Value {
        let mut fields = Map::new();
        let component = !map.schema["x-component"].is_null();
        if let Some(problem) = misshapen::unwrapped(map, entries) {
            self.problems.push(problem.at(map.at.clone()));
            self.found.misshapen.push(map.path.clone());
            return Value::Object(fields);
        }
        for entry in entries {
            let null = entry.value.is_null();
            let path = map.path.field(&entry.key);
            let field = map.schema["properties"].get(&entry.key);
            let has_effect = field.is_some_and(|field| field["x-ignored"] != true);
            let is_quiet = match has_effect {
                true => foreign::is_left_out,
                false => foreign::says_nothing,
            };
            if is_quiet(&path, &entry.value) {
                continue;
            }
            let of_users = &map.schema["additionalProperties"];
            let schema = match field {
                Some(schema) => schema,
                None if of_users.is_object() => of_users,
                None if null && !component => continue,
                None => {
                    self.problems.push(misshapen::unknown(map, entry));
                    self.found.misshapen.push(path);
                    continue;
                }
            };
            if null && !(schema["x-null"] == true && entry.value.is_written()) {
                if component && types(schema).contains(&"object") {
                    fields.insert(entry.key.clone(), Value::Object(Map::new()));
                }
                continue;
            }
            let field = Field {
                path: &path,
                node: &entry.value,
                at: entry.place(),
                schema,
            };
            let name = self.name(entry, schema, entries);
            let Some(value) = self.value(&field) else {
                continue;
            };
            if schema["x-ignored"] == true {
                let problem =
                    foreign::changes_results(field.path, field.node).unwrap_or_else(|| {
                        Diagnostic::warning(format!("`{}` has no effect here", field.path))
                    });
                self.problems.push(problem.at(field.at.clone()));
            } else if let Some(name) = name {
                fields.insert(name.to_owned(), value);
            }
        }
        Value::Object(fields)
    }

    /// Returns the model's name of a field, or `None` if the model's field is written as well.
    fn name<'a>(
        &mut self,
        entry: &'a Entry,
        schema: &'a Value,
        beside: &[Entry],
    ) -> Option<&'a str> {
        let Some(name) = schema["x-alias-of"].as_str() else {
            return Some(&entry.key);
        };
        let is_other = |one: &&Entry| one.key == name && !one.value.is_null();
        let Some(other) = beside.iter().find(is_other) else {
            return Some(name);
        };
        let message = format!("`{}` and `{name}` say the same", entry.key);
        let problem = Diagnostic::error(message)
            .at(entry.place().clone())
            .related(other.place().clone(), "the other one")
            .help(format!("keep `{name}`"));
        self.problems.push(problem);
        None
    }
}
