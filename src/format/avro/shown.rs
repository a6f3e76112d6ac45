//! Values in the form in which people see them ([`Value::show`]): texts, where JSON has no type.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, NaiveDateTime, NaiveTime, TimeDelta};

use super::logical::{IntKind, LongKind};
use super::scalar::scalar;
use super::schema::{Record, Type};
use crate::format::error::{Failure, Outcome, brief};
use nerodia_codec::{Typed, Value};

/// Appends the value of a type that contains no others, if `text` is not a value of the type itself, but the form in which
/// people see one. Returns false if it is not.
pub(super) fn scalar_of_text(ty: &Type, text: &str, out: &mut Vec<u8>) -> Outcome<bool> {
    let typed = match ty {
        Type::Float | Type::Double => {
            let number = match text {
                "NaN" => f64::NAN,
                "inf" => f64::INFINITY,
                "-inf" => f64::NEG_INFINITY,
                _ => return Ok(false),
            };
            return scalar(ty, &Value::Float(number), out);
        }
        Type::Bytes(None) => return bytes(ty, text, out),
        Type::Fixed(fixed) if fixed.decimal.is_none() => return bytes(ty, text, out),
        Type::Bytes(Some(_)) | Type::Fixed(_) => Some(Typed::Decimal(text.into())),
        Type::Int(IntKind::TimeMillis) | Type::Long(LongKind::TimeMicros) => time(text),
        Type::Long(LongKind::TimestampMillis | LongKind::TimestampMicros) => timestamp(text),
        Type::Long(LongKind::LocalTimestampMillis | LongKind::LocalTimestampMicros) => local(text),
        _ => None,
    };
    match typed {
        Some(typed) => scalar(ty, &Value::Typed(typed), out),
        None => Ok(false),
    }
}

/// Returns whether `text` is the form in which people see a value of a type that contains no others.
pub(super) fn is_text_of(ty: &Type, text: &str) -> bool {
    matches!(scalar_of_text(ty, text, &mut Vec::new()), Ok(true))
}

/// Refuses members of a dict that are no fields of a record. A script's result may have them; in what people write, they are
/// mistakes.
pub(super) fn check_members<V>(
    record: &Record,
    members: &[(std::borrow::Cow<'_, str>, V)],
) -> Outcome {
    let is_known =
        |key: &str| key == "-type" || record.fields.iter().any(|field| *field.name == *key);
    match members.iter().find(|(key, _)| !is_known(key)) {
        None => Ok(()),
        Some((key, _)) => Err(Failure::new(format!(
            "record {} has no field {:?}",
            record.name.full,
            brief(key)
        ))),
    }
}

fn bytes(ty: &Type, text: &str, out: &mut Vec<u8>) -> Outcome<bool> {
    match BASE64_STANDARD.decode(text) {
        Ok(bytes) => scalar(ty, &Value::Bytes(&bytes), out),
        Err(_) => Ok(false),
    }
}

fn timestamp(text: &str) -> Option<Typed<'static>> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some(Typed::DateTime {
        micros: time.timestamp_micros(),
        offset: 0,
    })
}

fn local(text: &str) -> Option<Typed<'static>> {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
    Some(Typed::LocalDateTime(time.and_utc().timestamp_micros()))
}

fn time(text: &str) -> Option<Typed<'static>> {
    let time = NaiveTime::parse_from_str(text, "%H:%M:%S%.f").ok()?;
    let since: TimeDelta = time - NaiveTime::MIN;
    Some(Typed::Time(since.num_microseconds()?))
}
