//! Conversion of text between Python's strings and JSON's.

use std::str;

/// Error of a string object whose bytes are not what its type code says.
#[derive(Debug)]
pub(super) struct Malformed;

/// Appends `bytes`, which must be ASCII, as a JSON string.
#[inline]
pub(super) fn write_ascii(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Malformed> {
    if is_plain::<true>(bytes) {
        write_quoted(out, bytes);
        return Ok(());
    }
    if !bytes.is_ascii() {
        return Err(Malformed);
    }
    out.push(b'"');
    escape(out, bytes);
    out.push(b'"');
    Ok(())
}

/// Does the same as [`write_ascii`], for the first `len` bytes of `rest`, which holds at least as many.
///
/// Most strings are short. It costs half as much to look at two words and to copy sixteen bytes, which is more than
/// needed, as to branch on the length and to call a function that copies the exact number.
#[inline]
pub(super) fn write_short_ascii(
    out: &mut Vec<u8>,
    rest: &[u8],
    len: usize,
) -> Result<(), Malformed> {
    let (Some(chunk), Some(mask)) = (rest.first_chunk::<SHORT>(), SHORT_MASKS.get(len)) else {
        return write_ascii(out, &rest[..len]);
    };
    let words = u128::from_le_bytes(*chunk);
    // Bytes after the string cannot change the result for it: borrows go upwards.
    let low = special_bytes::<true>(words as u64) & *mask as u64;
    let high = special_bytes::<true>((words >> 64) as u64) & (*mask >> 64) as u64;
    if low | high != 0 {
        return write_ascii(out, &rest[..len]);
    }
    let start = out.len();
    out.reserve(SHORT + 2);
    out.push(b'"');
    out.extend_from_slice(chunk);
    out.truncate(start + 1 + len);
    out.push(b'"');
    Ok(())
}

/// Longest string for the short cut of [`write_short_ascii`].
const SHORT: usize = 16;

/// Masks by the length of a string, with ones where the string has its bytes.
const SHORT_MASKS: [u128; SHORT + 1] = {
    let mut masks = [0; SHORT + 1];
    let mut len = 1;
    while len <= SHORT {
        masks[len] = masks[len - 1] << 8 | 0xff;
        len += 1;
    }
    masks
};

/// Appends `bytes`, which are UTF-8 that may contain surrogates, as a JSON string.
#[inline]
pub(super) fn write_utf8(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Malformed> {
    if str::from_utf8(bytes).is_ok() {
        if is_plain::<false>(bytes) {
            write_quoted(out, bytes);
        } else {
            out.push(b'"');
            escape(out, bytes);
            out.push(b'"');
        }
        return Ok(());
    }
    out.push(b'"');
    for chunk in Wtf8(bytes) {
        match chunk? {
            Chunk::Valid(text) => escape(out, text.as_bytes()),
            // Two surrogates that form a pair read as the character that they stand for, as in Python.
            Chunk::Surrogate(unit) => out.extend_from_slice(format!("\\u{unit:04x}").as_bytes()),
        }
    }
    out.push(b'"');
    Ok(())
}

/// Returns UTF-8 that may contain surrogates as a string in which U+FFFD replaces each surrogate.
#[cold]
pub(super) fn replace_surrogates(bytes: &[u8]) -> Result<String, Malformed> {
    let mut text = String::with_capacity(bytes.len());
    for chunk in Wtf8(bytes) {
        match chunk? {
            Chunk::Valid(valid) => text.push_str(valid),
            Chunk::Surrogate(_) => text.push('\u{fffd}'),
        }
    }
    Ok(text)
}

enum Chunk<'a> {
    Valid(&'a str),
    Surrogate(u16),
}

/// Iterator that splits "surrogatepass" UTF-8 into valid text and surrogates.
struct Wtf8<'a>(&'a [u8]);

impl<'a> Iterator for Wtf8<'a> {
    type Item = Result<Chunk<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let valid = match self.0.utf8_chunks().next() {
            None => return None,
            Some(chunk) => chunk.valid(),
        };
        if !valid.is_empty() {
            self.0 = &self.0[valid.len()..];
            return Some(Ok(Chunk::Valid(valid)));
        }
        Some(match *self.0 {
            [0xed, high @ 0xa0..=0xbf, low @ 0x80..=0xbf, ref rest @ ..] => {
                self.0 = rest;
                Ok(Chunk::Surrogate(
                    0xd000 | u16::from(high & 0x3f) << 6 | u16::from(low & 0x3f),
                ))
            }
            _ => Err(Malformed),
        })
    }
}

#[inline]
fn write_quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    out.extend_from_slice(bytes);
    out.push(b'"');
}

/// Returns whether a byte must be escaped in a JSON string; for `ASCII`, also whether it is not ASCII.
const fn is_special<const ASCII: bool>(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\' || (ASCII && byte >= 0x80)
}

/// Returns whether no byte is special. This is the usual case, so it is checked without branches: the compiler turns
/// the check into vector code (16 bytes per step) or does it on a whole word (8 bytes).
#[inline]
fn is_plain<const ASCII: bool>(bytes: &[u8]) -> bool {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<16>(), bytes.last_chunk::<16>()) {
        let special = |chunk: &[u8; 16]| {
            chunk
                .iter()
                .fold(false, |found, &byte| found | is_special::<ASCII>(byte))
        };
        // The last chunk may overlap the one before: this is cheaper than a loop over the rest.
        return !special(first) && !bytes[16..].as_chunks().0.iter().any(special) && !special(last);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return special_bytes::<ASCII>(u64::from_le_bytes(*first)) == 0
            && special_bytes::<ASCII>(u64::from_le_bytes(*last)) == 0;
    }
    // Fewer than eight bytes: parts that may overlap, in one word.
    let word = if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
    } else {
        const FILL: u8 = b' ';
        let [first, middle, last] = match *bytes {
            [first, .., last] => [first, bytes[bytes.len() / 2], last],
            [only] => [only; 3],
            [] => [FILL; 3],
        };
        u64::from_le_bytes([first, middle, last, FILL, FILL, FILL, FILL, FILL])
    };
    special_bytes::<ASCII>(word) == 0
}

/// Finds special bytes among eight: they have their top bit set in the result.
///
/// `x - n·0x01…` borrows into the top bit of each byte below `n`; bytes whose top bit was already set are masked out. A
/// borrow out of one byte can give a wrong result for the one above it, but only if it was special itself: the lowest
/// byte found is always right, and so is the result that there is none.
#[inline]
pub(super) fn special_bytes<const ASCII: bool>(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES << 7;
    let control = word.wrapping_sub(ONES * 0x20);
    let quote = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    let wide = if ASCII { word } else { 0 };
    (((control | quote | backslash) & !word) | wide) & TOPS
}

/// Appends the content of a JSON string; control characters, quotes and backslashes are escaped as Python's `json`
/// does.
pub(super) fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut plain = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if !is_special::<false>(byte) {
            continue;
        }
        out.extend_from_slice(&bytes[plain..at]);
        plain = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            _ => {
                let [high, low] = [byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]);
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
        }
    }
    out.extend_from_slice(&bytes[plain..]);
}
