//! Request bodies: writes JSON payloads as marshal objects.
//!
//! A payload is written as its value if it is JSON, else as text or bytes. The output of a payload that turned out not
//! to be JSON is discarded.

use std::mem;

use jiter::{Jiter, JiterError, JiterErrorType};

use super::canonical::{self, Member};
use super::document::{self, Excess, Open};
use super::keys::KeyTable;
use super::number;
use super::objects::{write_head, write_key, write_str};
use super::wire::{BYTES, DEFERRED, DICT, LIST, MAX_LEN, NONE, NULL, PART, SMALL_TUPLE, TUPLE};

/// Kind of a payload, which decides what [`Encoder::payload`] writes for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// JSON: its value is written.
    Json,
    /// Empty: `None` is written.
    Empty,
    /// UTF-8 but not JSON: the text as `str`.
    Text,
    /// Not UTF-8: the payload is written as `bytes`.
    Bytes,
    /// JSON with a lone surrogate (`"\ud800"`), which Python can hold and Rust cannot: the text as `str`, which the
    /// guest parses with `json.loads`.
    Deferred,
    /// JSON nested deeper than the limit: `None` was written, and the message must fail.
    TooDeep,
    /// JSON with an integer of more than [`MAX_INT_DIGITS`](super::MAX_INT_DIGITS) digits, or a
    /// payload of 2 GiB and more: `None` was written, and the message must fail.
    TooBig,
}

/// Writer of request bodies. It is made once and [cleared](Encoder::clear) for each frame, so that it keeps its
/// allocations.
#[derive(Debug)]
pub struct Encoder {
    pub(super) out: Vec<u8>,
    pub(super) keys: KeyTable,
    /// Containers around the current value, the outermost first.
    pub(super) open: Vec<Open>,
    /// Buffer in which `jiter` unescapes strings.
    tape: Vec<u8>,
    pub(super) max_depth: usize,
    /// Members of the current document, for [`Encoder::part`].
    members: Vec<Member>,
    /// Number of documents for which [`Encoder::part`] is not tried, since it did not help.
    whole: u32,
    /// Whether a number that is not a plain integer is written with its text: see [`Encoder::exact`].
    pub(super) exact: bool,
    /// Position in the document at which `jiter` was started: see `document::unusual_number`.
    pub(super) base: usize,
}

/// Reason why a payload is no JSON, with the position in the payload. Its text is made only where it is shown: for
/// [`Encoder::payload`], each text message is such an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why} at byte {at}")]
pub struct NotJson {
    /// Position in the payload, from 0.
    at: usize,
    why: JiterErrorType,
}

impl Encoder {
    /// Creates an encoder for payloads with a nesting of at most `max_depth` (a scalar has depth 0, `[]` has depth 1).
    ///
    /// The guest's loader refuses more than 1500 levels under WASI, including those around the payload; `max_depth`
    /// must stay well below that, because its stack is small.
    #[must_use]
    pub fn new(max_depth: usize) -> Self {
        Self {
            out: Vec::new(),
            keys: KeyTable::new(),
            open: Vec::new(),
            tape: Vec::new(),
            max_depth,
            members: Vec::new(),
            whole: 0,
            exact: false,
            base: 0,
        }
    }

    /// Makes documents keep their numbers as they are: each one that is not a plain integer is written with its text, as
    /// a [`Typed::Number`](super::Typed::Number).
    #[must_use]
    pub fn exact(self, exact: bool) -> Self {
        Self { exact, ..self }
    }

    /// Begins a new frame: discards everything that was written.
    pub fn clear(&mut self) {
        self.rollback((0, 0));
    }

    /// Returns the frame so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.out
    }

    /// Returns the length of the frame so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Returns whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Begins a tuple of `n` objects, which must be written next.
    ///
    /// # Panics
    ///
    /// If `n` exceeds `i32::MAX`, since the format has no such objects. [`list`](Self::list), [`str`](Self::str) and
    /// [`bytes`](Self::bytes) panic likewise for their lengths.
    pub fn tuple(&mut self, n: usize) {
        match u8::try_from(n) {
            Ok(n) => self.out.extend_from_slice(&[SMALL_TUPLE, n]),
            Err(_) => write_head(&mut self.out, TUPLE, n),
        }
    }

    /// Begins a list of `n` objects, which must be written next.
    pub fn list(&mut self, n: usize) {
        write_head(&mut self.out, LIST, n);
    }

    /// Writes `None`.
    pub fn none(&mut self) {
        self.out.push(NONE);
    }

    /// Writes an `int`.
    pub fn int(&mut self, v: i64) {
        number::write_int(&mut self.out, v);
    }

    /// Writes a `str`.
    pub fn str(&mut self, s: &str) {
        write_str(&mut self.out, s, 0);
    }

    /// Writes a `bytes`.
    pub fn bytes(&mut self, b: &[u8]) {
        write_head(&mut self.out, BYTES, b.len());
        self.out.extend_from_slice(b);
    }

    /// Writes bytes that are no marshal object.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Marks the payload that begins at `start`, and is the last, as one that the guest parses: with the code
    /// [`Payload::Deferred`] has in a stream.
    pub fn defer_from(&mut self, start: usize) {
        self.out.insert(start, DEFERRED);
    }

    /// Writes one message payload as one object, whatever it contains.
    ///
    /// JSON is that of RFC 8259: `NaN` and `Infinity` do not belong to it, so a payload with them is text. As in
    /// Python, a byte order mark before JSON is skipped, `-0` is the integer 0, a float beyond the range of doubles is
    /// an infinity, and the last of several equal keys wins.
    pub fn payload(&mut self, payload: &[u8]) -> Payload {
        if payload.is_empty() {
            self.none();
            return Payload::Empty;
        }
        if let Ok(kind) = self.json(payload) {
            return kind;
        }
        match str::from_utf8(payload) {
            Ok(text) => {
                self.str(text);
                Payload::Text
            }
            Err(_) => {
                self.bytes(payload);
                Payload::Bytes
            }
        }
    }

    /// Writes one message payload as one object if it is JSON, as [`payload`](Self::payload) does.
    ///
    /// # Errors
    ///
    /// If it is no JSON; then nothing was written.
    pub fn json(&mut self, payload: &[u8]) -> Result<Payload, NotJson> {
        if payload.len() > MAX_LEN {
            self.none();
            return Ok(Payload::TooBig);
        }
        // `json.loads(bytes)` accepts a mark too, and some producers write one.
        let json = payload.strip_prefix(b"\xef\xbb\xbf").unwrap_or(payload);
        let mark = (self.out.len(), self.keys.len());
        let error = match self.document(json) {
            Ok(Excess {
                deep: false,
                big: false,
            }) => return Ok(Payload::Json),
            Ok(excess) => return Ok(self.refuse(mark, excess)),
            Err(error) => error,
        };
        self.rollback(mark);
        if document::may_be_lone_surrogate(&error)
            && let Some(kind) = self.defer(json)
        {
            return Ok(kind);
        }
        Err(NotJson {
            at: payload.len() - json.len() + self.base + error.index,
            why: error.error_type,
        })
    }

    /// Writes the members of a document whose keys are in `keys`, as a part (see docs/protocol.md). Returns false if the
    /// payload is no object, or not one whose other members can be passed over; then nothing was written. Unless `always`,
    /// it also returns false if most of the document is asked for.
    pub fn part(&mut self, payload: &[u8], keys: &[String], always: bool) -> bool {
        /// Number of documents after which it is tried again.
        const PAUSE: u32 = 64;
        if self.whole > 0 && !always {
            self.whole -= 1;
            return false;
        }
        let mut members = mem::take(&mut self.members);
        members.clear();
        let is_wanted = |key: &[u8]| keys.iter().any(|wanted| wanted.as_bytes() == key);
        let found = canonical::members(payload, is_wanted, &mut members).is_ok();
        let is_part = found && {
            let size: u32 = members
                .iter()
                .map(|member| member.value.end - member.key.start)
                .sum();
            if !always && size as usize > payload.len() / 2 {
                self.whole = PAUSE;
                false
            } else {
                self.write_part(payload, &members)
            }
        };
        self.members = members;
        is_part
    }

    fn write_part(&mut self, payload: &[u8], members: &[Member]) -> bool {
        let mark = (self.out.len(), self.keys.len());
        self.out.extend_from_slice(&[PART, DICT]);
        for member in members {
            let Ok(key) = str::from_utf8(member.key_in(payload)) else {
                self.rollback(mark);
                return false;
            };
            write_key(&mut self.out, &mut self.keys, key);
            let value = self.document(member.value_in(payload));
            let Ok(Excess {
                deep: false,
                big: false,
            }) = value
            else {
                self.rollback(mark);
                return false;
            };
        }
        self.out.push(NULL);
        true
    }

    /// Leaves a payload to the guest if it is JSON except for lone surrogates.
    #[cold]
    fn defer(&mut self, json: &[u8]) -> Option<Payload> {
        let mark = (self.out.len(), self.keys.len());
        let outcome = self.document(&document::mask_surrogates(json));
        self.rollback(mark);
        match (outcome, str::from_utf8(json)) {
            (
                Ok(Excess {
                    deep: false,
                    big: false,
                }),
                Ok(text),
            ) => {
                self.str(text);
                Some(Payload::Deferred)
            }
            (Ok(excess), Ok(_)) => Some(self.refuse(mark, excess)),
            _ => None,
        }
    }

    fn refuse(&mut self, mark: (usize, usize), excess: Excess) -> Payload {
        self.rollback(mark);
        self.none();
        if excess.deep {
            Payload::TooDeep
        } else {
            Payload::TooBig
        }
    }

    /// Removes what was written since the output and the key table had these lengths. Later output must not refer to
    /// keys that were first written in the removed part.
    pub(super) fn rollback(&mut self, (len, keys): (usize, usize)) {
        self.out.truncate(len);
        self.keys.rollback(keys);
    }

    fn document(&mut self, data: &[u8]) -> Result<Excess, JiterError> {
        let mut json = Jiter::with_tape(data, mem::take(&mut self.tape));
        self.base = 0;
        let outcome = self.walk(data, &mut json);
        self.tape = json.into_tape();
        outcome
    }
}
