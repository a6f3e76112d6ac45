//! Numbers of scripts as numbers of fields.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::format::error::{Failure, Outcome, brief};
use nerodia_codec::{Typed, Value};

/// Returns the integer of a value: an `int`, a `float`, `Decimal` or text that is whole.
pub(super) fn integer(value: &Value<'_>, expected: &str) -> Outcome<i128> {
    let found = match value {
        Value::Int(value) => return Ok(i128::from(*value)),
        Value::Float(float) if float.trunc() == *float && float.abs() < 1e30 => {
            Some(*float as i128)
        }
        Value::Float(float) => {
            return Err(Failure::new(format!("expected {expected}, got {float:?}")));
        }
        Value::Big(text) => text.parse().ok(),
        Value::Str(text) => whole(text),
        Value::Typed(Typed::Number(text) | Typed::Decimal(text)) => whole(text),
        _ => return Err(refused(expected, value)),
    };
    found.ok_or_else(|| refused(expected, value))
}

/// Returns the integer of a value if it is within a range.
pub(super) fn integer_in(value: &Value<'_>, name: &str, least: i128, most: i128) -> Outcome<i128> {
    let number = integer(value, name)?;
    match (least..=most).contains(&number) {
        true => Ok(number),
        false => Err(Failure::new(format!(
            "{number} is out of the range of {name}"
        ))),
    }
}

/// Returns the number of a value.
pub(super) fn float(value: &Value<'_>, expected: &str) -> Outcome<f64> {
    let text = match value {
        Value::Float(value) => return Ok(*value),
        Value::Int(value) => return Ok(*value as f64),
        Value::Bool(value) => return Ok(f64::from(u8::from(*value))),
        Value::Big(text) => text,
        Value::Str(text) | Value::Typed(Typed::Number(text) | Typed::Decimal(text)) => &**text,
        _ => return Err(refused(expected, value)),
    };
    let number = text
        .strip_prefix('s')
        .filter(|rest| *rest == "NaN")
        .unwrap_or(text);
    match number.parse::<f64>() {
        Ok(number) if number.is_finite() || !text.bytes().any(|byte| byte.is_ascii_digit()) => {
            Ok(number)
        }
        Ok(_) => Err(Failure::new(format!(
            "{} is out of the range of {expected}",
            brief(text)
        ))),
        Err(_) => Err(refused(expected, value)),
    }
}

/// Returns the number of a value that fits into 32 bits.
pub(super) fn float32(value: &Value<'_>) -> Outcome<f32> {
    let number = float(value, "float")?;
    if number.is_finite() && number.abs() > f64::from(f32::MAX) {
        return Err(Failure::new(format!(
            "{number:e} is out of the range of float"
        )));
    }
    Ok(number as f32)
}

/// Returns the integer that a text is, exactly: `12`, `+3`, `1.0`, `1E+5`.
fn whole(text: &str) -> Option<i128> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (sign, digits) = match mantissa.as_bytes().first()? {
        b'-' => (-1, &mantissa[1..]),
        b'+' => (1, &mantissa[1..]),
        _ => (1, mantissa),
    };
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    let all = before.bytes().chain(after.bytes());
    if before.len() + after.len() == 0 || !all.clone().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let point = i64::try_from(before.len()).ok()? + i64::from(exponent);
    let (mut number, mut place) = (0_i128, 0_i64);
    for byte in all {
        let digit = byte - b'0';
        if place < point {
            number = number.checked_mul(10)?.checked_add(i128::from(digit))?;
        } else if digit != 0 {
            return None;
        }
        place += 1;
    }
    while place < point && number != 0 {
        number = number.checked_mul(10)?;
        place += 1;
    }
    Some(sign * number)
}

/// Returns the bytes of a text in Base64, of either alphabet, with or without padding.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .ok()
}

/// Creates the error of a value of a wrong type.
#[cold]
pub(super) fn refused(expected: &str, value: &Value<'_>) -> Failure {
    let text = match value {
        Value::Str(text) => format!(" {:?}", brief(text)),
        Value::Typed(Typed::Number(text) | Typed::Decimal(text)) => format!(" {}", brief(text)),
        _ => String::new(),
    };
    Failure::new(format!(
        "expected {expected}, got {}{text}",
        value.type_name()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_an_integer_if_nothing_is_lost() {
        for (text, number) in [
            ("12", 12),
            ("+3", 3),
            ("-0", 0),
            ("1.0", 1),
            ("-1.50e1", -15),
            ("1E+5", 100_000),
            ("12345678901234567.0", 12_345_678_901_234_567),
            ("0e999999999", 0),
            ("0.0e-999999999", 0),
            ("500e-2", 5),
        ] {
            assert_eq!(whole(text), Some(number), "{text}");
        }
        for text in [
            "",
            "-",
            ".",
            "e5",
            "1.5",
            "1e-1",
            "1e999999999",
            "nan",
            "0x10",
            "1_0",
            " 1",
            "é",
            "1e99999999999",
        ] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn a_float_is_finite_unless_it_is_said() {
        let text = |text: &'static str| float(&Value::Str(text.into()), "double").ok();
        assert_eq!(text("-Infinity"), Some(f64::NEG_INFINITY));
        assert!(text("NaN").is_some_and(f64::is_nan));
        assert_eq!(text("1e400"), None);
        assert_eq!(text("x"), None);
        assert!(float32(&Value::Float(1e39)).is_err());
        assert!(float32(&Value::Float(f64::INFINITY)).is_ok());
    }

    #[test]
    fn base64_has_two_alphabets() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(base64(text).as_deref(), Some(&b"\xfb\xff"[..]), "{text}");
        }
        assert_eq!(base64("é"), None);
        assert_eq!(base64("a"), None);
    }
}
