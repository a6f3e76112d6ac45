//! Writing of values that contain no others.

use std::borrow::Cow;

use super::decimal;
use super::logical::{Decimal, IntKind, parse_date, parse_uuid};
use super::schema::{AvroSchema, Type, TypeId};
use super::write::{put_bytes, put_long};
use crate::format::error::{Failure, Outcome, brief};
use nerodia_codec::{Typed, Value};

/// Returns the error of a value that is none of its type.
#[cold]
pub(super) fn refused(schema: &AvroSchema, id: TypeId, value: &Value<'_>) -> Failure {
    let shown = match value {
        Value::Int(number) => format!("int {number}"),
        Value::Float(number) => format!("float {number:?}"),
        Value::Str(text) if matches!(schema.at(id), Type::Enum(_)) => format!("{:?}", brief(text)),
        Value::Typed(Typed::Decimal(text) | Typed::Number(text)) => {
            format!("Decimal {}", brief(text))
        }
        Value::Bytes(bytes) => format!("bytes of length {}", bytes.len()),
        _ => value.type_name().to_owned(),
    };
    Failure::new(format!("expected {}, got {shown}", schema.describe(id)))
}

/// Appends a value of a type that contains no others. Returns false if the value is none of this type.
pub(super) fn scalar(ty: &Type, value: &Value<'_>, out: &mut Vec<u8>) -> Outcome<bool> {
    match (ty, value) {
        (Type::Null, Value::None) => {}
        (Type::Boolean, _) => match integer(value) {
            Some(number @ 0..=1) => out.push(number as u8),
            _ => return Ok(false),
        },
        (Type::Int(kind), _) => {
            let number = match value {
                Value::Typed(typed) => kind.write(typed),
                Value::Str(text) if *kind == IntKind::Date => parse_date(text),
                _ => None,
            };
            match number.or_else(|| integer(value)) {
                Some(number) if i32::try_from(number).is_ok() => put_long(out, number),
                _ => return Ok(false),
            }
        }
        (Type::Long(kind), _) => {
            let number = match value {
                Value::Typed(typed) => kind.write(typed),
                _ => None,
            };
            match number.or_else(|| integer(value)) {
                Some(number) => put_long(out, number),
                None => return Ok(false),
            }
        }
        (Type::Float, _) => match float(value)? {
            Some(number) => out.extend_from_slice(&(number as f32).to_le_bytes()),
            None => return Ok(false),
        },
        (Type::Double, _) => match float(value)? {
            Some(number) => out.extend_from_slice(&number.to_le_bytes()),
            None => return Ok(false),
        },
        (Type::String(true), Value::Typed(typed @ Typed::Uuid(_))) => {
            put_bytes(out, typed.text().unwrap_or_default().as_bytes());
        }
        (Type::String(true), Value::Str(text)) if parse_uuid(text).is_none() => {
            return Err(Failure::new(format!(
                "expected uuid, got {:?}",
                brief(text)
            )));
        }
        (Type::String(_), Value::Str(text)) => put_bytes(out, text.as_bytes()),
        (Type::Bytes(_), Value::Bytes(bytes)) => put_bytes(out, bytes),
        (Type::Bytes(Some(decimal)), _) => match decimal_bytes(value, *decimal, 0)? {
            Some(bytes) => put_bytes(out, &bytes),
            None => return Ok(false),
        },
        (Type::Fixed(fixed), Value::Bytes(bytes)) if bytes.len() == fixed.size => {
            out.extend_from_slice(bytes);
        }
        (Type::Fixed(fixed), _) => {
            let Some(decimal) = fixed.decimal else {
                return Ok(false);
            };
            match decimal_bytes(value, decimal, fixed.size)? {
                Some(bytes) => out.extend_from_slice(&bytes),
                None => return Ok(false),
            }
        }
        (Type::Enum(of), Value::Str(symbol)) => match of.index_of(symbol) {
            Some(index) => put_long(out, i64::from(index)),
            None => return Ok(false),
        },
        _ => return Ok(false),
    }
    Ok(true)
}

/// Returns the integer that a value equals.
fn integer(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Bool(value) => Some(i64::from(*value)),
        // From -2^63 up to below 2^63: what converts without a loss.
        Value::Float(number) if number.fract() == 0.0 => (-9_223_372_036_854_775_808.0
            ..9_223_372_036_854_775_808.0)
            .contains(number)
            .then_some(*number as i64),
        Value::Typed(Typed::Decimal(text) | Typed::Number(text)) => decimal::integer(text),
        _ => None,
    }
}

/// Returns the number that a value is, rounded.
fn float(value: &Value<'_>) -> Outcome<Option<f64>> {
    Ok(match value {
        Value::Float(number) => Some(*number),
        Value::Int(number) => Some(*number as f64),
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::Big(text) => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Some(number),
            _ => return Err(Failure::new("an int that is too large for a float")),
        },
        Value::Typed(Typed::Decimal(text) | Typed::Number(text)) => text.parse().ok(),
        _ => None,
    })
}

fn decimal_bytes(value: &Value<'_>, decimal: Decimal, size: usize) -> Outcome<Option<Vec<u8>>> {
    let text = match value {
        Value::Typed(Typed::Decimal(text) | Typed::Number(text)) => Cow::Borrowed(&**text),
        Value::Int(number) => Cow::Owned(number.to_string()),
        Value::Big(text) => Cow::Borrowed(text.as_str()),
        _ => return Ok(None),
    };
    decimal::bytes(&text, decimal, size).map(Some)
}
