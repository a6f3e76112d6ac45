//! Defaults of fields, from the schema's JSON into Avro's encoding: what a writer without the field would have written.

use std::collections::HashMap;
use std::mem;

use super::json::{Json, Object};
use super::parse::RawDefault;
use super::schema::{AvroSchema, Field, Type, TypeId};
use super::write::put_long;
use crate::format::error::{Failure, Outcome};

/// Longest encoding of a default. Records whose defaults contain records may double at each level.
const MAX_LEN: usize = 64 << 10;
/// Deepest nesting of a default, about that of the schema's JSON.
const MAX_DEPTH: usize = 128;
/// Most steps that all defaults of a schema may take.
const MAX_STEPS: u32 = 1 << 22;

impl AvroSchema {
    /// Sets the defaults of all fields. A wrong one is kept as such: old schemas have them, and few are ever needed.
    pub(super) fn set_defaults(&mut self, defaults: &[RawDefault<'_>]) {
        let mut encoded = Vec::with_capacity(defaults.len());
        let mut steps = MAX_STEPS;
        let lookup = Lookup::new(self, defaults);
        for default in defaults {
            let Some(field) = lookup.field(default.record, default.field) else {
                continue;
            };
            let mut compiler = Compiler {
                schema: self,
                lookup: &lookup,
                steps: &mut steps,
                out: Vec::new(),
            };
            let outcome = compiler.value(field.ty, default.value, 0);
            let bytes = mem::take(&mut compiler.out);
            encoded.push((default, outcome.map(|()| bytes.into())));
        }
        for (default, encoded) in encoded {
            if let Type::Record(record) = &mut self.types[default.record as usize]
                && let Some(field) = record.fields.get_mut(default.field)
            {
                field.default = Some(encoded.map_err(|error| error.to_string()));
            }
        }
    }
}

/// Finds the JSON of defaults.
struct Lookup<'a> {
    schema: &'a AvroSchema,
    /// In the order of records and fields.
    defaults: Vec<&'a RawDefault<'a>>,
}

impl<'a> Lookup<'a> {
    fn new(schema: &'a AvroSchema, defaults: &'a [RawDefault<'a>]) -> Self {
        let mut defaults: Vec<_> = defaults.iter().collect();
        defaults.sort_by_key(|default| (default.record, default.field));
        Self { schema, defaults }
    }

    fn field(&self, record: TypeId, field: usize) -> Option<&'a Field> {
        match self.schema.at(record) {
            Type::Record(record) => record.fields.get(field),
            _ => None,
        }
    }

    fn json(&self, record: TypeId, field: usize) -> Option<&'a Json<'a>> {
        let key = |default: &&RawDefault<'_>| (default.record, default.field);
        let place = self.defaults.binary_search_by_key(&(record, field), key);
        place.ok().map(|place| self.defaults[place].value)
    }
}

struct Compiler<'a> {
    schema: &'a AvroSchema,
    lookup: &'a Lookup<'a>,
    steps: &'a mut u32,
    out: Vec<u8>,
}

impl Compiler<'_> {
    fn value(&mut self, id: TypeId, json: &Json<'_>, depth: usize) -> Outcome {
        if *self.steps == 0 || self.out.len() > MAX_LEN || depth > MAX_DEPTH {
            return Err(Failure::new("the default has no end, or is too large"));
        }
        *self.steps -= 1;
        let schema = self.schema;
        let refused = || {
            let (json, ty) = (json.shown(), schema.describe(id));
            Failure::new(format!("the default {json} is no {ty}"))
        };
        match (schema.at(id), json) {
            (Type::Null, Json::Null) => {}
            (Type::Boolean, Json::Bool(value)) => self.out.push(u8::from(*value)),
            (Type::Int(_), Json::Number(number)) => {
                let value: i32 = number.parse().map_err(|_| refused())?;
                put_long(&mut self.out, i64::from(value));
            }
            (Type::Long(_), Json::Number(number)) => {
                put_long(&mut self.out, number.parse().map_err(|_| refused())?);
            }
            (Type::Float, Json::Number(_) | Json::Text(_)) => {
                let value = float(json).ok_or_else(refused)? as f32;
                self.out.extend_from_slice(&value.to_le_bytes());
            }
            (Type::Double, Json::Number(_) | Json::Text(_)) => {
                let value = float(json).ok_or_else(refused)?;
                self.out.extend_from_slice(&value.to_le_bytes());
            }
            (Type::String(_), Json::Text(text)) => self.bytes(text.as_bytes()),
            (Type::Bytes(_), Json::Text(text)) => {
                self.bytes(&latin(text).ok_or_else(refused)?);
            }
            (Type::Fixed(fixed), Json::Text(text)) => {
                let bytes = latin(text).filter(|bytes| bytes.len() == fixed.size);
                self.out.extend_from_slice(&bytes.ok_or_else(refused)?);
            }
            (Type::Enum(of), Json::Text(symbol)) => {
                let index = of.index_of(symbol).ok_or_else(refused)?;
                put_long(&mut self.out, i64::from(index));
            }
            (Type::Array(items), Json::List(list)) => {
                if !list.is_empty() {
                    put_long(&mut self.out, list.len() as i64);
                }
                for (index, item) in list.iter().enumerate() {
                    let outcome = self.value(*items, item, depth + 1);
                    outcome.map_err(|error| error.in_item(index))?;
                }
                put_long(&mut self.out, 0);
            }
            (Type::Map(values), Json::Object(Object(members))) => {
                if !members.is_empty() {
                    put_long(&mut self.out, members.len() as i64);
                }
                for (key, value) in members {
                    self.bytes(key.as_bytes());
                    let outcome = self.value(*values, value, depth + 1);
                    outcome.map_err(|error| error.in_key(key))?;
                }
                put_long(&mut self.out, 0);
            }
            (Type::Record(record), Json::Object(Object(members))) => {
                self.spend(members.len());
                let given: HashMap<&str, &Json<'_>> =
                    members.iter().map(|(key, value)| (&**key, value)).collect();
                for (place, field) in record.fields.iter().enumerate() {
                    let given = given.get(&*field.name).copied();
                    let value = given.or_else(|| self.lookup.json(id, place));
                    let Some(value) = value else {
                        return Err(
                            Failure::new("the default lacks this field").in_field(&field.name)
                        );
                    };
                    let outcome = self.value(field.ty, value, depth + 1);
                    outcome.map_err(|error| error.in_field(&field.name))?;
                }
            }
            // Of any branch, as since version 1.12 of the specification, not only of the first.
            (Type::Union(branches), _) => {
                let start = self.out.len();
                for (place, branch) in branches.iter().enumerate() {
                    put_long(&mut self.out, place as i64);
                    if self.value(*branch, json, depth + 1).is_ok() {
                        return Ok(());
                    }
                    self.out.truncate(start);
                }
                return Err(refused());
            }
            _ => return Err(refused()),
        }
        Ok(())
    }

    /// Takes steps for something long, which records may repeat.
    fn spend(&mut self, steps: usize) {
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        *self.steps = self.steps.saturating_sub(steps);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.spend(bytes.len() / 8);
        put_long(&mut self.out, bytes.len() as i64);
        self.out.extend_from_slice(bytes);
    }
}

/// Returns a number, also one that JSON does not have: `"NaN"`.
fn float(json: &Json<'_>) -> Option<f64> {
    match json {
        Json::Number(text) => text.parse().ok(),
        Json::Text(text) => text.parse().ok().filter(|value: &f64| !value.is_finite()),
        _ => None,
    }
}

/// Returns the bytes that a text stands for: one for each character up to U+00FF.
fn latin(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}
