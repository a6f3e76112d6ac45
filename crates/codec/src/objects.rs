//! Writers of single marshal objects.

use super::keys::{KeyTable, Lookup};
use super::wire::{ASCII, FLAG_REF, FLOAT, MAX_LEN, REF, SHORT_ASCII, UNICODE};

/// Writes a type code and a length or count.
///
/// # Panics
///
/// If the length exceeds `i32::MAX`.
#[inline]
pub(super) fn write_head(out: &mut Vec<u8>, code: u8, len: usize) {
    assert!(len <= MAX_LEN, "marshal has no objects of 2 GiB and more");
    let len = (len as u32).to_le_bytes();
    out.extend_from_slice(&[code, len[0], len[1], len[2], len[3]]);
}

/// Writes a string. The types are those of strings that are *not* interned: see the documentation of [`codec`](super).
#[inline]
pub(super) fn write_str(out: &mut Vec<u8>, text: &str, flag: u8) {
    let bytes = text.as_bytes();
    if !text.is_ascii() {
        write_head(out, UNICODE | flag, bytes.len());
    } else if let Ok(len) = u8::try_from(bytes.len()) {
        out.extend_from_slice(&[SHORT_ASCII | flag, len]);
    } else {
        write_head(out, ASCII | flag, bytes.len());
    }
    out.extend_from_slice(bytes);
}

#[inline]
pub(super) fn write_key(out: &mut Vec<u8>, keys: &mut KeyTable, key: &str) {
    match keys.lookup(key, out) {
        Lookup::Known(index) => {
            let index = index.to_le_bytes();
            out.extend_from_slice(&[REF, index[0], index[1], index[2], index[3]]);
        }
        Lookup::New => write_str(out, key, FLAG_REF),
        Lookup::Unshared => write_str(out, key, 0),
    }
}

#[inline]
pub(super) fn write_float(out: &mut Vec<u8>, value: f64) {
    out.push(FLOAT);
    out.extend_from_slice(&value.to_le_bytes());
}
