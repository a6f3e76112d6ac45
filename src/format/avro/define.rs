//! Types that have a name: records, enums and fixed.

use std::collections::HashSet;

use super::json::{Json, Object};
use super::logical::Decimal;
use super::names::{self, Name};
use super::parse::{Parser, RawDefault};
use super::schema::{Enum, Field, Fixed, Record, Type, TypeId};
use crate::format::error::{Failure, Outcome, brief};

impl<'j> Parser<'j> {
    /// Reads the name of a type, and reserves the type with this name.
    fn define(&mut self, object: &Object<'_>, space: &str) -> Outcome<(TypeId, Name)> {
        let Some(name) = object.text("name") else {
            return Err(Failure::new("a record, enum or fixed without a name"));
        };
        let space = match object.get("namespace") {
            Some(Json::Text(own)) => own,
            Some(_) => "",
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

    /// Parses a `fixed`.
    pub(super) fn fixed(&mut self, object: &'j Object<'j>, space: &str) -> Outcome<TypeId> {
        let (id, name) = self.define(object, space)?;
        let Some(size) = object.number("size") else {
            return Err(Failure::new(format!("fixed {name} has no size")));
        };
        let is_decimal = object.text("logicalType") == Some("decimal");
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

    /// Parses an `enum`.
    pub(super) fn symbols(&mut self, object: &'j Object<'j>, space: &str) -> Outcome<TypeId> {
        let (id, name) = self.define(object, space)?;
        if object.get("symbols").is_none() {
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
        let default = object.text("default");
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

    /// Parses a `record`.
    pub(super) fn record(&mut self, object: &'j Object<'j>, space: &str) -> Outcome<TypeId> {
        let (id, name) = self.define(object, space)?;
        let Some(Json::List(described)) = object.get("fields") else {
            return Err(Failure::new(format!("record {name} has no list of fields")));
        };
        let mut fields = Vec::with_capacity(described.len());
        let mut seen = HashSet::new();
        for (place, field) in described.iter().enumerate() {
            let Json::Object(field) = field else {
                let message = format!("field {} of record {name} is no object", place + 1);
                return Err(Failure::new(message));
            };
            let Some(key) = field.text("name") else {
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
            let aliases = texts(field, "aliases").map_err(in_field)?;
            if let Some(value) = field.get("default") {
                self.defaults.push(RawDefault {
                    record: id,
                    field: place,
                    value,
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
fn texts(object: &Object<'_>, key: &str) -> Outcome<Box<[Box<str>]>> {
    let refused = || Failure::new(format!("{key:?} is no list of texts"));
    match object.get(key) {
        None | Some(Json::Null) => Ok(Box::default()),
        Some(Json::List(items)) => items
            .iter()
            .map(|item| match item {
                Json::Text(text) => Ok(Box::from(&**text)),
                _ => Err(refused()),
            })
            .collect(),
        Some(_) => Err(refused()),
    }
}
