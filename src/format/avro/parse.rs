//! Schemas from their JSON.
//!
//! What `fastavro` and Java take is taken: names of any characters, `error` for `record`, a type within `type`, unions
//! that repeat a type. Attributes that are not known are passed over, and so are logical types that are not known, or
//! do not suit their type.

use std::collections::{HashMap, HashSet};

use super::json::{Json, Object};
use super::logical::{Decimal, IntKind, LongKind};
use super::names;
use super::schema::{AvroSchema, Type, TypeId};
use crate::format::error::{Failure, Outcome, brief};

/// Longest text of a schema, and of all its references together.
const MAX_TEXT: (usize, usize) = (1 << 20, 8 << 20);

/// Default whose type may not be known yet when it is met.
pub(super) struct RawDefault<'j> {
    pub(super) record: TypeId,
    pub(super) field: usize,
    pub(super) value: &'j Json<'j>,
}

/// Parser of the texts of a schema.
pub(super) struct Parser<'j> {
    pub(super) types: Vec<Type>,
    pub(super) names: HashMap<String, TypeId>,
    /// Names that this text has defined.
    pub(super) defined: HashSet<String>,
    pub(super) defaults: Vec<RawDefault<'j>>,
}

impl AvroSchema {
    /// Parses a schema. `references` are the schemas of the named types that it uses and does not define, those first on
    /// which others depend.
    ///
    /// # Errors
    ///
    /// What is wrong and where, for a person.
    pub(crate) fn parse(text: &str, references: &[&str]) -> Result<Self, String> {
        let mut parser = Parser {
            types: Vec::new(),
            names: HashMap::new(),
            defined: HashSet::new(),
            defaults: Vec::new(),
        };
        let text_len = references
            .iter()
            .fold(text.len(), |sum, text| sum.saturating_add(text.len()));
        if text_len > MAX_TEXT.1 {
            return Err(format!(
                "the schemas have more than {} MiB",
                MAX_TEXT.1 >> 20
            ));
        }
        let mut trees = Vec::with_capacity(references.len());
        for (place, reference) in references.iter().enumerate() {
            let tree = json(reference);
            trees.push(tree.map_err(|error| format!("reference {}: {error}", place + 1))?);
        }
        let tree = json(text)?;
        for (place, tree) in trees.iter().enumerate() {
            let outcome = parser.whole(tree);
            outcome.map_err(|error| format!("reference {}: {error}", place + 1))?;
        }
        let root = parser.whole(&tree).map_err(|error| error.to_string())?;
        let Parser {
            types, defaults, ..
        } = parser;
        let mut schema = Self {
            types,
            root,
            text_len,
        };
        schema.set_defaults(&defaults);
        Ok(schema)
    }
}

/// Parses the JSON of one text.
fn json(text: &str) -> Result<Json<'_>, String> {
    if text.len() > MAX_TEXT.0 {
        return Err(format!("the schema has more than {} MiB", MAX_TEXT.0 >> 20));
    }
    match Json::parse(text) {
        // A name alone is no JSON, but tools write it.
        Err(_) if names::is_word(text.trim()) => Ok(Json::Text(text.trim().into())),
        parsed => parsed.map_err(|error| format!("the schema is no JSON: {error}")),
    }
}

impl<'j> Parser<'j> {
    /// Parses one text.
    fn whole(&mut self, json: &'j Json<'j>) -> Outcome<TypeId> {
        // Each text may define a name again: that of a reference which two others contain.
        self.defined.clear();
        self.any(json, "")
    }

    /// Adds a type.
    pub(super) fn add(&mut self, ty: Type) -> TypeId {
        self.types.push(ty);
        (self.types.len() - 1) as TypeId
    }

    /// Parses any type.
    pub(super) fn any(&mut self, json: &'j Json<'j>, space: &str) -> Outcome<TypeId> {
        match json {
            Json::Text(name) => self.named(name, space, &Object::default()),
            Json::List(branches) => self.union(branches, space),
            Json::Object(object) => match object.get("type") {
                Some(Json::Text(name)) => self.object(name, object, space),
                Some(inner) => self.any(inner, space),
                None => Err(Failure::new("a type without the attribute \"type\"")),
            },
            _ => Err(Failure::new(format!("{} is no type", json.shown()))),
        }
    }

    fn object(&mut self, kind: &str, object: &'j Object<'j>, space: &str) -> Outcome<TypeId> {
        match kind {
            "record" | "error" => self.record(object, space),
            "enum" => self.symbols(object, space),
            "fixed" => self.fixed(object, space),
            "array" => {
                let items = self.part(object, "items", space)?;
                Ok(self.add(Type::Array(items)))
            }
            "map" => {
                let values = self.part(object, "values", space)?;
                Ok(self.add(Type::Map(values)))
            }
            name => self.named(name, space, object),
        }
    }

    fn part(&mut self, object: &'j Object<'j>, key: &str, space: &str) -> Outcome<TypeId> {
        let Some(part) = object.get(key) else {
            return Err(Failure::new(format!(
                "a type without the attribute {key:?}"
            )));
        };
        self.any(part, space).map_err(Failure::in_items)
    }

    /// Returns the type of a name: a type that needs no description, or one that was defined before.
    fn named(&mut self, name: &str, space: &str, object: &Object<'_>) -> Outcome<TypeId> {
        let logical = object.text("logicalType");
        let ty = match name {
            "null" => Type::Null,
            "boolean" => Type::Boolean,
            "int" => Type::Int(IntKind::of(logical)),
            "long" => Type::Long(LongKind::of(logical)),
            "float" => Type::Float,
            "double" => Type::Double,
            "bytes" => {
                let is_decimal = logical == Some("decimal");
                Type::Bytes(is_decimal.then(|| Decimal::of(object, None)).flatten())
            }
            "string" => Type::String(logical == Some("uuid")),
            _ => {
                let found = self.names.get(&names::full(name, space));
                return found
                    .or_else(|| self.names.get(name))
                    .copied()
                    .ok_or_else(|| {
                        let name = brief(name);
                        Failure::new(format!(
                            "there is no type {name:?} (a type must be defined before it is used)"
                        ))
                    });
            }
        };
        Ok(self.add(ty))
    }

    fn union(&mut self, branches: &'j [Json<'j>], space: &str) -> Outcome<TypeId> {
        let mut ids = Vec::with_capacity(branches.len());
        for branch in branches {
            let id = self.any(branch, space)?;
            if matches!(self.types[id as usize], Type::Union(_)) {
                return Err(Failure::new("a union within a union"));
            }
            ids.push(id);
        }
        Ok(self.add(Type::Union(ids.into())))
    }
}
