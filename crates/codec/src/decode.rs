//! Response bodies: reads marshal objects that a guest wrote.

use std::borrow::Cow;
use std::str;

use super::cursor::Reference;
use super::error::FrameError;
use super::json::Open;
use super::number;
use super::skip::Pending;
use super::text;
use super::typed::JsonForm;
use super::wire::{
    ASCII, ASCII_INTERNED, BYTES, DICT, FALSE, FLAG_REF, FLOAT, INT, LIST, LONG, NONE, REF,
    SHORT_ASCII, SHORT_ASCII_INTERNED, SMALL_TUPLE, TRUE, TUPLE, UNICODE, UNICODE_INTERNED,
};

/// Allocations of a [`Reader`], to be passed from one to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) refs: Vec<Reference>,
    pub(super) open: Vec<Open>,
    pub(super) pending: Vec<Pending>,
}

impl Scratch {
    /// Releases memory that only a rare frame needs: this value outlives the guest that wrote the frame.
    pub fn shrink(&mut self) {
        /// Most entries of each vector that are kept: some ten times what a usual answer has.
        const KEEP: usize = 1 << 16;
        self.refs.clear();
        self.refs.shrink_to(KEEP);
        self.open.clear();
        self.open.shrink_to(KEEP);
        self.pending.clear();
        self.pending.shrink_to(KEEP);
    }

    /// Returns the number of entries for which there is space: what a long-lived scratch holds on to.
    pub fn capacity(&self) -> usize {
        self.refs.capacity() + self.open.capacity() + self.pending.capacity()
    }
}

/// Kind of the next object.
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
    /// Any other object
    Other,
}

/// Reader of one response body, object by object.
///
/// Each method reads the next object if it is of the requested type. The items of a tuple or list are read by the calls
/// that follow. After a [`FrameError`] the reader is of no more use.
#[derive(Debug)]
pub struct Reader<'a, 's> {
    pub(super) frame: &'a [u8],
    pub(super) pos: usize,
    pub(super) scratch: &'s mut Scratch,
    /// Number of references that [`Reader::value`] is following.
    pub(super) replays: usize,
    pub(super) max_depth: usize,
    pub(super) form: JsonForm,
}

impl<'a, 's> Reader<'a, 's> {
    /// Creates a reader of `frame` that refuses values nested deeper than `max_depth` (a scalar has depth 0, `[]` has
    /// depth 1).
    pub fn new(frame: &'a [u8], scratch: &'s mut Scratch, max_depth: usize) -> Self {
        scratch.refs.clear();
        scratch.open.clear();
        scratch.pending.clear();
        Self {
            frame,
            pos: 0,
            scratch,
            replays: 0,
            max_depth,
            form: JsonForm::default(),
        }
    }

    /// Sets what becomes of values that JSON has no type for.
    #[must_use]
    pub fn with_form(self, form: JsonForm) -> Self {
        Self { form, ..self }
    }

    /// Begins a tuple and returns its number of items.
    ///
    /// The count never exceeds the number of bytes in the frame, so it may be used to allocate memory.
    ///
    /// # Errors
    ///
    /// If the next object is not a tuple. The other methods fail in the same way for the types that they name.
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
    /// As for [`Reader::tuple`].
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
    /// As for [`Reader::tuple`].
    pub fn none(&mut self) -> Result<(), FrameError> {
        self.scalar("expected None", |_, code| Ok((code == NONE).then_some(())))
    }

    /// Reads a `bool`.
    ///
    /// # Errors
    ///
    /// As for [`Reader::tuple`].
    pub fn bool(&mut self) -> Result<bool, FrameError> {
        self.scalar("expected a bool", |_, code| match code {
            TRUE => Ok(Some(true)),
            FALSE => Ok(Some(false)),
            _ => Ok(None),
        })
    }

    /// Reads an `int` that fits `i64`.
    ///
    /// # Errors
    ///
    /// As [`Reader::tuple`], and for an integer that does not fit `i64`.
    pub fn int(&mut self) -> Result<i64, FrameError> {
        self.scalar("expected an int of 64 bits", |reader, code| match code {
            INT => reader.i32().map(|value| Some(i64::from(value))),
            LONG => {
                let (negative, digits) = reader.long()?;
                // Five digits have 75 bits, which is more than enough, and fit the sum below.
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
    /// As for [`Reader::tuple`].
    pub fn str(&mut self) -> Result<Cow<'a, str>, FrameError> {
        self.scalar("expected a str", Self::str_content)
    }

    /// Reads a `str`, or `None`.
    ///
    /// # Errors
    ///
    /// As for [`Reader::tuple`].
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
    /// As for [`Reader::tuple`].
    pub fn bytes(&mut self) -> Result<&'a [u8], FrameError> {
        self.scalar("expected bytes", |reader, code| match code {
            BYTES => reader.counted().map(Some),
            _ => Ok(None),
        })
    }

    /// Reads a `bytes`, the UTF-8 of a `str`, or `None`.
    ///
    /// # Errors
    ///
    /// As for [`Reader::tuple`].
    pub fn opt_bytes_or_str(&mut self) -> Result<Option<Cow<'a, [u8]>>, FrameError> {
        self.scalar("expected bytes, a str or None", |reader, code| match code {
            NONE => Ok(Some(None)),
            BYTES => reader
                .counted()
                .map(|bytes| Some(Some(Cow::Borrowed(bytes)))),
            _ => Ok(reader.str_content(code)?.map(|text| {
                Some(match text {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                })
            })),
        })
    }

    /// Returns the kind of the next object, which stays unread.
    ///
    /// # Errors
    ///
    /// If the frame ends here, or no valid object follows.
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

    /// Skips the next object of any kind.
    ///
    /// # Errors
    ///
    /// If no valid object follows.
    pub fn skip(&mut self) -> Result<(), FrameError> {
        self.skip_object()
    }

    /// Checks that the frame has ended.
    ///
    /// # Errors
    ///
    /// If bytes are left over, or items of a tuple or list were not read.
    pub fn finish(self) -> Result<(), FrameError> {
        if self.pos == self.frame.len() {
            Ok(())
        } else {
            Err(self.error("bytes left over"))
        }
    }

    /// Reads an object that holds no other objects, here or at the target of a reference.
    fn scalar<T>(
        &mut self,
        expected: &'static str,
        read: impl FnOnce(&mut Self, u8) -> Result<Option<T>, FrameError>,
    ) -> Result<T, FrameError> {
        let start = self.pos;
        let (code, resume) = self.header_of_target()?;
        let Some(value) = read(self, code)? else {
            return Err(FrameError {
                offset: start,
                reason: expected,
            });
        };
        self.pos = resume.unwrap_or(self.pos);
        Ok(value)
    }

    /// Begins an object that holds others. It must not be a reference: references would let a small frame cause any
    /// amount of work.
    fn sequence(
        &mut self,
        expected: &'static str,
        count: impl FnOnce(&mut Self, u8) -> Result<Option<usize>, FrameError>,
    ) -> Result<usize, FrameError> {
        let start = self.pos;
        let code = self.header()?.0;
        let Some(items) = count(self, code)? else {
            return Err(FrameError {
                offset: start,
                reason: expected,
            });
        };
        if items > self.frame.len() - self.pos {
            return Err(self.error("more items than bytes"));
        }
        Ok(items)
    }

    pub(super) fn str_content(&mut self, code: u8) -> Result<Option<Cow<'a, str>>, FrameError> {
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
}
