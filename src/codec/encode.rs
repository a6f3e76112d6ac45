//! Request bodies: JSON payloads as marshal objects.
//!
//! `jiter` hands out the document piece by piece and each piece is written at once, so no tree is
//! built. A list's length stands before its items: it is filled in when the list ends.

use std::mem;

use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType, NumberAny, NumberInt, Peek};

use super::keys::{KeyTable, Lookup};
use super::number;
use super::wire::{
    ASCII, BYTES, DICT, FALSE, FLAG_REF, FLOAT, LIST, MAX_LEN, NONE, NULL, REF, SHORT_ASCII,
    SMALL_TUPLE, TRUE, TUPLE, UNICODE,
};

/// What a payload was, and so what [`Encoder::payload`] wrote for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// JSON: its value.
    Json,
    /// Empty: `None`.
    Empty,
    /// UTF-8 but no JSON: the text as `str`.
    Text,
    /// Not UTF-8: the payload as `bytes`.
    Bytes,
    /// JSON with a lone surrogate (`"\ud800"`), which Python can hold and Rust cannot: the text as
    /// `str`, for the guest to parse with `json.loads`.
    Deferred,
    /// JSON nested deeper than the limit: `None` was written, and the message must fail.
    TooDeep,
    /// JSON with an integer of more than [`MAX_INT_DIGITS`](super::MAX_INT_DIGITS) digits, or a
    /// payload of 2 GiB and more: `None` was written, and the message must fail.
    TooBig,
}

/// Writes one request body. Made once and [cleared](Encoder::clear) for each frame: it keeps its
/// allocations.
#[derive(Debug)]
pub struct Encoder {
    out: Vec<u8>,
    keys: KeyTable,
    /// Containers around the current value, outermost first.
    open: Vec<Open>,
    /// Where `jiter` unescapes strings.
    tape: Vec<u8>,
    max_depth: usize,
}

/// A container whose end has not come.
#[derive(Debug, Clone, Copy)]
enum Open {
    List {
        /// Where its length goes.
        at: usize,
        items: u32,
    },
    Dict,
}

/// How a document that is JSON must nevertheless not reach the guest.
#[derive(Debug, Default, Clone, Copy)]
struct Excess {
    deep: bool,
    big: bool,
}

impl Encoder {
    /// An encoder for payloads nested at most `max_depth` deep (a scalar is 0 deep, `[]` is 1).
    ///
    /// The guest's loader refuses more than 1500 levels under WASI, those around the payload
    /// included; stay well below, for its stack is small.
    #[must_use]
    pub fn new(max_depth: usize) -> Self {
        Self {
            out: Vec::new(),
            keys: KeyTable::new(),
            open: Vec::new(),
            tape: Vec::new(),
            max_depth,
        }
    }

    /// Begins a new frame: forgets all that was written.
    pub fn clear(&mut self) {
        self.rollback((0, 0));
    }

    /// The frame so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.out
    }

    /// Length of the frame so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Begins a tuple of `n` objects; they must follow.
    ///
    /// # Panics
    ///
    /// If `n` exceeds `i32::MAX`, as do [`list`](Self::list), [`str`](Self::str) and
    /// [`bytes`](Self::bytes) for theirs: the format has no such objects.
    pub fn tuple(&mut self, n: usize) {
        match u8::try_from(n) {
            Ok(n) => self.out.extend_from_slice(&[SMALL_TUPLE, n]),
            Err(_) => write_head(&mut self.out, TUPLE, n),
        }
    }

    /// Begins a list of `n` objects; they must follow.
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

    /// Writes one message payload as one object, whatever it holds.
    ///
    /// JSON is RFC 8259: `NaN` and `Infinity` are not, so a payload with them is text. As in
    /// Python, a byte order mark before JSON is skipped, `-0` is the integer 0, a float beyond the
    /// range of doubles is an infinity, and the last of several equal keys wins.
    pub fn payload(&mut self, payload: &[u8]) -> Payload {
        if payload.is_empty() {
            self.none();
            return Payload::Empty;
        }
        if payload.len() > MAX_LEN {
            self.none();
            return Payload::TooBig;
        }
        // `json.loads(bytes)` takes a mark too, and some producers write one.
        let json = payload.strip_prefix(b"\xef\xbb\xbf").unwrap_or(payload);
        let mark = (self.out.len(), self.keys.len());
        let error = match self.document(json) {
            Ok(Excess { deep: false, big: false }) => return Payload::Json,
            Ok(excess) => return self.refuse(mark, excess),
            Err(error) => error,
        };
        self.rollback(mark);
        if may_be_lone_surrogate(&error)
            && let Some(kind) = self.defer(json)
        {
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

    /// Leaves a payload to the guest if, but for lone surrogates, it is JSON.
    #[cold]
    fn defer(&mut self, json: &[u8]) -> Option<Payload> {
        let mark = (self.out.len(), self.keys.len());
        let outcome = self.document(&mask_surrogates(json));
        self.rollback(mark);
        match (outcome, str::from_utf8(json)) {
            (Ok(Excess { deep: false, big: false }), Ok(text)) => {
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
        if excess.deep { Payload::TooDeep } else { Payload::TooBig }
    }

    /// Takes back what was written since the output and the key table had these lengths. Keys
    /// first written in the part that goes must not be referred to any more.
    fn rollback(&mut self, (len, keys): (usize, usize)) {
        self.out.truncate(len);
        self.keys.rollback(keys);
    }

    fn document(&mut self, data: &[u8]) -> Result<Excess, JiterError> {
        let mut json = Jiter::with_tape(data, mem::take(&mut self.tape));
        let outcome = self.walk(data, &mut json);
        self.tape = json.into_tape();
        outcome
    }

    /// Writes the document. What exceeds a limit is noted and read on: whether it is JSON at all
    /// is known only at its end.
    fn walk<'j>(&mut self, data: &'j [u8], json: &mut Jiter<'j>) -> Result<Excess, JiterError> {
        let Self { out, keys, open, max_depth, .. } = self;
        open.clear();
        let mut excess = Excess::default();
        // Where `json` starts within `data`: see `unusual_number`.
        let mut base = 0;
        let mut peek = json.peek()?;
        loop {
            match peek {
                Peek::String => write_str(out, json.known_str()?, 0),
                Peek::Object => {
                    excess.deep |= open.len() >= *max_depth;
                    out.push(DICT);
                    if let Some(key) = json.known_object()? {
                        write_key(out, keys, key);
                        peek = json.peek()?;
                        open.push(Open::Dict);
                        continue;
                    }
                    out.push(NULL);
                }
                Peek::Array => {
                    excess.deep |= open.len() >= *max_depth;
                    write_head(out, LIST, 0);
                    if let Some(first) = json.known_array()? {
                        peek = first;
                        open.push(Open::List { at: out.len() - 4, items: 1 });
                        continue;
                    }
                }
                Peek::True | Peek::False => {
                    out.push(if json.known_bool(peek)? { TRUE } else { FALSE });
                }
                Peek::Null => {
                    json.known_null()?;
                    out.push(NONE);
                }
                _ => match json.known_number(peek) {
                    Ok(NumberAny::Int(NumberInt::Int(value))) => number::write_int(out, value),
                    Ok(NumberAny::Float(value)) => write_float(out, value),
                    Err(error) => {
                        let number = base + json.current_index();
                        let end = number + unusual_number(out, &data[number..], error, &mut excess)?;
                        let tape = mem::replace(json, Jiter::new(&[])).into_tape();
                        *json = Jiter::with_tape(&data[end..], tape);
                        base = end;
                    }
                },
            }
            // One value is complete: go on with what is around it.
            loop {
                match open.last_mut() {
                    None => {
                        json.finish()?;
                        return Ok(excess);
                    }
                    Some(Open::List { at, items }) => {
                        if let Some(next) = json.array_step()? {
                            *items += 1;
                            peek = next;
                            break;
                        }
                        out[*at..*at + 4].copy_from_slice(&items.to_le_bytes());
                    }
                    Some(Open::Dict) => {
                        if let Some(key) = json.next_key()? {
                            write_key(out, keys, key);
                            peek = json.peek()?;
                            break;
                        }
                        out.push(NULL);
                    }
                }
                open.pop();
            }
        }
    }
}

/// Writes a number that `jiter` refuses although JSON allows it: an integer beyond `i64`, or
/// anything with more than 4300 digits before the point. Returns its length; `jiter` cannot be
/// told to go past it, so the caller starts it anew behind.
#[cold]
fn unusual_number(
    out: &mut Vec<u8>,
    text: &[u8],
    error: JiterError,
    excess: &mut Excess,
) -> Result<usize, JiterError> {
    if !matches!(error.error_type, JiterErrorType::JsonError(JsonErrorType::NumberOutOfRange)) {
        return Err(error);
    }
    let Some((len, integer)) = number::scan(text) else {
        return Err(error);
    };
    if integer {
        excess.big |= !number::write_decimal(out, &text[..len]);
    } else {
        let float = str::from_utf8(&text[..len]).ok().and_then(|text| text.parse().ok());
        write_float(out, float.ok_or(error)?);
    }
    Ok(len)
}

fn may_be_lone_surrogate(error: &JiterError) -> bool {
    use JsonErrorType::{LoneLeadingSurrogateInHexEscape, UnexpectedEndOfHexEscape};
    matches!(
        error.error_type,
        JiterErrorType::JsonError(LoneLeadingSurrogateInHexEscape | UnexpectedEndOfHexEscape)
    )
}

/// A copy in which each escaped surrogate is an escaped U+FFFD: JSON exactly if the original is
/// JSON to Python.
///
/// Backslashes stand only in strings, so pairing them off from the start finds each escape.
fn mask_surrogates(json: &[u8]) -> Vec<u8> {
    let mut copy = json.to_vec();
    let mut at = 0;
    while at < copy.len() {
        if copy[at] != b'\\' {
            at += 1;
            continue;
        }
        if let Some([b'u', b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', third, fourth]) =
            copy.get(at + 1..at + 6)
            && third.is_ascii_hexdigit()
            && fourth.is_ascii_hexdigit()
        {
            copy[at + 2..at + 6].copy_from_slice(b"fffd");
        }
        at += 2;
    }
    copy
}

/// Writes a type code and a length or count.
///
/// # Panics
///
/// If the length exceeds `i32::MAX`.
#[inline]
fn write_head(out: &mut Vec<u8>, code: u8, len: usize) {
    assert!(len <= MAX_LEN, "marshal has no objects of 2 GiB and more");
    let len = (len as u32).to_le_bytes();
    out.extend_from_slice(&[code, len[0], len[1], len[2], len[3]]);
}

/// Writes a string. The types are those for strings that are *not* interned: see the module's
/// introduction.
#[inline]
fn write_str(out: &mut Vec<u8>, text: &str, flag: u8) {
    let bytes = text.as_bytes();
    if !text.is_ascii() {
        write_head(out, UNICODE | flag, bytes.len());
    } else if let Ok(len) = u8::try_from(bytes.len()) {
        out.extend_from_slice(&[SHORT_ASCII | flag, len]);
    } else {
        write_head(out, ASCII | flag, bytes.len());
    }
    out.extend_from_slice(bytes);
}

#[inline]
fn write_key(out: &mut Vec<u8>, keys: &mut KeyTable, key: &str) {
    match keys.lookup(key, out) {
        Lookup::Known(index) => {
            let index = index.to_le_bytes();
            out.extend_from_slice(&[REF, index[0], index[1], index[2], index[3]]);
        }
        Lookup::New => write_str(out, key, FLAG_REF),
        Lookup::Unshared => write_str(out, key, 0),
    }
}

#[inline]
fn write_float(out: &mut Vec<u8>, value: f64) {
    out.push(FLOAT);
    out.extend_from_slice(&value.to_le_bytes());
}
