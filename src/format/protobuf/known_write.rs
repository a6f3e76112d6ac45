//! Well-known types that are no dict of their fields in Python: how they are written.

use super::cursor::put_varint;
use super::known::snake;
use super::number::refused;
use super::plan::{Known, Message, Type};
use super::time;
use super::write::{Writer, put_tag, sized};
use crate::format::error::{Failure, Outcome, brief};
use nerodia_codec::{Typed, Value};

/// Places of the fields of `google.protobuf.Value`.
const NULL: usize = 0;
const NUMBER: usize = 1;
const STRING: usize = 2;
const BOOL: usize = 3;
const STRUCT: usize = 4;
const LIST: usize = 5;

impl<'s, 'v, 'a> Writer<'s, 'v, 'a> {
    /// Writes the content of a message that is no dict.
    pub(super) fn known(
        &mut self,
        message: &'s Message,
        value: &'v Value<'a>,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Outcome {
        match message.known {
            Known::Timestamp => timestamp(value, out),
            Known::Duration => duration(value, out),
            Known::FieldMask => self.mask(value, out),
            Known::Any => self.any(message, value, out, depth),
            Known::Value => self.json(message, value, out, depth),
            // The only field is the value; `None` is none.
            Known::Wrapper | Known::ListValue | Known::Struct | Known::No => {
                self.field(&message.fields[0], value, out, depth)
            }
        }
    }

    /// Writes a value of JSON.
    fn json(
        &mut self,
        message: &'s Message,
        value: &'v Value<'a>,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Outcome {
        let place = match value {
            Value::None => NULL,
            Value::Bool(_) => BOOL,
            Value::Int(_) | Value::Big(_) | Value::Float(_) => NUMBER,
            Value::Typed(Typed::Number(_) | Typed::Decimal(_)) => NUMBER,
            Value::Str(_) => STRING,
            Value::List(_) => LIST,
            Value::Dict(_) => STRUCT,
            Value::Bytes(_) | Value::Typed(_) => {
                return Err(refused("a value of JSON", value));
            }
        };
        let field = &message.fields[place];
        self.tagged(field.number, field.ty, value, out, depth)
    }

    fn any(
        &mut self,
        message: &'s Message,
        value: &'v Value<'a>,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Outcome {
        let Value::Dict(dict) = value else {
            return Err(refused("dict", value));
        };
        let other = |key: &str| !matches!(key, "@type" | "value");
        if let Some((key, _)) = dict.iter().find(|(key, _)| other(key)) {
            return Err(Failure::new(format!(
                "Any has \"@type\" and \"value\", the bytes of the message, but no {:?}",
                brief(key)
            )));
        }
        for (place, key) in ["@type", "value"].into_iter().enumerate() {
            let Some((_, value)) = dict.iter().rfind(|(name, _)| *name == key) else {
                continue;
            };
            let outcome = self.field(&message.fields[place], value, out, depth);
            outcome.map_err(|error| error.in_field(key))?;
        }
        Ok(())
    }

    fn mask(&mut self, value: &Value<'_>, out: &mut Vec<u8>) -> Outcome {
        let Value::Str(text) = value else {
            return Err(refused("str", value));
        };
        if text.is_empty() {
            return Ok(());
        }
        for path in text.split(',') {
            let path = snake(path)?;
            put_tag(out, 1, Type::String);
            sized(out, |out| {
                out.extend_from_slice(path.as_bytes());
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn timestamp(value: &Value<'_>, out: &mut Vec<u8>) -> Outcome {
    let (seconds, nanos) = match value {
        // One without a time zone is in UTC, which is the time zone of guests.
        Value::Typed(Typed::DateTime { micros, .. } | Typed::LocalDateTime(micros)) => {
            time::timestamp(*micros).map_err(Failure::new)?
        }
        Value::Str(text) => time::parse_timestamp(text)
            .ok_or_else(|| refused("a datetime, or a text like 2026-11-29T05:13:21Z", value))?,
        _ => return Err(refused("datetime", value)),
    };
    put_time(seconds, nanos, out);
    Ok(())
}

fn duration(value: &Value<'_>, out: &mut Vec<u8>) -> Outcome {
    let parsed = match value {
        Value::Str(text) => time::parse_duration(text),
        _ => None,
    };
    let (seconds, nanos) = parsed.ok_or_else(|| refused("a text like 1.5s", value))?;
    put_time(seconds, nanos, out);
    Ok(())
}

fn put_time(seconds: i64, nanos: i32, out: &mut Vec<u8>) {
    for (number, value) in [(1, seconds), (2, i64::from(nanos))] {
        if value != 0 {
            put_tag(out, number, Type::Int64);
            put_varint(out, value as u64);
        }
    }
}
