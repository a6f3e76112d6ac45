//! Numbers of 32 bits as Python's `float`.

/// Returns the number of 64 bits that Python's package `protobuf` gives for one of 32 bits: the one with the fewest
/// digits, at least 6 of them, that stand for the number. So 0.1 is 0.1, and not 0.10000000149011612.
#[inline]
pub(super) fn shortest(value: f32) -> f64 {
    let exact = f64::from(value);
    // Such numbers have 6 digits or less.
    if (exact * 8.0).trunc() == exact * 8.0 && exact.abs() < 1000.0 {
        return exact;
    }
    digits(value, exact)
}

fn digits(value: f32, exact: f64) -> f64 {
    if value.is_normal() {
        let mut buffer = zmij::Buffer::new();
        // It is a number as Rust writes them.
        return buffer.format_finite(value).parse().unwrap_or(exact);
    }
    if !value.is_finite() {
        return exact;
    }
    // Numbers close to 0 have fewer digits than 6, but Python asks for 6.
    for precision in 5..9 {
        let shown = format!("{exact:.precision$e}").parse().unwrap_or(exact);
        if shown as f32 == value {
            return shown;
        }
    }
    exact
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_has_the_digits_that_people_write() {
        for (value, expected) in [
            (0.1_f32, 0.1),
            (129.9, 129.9),
            (39.5, 39.5),
            (-0.0, -0.0),
            (f32::MAX, 3.402_823_5e38),
            (f32::MIN_POSITIVE, 1.175_494_4e-38),
            // As Python gives it, although 1e-45 is enough.
            (f32::from_bits(1), 1.4013e-45),
            (16_777_216.0, 16_777_216.0),
        ] {
            assert_eq!(shortest(value).to_bits(), f64::to_bits(expected), "{value}");
        }
        assert!(shortest(f32::NAN).is_nan());
        assert!(shortest(f32::NEG_INFINITY).is_infinite());
    }
}
