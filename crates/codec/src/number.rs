//! Conversion of numbers between decimal text and marshal's binary forms.

use num_bigint::BigUint;

use super::MAX_INT_DIGITS;
use super::error::ValueError;
use super::wire::{DIGIT_BITS, INT, LONG};

/// Returns the length of the JSON number at the start of `text`, and whether it is an integer.
///
/// Used only for numbers for which `jiter` has no type. Returns `None` if there is no number.
pub(super) fn scan(text: &[u8]) -> Option<(usize, bool)> {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut end = usize::from(text.first() == Some(&b'-'));
    let leading_zero = text.get(end) == Some(&b'0');
    let run = digits(end);
    if run == 0 || (leading_zero && run > 1) {
        return None;
    }
    end += run;
    let mut integer = true;
    if text.get(end) == Some(&b'.') {
        integer = false;
        let run = digits(end + 1);
        if run == 0 {
            return None;
        }
        end += 1 + run;
    }
    if let Some(b'e' | b'E') = text.get(end) {
        integer = false;
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let run = digits(end + 1 + sign);
        if run == 0 {
            return None;
        }
        end += 1 + sign + run;
    }
    Some((end, integer))
}

/// Returns whether the exponent of a JSON number is beyond those with which Python's `decimal` calculates (999,999).
pub(super) fn exponent_is_huge(text: &[u8]) -> bool {
    let Some(at) = text.iter().position(|byte| matches!(byte, b'e' | b'E')) else {
        return false;
    };
    let digits = text[at + 1..].iter().filter(|byte| byte.is_ascii_digit());
    digits.skip_while(|byte| **byte == b'0').count() > 6
}

/// Appends an integer object.
#[inline]
pub(super) fn write_int(out: &mut Vec<u8>, value: i64) {
    if let Ok(small) = i32::try_from(value) {
        let bytes = small.to_le_bytes();
        out.extend_from_slice(&[INT, bytes[0], bytes[1], bytes[2], bytes[3]]);
    } else {
        write_long(out, value < 0, &value.unsigned_abs().to_le_bytes());
    }
}

/// Appends an integer that does not fit `i64`.
pub(super) fn write_unsigned(out: &mut Vec<u8>, value: u64) {
    write_long(out, false, &value.to_le_bytes());
}

/// Appends an integer given in decimal. Returns false, and writes nothing, if it has more than [`MAX_INT_DIGITS`]
/// digits.
pub(super) fn write_decimal(out: &mut Vec<u8>, text: &[u8]) -> bool {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if digits.len() > MAX_INT_DIGITS {
        return false;
    }
    let Some(magnitude) = BigUint::parse_bytes(digits, 10) else {
        return false;
    };
    write_long(out, negative, &magnitude.to_bytes_le());
    true
}

/// Appends a magnitude, given as little-endian bytes, as 15-bit digits without leading zeros.
fn write_long(out: &mut Vec<u8>, negative: bool, magnitude: &[u8]) {
    out.extend_from_slice(&[LONG, 0, 0, 0, 0]);
    let start = out.len();
    let (mut pending, mut bits) = (0u32, 0);
    for &byte in magnitude {
        pending |= u32::from(byte) << bits;
        bits += 8;
        if bits >= DIGIT_BITS {
            out.extend_from_slice(&((pending & 0x7fff) as u16).to_le_bytes());
            pending >>= DIGIT_BITS;
            bits -= DIGIT_BITS;
        }
    }
    out.extend_from_slice(&(pending as u16).to_le_bytes());
    while out.len() > start && out.ends_with(&[0, 0]) {
        out.truncate(out.len() - 2);
    }
    let count = ((out.len() - start) / 2) as i32;
    let count = if negative { -count } else { count };
    out[start - 4..start].copy_from_slice(&count.to_le_bytes());
}

/// Checks the digits of an integer object: each must be below 2^15, and the last one not zero.
pub(super) fn valid_digits(digits: &[u8]) -> bool {
    let mut all = 0;
    for digit in digits.chunks_exact(2) {
        all |= digit[1];
    }
    all & 0x80 == 0 && !digits.ends_with(&[0, 0])
}

/// Returns the value of at most eight digits.
pub(super) fn small_value(digits: &[u8]) -> i128 {
    digits.chunks_exact(2).rev().fold(0, |value, d| {
        (value << DIGIT_BITS) | i128::from(u16::from_le_bytes([d[0], d[1]]))
    })
}

/// Returns the fewest decimal digits that an integer of these (valid) digits can have.
pub(super) fn min_decimal_digits(digits: &[u8]) -> usize {
    let Some([low, high]) = digits.last_chunk::<2>() else {
        return 1;
    };
    let top = u16::from_le_bytes([*low, *high]);
    let bits = (digits.len() / 2 - 1) * DIGIT_BITS as usize + (16 - top.leading_zeros() as usize);
    // log10(2), rounded down: the estimate must never exceed the true number.
    (bits.saturating_sub(1) as u128 * 30_102_999 / 100_000_000) as usize + 1
}

/// Appends the integer with these (valid) digits in decimal.
///
/// # Errors
///
/// If there are more than [`MAX_INT_DIGITS`] digits. This is detected before the conversion, unless there is only one
/// digit too many.
pub(super) fn write_long_decimal(
    out: &mut Vec<u8>,
    negative: bool,
    digits: &[u8],
) -> Result<(), ValueError> {
    let too_many = || ValueError::too_many_digits(MAX_INT_DIGITS);
    if min_decimal_digits(digits) > MAX_INT_DIGITS {
        return Err(too_many());
    }
    let mut bytes = Vec::with_capacity(digits.len());
    let (mut pending, mut bits) = (0u32, 0);
    for digit in digits.chunks_exact(2) {
        pending |= u32::from(u16::from_le_bytes([digit[0], digit[1]])) << bits;
        bits += DIGIT_BITS;
        while bits >= 8 {
            bytes.push(pending as u8);
            pending >>= 8;
            bits -= 8;
        }
    }
    bytes.push(pending as u8);
    let text = BigUint::from_bytes_le(&bytes).to_str_radix(10);
    if text.len() > MAX_INT_DIGITS {
        return Err(too_many());
    }
    if negative {
        out.push(b'-');
    }
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// Appends a float in the form of Python's `repr`.
///
/// # Errors
///
/// For NaN and the infinities, which JSON does not have.
pub(super) fn write_float(out: &mut Vec<u8>, value: f64) -> Result<(), ValueError> {
    if !value.is_finite() {
        return Err(ValueError::not_finite(value));
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    let size = value.abs();
    // Both write the shortest digits that round-trip; they differ only in the form of small numbers.
    if size >= 1e-4 || size == 0.0 {
        out.extend_from_slice(text.as_bytes());
    } else {
        write_tiny(out, text);
    }
    Ok(())
}

/// Rewrites `0.0000123` as `1.23e-05` and `1.5e-7` as `1.5e-07`.
fn write_tiny(out: &mut Vec<u8>, text: &str) {
    if let Some((mantissa, exponent)) = text.split_once("e-") {
        let pad = if exponent.len() < 2 { "0" } else { "" };
        for part in [mantissa, "e-", pad, exponent] {
            out.extend_from_slice(part.as_bytes());
        }
        return;
    }
    let digits = text.trim_start_matches(['-', '0', '.']);
    let (first, rest) = digits.split_at(1.min(digits.len()));
    let leading = text.len() - digits.len() - usize::from(text.starts_with('-'));
    for part in [
        if text.starts_with('-') { "-" } else { "" },
        first,
        if rest.is_empty() { "" } else { "." },
        rest,
        "e-0",
        // "0." and four zeros precede the first digit of a number below 1e-4.
        if leading == 6 { "5" } else { "6" },
    ] {
        out.extend_from_slice(part.as_bytes());
    }
}
