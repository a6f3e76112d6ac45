//! Single values and keys on the wire.

use std::borrow::Cow;

use super::cursor::{put_varint, zigzag};
use super::number::{base64, float, float32, integer, integer_in, refused};
use super::plan::{Enum, Type};
use super::write::Writer;
use crate::format::error::{Failure, Outcome, brief};
use nerodia_codec::Value;

impl Writer<'_, '_, '_> {
    /// Writes a value that is no message, without a tag.
    #[inline]
    pub(super) fn scalar(&self, ty: Type, value: &Value<'_>, out: &mut Vec<u8>) -> Outcome {
        match (ty, value) {
            (Type::String, Value::Str(text)) => put_bytes(out, text.as_bytes()),
            (Type::String, _) => return Err(refused("str", value)),
            (Type::Bytes, Value::Bytes(bytes)) => put_bytes(out, bytes),
            (Type::Bytes, Value::Str(text)) => match base64(text) {
                Some(bytes) => put_bytes(out, &bytes),
                None => return Err(refused("bytes or Base64", value)),
            },
            (Type::Bytes, _) => return Err(refused("bytes", value)),
            (Type::Bool, Value::Bool(value)) => out.push(u8::from(*value)),
            (Type::Bool, _) => return Err(refused("bool", value)),
            (Type::Double, _) => {
                out.extend_from_slice(&float(value, "double")?.to_le_bytes());
            }
            (Type::Float, _) => out.extend_from_slice(&float32(value)?.to_le_bytes()),
            (Type::Enum(id), _) => {
                let number = enum_number(self.schema.enumeration(id), value)?;
                put_varint(out, i64::from(number) as u64);
            }
            _ => put_integer(ty, value, out)?,
        }
        Ok(())
    }

    /// Writes the key of an entry of a map, without a tag.
    pub(super) fn key(&self, ty: Type, key: &str, out: &mut Vec<u8>) -> Outcome {
        match (ty, key) {
            (Type::String, _) => put_bytes(out, key.as_bytes()),
            (Type::Bool, "true" | "True") => out.push(1),
            (Type::Bool, "false" | "False") => out.push(0),
            (Type::Bool, _) => return Err(Failure::new("expected true or false as the key")),
            _ => put_integer(ty, &Value::Str(Cow::Borrowed(key)), out)?,
        }
        Ok(())
    }
}

#[inline]
fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Writes an integer of any type, if it is in the range of the type.
#[inline]
fn put_integer(ty: Type, value: &Value<'_>, out: &mut Vec<u8>) -> Outcome {
    let signed = |name, least: i64, most: i64| match value {
        Value::Int(number) if (least..=most).contains(number) => Ok(*number),
        _ => integer_in(value, name, least.into(), most.into()).map(|number| number as i64),
    };
    let unsigned = |name, most: u64| match value {
        Value::Int(number) if *number >= 0 && *number as u64 <= most => Ok(*number as u64),
        _ => integer_in(value, name, 0, most.into()).map(|number| number as u64),
    };
    let signed32 = |name| signed(name, i32::MIN.into(), i32::MAX.into());
    let signed64 = |name| signed(name, i64::MIN, i64::MAX);
    match ty {
        Type::Int32 => put_varint(out, signed32("int32")? as u64),
        Type::Int64 => put_varint(out, signed64("int64")? as u64),
        Type::Uint32 => put_varint(out, unsigned("uint32", u32::MAX.into())?),
        Type::Uint64 => put_varint(out, unsigned("uint64", u64::MAX)?),
        Type::Sint32 => put_varint(out, zigzag(signed32("sint32")?)),
        Type::Sint64 => put_varint(out, zigzag(signed64("sint64")?)),
        Type::Fixed32 => {
            let number = unsigned("fixed32", u32::MAX.into())?;
            out.extend_from_slice(&(number as u32).to_le_bytes());
        }
        Type::Sfixed32 => {
            let number = signed32("sfixed32")?;
            out.extend_from_slice(&(number as i32).to_le_bytes());
        }
        Type::Fixed64 => {
            let number = unsigned("fixed64", u64::MAX)?;
            out.extend_from_slice(&number.to_le_bytes());
        }
        Type::Sfixed64 => {
            let number = signed64("sfixed64")?;
            out.extend_from_slice(&number.to_le_bytes());
        }
        // They are written elsewhere.
        _ => return Err(refused("int", value)),
    }
    Ok(())
}

/// Returns the number of a name or a number.
fn enum_number(of: &Enum, value: &Value<'_>) -> Outcome<i32> {
    if let Value::Str(name) = value
        && let Some(number) = of.numbers.get(&**name)
    {
        return Ok(*number);
    }
    let unknown = || match value {
        Value::Str(name) => {
            let name = brief(name);
            Failure::new(format!("{} has no value {name:?}", of.name))
        }
        _ => refused(&format!("a name or number of {}", of.name), value),
    };
    if of.is_null && *value == Value::None {
        return Ok(0);
    }
    let number = integer(value, "int").map_err(|_| unknown())?;
    match i32::try_from(number) {
        Ok(number) if !of.is_closed || of.name_of(number).is_some() => Ok(number),
        _ => Err(Failure::new(format!("{} has no value {number}", of.name))),
    }
}
