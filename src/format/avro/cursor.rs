//! Reader of Avro's simplest objects, and the bounds on work.

use crate::format::error::{Failure, Outcome};

/// Steps that any payload may take, and those for each of its bytes.
const STEPS: (u64, u64) = (1 << 20, 128);
/// Bytes of output that any payload may have, and those for each of its bytes.
const OUTPUT: (usize, usize) = (256 << 10, 128);

/// Place in a payload.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    data: &'a [u8],
    pos: usize,
    /// Steps that are left.
    steps: u64,
    /// Length that the output may reach.
    limit: usize,
}

impl<'a> Cursor<'a> {
    /// Creates a reader of a payload, whose value is written after `before` bytes of output. `allowed` is what the schemas
    /// may add.
    pub(super) fn new(data: &'a [u8], before: usize, allowed: usize) -> Self {
        let output = data.len().saturating_mul(OUTPUT.1) + OUTPUT.0 + allowed;
        Self {
            data,
            pos: 0,
            steps: STEPS.0 + STEPS.1 * data.len() as u64,
            limit: before.saturating_add(output),
        }
    }

    /// Returns a reader of a default, which takes from the same bounds; [`end_default`](Self::end_default) gives what is
    /// left of them back.
    pub(super) fn default<'b>(&self, data: &'b [u8]) -> Cursor<'b> {
        Cursor {
            data,
            pos: 0,
            steps: self.steps,
            limit: self.limit,
        }
    }

    /// Takes the bounds back from the reader of a default.
    pub(super) fn end_default(&mut self, default: &Cursor<'_>) {
        self.steps = default.steps;
    }

    /// Takes a step. It is called for all that repeats without taking bytes, and all whose output may be longer than
    /// its bytes: items, records, symbols and defaults.
    #[inline]
    pub(super) fn step(&mut self, output: usize) -> Outcome {
        if self.steps == 0 || output > self.limit {
            return Err(beyond());
        }
        self.steps -= 1;
        Ok(())
    }

    /// Returns the position.
    pub(super) fn pos(&self) -> usize {
        self.pos
    }

    /// Continues at a position where it was before.
    pub(super) fn seek(&mut self, pos: usize) {
        self.pos = pos;
    }

    /// Returns the number of bytes that are left.
    pub(super) fn left(&self) -> usize {
        self.data.len() - self.pos
    }

    #[inline]
    fn byte(&mut self) -> Outcome<u8> {
        match self.data.get(self.pos) {
            Some(byte) => {
                self.pos += 1;
                Ok(*byte)
            }
            None => Err(truncated()),
        }
    }

    /// Reads a `boolean`.
    #[inline]
    pub(super) fn boolean(&mut self) -> Outcome<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(Failure::new(format!("{other} is no boolean"))),
        }
    }

    /// Reads an `int` or a `long`.
    #[inline]
    pub(super) fn long(&mut self) -> Outcome<i64> {
        let first = self.byte()?;
        let value = if first < 0x80 {
            u64::from(first)
        } else {
            self.long_rest(first)?
        };
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn long_rest(&mut self, first: u8) -> Outcome<u64> {
        let mut value = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Failure::new("an integer of more than 64 bits"))
    }

    /// Reads so many bytes.
    #[inline]
    pub(super) fn take(&mut self, length: usize) -> Outcome<&'a [u8]> {
        match self.data[self.pos..].get(..length) {
            Some(bytes) => {
                self.pos += length;
                Ok(bytes)
            }
            None => Err(truncated()),
        }
    }

    /// Reads an array of bytes.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Outcome<[u8; N]> {
        match self.data[self.pos..].first_chunk() {
            Some(bytes) => {
                self.pos += N;
                Ok(*bytes)
            }
            None => Err(truncated()),
        }
    }

    /// Reads bytes and their length before them.
    #[inline]
    pub(super) fn bytes(&mut self) -> Outcome<&'a [u8]> {
        let length = self.long()?;
        match usize::try_from(length) {
            Ok(length) => self.take(length),
            Err(_) => Err(Failure::new("a negative length")),
        }
    }

    /// Reads a `string`.
    #[inline]
    pub(super) fn string(&mut self) -> Outcome<&'a str> {
        let bytes = self.bytes()?;
        str::from_utf8(bytes).map_err(|_| Failure::new("text that is not UTF-8"))
    }

    /// Reads the index of a branch or a symbol.
    #[inline]
    pub(super) fn index(&mut self, of: usize) -> Outcome<usize> {
        let index = self.long()?;
        match usize::try_from(index) {
            Ok(index) if index < of => Ok(index),
            _ => Err(Failure::new(format!(
                "there is no type or symbol {index}, only {of}"
            ))),
        }
    }

    /// Reads the head of a block: the number of its items, zero at the end, and its length if it has one.
    #[inline]
    pub(super) fn block(&mut self) -> Outcome<(u64, Option<usize>)> {
        let count = self.long()?;
        if count >= 0 {
            return Ok((count as u64, None));
        }
        match usize::try_from(self.long()?) {
            Ok(length) if length <= self.left() => Ok((count.unsigned_abs(), Some(length))),
            _ => Err(truncated()),
        }
    }
}

#[cold]
fn truncated() -> Failure {
    Failure::new("the bytes end within the value")
}

#[cold]
fn beyond() -> Failure {
    Failure::new("the value is much larger than its bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(bytes: &[u8]) -> Result<i64, String> {
        let mut cursor = Cursor::new(bytes, 0, 0);
        cursor.long().map_err(|error| error.to_string())
    }

    #[test]
    fn integers_have_64_bits() {
        assert_eq!(long(b"\x01"), Ok(-1));
        assert_eq!(long(b"\x80\x01"), Ok(64));
        assert_eq!(
            long(b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            Ok(i64::MAX)
        );
        assert_eq!(
            long(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            Ok(i64::MIN)
        );
        for wrong in [
            &b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"[..],
            &[0x80; 20],
            b"\x80",
            b"",
        ] {
            assert!(long(wrong).is_err());
        }
    }

    #[test]
    fn a_length_is_within_the_payload() {
        for wrong in [
            &b"\x01"[..],
            b"\x04a",
            b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01a",
        ] {
            assert!(Cursor::new(wrong, 0, 0).bytes().is_err());
        }
        assert!(Cursor::new(b"\x02\xff", 0, 0).string().is_err());
        assert!(Cursor::new(b"\x01\x04a", 0, 0).block().is_err());
        assert_eq!(
            Cursor::new(b"\x03\x02a", 0, 0).block().unwrap(),
            (2, Some(1))
        );
    }
}
