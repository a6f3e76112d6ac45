//! Results: a marshal object as compact JSON, as `json.dumps(…, allow_nan=False,
//! ensure_ascii=False, separators=(",", ":"))` writes it.
//!
//! A loop with a stack of its own rather than recursion, so that depth is a number to check. Work
//! is bounded by the output: each object, and so each reference followed, writes at least a byte,
//! and the output has a limit.

use super::decode::{NO_REF, Reader};
use super::error::{FrameError, OutputError, Stop};
use super::number;
use super::text;
use super::wire::{
    ASCII, ASCII_INTERNED, BYTES, CODE, COMPLEX, DICT, ELLIPSIS, FALSE, FLOAT, FROZENSET,
    INT, LIST, LONG, NONE, NULL, REF, SET, SHORT_ASCII, SHORT_ASCII_INTERNED, SLICE, SMALL_TUPLE,
    STOP_ITERATION, TRUE, TUPLE, UNICODE, UNICODE_INTERNED, type_name,
};

/// What [`Reader::value`] found and wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Top {
    /// `None`: nothing was written.
    None,
    /// Anything else that JSON has: it was written as JSON.
    Json,
    /// A `bytes` or `bytearray`: its bytes were copied.
    Bytes,
}

/// What surrounds the object being written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Open {
    /// A list or tuple with so many items to come. `slot` is its place in the table of references.
    List { left: usize, slot: u32 },
    Dict { slot: u32 },
    /// A reference being followed; goes on at `resume`.
    Ref { resume: usize, slot: u32 },
}

impl Open {
    fn slot(self) -> u32 {
        match self {
            Self::List { slot, .. } | Self::Dict { slot } | Self::Ref { slot, .. } => slot,
        }
    }
}

/// How much may be written.
#[derive(Debug, Clone, Copy)]
struct Limit {
    /// Length of the buffer that must not be exceeded.
    end: usize,
    max_len: usize,
}

impl Limit {
    #[inline]
    fn check(self, len: usize) -> Result<(), OutputError> {
        if len > self.end { Err(OutputError::too_large(self.max_len)) } else { Ok(()) }
    }
}

impl Reader<'_, '_> {
    /// Appends one result to `out`: at most `max_len` bytes.
    ///
    /// An `Err` *inside* concerns this value alone: `out` is as it was, the reader stands behind
    /// the value, and its message fails with that error.
    ///
    /// # Errors
    ///
    /// What follows is no object; the whole frame is to be rejected. `out` is as it was.
    pub fn value(
        &mut self,
        out: &mut Vec<u8>,
        max_len: usize,
    ) -> Result<Result<Top, OutputError>, FrameError> {
        let (start, written) = (self.pos, out.len());
        let refs = self.scratch.refs.len();
        let limit = Limit { end: written.saturating_add(max_len), max_len };
        let stopped = match self.top(out, limit) {
            Ok(top) => {
                self.consumed();
                return Ok(Ok(top));
            }
            Err(stopped) => stopped,
        };
        out.truncate(written);
        match stopped {
            Stop::Frame(error) => Err(error),
            Stop::Output(error) => {
                // Begin again as if nothing had been read, and this time only pass over it.
                for open in self.scratch.open.drain(..) {
                    if let Some(entry) = self.scratch.refs.get_mut(open.slot() as usize) {
                        entry.active = false;
                    }
                }
                self.scratch.refs.truncate(refs);
                self.replays = 0;
                self.pos = start;
                self.skip_object()?;
                self.consumed();
                Ok(Err(error))
            }
        }
    }

    fn top(&mut self, out: &mut Vec<u8>, limit: Limit) -> Result<Top, Stop> {
        let start = self.pos;
        let refs = self.scratch.refs.len();
        let mut code = self.header()?.0;
        let mut resume = None;
        if code == REF {
            let index = self.index()?;
            resume = Some(self.pos);
            code = self.jump(index)?;
        }
        let top = match code {
            NONE => Top::None,
            BYTES => {
                let bytes = self.counted()?;
                limit.check(out.len().saturating_add(bytes.len()))?;
                out.extend_from_slice(bytes);
                Top::Bytes
            }
            _ => {
                // Neither of the two: begin again, as if nothing had been read.
                self.scratch.refs.truncate(refs);
                self.pos = start;
                self.write(out, limit)?;
                return Ok(Top::Json);
            }
        };
        self.pos = resume.unwrap_or(self.pos);
        Ok(top)
    }

    /// Writes the object at `pos` and all that is in it.
    fn write(&mut self, out: &mut Vec<u8>, limit: Limit) -> Result<(), Stop> {
        self.scratch.open.clear();
        let mut depth = 0;
        loop {
            let (code, slot) = self.header()?;
            match code {
                SHORT_ASCII | SHORT_ASCII_INTERNED => {
                    let bytes = self.short()?;
                    self.string(text::write_ascii(out, bytes))?;
                }
                INT => write_i32(out, self.i32()?),
                DICT => {
                    depth += 1;
                    if depth > self.max_depth {
                        return Err(OutputError::too_deep().into());
                    }
                    out.push(b'{');
                    self.open(Open::Dict { slot });
                    if self.key(out, limit)? {
                        continue;
                    }
                    self.close(out, b'}');
                    depth -= 1;
                }
                LIST | TUPLE | SMALL_TUPLE => {
                    depth += 1;
                    if depth > self.max_depth {
                        return Err(OutputError::too_deep().into());
                    }
                    let items = if code == SMALL_TUPLE {
                        usize::from(self.byte()?)
                    } else {
                        self.length()?
                    };
                    out.push(b'[');
                    if items > 0 {
                        self.open(Open::List { left: items - 1, slot });
                        continue;
                    }
                    out.push(b']');
                    depth -= 1;
                }
                NONE => out.extend_from_slice(b"null"),
                TRUE => out.extend_from_slice(b"true"),
                FALSE => out.extend_from_slice(b"false"),
                FLOAT => number::write_float(out, f64::from_le_bytes(self.array()?))?,
                LONG => self.write_long(out, limit)?,
                ASCII | ASCII_INTERNED => {
                    let bytes = self.counted()?;
                    limit.check(out.len().saturating_add(bytes.len()))?;
                    self.string(text::write_ascii(out, bytes))?;
                }
                UNICODE | UNICODE_INTERNED => {
                    let bytes = self.counted()?;
                    limit.check(out.len().saturating_add(bytes.len()))?;
                    self.string(text::write_utf8(out, bytes))?;
                }
                REF => {
                    let index = self.index()?;
                    let entry = &self.scratch.refs[index];
                    if entry.active {
                        return Err(OutputError::circular().into());
                    }
                    let at = entry.at as usize;
                    self.open(Open::Ref { resume: self.pos, slot: index as u32 });
                    self.pos = at;
                    self.replays += 1;
                    continue;
                }
                BYTES | COMPLEX | SET | FROZENSET | SLICE | CODE | ELLIPSIS | STOP_ITERATION => {
                    return Err(OutputError::not_serializable(type_name(code)).into());
                }
                _ => return Err(self.error("unknown type code").into()),
            }
            // One object is complete: go on with what is around it.
            loop {
                limit.check(out.len())?;
                match self.scratch.open.last_mut() {
                    None => return Ok(()),
                    Some(Open::List { left: 0, .. }) => {
                        self.close(out, b']');
                        depth -= 1;
                    }
                    Some(Open::List { left, .. }) => {
                        *left -= 1;
                        out.push(b',');
                        break;
                    }
                    Some(Open::Dict { .. }) => {
                        out.push(b',');
                        if self.key(out, limit)? {
                            break;
                        }
                        out.pop();
                        self.close(out, b'}');
                        depth -= 1;
                    }
                    Some(&mut Open::Ref { resume, .. }) => {
                        self.leave();
                        self.pos = resume;
                        self.replays -= 1;
                    }
                }
            }
        }
    }

    /// Enters a container or reference.
    #[inline]
    fn open(&mut self, open: Open) {
        let slot = open.slot();
        if slot != NO_REF {
            self.scratch.refs[slot as usize].active = true;
        }
        self.scratch.open.push(open);
    }

    /// Leaves the innermost container or reference.
    #[inline]
    fn leave(&mut self) {
        if let Some(open) = self.scratch.open.pop()
            && open.slot() != NO_REF
        {
            self.scratch.refs[open.slot() as usize].active = false;
        }
    }

    #[inline]
    fn close(&mut self, out: &mut Vec<u8>, bracket: u8) {
        out.push(bracket);
        self.leave();
    }

    /// Writes a dict's next key and the colon. False if there is none: the dict has ended.
    #[inline]
    fn key(&mut self, out: &mut Vec<u8>, limit: Limit) -> Result<bool, Stop> {
        if self.frame.get(self.pos) == Some(&NULL) {
            self.pos += 1;
            return Ok(false);
        }
        let code = self.header()?.0;
        if code == REF {
            let index = self.index()?;
            let resume = self.pos;
            let code = self.jump(index)?;
            self.key_content(out, code, limit)?;
            self.pos = resume;
        } else {
            self.key_content(out, code, limit)?;
        }
        out.push(b':');
        Ok(true)
    }

    #[inline]
    fn key_content(&mut self, out: &mut Vec<u8>, code: u8, limit: Limit) -> Result<(), Stop> {
        match code {
            SHORT_ASCII | SHORT_ASCII_INTERNED => {
                let bytes = self.short()?;
                self.string(text::write_ascii(out, bytes))?;
            }
            ASCII | ASCII_INTERNED => {
                let bytes = self.counted()?;
                limit.check(out.len().saturating_add(bytes.len()))?;
                self.string(text::write_ascii(out, bytes))?;
            }
            UNICODE | UNICODE_INTERNED => {
                let bytes = self.counted()?;
                limit.check(out.len().saturating_add(bytes.len()))?;
                self.string(text::write_utf8(out, bytes))?;
            }
            _ => {
                out.push(b'"');
                match code {
                    NONE => out.extend_from_slice(b"null"),
                    TRUE => out.extend_from_slice(b"true"),
                    FALSE => out.extend_from_slice(b"false"),
                    INT => write_i32(out, self.i32()?),
                    LONG => self.write_long(out, limit)?,
                    FLOAT => number::write_float(out, f64::from_le_bytes(self.array()?))?,
                    _ => return Err(OutputError::bad_key(type_name(code)).into()),
                }
                out.push(b'"');
            }
        }
        limit.check(out.len())?;
        Ok(())
    }

    fn write_long(&mut self, out: &mut Vec<u8>, limit: Limit) -> Result<(), Stop> {
        let (negative, digits) = self.long()?;
        if digits.len() <= 8 {
            let value = number::small_value(digits);
            let value = if negative { -value } else { value };
            out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
            return Ok(());
        }
        limit.check(out.len().saturating_add(number::min_decimal_digits(digits)))?;
        number::write_long_decimal(out, negative, digits)?;
        Ok(())
    }

    #[inline]
    fn string(&self, written: Result<(), text::Malformed>) -> Result<(), FrameError> {
        written.map_err(|text::Malformed| self.error("string that is not what its type says"))
    }
}

#[inline]
fn write_i32(out: &mut Vec<u8>, value: i32) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}
