//! Cursor in a frame: reads bytes, lengths, type codes, and the table of references.
//!
//! All reads of the frame are in this file, and are checked.
//!
//! # References
//!
//! CPython writes each object to which more than one thing refers with `FLAG_REF`, and `r` with its index when the
//! object comes again: interned strings, small integers and constant tuples, but also everything that a script shares.
//! No object is built here, so the table holds where each one starts, and a reference is followed by reading there
//! again. The first pass over an object enters it in the table; a repeated pass must not.

use super::decode::Reader;
use super::error::FrameError;
use super::number;
use super::wire::{ELLIPSIS, FALSE, FLAG_REF, NONE, NULL, REF, SMALL_TUPLE, STOP_ITERATION, TRUE};

/// Index of an object that is not in the table of references.
pub(super) const NO_REF: u32 = u32::MAX;

/// Entry in the table of references.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reference {
    /// Position of the object's type code.
    pub(super) at: u32,
    /// Whether the object is being written now: a reference to it would never end.
    pub(super) active: bool,
}

impl<'a> Reader<'a, '_> {
    /// Reads a type code and enters the object in the table of references if the code's flag says so. Returns the code
    /// without its flag, and the index or [`NO_REF`].
    #[inline(always)]
    pub(super) fn header(&mut self) -> Result<(u8, u32), FrameError> {
        let code = self.byte()?;
        if code & FLAG_REF == 0 {
            return Ok((code, NO_REF));
        }
        let code = code & !FLAG_REF;
        Ok((code, self.register(code)?))
    }

    fn register(&mut self, code: u8) -> Result<u32, FrameError> {
        // The loader ignores the flag on singletons and on references.
        let never = matches!(
            code,
            NULL | NONE | TRUE | FALSE | STOP_ITERATION | ELLIPSIS | REF
        );
        if never || self.replays > 0 {
            return Ok(NO_REF);
        }
        let refs = &mut self.scratch.refs;
        let at = u32::try_from(self.pos - 1).ok();
        let index = u32::try_from(refs.len())
            .ok()
            .filter(|&index| index != NO_REF);
        let (Some(at), Some(index)) = (at, index) else {
            return Err(self.error("frame too long"));
        };
        refs.push(Reference { at, active: false });
        Ok(index)
    }

    /// Reads the index of a reference, and checks that it is valid.
    #[inline]
    pub(super) fn index(&mut self) -> Result<usize, FrameError> {
        let index = u32::from_le_bytes(self.array()?) as usize;
        if index < self.scratch.refs.len() {
            Ok(index)
        } else {
            Err(self.error("reference to an object that was not"))
        }
    }

    /// Reads a type code as [`header`](Self::header) does; if it is a reference, that of the object it refers to, of which
    /// the content follows. Returns the code without its flag; after a reference also the position behind that, at which
    /// the caller goes on after the content.
    #[inline(always)]
    pub(super) fn header_of_target(&mut self) -> Result<(u8, Option<usize>), FrameError> {
        let code = self.header()?.0;
        if code != REF {
            return Ok((code, None));
        }
        let index = self.index()?;
        let resume = self.pos;
        Ok((self.jump(index)?, Some(resume)))
    }

    /// Reads the number of items of a list or tuple with this type code.
    #[inline(always)]
    pub(super) fn item_count(&mut self, code: u8) -> Result<usize, FrameError> {
        if code == SMALL_TUPLE {
            Ok(usize::from(self.byte()?))
        } else {
            self.length()
        }
    }

    /// Moves to the start of an object of the table and reads its type code.
    fn jump(&mut self, index: usize) -> Result<u8, FrameError> {
        self.pos = self.scratch.refs[index].at as usize;
        Ok(self.byte()? & !FLAG_REF)
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, FrameError> {
        match self.frame.get(self.pos) {
            Some(&byte) => {
                self.pos += 1;
                Ok(byte)
            }
            None => Err(self.error("frame ends too early")),
        }
    }

    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], FrameError> {
        match self.frame[self.pos..].get(..len) {
            Some(bytes) => {
                self.pos += len;
                Ok(bytes)
            }
            None => Err(self.error("frame ends too early")),
        }
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        match self.frame[self.pos..].first_chunk() {
            Some(bytes) => {
                self.pos += N;
                Ok(*bytes)
            }
            None => Err(self.error("frame ends too early")),
        }
    }

    #[inline]
    pub(super) fn i32(&mut self) -> Result<i32, FrameError> {
        self.array().map(i32::from_le_bytes)
    }

    /// Reads a length or count.
    #[inline]
    pub(super) fn length(&mut self) -> Result<usize, FrameError> {
        match usize::try_from(self.i32()?) {
            Ok(length) => Ok(length),
            Err(_) => Err(self.error("negative length")),
        }
    }

    /// Reads bytes after a one-byte length.
    #[inline]
    pub(super) fn short(&mut self) -> Result<&'a [u8], FrameError> {
        let length = self.byte()?;
        self.take(usize::from(length))
    }

    /// Reads bytes after a four-byte length.
    #[inline]
    pub(super) fn counted(&mut self) -> Result<&'a [u8], FrameError> {
        let length = self.length()?;
        self.take(length)
    }

    /// Reads the content of a long integer. Returns whether it is negative, and its digits.
    pub(super) fn long(&mut self) -> Result<(bool, &'a [u8]), FrameError> {
        let count = self.i32()?;
        let digits = self.take((count.unsigned_abs() as usize).saturating_mul(2))?;
        if number::valid_digits(digits) {
            Ok((count < 0, digits))
        } else {
            Err(self.error("integer with impossible digits"))
        }
    }

    #[cold]
    pub(super) fn error(&self, reason: &'static str) -> FrameError {
        FrameError {
            offset: self.pos,
            reason,
        }
    }
}
