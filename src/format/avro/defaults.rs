//! Defaults of fields, from the schema's JSON into Avro's encoding: what a writer without the field would have written.

use std::mem;

use serde_json::Value;

use super::error::{Failure, Outcome, brief};
use super::parse::RawDefault;
use super::schema::{AvroSchema, Field, Type, TypeId};
use super::write::put_long;

/// Longest encoding of a default. Records whose defaults contain records may double at each level.
const MAX_LEN: usize = 64 << 10;
/// Deepest nesting of a default, about that of the schema's JSON.
const MAX_DEPTH: usize = 128;
/// Most steps that all defaults of a schema may take.
const MAX_STEPS: u32 = 1 << 22;

impl AvroSchema {
    /// Sets the defaults of all fields. A wrong one is kept as such: old schemas have them, and few are ever needed.
    pub(super) fn set_defaults(&mut self, defaults: &[RawDefault]) {
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
            let outcome = compiler.value(field.ty, &default.value, 0);
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
    defaults: Vec<&'a RawDefault>,
}

impl<'a> Lookup<'a> {
    fn new(schema: &'a AvroSchema, defaults: &'a [RawDefault]) -> Self {
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

    fn json(&self, record: TypeId, field: usize) -> Option<&'a Value> {
        let key = |default: &&RawDefault| (default.record, default.field);
        let place = self.defaults.binary_search_by_key(&(record, field), key);
        place.ok().map(|place| &self.defaults[place].value)
    }
}

struct Compiler<'a> {
    schema: &'a AvroSchema,
    lookup: &'a Lookup<'a>,
    steps: &'a mut u32,
    out: Vec<u8>,
}

impl Compiler<'_> {
    fn value(&mut self, id: TypeId, json: &Value, depth: usize) -> Outcome {
        if *self.steps == 0 || self.out.len() > MAX_LEN || depth > MAX_DEPTH {
            return Err(Failure::new("the default has no end, or is too large"));
        }
        *self.steps -= 1;
        let schema = self.schema;
        let refused = || {
            let json = brief(&json.to_string());
            Failure::new(format!("the default {json} is no {}", schema.describe(id)))
        };
        match (schema.at(id), json) {
            (Type::Null, Value::Null) => {}
            (Type::Boolean, Value::Bool(value)) => self.out.push(u8::from(*value)),
            (Type::Int(_), Value::Number(_)) => {
                let value = json.as_i64().filter(|value| i32::try_from(*value).is_ok());
                put_long(&mut self.out, value.ok_or_else(refused)?);
            }
            (Type::Long(_), Value::Number(_)) => {
                put_long(&mut self.out, json.as_i64().ok_or_else(refused)?);
            }
            (Type::Float, Value::Number(_) | Value::String(_)) => {
                let value = float(json).ok_or_else(refused)? as f32;
                self.out.extend_from_slice(&value.to_le_bytes());
            }
            (Type::Double, Value::Number(_) | Value::String(_)) => {
                let value = float(json).ok_or_else(refused)?;
                self.out.extend_from_slice(&value.to_le_bytes());
            }
            (Type::String(_), Value::String(text)) => self.bytes(text.as_bytes()),
            (Type::Bytes(_), Value::String(text)) => {
                self.bytes(&latin(text).ok_or_else(refused)?);
            }
            (Type::Fixed(fixed), Value::String(text)) => {
                let bytes = latin(text).filter(|bytes| bytes.len() == fixed.size);
                self.out.extend_from_slice(&bytes.ok_or_else(refused)?);
            }
            (Type::Enum(of), Value::String(symbol)) => {
                let index = of.index_of(symbol).ok_or_else(refused)?;
                put_long(&mut self.out, i64::from(index));
            }
            (Type::Array(items), Value::Array(list)) => {
                if !list.is_empty() {
                    put_long(&mut self.out, list.len() as i64);
                }
                for (index, item) in list.iter().enumerate() {
                    let outcome = self.value(*items, item, depth + 1);
                    outcome.map_err(|error| error.in_item(index))?;
                }
                put_long(&mut self.out, 0);
            }
            (Type::Map(values), Value::Object(object)) => {
                if !object.is_empty() {
                    put_long(&mut self.out, object.len() as i64);
                }
                for (key, value) in object {
                    self.bytes(key.as_bytes());
                    let outcome = self.value(*values, value, depth + 1);
                    outcome.map_err(|error| error.in_key(key))?;
                }
                put_long(&mut self.out, 0);
            }
            (Type::Record(record), Value::Object(object)) => {
                for (place, field) in record.fields.iter().enumerate() {
                    let given = object.get(&*field.name);
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

    fn bytes(&mut self, bytes: &[u8]) {
        // Records may repeat a long default.
        let steps = u32::try_from(bytes.len() / 8).unwrap_or(u32::MAX);
        *self.steps = self.steps.saturating_sub(steps);
        put_long(&mut self.out, bytes.len() as i64);
        self.out.extend_from_slice(bytes);
    }
}

/// Returns a number, also one that JSON does not have: `"NaN"`.
fn float(json: &Value) -> Option<f64> {
    match json {
        Value::String(text) => text.parse().ok().filter(|value: &f64| !value.is_finite()),
        _ => json.as_f64(),
    }
}

/// Returns the bytes that a text stands for: one for each character up to U+00FF.
fn latin(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}
