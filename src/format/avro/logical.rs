//! Logical types: what integers, bytes and strings mean.

use std::fmt;

use super::json::Object;
use crate::format::error::{Failure, Outcome};
use nerodia_codec::Typed;

/// Meaning of an `int`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IntKind {
    Plain,
    Date,
    TimeMillis,
}

/// Meaning of a `long`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LongKind {
    Plain,
    TimeMicros,
    TimestampMillis,
    TimestampMicros,
    LocalTimestampMillis,
    LocalTimestampMicros,
}

/// Decimal number: an integer divided by a power of ten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    /// Most digits.
    pub(super) precision: u32,
    /// Digits after the point.
    pub(super) scale: u32,
}

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;

/// Days from 1970-01-01 to the first and the last date of Python.
const DATES: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;

impl IntKind {
    /// Returns the meaning that a schema of type `int` gives.
    pub(super) fn of(logical: Option<&str>) -> Self {
        match logical {
            Some("date") => Self::Date,
            Some("time-millis") => Self::TimeMillis,
            _ => Self::Plain,
        }
    }

    /// Returns the name of the type in schemas.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "int",
            Self::Date => "date",
            Self::TimeMillis => "time-millis",
        }
    }

    /// Returns the value of Python, if it is not the integer itself.
    pub(super) fn read(self, value: i64) -> Outcome<Option<Typed<'static>>> {
        Ok(match self {
            Self::Plain => None,
            Self::Date => Some(Typed::Date(date(value)?)),
            Self::TimeMillis => Some(Typed::Time(time(value, 1000)?)),
        })
    }

    /// Returns the integer of a value that has this meaning.
    pub(super) fn write(self, value: &Typed<'_>) -> Option<i64> {
        match (self, value) {
            (Self::Date, Typed::Date(days)) => Some(*days),
            // A datetime is a date, in Python too.
            (Self::Date, Typed::DateTime { micros, offset }) => {
                Some(clock(*micros, *offset).div_euclid(DAY))
            }
            (Self::Date, Typed::LocalDateTime(micros)) => Some(micros.div_euclid(DAY)),
            (Self::TimeMillis, Typed::Time(micros)) => Some(micros / 1000),
            _ => None,
        }
    }
}

impl LongKind {
    /// Returns the meaning that a schema of type `long` gives.
    pub(super) fn of(logical: Option<&str>) -> Self {
        match logical {
            Some("time-micros") => Self::TimeMicros,
            Some("timestamp-millis") => Self::TimestampMillis,
            Some("timestamp-micros") => Self::TimestampMicros,
            Some("local-timestamp-millis") => Self::LocalTimestampMillis,
            Some("local-timestamp-micros") => Self::LocalTimestampMicros,
            _ => Self::Plain,
        }
    }

    /// Returns the name of the type in schemas.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "long",
            Self::TimeMicros => "time-micros",
            Self::TimestampMillis => "timestamp-millis",
            Self::TimestampMicros => "timestamp-micros",
            Self::LocalTimestampMillis => "local-timestamp-millis",
            Self::LocalTimestampMicros => "local-timestamp-micros",
        }
    }

    /// Returns the value of Python, if it is not the integer itself.
    pub(super) fn read(self, value: i64) -> Outcome<Option<Typed<'static>>> {
        let utc = |micros| Some(Typed::DateTime { micros, offset: 0 });
        Ok(match self {
            Self::Plain => None,
            Self::TimeMicros => Some(Typed::Time(time(value, 1)?)),
            Self::TimestampMillis => utc(timestamp(value, 1000)?),
            Self::TimestampMicros => utc(timestamp(value, 1)?),
            Self::LocalTimestampMillis => Some(Typed::LocalDateTime(timestamp(value, 1000)?)),
            Self::LocalTimestampMicros => Some(Typed::LocalDateTime(timestamp(value, 1)?)),
        })
    }

    /// Returns the integer of a value that has this meaning. A `datetime` without a time zone is one of UTC, which is the
    /// time zone of guests.
    pub(super) fn write(self, value: &Typed<'_>) -> Option<i64> {
        let millis = |micros: i64| micros.div_euclid(1000);
        match (self, value) {
            (Self::TimeMicros, Typed::Time(micros))
            | (
                Self::TimestampMicros,
                Typed::DateTime { micros, .. } | Typed::LocalDateTime(micros),
            )
            | (Self::LocalTimestampMicros, Typed::LocalDateTime(micros)) => Some(*micros),
            (
                Self::TimestampMillis,
                Typed::DateTime { micros, .. } | Typed::LocalDateTime(micros),
            )
            | (Self::LocalTimestampMillis, Typed::LocalDateTime(micros)) => Some(millis(*micros)),
            // The time zone is dropped, not converted.
            (Self::LocalTimestampMicros, Typed::DateTime { micros, offset }) => {
                Some(clock(*micros, *offset))
            }
            (Self::LocalTimestampMillis, Typed::DateTime { micros, offset }) => {
                Some(millis(clock(*micros, *offset)))
            }
            _ => None,
        }
    }
}

impl Decimal {
    /// Returns the decimal that a schema describes, of which the values have `size` bytes if it is a `fixed`. It is none
    /// if the description is wrong: then the values are bytes.
    pub(super) fn of(schema: &Object<'_>, size: Option<usize>) -> Option<Self> {
        let precision = schema.number("precision")?;
        let scale = match schema.get("scale") {
            Some(_) => schema.number("scale")?,
            None => 0,
        };
        // The digits that any integer of so many bits has: 0.30103 is the logarithm of 2.
        let fits = size.is_none_or(|size| {
            let bits = (size as f64).mul_add(8.0, -1.0);
            f64::from(precision) <= (bits * std::f64::consts::LOG10_2).floor()
        });
        (precision > 0 && scale <= precision && fits).then_some(Self { precision, scale })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "decimal({}, {})", self.precision, self.scale)
    }
}

/// Returns what the clock of a time zone shows, in microseconds.
fn clock(micros: i64, offset: i32) -> i64 {
    micros.saturating_add(i64::from(offset) * 1_000_000)
}

fn date(days: i64) -> Outcome<i64> {
    if DATES.contains(&days) {
        return Ok(days);
    }
    let message = format!("the date {days} days from 1970-01-01 is outside of the years 1 to 9999");
    Err(Failure::new(message))
}

fn time(value: i64, factor: i64) -> Outcome<i64> {
    match value.checked_mul(factor) {
        Some(micros) if (0..DAY).contains(&micros) => Ok(micros),
        _ => Err(Failure::new(format!(
            "the time {value} is not within a day"
        ))),
    }
}

fn timestamp(value: i64, factor: i64) -> Outcome<i64> {
    match value.checked_mul(factor) {
        Some(micros) if DATES.contains(&micros.div_euclid(DAY)) => Ok(micros),
        _ => Err(Failure::new(format!(
            "the timestamp {value} is outside of the years 1 to 9999"
        ))),
    }
}

/// Returns the days from 1970-01-01 to a date in the form `2026-11-29`.
pub(super) fn parse_date(text: &str) -> Option<i64> {
    use chrono::Datelike as _;
    let is_in_form = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    if text.len() != 10 || !text.bytes().enumerate().all(is_in_form) {
        return None;
    }
    let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    let days = i64::from(date.num_days_from_ce()) - 719_163;
    DATES.contains(&days).then_some(days)
}

/// Returns the bytes of a UUID in any of the forms that Python's `UUID` takes.
pub(super) fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let text = text.strip_prefix("urn:").unwrap_or(text);
    let text = text.strip_prefix("uuid:").unwrap_or(text);
    let text = text.trim_matches(['{', '}']);
    let (mut bytes, mut digits) = ([0_u8; 16], 0);
    for byte in text.bytes().filter(|byte| *byte != b'-') {
        let digit = char::from(byte).to_digit(16)? as u8;
        let place = bytes.get_mut(digits / 2)?;
        *place = *place << 4 | digit;
        digits += 1;
    }
    (digits == 32).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_uuids_are_parsed() {
        assert_eq!(parse_date("1970-01-02"), Some(1));
        assert_eq!(parse_date("0001-01-01"), Some(-719_162));
        assert_eq!(parse_date("9999-12-31"), Some(2_932_896));
        for wrong in [
            "",
            "1970-1-02",
            "1970-02-30",
            "0000-01-01",
            "+970-01-01",
            "1970-01-0é",
        ] {
            assert_eq!(parse_date(wrong), None, "{wrong}");
        }
        let uuid = Some([0x12; 16]);
        for text in [
            "12121212-1212-1212-1212-121212121212",
            "{12121212121212121212121212121212}",
            "urn:uuid:12121212-1212-1212-1212-121212121212",
        ] {
            assert_eq!(parse_uuid(text), uuid, "{text}");
        }
        for wrong in [
            "",
            "x",
            "1212121212121212121212121212121",
            "121212121212121212121212121212123",
        ] {
            assert_eq!(parse_uuid(wrong), None, "{wrong}");
        }
    }
}
