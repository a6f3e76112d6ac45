//! Skipping of an object without interpreting it.
//!
//! After a value was refused, the next one must be found. References are not followed, so the work is linear in the
//! bytes, and all objects that are skipped enter the table of references.

use super::decode::Reader;
use super::error::FrameError;
use super::wire::{
    ASCII, ASCII_INTERNED, BYTES, CODE, COMPLEX, DICT, ELLIPSIS, FALSE, FLOAT, FROZENSET, INT,
    LIST, LONG, MAX_FRAME_DEPTH, NONE, NULL, REF, SET, SHORT_ASCII, SHORT_ASCII_INTERNED, SLICE,
    SMALL_TUPLE, STOP_ITERATION, TRUE, TUPLE, UNICODE, UNICODE_INTERNED,
};

/// Rest of a container that is being skipped.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pending {
    Items(usize),
    /// Dict before a key or its end.
    Key,
    /// Dict before a value.
    Value,
    /// Number of objects left of a code object. Its first line number is a bare number before the last two objects.
    Code(u8),
}

impl Reader<'_, '_> {
    pub(super) fn skip_object(&mut self) -> Result<(), FrameError> {
        self.scratch.pending.clear();
        loop {
            if let Some(container) = self.skip_head()? {
                if self.scratch.pending.len() >= MAX_FRAME_DEPTH {
                    return Err(self.error("nested deeper than marshal allows"));
                }
                self.scratch.pending.push(container);
            }
            if !self.next_pending()? {
                return Ok(());
            }
        }
    }

    /// Skips an object up to its first child.
    fn skip_head(&mut self) -> Result<Option<Pending>, FrameError> {
        match self.header()?.0 {
            NONE | TRUE | FALSE | STOP_ITERATION | ELLIPSIS => {}
            INT => drop(self.take(4)?),
            FLOAT => drop(self.take(8)?),
            COMPLEX => drop(self.take(16)?),
            LONG => drop(self.long()?),
            BYTES | UNICODE | UNICODE_INTERNED | ASCII | ASCII_INTERNED => drop(self.counted()?),
            SHORT_ASCII | SHORT_ASCII_INTERNED => drop(self.short()?),
            REF => drop(self.index()?),
            SMALL_TUPLE => return Ok(Some(Pending::Items(usize::from(self.byte()?)))),
            TUPLE | LIST | SET | FROZENSET => return Ok(Some(Pending::Items(self.length()?))),
            SLICE => return Ok(Some(Pending::Items(3))),
            DICT => return Ok(Some(Pending::Key)),
            CODE => {
                self.take(5 * 4)?;
                return Ok(Some(Pending::Code(10)));
            }
            _ => return Err(self.error("unknown type code")),
        }
        Ok(None)
    }

    /// Finds the next child to skip. Returns false if all containers have ended.
    fn next_pending(&mut self) -> Result<bool, FrameError> {
        while let Some(container) = self.scratch.pending.last_mut() {
            match container {
                Pending::Items(0) | Pending::Code(0) => {}
                Pending::Items(left) => {
                    *left -= 1;
                    return Ok(true);
                }
                Pending::Key if self.frame.get(self.pos) == Some(&NULL) => self.pos += 1,
                Pending::Key => {
                    *container = Pending::Value;
                    return Ok(true);
                }
                Pending::Value => {
                    *container = Pending::Key;
                    return Ok(true);
                }
                Pending::Code(left) => {
                    let before_line = *left == 2;
                    *left -= 1;
                    if before_line {
                        self.take(4)?;
                    }
                    return Ok(true);
                }
            }
            self.scratch.pending.pop();
        }
        Ok(false)
    }
}
