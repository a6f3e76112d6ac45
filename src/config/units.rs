//! Durations and sizes as people write them.

use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;

use super::raw::Size;

/// A duration: `1s`, `1m30s`, `1.5h`. All of Go's spellings, hence Bento's, are among them.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    // humantime's `0` is Go's too; anything else without a unit could be anything.
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && text != "0" {
        return Err(format!("the duration `{text}` has no unit"));
    }
    // Go's second spelling of micro.
    let text = text.replace('μ', "µ");
    humantime::parse_duration(&text).map_err(|_| format!("`{text}` is no duration"))
}

/// A number of bytes: `256MiB` (1024²), `8MB` (1000²), `1048576`.
pub(super) fn size(size: &Size) -> Result<u64, String> {
    match size {
        Size::Bytes(bytes) => Ok(*bytes),
        Size::Text(text) => ByteSize::from_str(text.trim())
            .map(|size| size.as_u64())
            .map_err(|_| format!("`{text}` is no size")),
    }
}

/// What is wrong with a duration, and what would be right.
pub(super) const DURATION_HELP: &str = "write for example `1s`, `500ms` or `1m30s`";

/// What is wrong with a size, and what would be right.
pub(super) const SIZE_HELP: &str = "write for example `256MiB`, `8MB` or `1048576`";

/// A number of bytes in the unit in which it is a round number.
pub(super) fn show_size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    units
        .iter()
        .find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit))
        .map_or(format!("{bytes}B"), |(unit, name)| {
            format!("{}{name}", bytes / unit)
        })
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
        }
        for text in ["", "5", "s", "-1s", "1 fortnight", "1e3s", "∞"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        let text = |text: &str| size(&Size::Text(text.into()));
        for (written, bytes) in [
            ("256MiB", 256 << 20),
            ("8MB", 8_000_000),
            ("1.5KiB", 1536),
            ("1k", 1000),
            ("12", 12),
            (" 4 KiB ", 4096),
        ] {
            assert_eq!(text(written), Ok(bytes), "{written}");
        }
        for written in ["", "MiB", "-1", "1 furlong", "1,5MB"] {
            assert!(text(written).is_err(), "{written}");
        }
        assert_eq!(show_size(256 << 20), "256MiB");
        assert_eq!(show_size(1000), "1000B");
    }
}
