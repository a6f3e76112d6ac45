//! Durations, sizes and other values as people write them.
//!
//! A field of the config holds a duration or a size by means of [`Span`] or [`Size`]: `#[serde(with = "Span")] timeout:
//! Duration`. Their schemas are marked with `x-type`. With this mark, [`walk`](super::walk) reads the texts first and
//! reports what is wrong with them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize as _, Deserializer, Serialize, Serializer};
use serde::{de::Error as _, ser::Error as _};
use serde_json::Value;

/// Advice about a wrong duration.
pub(super) const DURATION_HELP: &str = "write for example `1s`, `500ms` or `1m30s`";

/// Advice about a wrong size.
pub(super) const SIZE_HELP: &str = "write for example `256MiB`, `8MB` or `1048576`";

/// Reads a duration: `1s`, `1m30s`, `1.5h`. It accepts all of Go's spellings, and so Bento's.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    // humantime accepts `0`, as Go does. Any other number without a unit is ambiguous.
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && text != "0" {
        return Err(format!("the duration `{text}` has no unit"));
    }
    // Go has this as a second spelling of micro.
    let text = text.replace('μ', "µ");
    humantime::parse_duration(&text).map_err(|_| format!("`{text}` is no duration"))
}

/// Reads a duration where Bento takes more: an empty text for none, and `@every 1s`, the only spelling of its cron that
/// is just a duration.
pub(super) fn pause(text: &str) -> Result<Duration, String> {
    match text.trim() {
        "" => Ok(Duration::ZERO),
        text => duration(text.strip_prefix("@every ").unwrap_or(text)),
    }
}

/// Reads a number of bytes: `256MiB` (1024²), `8MB` (1000²), `1048576`.
pub(super) fn size(written: &Value) -> Result<u64, String> {
    match written {
        Value::String(text) => ByteSize::from_str(text.trim())
            .map(|size| size.as_u64())
            .map_err(|_| format!("`{text}` is no size")),
        number => number
            .as_u64()
            .ok_or_else(|| format!("`{number}` is no size")),
    }
}

/// Writes a number of bytes in the largest unit in which it is a whole number.
pub(super) fn show_size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    units
        .iter()
        .find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit))
        .map_or(format!("{bytes}B"), |(unit, name)| {
            format!("{}{name}", bytes / unit)
        })
}

/// Serde adapter of a field with a duration. The schema may be extended by `x-above-zero`, for limits (with zero
/// nothing could ever be done in time), and by `x-pause` (see [`pause`]).
pub(super) struct Span;

impl Span {
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        pause(&String::deserialize(from)?).map_err(D::Error::custom)
    }

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*span))
    }
}

impl JsonSchema for Span {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    // This is not `format: duration`, which in JSON Schema means ISO 8601 (`PT1S`).
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-type": "duration", "examples": ["1s", "500ms", "1m30s"] })
    }
}

/// Serde adapter of a field with a number of bytes. The walk refuses zero.
pub(super) struct Size;

impl Size {
    pub(super) fn deserialize<'de, D: Deserializer<'de>, B: TryFrom<u64>>(
        from: D,
    ) -> Result<B, D::Error> {
        let bytes = size(&Value::deserialize(from)?).map_err(D::Error::custom)?;
        B::try_from(bytes).map_err(|_| D::Error::custom("a size of more bytes than there can be"))
    }

    pub(super) fn serialize<S: Serializer, B: Serialize>(
        bytes: &B,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let bytes = serde_json::to_value(bytes).map_err(S::Error::custom)?;
        match bytes.as_u64() {
            Some(bytes) if bytes.is_multiple_of(1 << 10) => to.serialize_str(&show_size(bytes)),
            _ => bytes.serialize(to),
        }
    }
}

impl JsonSchema for Size {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"], "minimum": 0,
            "x-type": "size", "examples": ["256MiB", "8MB", 1_048_576],
        })
    }
}

/// Serde adapter of a field with a value that is read from a text. `x-reads` in the schema says what kind of text it
/// is.
pub(super) struct Parsed;

impl Parsed {
    pub(super) fn deserialize<'de, D, T>(from: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err = String>,
    {
        let text = String::deserialize(from)?;
        text.parse().map_err(D::Error::custom)
    }

    pub(super) fn serialize<S: Serializer, T: fmt::Display>(
        value: &T,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [
            ("1s", 1000),
            ("500ms", 500),
            ("1m30s", 90_000),
            ("1m 30s", 90_000),
            ("1.5s", 1500),
            ("0s", 0),
            ("0", 0),
            ("1h", 3_600_000),
            ("1000us", 1),
            ("1000µs", 1),
            ("1000μs", 1),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
            assert_eq!(pause(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "s", "-1s", "1 fortnight", "1e3s", "∞"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(pause(" "), Ok(Duration::ZERO));
        assert_eq!(pause("@every 5s"), Ok(Duration::from_secs(5)));
        assert!(pause("@daily").is_err());
    }

    #[test]
    fn sizes() {
        let text = |text: &str| size(&Value::from(text));
        for (written, bytes) in [
            ("256MiB", 256 << 20),
            ("8MB", 8_000_000),
            ("1.5KiB", 1536),
            ("1k", 1000),
            ("12", 12),
            (" 4 KiB ", 4096),
        ] {
            assert_eq!(text(written), Ok(bytes), "{written}");
            assert_eq!(size(&Value::from(bytes)), Ok(bytes));
            assert_eq!(text(&show_size(bytes)), Ok(bytes));
        }
        for written in ["", "MiB", "-1", "1 furlong", "1,5MB"] {
            assert!(text(written).is_err(), "{written}");
        }
        assert_eq!(show_size(256 << 20), "256MiB");
        assert_eq!(show_size(1000), "1000B");
    }
}
