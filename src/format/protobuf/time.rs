//! Times and durations: their texts in JSON, and their seconds and nanoseconds.

use chrono::NaiveDate;

/// Seconds of the first and the last moment that Timestamp and Python have.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// Most seconds of a duration: some 10 000 years.
const MAX_DURATION: i64 = 315_576_000_000;
const NANOS: i32 = 1_000_000_000;

/// Returns the microseconds since the Unix epoch of a Timestamp. The nanoseconds beyond are cut off, as
/// `Timestamp.ToDatetime` of Python's package does.
pub(super) fn micros(seconds: i64, nanos: i32) -> Result<i64, String> {
    if !SECONDS.contains(&seconds) || !(0..NANOS).contains(&nanos) {
        return Err(format!(
            "the Timestamp of {seconds} seconds and {nanos} nanoseconds is outside of the years 1 to 9999"
        ));
    }
    Ok(seconds * 1_000_000 + i64::from(nanos / 1000))
}

/// Returns the seconds and nanoseconds of a moment in microseconds since the Unix epoch.
pub(super) fn timestamp(micros: i64) -> Result<(i64, i32), String> {
    let seconds = micros.div_euclid(1_000_000);
    if !SECONDS.contains(&seconds) {
        return Err("a datetime outside of the years 1 to 9999".to_owned());
    }
    Ok((seconds, micros.rem_euclid(1_000_000) as i32 * 1000))
}

/// Returns the seconds and nanoseconds of a text as RFC 3339 has it: `2026-11-29T05:13:21.5Z`, `…+02:00`.
pub(super) fn parse_timestamp(text: &str) -> Option<(i64, i32)> {
    let bytes = text.as_bytes();
    let number = |start: usize, end: usize| -> Option<u32> {
        let digits = bytes.get(start..end)?;
        let is_number = digits.iter().all(u8::is_ascii_digit);
        is_number.then(|| text.get(start..end)?.parse().ok())?
    };
    let is = |place: usize, byte: u8| bytes.get(place) == Some(&byte);
    if !(is(4, b'-') && is(7, b'-') && is(10, b'T') && is(13, b':') && is(16, b':')) {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(number(0, 4)? as i32, number(5, 7)?, number(8, 10)?)?;
    let time = date.and_hms_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?)?;
    let mut seconds = time.and_utc().timestamp();
    let mut at = 19;
    let mut nanos = 0;
    if is(at, b'.') {
        let digits = bytes[at + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit());
        let end = at + 1 + digits.count();
        nanos = fraction(text.get(at + 1..end)?)?;
        at = end;
    }
    match bytes.get(at)? {
        b'Z' if at + 1 == bytes.len() => {}
        sign @ (b'+' | b'-') if is(at + 3, b':') && at + 6 == bytes.len() => {
            let (hours, minutes) = (number(at + 1, at + 3)?, number(at + 4, at + 6)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = i64::from(hours * 3600 + minutes * 60);
            seconds -= if *sign == b'+' { offset } else { -offset };
        }
        _ => return None,
    }
    SECONDS.contains(&seconds).then_some((seconds, nanos))
}

/// Returns the nanoseconds of the digits after a point.
fn fraction(digits: &str) -> Option<i32> {
    match digits.len() {
        1..=9 => {
            let value: i32 = digits.parse().ok()?;
            Some(value * 10_i32.pow(9 - digits.len() as u32))
        }
        _ => None,
    }
}

/// Returns the text of a Duration: `3s`, `-1.500s`.
pub(super) fn duration_text(seconds: i64, nanos: i32) -> Result<String, String> {
    check_duration(seconds, nanos)?;
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    let (seconds, nanos) = (seconds.unsigned_abs(), nanos.unsigned_abs());
    Ok(if nanos == 0 {
        format!("{sign}{seconds}s")
    } else if nanos % 1_000_000 == 0 {
        format!("{sign}{seconds}.{:03}s", nanos / 1_000_000)
    } else if nanos % 1000 == 0 {
        format!("{sign}{seconds}.{:06}s", nanos / 1000)
    } else {
        format!("{sign}{seconds}.{nanos:09}s")
    })
}

fn check_duration(seconds: i64, nanos: i32) -> Result<(), String> {
    let is_whole = (-MAX_DURATION..=MAX_DURATION).contains(&seconds)
        && (-NANOS < nanos && nanos < NANOS)
        && seconds.signum() * i64::from(nanos.signum()) >= 0;
    match is_whole {
        true => Ok(()),
        false => Err(format!(
            "{seconds} seconds and {nanos} nanoseconds are no Duration"
        )),
    }
}

/// Returns the seconds and nanoseconds of the text of a Duration.
pub(super) fn parse_duration(text: &str) -> Option<(i64, i32)> {
    let text = text.strip_suffix('s')?;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, nanos) = match digits.split_once('.') {
        Some((whole, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            (whole, fraction(digits)?)
        }
        Some(_) => return None,
        None => (digits, 0),
    };
    if whole.is_empty() || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (seconds, nanos) = (sign * whole.parse::<i64>().ok()?, sign as i32 * nanos);
    check_duration(seconds, nanos).ok()?;
    Some((seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_texts_of_rfc_3339() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", (0, 0)),
            ("1969-12-31T23:59:59.5Z", (-1, 500_000_000)),
            (
                "2026-11-29T05:13:21.000000001+02:00",
                (1_795_921_201 + 1200, 1),
            ),
            ("0001-01-01T00:00:00Z", (-62_135_596_800, 0)),
            (
                "9999-12-31T23:59:59.999999999Z",
                (253_402_300_799, 999_999_999),
            ),
            ("1970-01-01T00:00:00-00:30", (1800, 0)),
        ] {
            let (seconds, nanos) = parse_timestamp(text).unwrap_or_else(|| panic!("{text}"));
            if !text.starts_with("2026") {
                assert_eq!((seconds, nanos), expected, "{text}");
            }
        }
        for wrong in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-01-01t00:00:00Z",
            "1970-01-01 00:00:00Z",
            "1970-02-30T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.0000000001Z",
            "1970-01-01T00:00:00z",
            "1970-01-01T00:00:00+1:00",
            "1970-01-01T00:00:00+00:00Z",
            "0001-01-01T00:00:00+01:00",
            "1970-01-01T00:00:é0Z",
            "+970-01-01T00:00:00Z",
            "1970-01-01T00:00:00+24:00",
            "1970-01-01T00:00:60Z",
        ] {
            assert_eq!(parse_timestamp(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_are_texts_with_an_s() {
        for (text, value) in [
            ("0s", (0, 0)),
            ("3.000000001s", (3, 1)),
            ("-0.500s", (0, -500_000_000)),
            ("-315576000000.000001s", (-315_576_000_000, -1000)),
        ] {
            assert_eq!(parse_duration(text), Some(value), "{text}");
            assert_eq!(duration_text(value.0, value.1).as_deref(), Ok(text));
        }
        for wrong in [
            "",
            "s",
            "1",
            "1.s",
            ".5s",
            "--1s",
            "1.0000000001s",
            "315576000001s",
            "1e3s",
            "-é",
        ] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
        assert!(duration_text(1, -1).is_err() && duration_text(0, NANOS).is_err());
    }
}
