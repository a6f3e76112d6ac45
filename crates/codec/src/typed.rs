//! Values of types that JSON does not have, for formats that have them: `Decimal`, `datetime`, `date`, `time`, `UUID`.
//!
//! Marshal has none of these types either. In both directions, such a value is a tuple `(..., kind, content)`: no
//! document contains Python's `Ellipsis`. The guest makes the object from the tuple, and the tuple from the object.
//!
//! | kind | type | content |
//! | --- | --- | --- |
//! | 0 | `Decimal` | its text (`str`) |
//! | 1 | a number of a JSON document, with `numbers: exact` | its text as it came (`str`) |
//! | 2 | `datetime` in UTC | microseconds since the Unix epoch (`int`) |
//! | 3 | `datetime` without a time zone | microseconds since 1970-01-01T00:00:00 of its own clock (`int`) |
//! | 4 | `datetime` in another time zone | microseconds since the Unix epoch, and the offset in seconds (`(int, int)`); only from the guest |
//! | 5 | `date` | days since 1970-01-01 (`int`) |
//! | 6 | `time` without a time zone | microseconds since midnight (`int`) |
//! | 7 | `UUID` | its 16 bytes (`bytes`) |

use std::borrow::Cow;

use chrono::{DateTime, Days, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::decode::Reader;
use super::encode::Encoder;
use super::error::{FrameError, Stop, ValueError};
use super::wire::{BYTES, ELLIPSIS, FLAG_REF, SMALL_TUPLE, type_name};
use super::{number, objects};

const DECIMAL: i64 = 0;
const NUMBER: i64 = 1;
const UTC: i64 = 2;
const NAIVE: i64 = 3;
const ZONED: i64 = 4;
const DATE: i64 = 5;
const TIME: i64 = 6;
const UUID: i64 = 7;

/// Number of microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Value of a type that JSON does not have.
#[derive(Debug, Clone, PartialEq)]
pub enum Typed<'a> {
    /// `decimal.Decimal`, as the text of its `str`: `1.50`, `1E+5`, `NaN`.
    Decimal(Cow<'a, str>),
    /// Number of a JSON document that the script did not change, as its text in the document.
    Number(Cow<'a, str>),
    /// `datetime.datetime` with a time zone.
    DateTime {
        /// Microseconds since the Unix epoch.
        micros: i64,
        /// Offset of the time zone from UTC in seconds.
        offset: i32,
    },
    /// `datetime.datetime` without a time zone: microseconds since 1970-01-01T00:00:00 of its own clock.
    LocalDateTime(i64),
    /// `datetime.date`: days since 1970-01-01.
    Date(i64),
    /// `datetime.time`: microseconds since midnight.
    Time(i64),
    /// `uuid.UUID`.
    Uuid([u8; 16]),
}

/// What becomes of values in JSON that JSON has no type for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JsonForm {
    /// Form of a `Decimal`; without one, it is a `TypeError`.
    pub decimal: Option<DecimalForm>,
    /// Form of a `datetime` and a `date`; without one, they and `time` are a `TypeError`.
    pub datetime: Option<DatetimeForm>,
    /// Whether a `UUID` is written as its text; otherwise it is a `TypeError`.
    pub uuid: bool,
}

/// Form of a `Decimal` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecimalForm {
    /// Text: `"1.50"`.
    String,
    /// Number with all its digits: `1.50`.
    Number,
}

/// Form of a `datetime` or `date` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatetimeForm {
    /// Text as `isoformat()` gives it: `"2026-11-29T05:13:21+00:00"`, `"2026-11-29"`.
    Iso,
    /// Milliseconds since the Unix epoch. A `datetime` without a time zone counts as UTC, a `date` as its midnight in UTC.
    Millis,
}

impl Typed<'_> {
    /// Returns Python's name of the type.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Decimal(_) | Self::Number(_) => "Decimal",
            Self::DateTime { .. } | Self::LocalDateTime(_) => "datetime",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::Uuid(_) => "UUID",
        }
    }

    /// Returns the text that Python's `isoformat()` or `str()` gives. It is `None` for a date or a time that Python does not
    /// have.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        Some(match self {
            Self::Decimal(text) | Self::Number(text) => text.to_string(),
            Self::DateTime { micros, offset } => {
                let zone = FixedOffset::east_opt(*offset)?;
                let time = DateTime::from_timestamp_micros(*micros)?.with_timezone(&zone);
                format!("{}{}", iso(time.naive_local()), zone_text(*offset))
            }
            Self::LocalDateTime(micros) => {
                iso(DateTime::from_timestamp_micros(*micros)?.naive_utc())
            }
            Self::Date(days) => date(*days)?.format("%Y-%m-%d").to_string(),
            Self::Time(micros) => {
                let time = NaiveTime::MIN.overflowing_add_signed(TimeDelta::microseconds(*micros));
                time_text(time.0)
            }
            Self::Uuid(bytes) => uuid_text(bytes),
        })
    }

    pub(super) fn write_json(&self, out: &mut Vec<u8>, form: JsonForm) -> Result<(), ValueError> {
        let refused = || ValueError::not_serializable(self.type_name());
        let quoted = |out: &mut Vec<u8>| {
            let text = self
                .text()
                .ok_or_else(|| ValueError::out_of_range(self.type_name()))?;
            super::text::write_utf8(out, text.as_bytes()).map_err(|_| refused())
        };
        match (self, form) {
            (Self::Number(text), _) if is_number(text) => out.extend_from_slice(text.as_bytes()),
            (
                Self::Decimal(text) | Self::Number(text),
                JsonForm {
                    decimal: Some(DecimalForm::Number),
                    ..
                },
            ) => {
                if !is_number(text) {
                    return Err(ValueError::not_finite_decimal(text));
                }
                out.extend_from_slice(text.as_bytes());
            }
            (
                Self::Decimal(_) | Self::Number(_),
                JsonForm {
                    decimal: Some(DecimalForm::String),
                    ..
                },
            ) => quoted(out)?,
            (
                Self::Time(_),
                JsonForm {
                    datetime: Some(_), ..
                },
            )
            | (
                Self::DateTime { .. } | Self::LocalDateTime(_) | Self::Date(_),
                JsonForm {
                    datetime: Some(DatetimeForm::Iso),
                    ..
                },
            )
            | (Self::Uuid(_), JsonForm { uuid: true, .. }) => quoted(out)?,
            (
                Self::DateTime { micros, .. } | Self::LocalDateTime(micros),
                JsonForm {
                    datetime: Some(DatetimeForm::Millis),
                    ..
                },
            ) => write_int(out, micros.div_euclid(1000)),
            (
                Self::Date(days),
                JsonForm {
                    datetime: Some(DatetimeForm::Millis),
                    ..
                },
            ) => write_int(out, days.saturating_mul(DAY / 1000)),
            _ => return Err(refused()),
        }
        Ok(())
    }
}

impl Encoder {
    /// Writes a value of a type that JSON does not have.
    pub fn typed(&mut self, value: &Typed<'_>) {
        write(&mut self.out, value);
    }
}

/// Writes the tuple that stands for a value.
pub(super) fn write(out: &mut Vec<u8>, value: &Typed<'_>) {
    let (kind, content) = match value {
        Typed::Decimal(text) => return write_text(out, DECIMAL, text),
        Typed::Number(text) => return write_text(out, NUMBER, text),
        Typed::DateTime { micros, .. } => (UTC, *micros),
        Typed::LocalDateTime(micros) => (NAIVE, *micros),
        Typed::Date(days) => (DATE, *days),
        Typed::Time(micros) => (TIME, *micros),
        Typed::Uuid(bytes) => {
            write_kind(out, UUID);
            objects::write_head(out, BYTES, bytes.len());
            return out.extend_from_slice(bytes);
        }
    };
    write_kind(out, kind);
    number::write_int(out, content);
}

fn write_text(out: &mut Vec<u8>, kind: i64, text: &str) {
    write_kind(out, kind);
    objects::write_str(out, text, 0);
}

fn write_kind(out: &mut Vec<u8>, kind: i64) {
    out.extend_from_slice(&[SMALL_TUPLE, 3, ELLIPSIS]);
    number::write_int(out, kind);
}

impl<'a> Reader<'a, '_> {
    /// Returns whether the tuple of `items`, of which nothing but the head has been read, is a [`Typed`] value.
    #[inline]
    pub(super) fn is_typed(&self, items: usize) -> bool {
        let next = self.frame.get(self.pos).map(|code| code & !FLAG_REF);
        items == 3 && next == Some(ELLIPSIS)
    }

    /// Reads the rest of a tuple that is a [`Typed`] value.
    ///
    /// # Errors
    ///
    /// If it is none of the table above. A script can make such a tuple itself, so that is an error of this value alone.
    pub(super) fn typed(&mut self) -> Result<Typed<'a>, Stop> {
        self.typed_content()
            .map_err(|_| ValueError::not_serializable(type_name(ELLIPSIS)).into())
    }

    fn typed_content(&mut self) -> Result<Typed<'a>, FrameError> {
        self.header()?;
        Ok(match self.int()? {
            DECIMAL => Typed::Decimal(self.str()?),
            NUMBER => Typed::Number(self.str()?),
            UTC => Typed::DateTime {
                micros: self.int()?,
                offset: 0,
            },
            NAIVE => Typed::LocalDateTime(self.int()?),
            ZONED => {
                if self.tuple()? != 2 {
                    return Err(self.error("expected microseconds and an offset"));
                }
                let (micros, offset) = (self.int()?, self.int()?);
                let offset = i32::try_from(offset).ok().filter(|of| of.abs() < 86_400);
                Typed::DateTime {
                    micros,
                    offset: offset.ok_or_else(|| self.error("an offset beyond a day"))?,
                }
            }
            DATE => Typed::Date(self.int()?),
            TIME => Typed::Time(self.int()?),
            UUID => match self.bytes()?.try_into() {
                Ok(bytes) => Typed::Uuid(bytes),
                Err(_) => return Err(self.error("expected 16 bytes")),
            },
            _ => return Err(self.error("a typed value of no known kind")),
        })
    }

    /// Returns the error of a key of this type, which no document can have. Its type code has been read.
    #[cold]
    pub(super) fn bad_key(&mut self, code: u8) -> Stop {
        if code == SMALL_TUPLE
            && let Ok(items) = self.item_count(code)
            && self.is_typed(items)
            && let Ok(typed) = self.typed()
        {
            return ValueError::bad_key(typed.type_name()).into();
        }
        ValueError::bad_key(type_name(code)).into()
    }

    /// Reads the rest of a tuple that is a [`Typed`] value, and writes it as JSON.
    #[cold]
    pub(super) fn write_typed(&mut self, out: &mut Vec<u8>) -> Result<(), Stop> {
        let typed = self.typed()?;
        Ok(typed.write_json(out, self.form)?)
    }
}

/// Returns whether `text` is a number of JSON.
fn is_number(text: &str) -> bool {
    number::scan(text.as_bytes()).is_some_and(|(length, _)| length == text.len())
}

fn write_int(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Returns the date so many days after 1970-01-01, if Python has it.
fn date(days: i64) -> Option<NaiveDate> {
    use chrono::Datelike as _;
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
    let distance = Days::new(days.unsigned_abs());
    let date = if days < 0 {
        epoch.checked_sub_days(distance)
    } else {
        epoch.checked_add_days(distance)
    };
    date.filter(|date| (1..=9999).contains(&date.year()))
}

fn iso(time: NaiveDateTime) -> String {
    let (date, time) = (time.date().format("%Y-%m-%d"), time_text(time.time()));
    format!("{date}T{time}")
}

/// Returns a time with its microseconds, if it has some.
fn time_text(time: NaiveTime) -> String {
    use chrono::Timelike as _;
    let whole = time.nanosecond() == 0;
    let form = if whole { "%H:%M:%S" } else { "%H:%M:%S%.6f" };
    time.format(form).to_string()
}

/// Returns an offset of a time zone as Python writes it: `+02:00`, `-05:30`, `+00:19:32`.
fn zone_text(offset: i32) -> String {
    let (sign, size) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs());
    let (hours, minutes, seconds) = (size / 3600, size / 60 % 60, size % 60);
    if seconds == 0 {
        format!("{sign}{hours:02}:{minutes:02}")
    } else {
        format!("{sign}{hours:02}:{minutes:02}:{seconds:02}")
    }
}

fn uuid_text(bytes: &[u8; 16]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{DICT, NULL};
    use crate::{Scratch, Top};

    fn json(value: &Typed<'_>, form: JsonForm) -> Result<String, String> {
        let mut encoder = Encoder::new(9);
        encoder.typed(value);
        let mut scratch = Scratch::default();
        let mut reader = Reader::new(encoder.as_bytes(), &mut scratch, 9).with_form(form);
        let mut out = Vec::new();
        match reader.value(&mut out, 1000).expect("the frame is whole") {
            Ok(top) => {
                assert_eq!(top, Top::Json);
                Ok(String::from_utf8(out).expect("JSON is text"))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    const ISO: JsonForm = JsonForm {
        decimal: Some(DecimalForm::String),
        datetime: Some(DatetimeForm::Iso),
        uuid: true,
    };
    const NUMBERS: JsonForm = JsonForm {
        decimal: Some(DecimalForm::Number),
        datetime: Some(DatetimeForm::Millis),
        uuid: false,
    };

    #[test]
    fn each_type_is_written_in_the_form_that_was_chosen() {
        let decimal = |text| Typed::Decimal(Cow::Borrowed(text));
        let cases = [
            (decimal("1.50"), "\"1.50\"", "1.50"),
            (decimal("1E+5"), "\"1E+5\"", "1E+5"),
            (Typed::Number("1e5".into()), "1e5", "1e5"),
            (
                Typed::DateTime {
                    micros: 1_795_929_201_000_000,
                    offset: 0,
                },
                "\"2026-11-29T05:13:21+00:00\"",
                "1795929201000",
            ),
            (
                Typed::LocalDateTime(-1),
                "\"1969-12-31T23:59:59.999999\"",
                "-1",
            ),
            (Typed::Date(-719_162), "\"0001-01-01\"", "-62135596800000"),
            (
                Typed::Time(3_600_000_001),
                "\"01:00:00.000001\"",
                "\"01:00:00.000001\"",
            ),
        ];
        for (value, iso, numbers) in cases {
            assert_eq!(json(&value, ISO).as_deref(), Ok(iso), "{value:?}");
            assert_eq!(json(&value, NUMBERS).as_deref(), Ok(numbers), "{value:?}");
        }
        let uuid = Typed::Uuid(*b"\x12\x34\x56\x78\x9a\xbc\xde\xf0\0\x01\x02\x03\x04\x05\x06\x07");
        assert_eq!(
            json(&uuid, ISO).as_deref(),
            Ok("\"12345678-9abc-def0-0001-020304050607\"")
        );
    }

    #[test]
    fn what_was_not_chosen_is_refused_in_pythons_words() {
        let refused = |name| {
            Err(format!(
                "TypeError: Object of type {name} is not JSON serializable"
            ))
        };
        let none = JsonForm::default();
        assert_eq!(json(&Typed::Decimal("1".into()), none), refused("Decimal"));
        assert_eq!(json(&Typed::Date(0), none), refused("date"));
        assert_eq!(json(&Typed::Uuid([0; 16]), none), refused("UUID"));
        assert_eq!(
            json(&Typed::Number("1.0".into()), none).as_deref(),
            Ok("1.0")
        );
        let not_finite = json(&Typed::Decimal("NaN".into()), NUMBERS);
        assert_eq!(
            not_finite,
            Err("ValueError: Out of range Decimal values are not JSON compliant: NaN".into())
        );
        // A script may make the tuples itself.
        assert!(json(&Typed::Number("1, 2".into()), none).is_err());
        assert!(json(&Typed::Date(i64::MAX), ISO).is_err());
        let mut encoder = Encoder::new(9);
        encoder.tuple(2);
        encoder.raw(&[SMALL_TUPLE, 3, ELLIPSIS]);
        encoder.none();
        encoder.none();
        encoder.bool(true);
        let mut scratch = Scratch::default();
        let mut reader = Reader::new(encoder.as_bytes(), &mut scratch, 9);
        assert_eq!(reader.tuple(), Ok(2));
        let refused = reader
            .value(&mut Vec::new(), 100)
            .expect("the frame is whole");
        let error = refused.expect_err("no such kind");
        assert_eq!(
            error.to_string(),
            "TypeError: Object of type ellipsis is not JSON serializable"
        );
        assert_eq!(reader.bool(), Ok(true));
    }

    #[test]
    fn a_key_that_no_document_has_is_called_by_its_type() {
        for (key, name) in [
            (Some(Typed::Decimal("1".into())), "Decimal"),
            (Some(Typed::Date(0)), "date"),
            (None, "tuple"),
        ] {
            let mut encoder = Encoder::new(9);
            encoder.tuple(2);
            encoder.raw(&[DICT]);
            match &key {
                Some(key) => encoder.typed(key),
                None => encoder.tuple(0),
            }
            encoder.none();
            encoder.raw(&[NULL]);
            encoder.bool(true);
            let said = format!("TypeError: keys must be str, int, float, bool or None, not {name}");
            let mut scratch = Scratch::default();
            let mut reader = Reader::new(encoder.as_bytes(), &mut scratch, 9);
            assert_eq!(reader.tuple(), Ok(2));
            let written = reader.value(&mut Vec::new(), 100);
            let error = written.expect("the frame is whole").expect_err(name);
            assert_eq!(error.to_string(), said);
            assert_eq!(reader.bool(), Ok(true));
            let mut reader = Reader::new(encoder.as_bytes(), &mut scratch, 9);
            assert_eq!(reader.tuple(), Ok(2));
            let tree = reader.tree(100).expect("the frame is whole");
            assert_eq!(tree.expect_err(name).to_string(), said);
            assert_eq!(reader.bool(), Ok(true));
        }
    }

    #[test]
    fn time_zones_are_written_as_python_does() {
        let at = |offset| {
            Typed::DateTime { micros: 0, offset }
                .text()
                .expect("Python has this time")
        };
        assert_eq!(at(7200), "1970-01-01T02:00:00+02:00");
        assert_eq!(at(-19_800), "1969-12-31T18:30:00-05:30");
        assert_eq!(at(1172), "1970-01-01T00:19:32+00:19:32");
    }
}
