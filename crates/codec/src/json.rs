//! Results: writes a marshal object as compact JSON, as `json.dumps(…, allow_nan=False, ensure_ascii=False,
//! separators=(",", ":"))` does.
//!
//! A loop with a stack of its own replaces recursion, so that the depth is a number to check. The output bounds the
//! work: each object, and so each reference that is followed, writes at least one byte, and the output has a limit.

use super::cursor::NO_REF;
use super::decode::Reader;
use super::error::{FrameError, Stop, ValueError};
use super::number;
use super::text;
use super::value::Limit;
use super::wire::{
    ASCII, ASCII_INTERNED, BYTES, CODE, COMPLEX, DICT, ELLIPSIS, FALSE, FLOAT, FROZENSET, INT,
    LIST, LONG, NONE, NULL, REF, SET, SHORT_ASCII, SHORT_ASCII_INTERNED, SLICE, SMALL_TUPLE,
    STOP_ITERATION, TRUE, TUPLE, UNICODE, UNICODE_INTERNED, type_name,
};

/// Container of the object being written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Open {
    /// List or tuple with `left` items to come. `slot` is its index in the table of references.
    List {
        left: usize,
        slot: u32,
    },
    Dict {
        slot: u32,
    },
    /// Reference being followed; reading continues at `resume`.
    Ref {
        resume: usize,
        slot: u32,
    },
}

impl Open {
    pub(super) fn slot(self) -> u32 {
        match self {
            Self::List { slot, .. } | Self::Dict { slot } | Self::Ref { slot, .. } => slot,
        }
    }
}

impl Reader<'_, '_> {
    /// Writes the object at `pos` with everything in it.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, limit: Limit) -> Result<(), Stop> {
        self.scratch.open.clear();
        let mut depth = 0;
        loop {
            let (code, slot) = self.header()?;
            match code {
                SHORT_ASCII | SHORT_ASCII_INTERNED => {
                    self.short_string(out)?;
                }
                INT => write_i32(out, self.i32()?),
                DICT => {
                    depth += 1;
                    if depth > self.max_depth {
                        return Err(ValueError::too_deep().into());
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
                    let items = self.item_count(code)?;
                    if code == SMALL_TUPLE && self.is_typed(items) {
                        self.write_typed(out)?;
                    } else {
                        depth += 1;
                        if depth > self.max_depth {
                            return Err(ValueError::too_deep().into());
                        }
                        out.push(b'[');
                        if items > 0 {
                            self.open(Open::List {
                                left: items - 1,
                                slot,
                            });
                            continue;
                        }
                        out.push(b']');
                        depth -= 1;
                    }
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
                        return Err(ValueError::circular().into());
                    }
                    let at = entry.at as usize;
                    self.open(Open::Ref {
                        resume: self.pos,
                        slot: index as u32,
                    });
                    self.pos = at;
                    self.replays += 1;
                    continue;
                }
                BYTES | COMPLEX | SET | FROZENSET | SLICE | CODE | ELLIPSIS | STOP_ITERATION => {
                    return Err(ValueError::not_serializable(type_name(code)).into());
                }
                _ => return Err(self.error("unknown type code").into()),
            }
            // One object is complete: continue with its container.
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

    /// Writes a dict's next key and the colon. Returns false if there is none, because the dict has ended.
    #[inline]
    fn key(&mut self, out: &mut Vec<u8>, limit: Limit) -> Result<bool, Stop> {
        if self.frame.get(self.pos) == Some(&NULL) {
            self.pos += 1;
            return Ok(false);
        }
        let (code, resume) = self.header_of_target()?;
        // Nearly all keys are of these types.
        if matches!(code, SHORT_ASCII | SHORT_ASCII_INTERNED) {
            self.short_string(out)?;
        } else {
            self.other_key(out, code, limit)?;
        }
        limit.check(out.len())?;
        self.pos = resume.unwrap_or(self.pos);
        out.push(b':');
        Ok(true)
    }

    fn other_key(&mut self, out: &mut Vec<u8>, code: u8, limit: Limit) -> Result<(), Stop> {
        match code {
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
                    _ => return Err(self.bad_key(code)),
                }
                out.push(b'"');
            }
        }
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
    fn short_string(&mut self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let len = usize::from(self.byte()?);
        let rest = &self.frame[self.pos..];
        self.take(len)?;
        self.string(text::write_short_ascii(out, rest, len))
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
