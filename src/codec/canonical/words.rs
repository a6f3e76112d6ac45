//! Text in words of eight bytes.

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
