//! One result of a script: its kind, and the position of the reader if it cannot be written.

use super::decode::Reader;
use super::error::{FrameError, OutputErrorKind, Stop, ValueError};
use super::place::place_after;
use super::wire::{BYTES, NONE};

/// Kind of the value that [`Reader::value`] found and wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Top {
    /// The value is `None`: nothing was written.
    None,
    /// Any other value that JSON has: it was written as JSON.
    Json,
    /// A `bytes` or `bytearray`: its bytes were copied.
    Bytes,
}

/// Limit on the bytes that may be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    /// Length that the buffer must not exceed.
    end: usize,
    max_len: usize,
}

impl Limit {
    #[inline]
    pub(super) fn check(self, len: usize) -> Result<(), ValueError> {
        if len > self.end {
            Err(ValueError::too_large(self.max_len))
        } else {
            Ok(())
        }
    }
}

impl Reader<'_, '_> {
    /// Appends one result to `out`, as at most `max_len` bytes.
    ///
    /// An `Err` *inside* concerns this value alone: `out` is unchanged, the reader is positioned after the value, and
    /// its message fails with that error.
    ///
    /// # Errors
    ///
    /// If no valid object follows; the whole frame must be rejected. `out` is unchanged.
    pub fn value(
        &mut self,
        out: &mut Vec<u8>,
        max_len: usize,
    ) -> Result<Result<Top, ValueError>, FrameError> {
        self.limited(out, max_len, Self::top)
    }

    /// Appends a value as JSON, as [`Reader::value`] does; but `None` is null, and `bytes` are an error.
    ///
    /// # Errors
    ///
    /// As for [`Reader::value`].
    pub fn document(
        &mut self,
        out: &mut Vec<u8>,
        max_len: usize,
    ) -> Result<Result<Top, ValueError>, FrameError> {
        self.limited(out, max_len, |reader, out, limit| {
            reader.write(out, limit).map(|()| Top::Json)
        })
    }

    pub(super) fn limited<T>(
        &mut self,
        out: &mut Vec<u8>,
        max_len: usize,
        write: impl FnOnce(&mut Self, &mut Vec<u8>, Limit) -> Result<T, Stop>,
    ) -> Result<Result<T, ValueError>, FrameError> {
        let (start, written) = (self.pos, out.len());
        let refs = self.scratch.refs.len();
        let limit = Limit {
            end: written.saturating_add(max_len),
            max_len,
        };
        let stopped = match write(self, out, limit) {
            Ok(top) => return Ok(Ok(top)),
            Err(stopped) => stopped,
        };
        let text = out.split_off(written);
        match stopped {
            Stop::Frame(error) => Err(*error),
            Stop::Output(mut error) => {
                error.path = match error.kind {
                    OutputErrorKind::TypeError | OutputErrorKind::ValueError => place_after(&text),
                    // Not about one place.
                    OutputErrorKind::RecursionError | OutputErrorKind::OutputTooLarge => {
                        String::new()
                    }
                };
                // Begins again as if nothing had been read, and this time only skips the value.
                for open in self.scratch.open.drain(..) {
                    if let Some(entry) = self.scratch.refs.get_mut(open.slot() as usize) {
                        entry.active = false;
                    }
                }
                self.scratch.refs.truncate(refs);
                self.replays = 0;
                self.pos = start;
                self.skip_object()?;
                Ok(Err(*error))
            }
        }
    }

    fn top(&mut self, out: &mut Vec<u8>, limit: Limit) -> Result<Top, Stop> {
        let start = self.pos;
        let refs = self.scratch.refs.len();
        let (code, resume) = self.header_of_target()?;
        let top = match code {
            NONE => Top::None,
            BYTES => {
                let bytes = self.counted()?;
                limit.check(out.len().saturating_add(bytes.len()))?;
                out.extend_from_slice(bytes);
                Top::Bytes
            }
            _ => {
                // Neither of the two: begins again as if nothing had been read.
                self.scratch.refs.truncate(refs);
                self.pos = start;
                self.write(out, limit)?;
                return Ok(Top::Json);
            }
        };
        self.pos = resume.unwrap_or(self.pos);
        Ok(top)
    }
}
