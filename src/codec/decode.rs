//! Response bodies: reading marshal objects that a guest wrote.
//!
//! # References
//!
//! CPython writes each object that more than one thing refers to with `FLAG_REF`, and `r` with its
//! index when it comes again: interned strings, small integers and constant tuples, but also
//! whatever a script shares. No object is built here, so the table holds where each one starts, and
//! a reference is followed by reading there again. The first pass over an object enters it in the
//! table; a repeat must not.

use std::borrow::Cow;
use std::str;

use super::error::FrameError;
use super::json::Open;
use super::number;
use super::skip::Pending;
use super::text;
use super::wire::{
    ASCII, ASCII_INTERNED, BYTES, DICT, ELLIPSIS, FALSE, FLAG_REF, FLOAT, INT, LIST, LONG, NONE,
    NULL, REF, SHORT_ASCII, SHORT_ASCII_INTERNED, SMALL_TUPLE, STOP_ITERATION, TRUE, TUPLE, UNICODE,
    UNICODE_INTERNED,
};

/// Index of an object that is not in the table of references.
pub(super) const NO_REF: u32 = u32::MAX;

/// What a [`Reader`] allocates, to be handed from one to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) refs: Vec<Reference>,
    pub(super) open: Vec<Open>,
    pub(super) pending: Vec<Pending>,
    detours: Vec<Detour>,
}

/// An entry in the table of references.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reference {
    /// Where the object's type code stands.
    pub(super) at: u32,
    /// Being written at this moment: a reference to it would never end.
    pub(super) active: bool,
}

/// A tuple or list being read at another place than where it is referred to, or inside such a one.
#[derive(Debug)]
struct Detour {
    /// Items still to be read.
    left: usize,
    /// Where to go on after the last.
    resume: Option<usize>,
}

/// What kind of object comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `None`
    None,
    /// `True` or `False`
    Bool,
    /// `int`
    Int,
    /// `float`
    Float,
    /// `str`
    Str,
    /// `bytes`, or anything else with a buffer
    Bytes,
    /// `tuple`
    Tuple,
    /// `list`
    List,
    /// `dict`
    Dict,
    /// Anything else.
    Other,
}

/// Reads one response body, object by object.
///
/// Each method reads the next object if it is of the type asked for. The items of a tuple or list
/// are read by the calls that follow. After a [`FrameError`] the reader is of no more use.
#[derive(Debug)]
pub struct Reader<'a, 's> {
    pub(super) frame: &'a [u8],
    pub(super) pos: usize,
    pub(super) scratch: &'s mut Scratch,
    /// References being followed by [`Reader::value`].
    pub(super) replays: usize,
    pub(super) max_depth: usize,
}

impl<'a, 's> Reader<'a, 's> {
    /// A reader of `frame` that refuses values nested deeper than `max_depth` (a scalar is 0 deep,
    /// `[]` is 1).
    pub fn new(frame: &'a [u8], scratch: &'s mut Scratch, max_depth: usize) -> Self {
        scratch.refs.clear();
        scratch.open.clear();
        scratch.pending.clear();
        scratch.detours.clear();
        Self { frame, pos: 0, scratch, replays: 0, max_depth }
    }

    /// Begins a tuple and returns its number of items.
    ///
    /// The count never exceeds the bytes there are, so it is safe to allocate by.
    ///
    /// # Errors
    ///
    /// The next object is no tuple. Likewise for the other methods: not of the type they name.
    pub fn tuple(&mut self) -> Result<usize, FrameError> {
        self.sequence("expected a tuple", |reader, code| match code {
            SMALL_TUPLE => reader.byte().map(|n| Some(usize::from(n))),
            TUPLE => reader.length().map(Some),
            _ => Ok(None),
        })
    }

    /// Begins a list and returns its number of items, as [`Reader::tuple`] does.
    ///
    /// # Errors
    ///
    /// As [`Reader::tuple`].
    pub fn list(&mut self) -> Result<usize, FrameError> {
        self.sequence("expected a list", |reader, code| match code {
            LIST => reader.length().map(Some),
            _ => Ok(None),
        })
    }

    /// Reads `None`.
    ///
    /// # Errors
    ///
    /// As [`Reader::tuple`].
    pub fn none(&mut self) -> Result<(), FrameError> {
        self.scalar("expected None", |_, code| Ok((code == NONE).then_some(())))
    }

    /// Reads a `bool`.
    ///
    /// # Errors
    ///
    /// As [`Reader::tuple`].
    pub fn bool(&mut self) -> Result<bool, FrameError> {
        self.scalar("expected a bool", |_, code| match code {
            TRUE => Ok(Some(true)),
            FALSE => Ok(Some(false)),
            _ => Ok(None),
        })
    }

    /// Reads an `int` that fits.
    ///
    /// # Errors
    ///
    /// As [`Reader::tuple`], and for an integer beyond `i64`.
    pub fn int(&mut self) -> Result<i64, FrameError> {
        self.scalar("expected an int of 64 bits", |reader, code| match code {
            INT => reader.i32().map(|value| Some(i64::from(value))),
            LONG => {
                let (negative, digits) = reader.long()?;
                // Five digits are 75 bits, more than enough, and fit the sum below.
                if digits.len() > 10 {
                    return Ok(None);
                }
                let value = number::small_value(digits);
                Ok(i64::try_from(if negative { -value } else { value }).ok())
            }
            _ => Ok(None),
        })
    }

    /// Reads a `str`; lone surrogates become U+FFFD.
    ///
    /// # Errors
    ///
    /// As [`Reader::tuple`].
    pub fn str(&mut self) -> Result<Cow<'a, str>, FrameError> {
        self.scalar("expected a str", Self::str_content)
    }

    /// Reads a `str`, or `None`.
    ///
    /// # Errors
    ///
    /// As [`Reader::tuple`].
    pub fn opt_str(&mut self) -> Result<Option<Cow<'a, str>>, FrameError> {
        self.scalar("expected a str or None", |reader, code| match code {
            NONE => Ok(Some(None)),
            _ => Ok(reader.str_content(code)?.map(Some)),
        })
    }

    /// Reads a `bytes`.
    ///
    /// # Errors
    ///
    /// As [`Reader::tuple`].
    pub fn bytes(&mut self) -> Result<&'a [u8], FrameError> {
        self.scalar("expected bytes", |reader, code| match code {
            BYTES => reader.counted().map(Some),
            _ => Ok(None),
        })
    }

    /// Reads a `bytes`, or a `str` as its UTF-8, or `None`.
    ///
    /// # Errors
    ///
    /// As [`Reader::tuple`].
    pub fn opt_bytes_or_str(&mut self) -> Result<Option<Cow<'a, [u8]>>, FrameError> {
        self.scalar("expected bytes, a str or None", |reader, code| match code {
            NONE => Ok(Some(None)),
            BYTES => reader.counted().map(|bytes| Some(Some(Cow::Borrowed(bytes)))),
            _ => Ok(reader.str_content(code)?.map(|text| {
                Some(match text {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                })
            })),
        })
    }

    /// The kind of the next object, which stays unread.
    ///
    /// # Errors
    ///
    /// The frame ends here, or what follows is no object.
    pub fn peek(&mut self) -> Result<Kind, FrameError> {
        let start = self.pos;
        let mut code = self.byte()? & !FLAG_REF;
        if code == REF {
            let index = self.index()?;
            let at = self.scratch.refs[index].at as usize;
            code = self.frame[at] & !FLAG_REF;
        }
        self.pos = start;
        Ok(match code {
            NONE => Kind::None,
            TRUE | FALSE => Kind::Bool,
            INT | LONG => Kind::Int,
            FLOAT => Kind::Float,
            UNICODE | UNICODE_INTERNED | ASCII | ASCII_INTERNED | SHORT_ASCII
            | SHORT_ASCII_INTERNED => Kind::Str,
            BYTES => Kind::Bytes,
            TUPLE | SMALL_TUPLE => Kind::Tuple,
            LIST => Kind::List,
            DICT => Kind::Dict,
            _ => Kind::Other,
        })
    }

    /// Passes over the next object, whatever it is.
    ///
    /// # Errors
    ///
    /// What follows is no object.
    pub fn skip(&mut self) -> Result<(), FrameError> {
        self.skip_object()?;
        self.consumed();
        Ok(())
    }

    /// Ends the frame.
    ///
    /// # Errors
    ///
    /// Bytes are left over, or items of a tuple or list were not read.
    pub fn finish(self) -> Result<(), FrameError> {
        if self.pos == self.frame.len() && self.scratch.detours.is_empty() {
            Ok(())
        } else {
            Err(self.error("bytes left over"))
        }
    }

    /// Reads an object that holds no others, here or where a reference leads.
    fn scalar<T>(
        &mut self,
        expected: &'static str,
        read: impl FnOnce(&mut Self, u8) -> Result<Option<T>, FrameError>,
    ) -> Result<T, FrameError> {
        let start = self.pos;
        let mut code = self.header()?.0;
        let mut resume = None;
        if code == REF {
            let index = self.index()?;
            resume = Some(self.pos);
            code = self.jump(index)?;
        }
        let Some(value) = read(self, code)? else {
            return Err(FrameError { offset: start, reason: expected });
        };
        self.pos = resume.unwrap_or(self.pos);
        self.consumed();
        Ok(value)
    }

    fn sequence(
        &mut self,
        expected: &'static str,
        count: impl FnOnce(&mut Self, u8) -> Result<Option<usize>, FrameError>,
    ) -> Result<usize, FrameError> {
        let start = self.pos;
        let mut code = self.header()?.0;
        let mut resume = None;
        if code == REF {
            let index = self.index()?;
            resume = Some(self.pos);
            code = self.jump(index)?;
        }
        let Some(items) = count(self, code)? else {
            return Err(FrameError { offset: start, reason: expected });
        };
        if items > self.frame.len() - self.pos {
            return Err(self.error("more items than bytes"));
        }
        if items == 0 {
            self.pos = resume.unwrap_or(self.pos);
            self.consumed();
        } else if resume.is_some() || !self.scratch.detours.is_empty() {
            // Where a detour is on, items are counted, to know when it is over.
            self.scratch.detours.push(Detour { left: items, resume });
        }
        Ok(items)
    }

    /// Notes that an object has been read to its end.
    pub(super) fn consumed(&mut self) {
        while let Some(detour) = self.scratch.detours.last_mut() {
            detour.left -= 1;
            if detour.left > 0 {
                return;
            }
            // With its last item the tuple or list has ended as well: on to the one around it.
            self.pos = detour.resume.unwrap_or(self.pos);
            self.scratch.detours.pop();
        }
    }

    /// Reads a type code and enters the object in the table of references if it asks for that.
    /// Returns the code without its flag, and the index or [`NO_REF`].
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
        let never = matches!(code, NULL | NONE | TRUE | FALSE | STOP_ITERATION | ELLIPSIS | REF);
        if never || self.replays > 0 || !self.scratch.detours.is_empty() {
            return Ok(NO_REF);
        }
        let refs = &mut self.scratch.refs;
        let at = u32::try_from(self.pos - 1).ok();
        let index = u32::try_from(refs.len()).ok().filter(|&index| index != NO_REF);
        let (Some(at), Some(index)) = (at, index) else {
            return Err(self.error("frame too long"));
        };
        refs.push(Reference { at, active: false });
        Ok(index)
    }

    /// Reads the index of a reference; it is valid.
    #[inline]
    pub(super) fn index(&mut self) -> Result<usize, FrameError> {
        let index = u32::from_le_bytes(self.array()?) as usize;
        if index < self.scratch.refs.len() {
            Ok(index)
        } else {
            Err(self.error("reference to an object that was not"))
        }
    }

    /// Goes to where an object of the table starts and reads its type code.
    pub(super) fn jump(&mut self, index: usize) -> Result<u8, FrameError> {
        self.pos = self.scratch.refs[index].at as usize;
        Ok(self.byte()? & !FLAG_REF)
    }

    fn str_content(&mut self, code: u8) -> Result<Option<Cow<'a, str>>, FrameError> {
        let bytes = match code {
            SHORT_ASCII | SHORT_ASCII_INTERNED => self.short()?,
            ASCII | ASCII_INTERNED | UNICODE | UNICODE_INTERNED => self.counted()?,
            _ => return Ok(None),
        };
        if let Ok(text) = str::from_utf8(bytes) {
            return Ok(Some(Cow::Borrowed(text)));
        }
        match text::replace_surrogates(bytes) {
            Ok(text) => Ok(Some(Cow::Owned(text))),
            Err(text::Malformed) => Err(self.error("string that is no UTF-8")),
        }
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

    /// Reads the content of a long integer: whether it is negative, and its digits.
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
        FrameError { offset: self.pos, reason }
    }
}
