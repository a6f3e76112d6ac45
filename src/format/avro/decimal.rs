//! Decimal numbers between their text, as Python's `str` gives it, and Avro's bytes: an integer, the highest byte first.

use num_bigint::{BigInt, Sign};

use super::logical::Decimal;
use crate::format::error::{Failure, Outcome, brief};
use nerodia_codec::MAX_INT_DIGITS;

/// Most bytes of an integer of [`MAX_INT_DIGITS`] digits: 3.33 bits for each.
const MAX_BYTES: usize = MAX_INT_DIGITS * 10 / 24;

/// Returns the text of the number whose digits are these bytes, and which has so many digits after the point.
pub(super) fn text(bytes: &[u8], scale: u32) -> Outcome<String> {
    let (negative, digits) = if bytes.len() <= 16 {
        let fill = if bytes.first().is_some_and(|byte| *byte >= 0x80) {
            0xff
        } else {
            0
        };
        let mut wide = [fill; 16];
        wide[16 - bytes.len()..].copy_from_slice(bytes);
        let value = i128::from_be_bytes(wide);
        (value < 0, value.unsigned_abs().to_string())
    } else if bytes.len() <= MAX_BYTES {
        let value = BigInt::from_signed_bytes_be(bytes);
        (value.sign() == Sign::Minus, value.magnitude().to_string())
    } else {
        let message = format!("a decimal of more than {MAX_INT_DIGITS} digits");
        return Err(Failure::new(message));
    };
    Ok(written(negative, &digits, scale))
}

/// Returns the form that Python's `str` gives to a `Decimal` of these digits.
fn written(negative: bool, digits: &str, scale: u32) -> String {
    let sign = if negative { "-" } else { "" };
    let scale = scale as usize;
    // Place of the point, counted from the first digit.
    let point = digits.len() as i64 - scale as i64;
    if scale == 0 {
        format!("{sign}{digits}")
    } else if point > 0 {
        let (whole, part) = digits.split_at(point as usize);
        format!("{sign}{whole}.{part}")
    } else if point > -6 {
        format!("{sign}0.{}{digits}", "0".repeat(-point as usize))
    } else {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        format!("{sign}{first}{dot}{rest}E{}", point - 1)
    }
}

/// Appends the bytes of a number given as text, at least `size` of them.
///
/// # Errors
///
/// If the text is no finite number, or the number is not one of this type.
pub(super) fn bytes(text: &str, decimal: Decimal, size: usize) -> Outcome<Vec<u8>> {
    let refused = || Failure::new(format!("{} does not fit {decimal}", brief(text)));
    // As many bytes as can be read.
    if size > MAX_BYTES {
        return Err(refused());
    }
    let (negative, digits, exponent) = parts(text).ok_or_else(refused)?;
    let (mut digits, mut exponent) = (digits, exponent);
    let mut value = BigInt::ZERO;
    if !digits.is_empty() {
        while exponent < -i64::from(decimal.scale) && digits.last() == Some(&b'0') {
            digits.pop();
            exponent += 1;
        }
        let zeros = exponent.saturating_add(i64::from(decimal.scale));
        let zeros = usize::try_from(zeros).map_err(|_| refused())?;
        let most = MAX_INT_DIGITS.min(decimal.precision as usize);
        if digits.len().saturating_add(zeros) > most {
            return Err(refused());
        }
        digits.resize(digits.len() + zeros, b'0');
        value = BigInt::parse_bytes(&digits, 10).ok_or_else(refused)?;
    }
    // One bit for the sign, also where it could be spared: as `fastavro` counts.
    let length = usize::try_from((value.bits() + 8) / 8).map_err(|_| refused())?;
    if size > 0 && length > size {
        // -128 needs no bit more.
        let spared = negative && (-value.clone()).to_signed_bytes_be().len() <= size;
        if !spared {
            return Err(refused());
        }
    }
    let value = if negative { -value } else { value };
    let short = value.to_signed_bytes_be();
    let fill = if value.sign() == Sign::Minus { 0xff } else { 0 };
    let length = if size > 0 { size } else { length };
    let mut bytes = vec![fill; length];
    bytes[length - short.len()..].copy_from_slice(&short);
    Ok(bytes)
}

/// Returns the sign, the digits without zeros in front, and the exponent of a number.
fn parts(text: &str) -> Option<(bool, Vec<u8>, i64)> {
    if text.len() > MAX_INT_DIGITS {
        return None;
    }
    let (negative, number) = match text.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (number, exponent) = match number.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (number, 0),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let all = [whole.as_bytes(), part.as_bytes()].concat();
    if all.is_empty() || !all.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let zeros = all.iter().take_while(|digit| **digit == b'0').count();
    let exponent = i64::from(exponent) - part.len() as i64;
    Some((negative, all[zeros..].to_vec(), exponent))
}

/// Returns the integer that a `Decimal` equals.
pub(super) fn integer(text: &str) -> Option<i64> {
    let whole = Decimal {
        precision: 19,
        scale: 0,
    };
    let bytes = bytes(text, whole, 8).ok()?;
    Some(i64::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(precision: u32, scale: u32) -> Decimal {
        Decimal { precision, scale }
    }

    #[test]
    fn the_text_is_that_of_python() {
        let cases: [(&[u8], u32, &str); 10] = [
            (b"", 2, "0.00"),
            (b"\x00", 0, "0"),
            (b"\x00\x96", 2, "1.50"),
            (b"\xff\x6a", 2, "-1.50"),
            (b"\x05", 6, "0.000005"),
            (b"\x05", 7, "5E-7"),
            (b"\x0c", 8, "1.2E-7"),
            (b"\x00", 7, "0E-7"),
            (b"\x80", 0, "-128"),
            (&[0x7f; 17], 3, "43381118045557024815046389344678674.431"),
        ];
        for (bytes, scale, expected) in &cases[..9] {
            assert_eq!(text(bytes, *scale).unwrap(), *expected);
        }
        assert_eq!(text(&[0xff; 17], 3).unwrap(), "-0.001");
        assert!(text(&[0x7f; MAX_BYTES], 0).unwrap().len() <= MAX_INT_DIGITS + 40);
        assert!(text(&[0x7f; MAX_BYTES + 1], 0).is_err());
    }

    #[test]
    fn digits_are_counted() {
        let good: [(&str, Decimal, usize, &[u8]); 12] = [
            ("1.5", decimal(4, 2), 0, b"\x00\x96"),
            ("-1.5", decimal(4, 2), 0, b"\xff\x6a"),
            ("-1.28", decimal(4, 2), 0, b"\xff\x80"),
            ("-1.28", decimal(4, 2), 1, b"\x80"),
            ("1.500", decimal(4, 2), 0, b"\x00\x96"),
            ("1E+1", decimal(4, 2), 0, b"\x03\xe8"),
            ("0E+50", decimal(4, 2), 0, b"\x00"),
            ("-0", decimal(4, 2), 3, b"\x00\x00\x00"),
            ("000.99", decimal(2, 2), 2, b"\x00\x63"),
            ("-0.99", decimal(2, 2), 2, b"\xff\x9d"),
            ("1.5e1", decimal(4, 2), 0, b"\x05\xdc"),
            ("99.99", decimal(4, 2), 0, b"\x27\x0f"),
        ];
        for (text, decimal, size, expected) in good {
            assert_eq!(bytes(text, decimal, size).unwrap(), expected, "{text}");
        }
        for wrong in [
            "1.555",
            "100",
            "1E+999999999",
            "1E-5",
            "NaN",
            "Infinity",
            "",
            ".",
            "-",
            "1e",
            "1.2.3",
            "é",
        ] {
            assert!(bytes(wrong, decimal(4, 2), 0).is_err(), "{wrong}");
        }
        assert!(bytes("1.28", decimal(4, 2), 1).is_err());
        assert!(bytes("-1.29", decimal(4, 2), 1).is_err());
        assert!(bytes("1.28", decimal(4, 2), usize::MAX).is_err());
        assert_eq!(integer("5"), Some(5));
        assert_eq!(integer("1E+3"), Some(1000));
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer("9223372036854775808"), None);
        assert_eq!(integer("1.5"), None);
    }
}
