//! Writer: from the values of a script to Avro's bytes.

use std::borrow::Cow;
use std::sync::Arc;

use super::decode::deeper;
use super::members::Members;
use super::scalar::{refused, scalar};
use super::schema::{AvroSchema, Field, Record, Type, TypeId};
use super::shown::{check_members, scalar_of_text};
use crate::format::error::{EncodeError, Failure, Outcome};
use nerodia_codec::Value;

/// Writer of values that a schema describes.
#[derive(Debug)]
pub(crate) struct Writer {
    schema: Arc<AvroSchema>,
}

impl Writer {
    /// Creates a writer.
    pub(crate) fn new(schema: Arc<AvroSchema>) -> Self {
        Self { schema }
    }

    /// Appends a value to `out`.
    ///
    /// # Errors
    ///
    /// If the schema does not allow the value: names the place in the value. Then `out` is as before.
    pub(crate) fn write(&self, value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.run(Run::new(&self.schema), value, out)
    }

    /// Appends a value in the form in which people see it ([`Value::show`]) to `out`.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write); and if a record has members that are no fields.
    pub(crate) fn write_shown(
        &self,
        value: &Value<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let mut run = Run::new(&self.schema);
        run.shown = true;
        self.run(run, value, out)
    }

    fn run(
        &self,
        mut run: Run<'_>,
        value: &Value<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        run.value(self.schema.root, value, out, 0).map_err(|error| {
            out.truncate(start);
            EncodeError(error.to_string())
        })
    }
}

/// Writing of one value.
pub(super) struct Run<'s> {
    pub(super) schema: &'s AvroSchema,
    /// Comparisons of values with branches of unions that are left.
    pub(super) comparisons: u32,
    /// Bytes of defaults that may still be written.
    defaults: usize,
    /// Whether the value is in the form in which people see it.
    pub(super) shown: bool,
}

impl<'s> Run<'s> {
    /// Most comparisons for one value: each union looks into the values within it again.
    const COMPARISONS: u32 = 1 << 22;
    /// Most bytes of defaults for one value, which may consist of empty dicts.
    const DEFAULTS: usize = 16 << 20;

    pub(super) fn new(schema: &'s AvroSchema) -> Self {
        Self {
            schema,
            comparisons: Self::COMPARISONS,
            defaults: Self::DEFAULTS,
            shown: false,
        }
    }

    pub(super) fn value(
        &mut self,
        id: TypeId,
        value: &Value<'_>,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Outcome {
        let schema = self.schema;
        match (schema.at(id), value) {
            (Type::Record(record), Value::Dict(members)) => {
                self.record(record, members, out, deeper(depth)?)
            }
            (Type::Union(branches), _) => {
                let (place, value) = self.select(id, branches, value, depth)?;
                put_long(out, place as i64);
                self.value(branches[place], value, out, depth)
            }
            (Type::Array(items), Value::List(list)) => {
                let depth = deeper(depth)?;
                if !list.is_empty() {
                    put_long(out, list.len() as i64);
                }
                for (index, item) in list.iter().enumerate() {
                    if let Err(error) = self.value(*items, item, out, depth) {
                        return Err(error.in_item(index));
                    }
                }
                out.push(0);
                Ok(())
            }
            (Type::Map(values), Value::Dict(members)) => {
                let depth = deeper(depth)?;
                if !members.is_empty() {
                    put_long(out, members.len() as i64);
                }
                for (key, value) in members {
                    put_bytes(out, key.as_bytes());
                    if let Err(error) = self.value(*values, value, out, depth) {
                        return Err(error.in_key(key));
                    }
                }
                out.push(0);
                Ok(())
            }
            (ty, _) => match (scalar(ty, value, out)?, value) {
                (true, _) => Ok(()),
                (false, Value::Str(text)) if self.shown && scalar_of_text(ty, text, out)? => Ok(()),
                (false, _) => Err(refused(schema, id, value)),
            },
        }
    }

    fn record(
        &mut self,
        record: &Record,
        members: &[(Cow<'_, str>, Value<'_>)],
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Outcome {
        if self.shown {
            check_members(record, members)?;
        }
        let mut members = Members::new(members, record);
        for field in &record.fields {
            let outcome = match members.get(&field.name) {
                Some(value) => self.value(field.ty, value, out, depth),
                None => self.missing(field, out),
            };
            if let Err(error) = outcome {
                return Err(error.in_field(&field.name));
            }
        }
        Ok(())
    }

    fn missing(&mut self, field: &Field, out: &mut Vec<u8>) -> Outcome {
        match &field.default {
            Some(Ok(default)) => {
                let Some(left) = self.defaults.checked_sub(default.len()) else {
                    return Err(Failure::new("missing, and the defaults are too long"));
                };
                self.defaults = left;
                out.extend_from_slice(default);
            }
            Some(Err(error)) => return Err(Failure::new(format!("missing, and {error}"))),
            None => match self.null_of(field.ty) {
                Some(Some(place)) => put_long(out, place as i64),
                Some(None) => {}
                None => return Err(Failure::new("missing, and the schema has no default")),
            },
        }
        Ok(())
    }

    /// Returns whether a type allows `None`, and in which branch if it is a union.
    pub(super) fn null_of(&self, id: TypeId) -> Option<Option<usize>> {
        match self.schema.at(id) {
            Type::Null => Some(None),
            Type::Union(branches) => {
                let is_null = |id: &TypeId| matches!(self.schema.at(*id), Type::Null);
                branches.iter().position(is_null).map(Some)
            }
            _ => None,
        }
    }
}

/// Appends an `int` or a `long`.
#[inline]
pub(super) fn put_long(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Appends bytes with their length before them.
#[inline]
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_long(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}
