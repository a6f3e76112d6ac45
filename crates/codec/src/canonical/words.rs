//! Text in words of eight bytes, and in chunks of sixteen.

/// Returns the place of the first byte in `chunk` that cannot stand in a JSON string as it is: a control character, a
/// quote or a backslash.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn first_special(chunk: &[u8; 16]) -> Option<usize> {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8,
    };
    // SAFETY: the load reads the sixteen bytes of `chunk`, at any alignment, and every processor of this architecture has
    // these instructions (SSE2).
    let places = unsafe {
        let bytes = _mm_loadu_si128(chunk.as_ptr().cast());
        let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"'.cast_signed()));
        let backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\'.cast_signed()));
        _mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, backslash)))
    };
    (places != 0).then(|| places.trailing_zeros() as usize)
}

/// Returns the place of the first byte in `chunk` that cannot stand in a JSON string as it is: a control character, a
/// quote or a backslash.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(super) fn first_special(chunk: &[u8; 16]) -> Option<usize> {
    use super::super::text::special_bytes;
    let words = u128::from_le_bytes(*chunk);
    let low = special_bytes::<false>(words as u64);
    let high = special_bytes::<false>((words >> 64) as u64);
    match (low, high) {
        (0, 0) => None,
        (0, high) => Some(8 + first_byte(high)),
        (low, _) => Some(first_byte(low)),
    }
}

/// Returns eight bytes of a text, with zeros after its end.
#[inline]
pub(super) fn word(text: &[u8], at: usize) -> u64 {
    match text.get(at..).and_then(<[u8]>::first_chunk) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => last_word(text, at),
    }
}

/// Returns the bytes from `at` on if they are fewer than eight.
fn last_word(text: &[u8], at: usize) -> u64 {
    let left = text.len().saturating_sub(at);
    match text.last_chunk() {
        Some(chunk) if left > 0 => u64::from_le_bytes(*chunk) >> (8 * (8 - left)),
        _ => text
            .get(at..)
            .unwrap_or_default()
            .iter()
            .rev()
            .fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

/// Returns the place of the lowest byte whose top bit is set.
#[inline]
pub(super) fn first_byte(tops: u64) -> usize {
    (tops.trailing_zeros() / 8) as usize
}

/// Finds the bytes that are no digits: they have their top bit set in the result.
#[inline]
pub(super) fn other_than_digits(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES << 7;
    // A digit becomes its value, any other byte ten or more; adding 0x76 then sets the top bit, and carries nowhere.
    let value = word ^ (ONES * b'0' as u64);
    (((value & !TOPS) + ONES * 0x76) | value) & TOPS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_special_byte_is_found() {
        let is_special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        for byte in 0..=u8::MAX {
            for place in 0..16 {
                // Bytes next to the limits all around.
                for filler in [b'a', 0x20, 0x21, b'#', b'[', b']', 0x7f, 0x80, 0xff] {
                    let mut chunk = [filler; 16];
                    chunk[place] = byte;
                    let expected = is_special(byte).then_some(place);
                    assert_eq!(first_special(&chunk), expected, "{byte:#x} at {place}");
                    chunk[15] = b'"';
                    let expected = if is_special(byte) { place } else { 15 };
                    assert_eq!(first_special(&chunk), Some(expected.min(15)));
                }
            }
        }
    }
}
