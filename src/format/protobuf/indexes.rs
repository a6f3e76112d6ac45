//! Confluent's framing: the path to the message, before its bytes.
//!
//! It is a zig-zag varint that counts, then so many indexes in the same form. A single 0 is short for `[0]`, the first
//! message of the file.

use super::cursor::{Cursor, put_varint, unzigzag, zigzag};
use crate::format::error::DecodeError;

/// Indexes of a message: a few, without an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Indexes {
    path: [usize; MAX],
    len: usize,
}

/// Most levels of nested messages; a .proto file has at most 31.
const MAX: usize = 32;

impl Indexes {
    /// Returns the path.
    pub(crate) fn as_slice(&self) -> &[usize] {
        &self.path[..self.len]
    }
}

/// Reads the path at the start of a payload; returns it and the message after it.
///
/// # Errors
///
/// If there is no such path.
pub(crate) fn take_indexes(bytes: &[u8]) -> Result<(Indexes, &[u8]), DecodeError> {
    let refused = |what: &str| DecodeError(format!("the message indexes {what}"));
    let mut cursor = Cursor::new(bytes);
    let mut next = || {
        let value = cursor.varint().map(unzigzag);
        let value = value.map_err(|_| refused("are cut off"))?;
        usize::try_from(value).map_err(|_| refused("are negative"))
    };
    let mut indexes = Indexes {
        path: [0; MAX],
        len: next()?,
    };
    if indexes.len > MAX {
        return Err(refused("are too many"));
    }
    for place in 0..indexes.len {
        indexes.path[place] = next()?;
    }
    indexes.len = indexes.len.max(1);
    Ok((indexes, cursor.rest()))
}

/// Appends the path to a message.
pub(crate) fn put_indexes(indexes: &[usize], out: &mut Vec<u8>) {
    if indexes == [0] {
        return out.push(0);
    }
    put_varint(out, zigzag(indexes.len() as i64));
    for index in indexes {
        put_varint(out, zigzag(*index as i64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_they_are_written() {
        for (path, bytes) in [
            (&[0][..], &b"\0"[..]),
            (&[1], b"\x02\x02"),
            (&[0, 0], b"\x04\0\0"),
            (&[2, 100, 1], b"\x06\x04\xc8\x01\x02"),
        ] {
            let mut out = Vec::new();
            put_indexes(path, &mut out);
            assert_eq!(out, bytes, "{path:?}");
            out.extend_from_slice(b"rest");
            let (indexes, rest) = take_indexes(&out).unwrap();
            assert_eq!((indexes.as_slice(), rest), (path, &b"rest"[..]));
        }
        // The long form of [0].
        let (indexes, rest) = take_indexes(b"\x02\0").unwrap();
        assert_eq!((indexes.as_slice(), rest), (&[0][..], &b""[..]));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let many = [&[66][..], &[0; 40]].concat();
        for bytes in [
            &b""[..],
            b"\x02",
            b"\x01",
            b"\x02\x01",
            b"\x80",
            &[0xff; 12],
            &many,
        ] {
            assert!(take_indexes(bytes).is_err(), "{bytes:?}");
        }
        assert!(take_indexes(&[&[64][..], &[0; 32]].concat()).is_ok());
    }
}
