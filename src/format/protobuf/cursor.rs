//! Reader of Protobuf's wire format: tags and the values after them.

use super::plan::Wire;
use crate::format::error::{Failure, Outcome};

/// Most levels of messages, groups and entries of maps within each other, as in Google's implementations.
pub(super) const MAX_DEPTH: usize = 100;

/// Value as it is on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) enum Raw<'a> {
    /// Varint, or 32 or 64 bits.
    Number(u64),
    /// Content of a string, a message, a group or of packed values.
    Bytes(&'a [u8]),
}

/// Place in the content of a message.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    data: &'a [u8],
    pos: usize,
}

impl<'a> Cursor<'a> {
    /// Creates a reader of the content of a message, or of packed values.
    #[inline]
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, pos: 0 }
    }

    /// Returns whether nothing is left.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.pos == self.data.len()
    }

    /// Returns what is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.data[self.pos..]
    }

    /// Reads the number and the wire type of the next field, if there is one.
    #[inline]
    pub(super) fn tag(&mut self) -> Outcome<Option<(u32, Wire)>> {
        if self.is_empty() {
            return Ok(None);
        }
        match self.any_tag()? {
            (number, Some(wire)) => Ok(Some((number, wire))),
            (_, None) => Err(Failure::new("a group ends that did not begin")),
        }
    }

    /// Reads a tag; the wire type is none if it is the end of a group.
    #[inline]
    fn any_tag(&mut self) -> Outcome<(u32, Option<Wire>)> {
        let start = self.pos;
        let tag = match u32::try_from(self.varint()?) {
            Ok(tag) if self.pos - start <= 5 => tag,
            _ => return Err(Failure::new("the tag of a field is too large")),
        };
        let number = tag >> 3;
        if number == 0 {
            return Err(Failure::new("a field has the number 0"));
        }
        Ok((
            number,
            match tag & 7 {
                0 => Some(Wire::Varint),
                1 => Some(Wire::Fixed64),
                2 => Some(Wire::Bytes),
                3 => Some(Wire::Group),
                4 => None,
                5 => Some(Wire::Fixed32),
                other => return Err(Failure::new(format!("there is no wire type {other}"))),
            },
        ))
    }

    /// Reads the value of a field of which the tag was read. `depth` is that of the message that has the field.
    #[inline]
    pub(super) fn value(&mut self, number: u32, wire: Wire, depth: usize) -> Outcome<Raw<'a>> {
        Ok(match wire {
            Wire::Varint => Raw::Number(self.varint()?),
            Wire::Fixed64 => Raw::Number(self.fixed64()?),
            Wire::Fixed32 => Raw::Number(u64::from(self.fixed32()?)),
            Wire::Bytes => Raw::Bytes(self.bytes()?),
            Wire::Group => Raw::Bytes(self.group(number, depth)?),
        })
    }

    /// Reads an integer of 1 to 10 bytes. As in Google's implementations, bits beyond the 64th are dropped.
    #[inline]
    pub(super) fn varint(&mut self) -> Outcome<u64> {
        match self.data.get(self.pos) {
            Some(byte) if *byte < 0x80 => {
                self.pos += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Outcome<u64> {
        let mut value = 0;
        for (place, byte) in self.data[self.pos..].iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * place);
            if *byte < 0x80 {
                self.pos += place + 1;
                return Ok(value);
            }
        }
        match self.data.len() - self.pos {
            10.. => Err(Failure::new("a varint is longer than 10 bytes")),
            _ => Err(truncated()),
        }
    }

    /// Reads 32 bits.
    #[inline]
    pub(super) fn fixed32(&mut self) -> Outcome<u32> {
        match self.data[self.pos..].first_chunk() {
            Some(bytes) => {
                self.pos += 4;
                Ok(u32::from_le_bytes(*bytes))
            }
            None => Err(truncated()),
        }
    }

    /// Reads 64 bits.
    #[inline]
    pub(super) fn fixed64(&mut self) -> Outcome<u64> {
        match self.data[self.pos..].first_chunk() {
            Some(bytes) => {
                self.pos += 8;
                Ok(u64::from_le_bytes(*bytes))
            }
            None => Err(truncated()),
        }
    }

    #[inline]
    fn bytes(&mut self) -> Outcome<&'a [u8]> {
        let len = self.varint()?;
        match usize::try_from(len) {
            Ok(len) if len <= self.data.len() - self.pos => {
                let bytes = &self.data[self.pos..self.pos + len];
                self.pos += len;
                Ok(bytes)
            }
            _ => Err(truncated()),
        }
    }

    /// Reads the content of a group, and passes over its end.
    fn group(&mut self, number: u32, depth: usize) -> Outcome<&'a [u8]> {
        if depth >= MAX_DEPTH {
            return Err(too_deep());
        }
        let start = self.pos;
        loop {
            let end = self.pos;
            if self.is_empty() {
                return Err(Failure::new("a group has no end"));
            }
            match self.any_tag()? {
                (inner, Some(wire)) => drop(self.value(inner, wire, depth + 1)?),
                (ended, None) if ended == number => return Ok(&self.data[start..end]),
                (_, None) => return Err(Failure::new("a group ends that did not begin")),
            }
        }
    }
}

#[cold]
fn truncated() -> Failure {
    Failure::new("the bytes end within a value")
}

/// Creates the error of a message that is nested too deeply.
#[cold]
pub(super) fn too_deep() -> Failure {
    Failure::new(format!("nested deeper than {MAX_DEPTH} levels"))
}

/// Appends a varint.
#[inline]
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Returns the zig-zag form of a signed integer.
#[inline]
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Returns the signed integer of a zig-zag form.
#[inline]
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
