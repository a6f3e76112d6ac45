//! Types that have a name: records, enums and fixed.

use std::collections::HashSet;

use serde_json::Value;

use super::error::{Failure, Outcome, brief};
use super::logical::Decimal;
use super::names::{self, Name};
use super::parse::{Object, Parser, RawDefault};
use super::schema::{Enum, Field, Fixed, Record, Type, TypeId};

impl Parser {
    /// Reads the name of a type, and reserves the type with this name.
    fn define(&mut self, object: &Object, space: &str) -> Outcome<(TypeId, Name)> {
        let Some(name) = object.get("name").and_then(Value::as_str) else {
            return Err(Failure::new("a record, enum or fixed without a name"));
        };
        let space = match object.get("namespace") {
            Some(own) => own.as_str().unwrap_or_default(),
            None => space,
        };
        // A name that begins with a point is one of no namespace.
        let full = names::full(name, space);
        let full = full.strip_prefix('.').map(str::to_owned).unwrap_or(full);
        if full.is_empty() || full.ends_with('.') {
            return Err(Failure::new("a record, enum or fixed without a name"));
        }
        if !self.defined.insert(full.clone()) {
            return Err(Failure::new(format!(
                "the type {} is defined twice",
                brief(&full)
            )));
        }
        let id = self.add(Type::Null);
        self.names.insert(full.clone(), id);
        let name = Name {
            full: full.into(),
            aliases: texts(object, "aliases")?,
        };
        Ok((id, name))
    }

    pub(super) fn fixed(&mut self, object: &Object, space: &str) -> Outcome<TypeId> {
        let (id, name) = self.define(object, space)?;
        let size = object.get("size").and_then(Value::as_u64);
        let Some(size) = size.and_then(|size| usize::try_from(size).ok()) else {
            return Err(Failure::new(format!("fixed {name} has no size")));
        };
        let is_decimal = object.get("logicalType").and_then(Value::as_str) == Some("decimal");
        let decimal = is_decimal
            .then(|| Decimal::of(object, Some(size)))
            .flatten();
        self.types[id as usize] = Type::Fixed(Fixed {
            name,
            size,
            decimal,
        });
        Ok(id)
    }

    pub(super) fn symbols(&mut self, object: &Object, space: &str) -> Outcome<TypeId> {
        let (id, name) = self.define(object, space)?;
        if !object.contains_key("symbols") {
            return Err(Failure::new(format!("enum {name} has no symbols")));
        }
        let symbols = texts(object, "symbols")?;
        let mut sorted: Vec<u32> = (0..symbols.len() as u32).collect();
        let text = |index: u32| &symbols[index as usize];
        sorted.sort_by_key(|index| text(*index));
        if let Some(pair) = sorted
            .windows(2)
            .find(|pair| text(pair[0]) == text(pair[1]))
        {
            let symbol = brief(text(pair[0]));
            return Err(Failure::new(format!(
                "enum {name} has the symbol {symbol:?} twice"
            )));
        }
        let default = object.get("default").and_then(Value::as_str);
        let default = match default {
            Some(symbol) => match symbols.iter().position(|other| **other == *symbol) {
                Some(index) => Some(index as u32),
                None => {
                    return Err(Failure::new(format!(
                        "the default of enum {name} is none of its symbols"
                    )));
                }
            },
            None => None,
        };
        self.types[id as usize] = Type::Enum(Enum {
            name,
            symbols,
            sorted: sorted.into(),
            default,
        });
        Ok(id)
    }

    pub(super) fn record(&mut self, object: &Object, space: &str) -> Outcome<TypeId> {
        let (id, name) = self.define(object, space)?;
        let Some(Value::Array(described)) = object.get("fields") else {
            return Err(Failure::new(format!("record {name} has no list of fields")));
        };
        let mut fields = Vec::with_capacity(described.len());
        let mut seen = HashSet::new();
        for (place, field) in described.iter().enumerate() {
            let Some(key) = field.get("name").and_then(Value::as_str) else {
                return Err(Failure::new(format!(
                    "field {} of record {name} has no name",
                    place + 1
                )));
            };
            let in_field = |failure: Failure| failure.in_field(key);
            if !seen.insert(key) {
                return Err(in_field(Failure::new(format!(
                    "record {name} has this field twice"
                ))));
            }
            let Some(ty) = field.get("type") else {
                return Err(in_field(Failure::new("the field has no type")));
            };
            let ty = self.any(ty, name.namespace()).map_err(in_field)?;
            let aliases = field.as_object().map(|field| texts(field, "aliases"));
            let aliases = aliases
                .unwrap_or_else(|| Ok(Box::default()))
                .map_err(in_field)?;
            if let Some(value) = field.get("default") {
                self.defaults.push(RawDefault {
                    record: id,
                    field: place,
                    value: value.clone(),
                });
            }
            fields.push(Field {
                name: key.into(),
                aliases,
                ty,
                default: None,
            });
        }
        self.types[id as usize] = Type::Record(Record {
            name,
            fields: fields.into(),
        });
        Ok(id)
    }
}

/// Returns an attribute that is a list of texts.
fn texts(object: &Object, key: &str) -> Outcome<Box<[Box<str>]>> {
    let refused = || Failure::new(format!("{key:?} is no list of texts"));
    match object.get(key) {
        None | Some(Value::Null) => Ok(Box::default()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(Box::from).ok_or_else(refused))
            .collect(),
        Some(_) => Err(refused()),
    }
}
