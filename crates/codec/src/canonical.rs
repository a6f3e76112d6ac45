//! Copies of JSON in the form that [`Reader`](super::Reader) writes, made without a guest.
//!
//! What a script only passes on need not go through marshal. A copy is byte for byte what the long way gives
//! ([`Encoder`](super::Encoder), `marshal.loads`, `marshal.dumps`, [`Reader`](super::Reader)). Where that takes more
//! than a look at the text, there is no copy, and the caller takes the long way.

mod distinct;
mod patched;
mod scan;
mod words;

use std::ops::Range;

use self::distinct::Distinct;
pub use self::patched::MOST_SET;
pub(crate) use self::patched::copy_patched;
use self::scan::{Scanner, Sink};
use super::number;
use super::text;
use super::wire::MAX_LEN;

/// The text is not JSON, or not of the simple kind that is copied here.
///
/// Not of that kind are: more than 100 levels, integers of more than 4000 digits, lone surrogates, objects of which two
/// keys are equal (in [`members`]: two of those that are looked for), floats beyond the range of doubles (in a copy), and
/// escapes in keys (in [`members`]). A byte order mark is not accepted either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsure;

/// Member of a JSON object: places in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// The key between its quotes, in which nothing is escaped.
    pub(crate) key: Range<u32>,
    /// The value, without the white space around it.
    pub(crate) value: Range<u32>,
}

impl Member {
    /// Returns the key, which is a part of `json`.
    pub(crate) fn key_in<'j>(&self, json: &'j [u8]) -> &'j [u8] {
        &json[self.key.start as usize..self.key.end as usize]
    }

    /// Returns the value, which is a part of `json`.
    pub(crate) fn value_in<'j>(&self, json: &'j [u8]) -> &'j [u8] {
        &json[self.value.start as usize..self.value.end as usize]
    }
}

/// Checks that `json` is one JSON object and nothing else, and appends the members whose keys `is_wanted`, in their
/// order.
///
/// Whatever it accepts is [`Payload::Json`](super::Payload::Json) for an encoder that allows 100 levels. Other members
/// may have equal keys, and so may objects inside the values. A wanted key is compared with all that were found before.
///
/// # Errors
///
/// See [`Unsure`]. `members` is unchanged.
pub(crate) fn members(
    json: &[u8],
    is_wanted: impl Fn(&[u8]) -> bool,
    members: &mut Vec<Member>,
) -> Result<(), Unsure> {
    let former = members.len();
    let outcome = append_members(json, is_wanted, members);
    if outcome.is_err() {
        members.truncate(former);
    }
    outcome
}

fn append_members(
    json: &[u8],
    is_wanted: impl Fn(&[u8]) -> bool,
    members: &mut Vec<Member>,
) -> Result<(), Unsure> {
    check_text(json)?;
    let former = members.len();
    let mut scanner = Scanner::new(json, Check);
    scanner.members(|scanner, place| {
        let start = scanner.pos;
        scanner.value(1)?;
        let key = &json[place.clone()];
        if !is_wanted(key) {
            return Ok(());
        }
        // Python keeps the last value, at the place of the first.
        if members[former..]
            .iter()
            .any(|member| member.key_in(json) == key)
        {
            return Err(Unsure);
        }
        members.push(Member {
            key: places(place),
            value: places(start..scanner.pos),
        });
        Ok(())
    })?;
    scanner.end()
}

/// Appends the value `json` in canonical form to `out`.
///
/// `null` is written as such, where [`Reader::value`](super::Reader::value) writes nothing and returns
/// [`Top::None`](super::Top::None).
///
/// # Errors
///
/// See [`Unsure`]. `out` is unchanged.
#[cfg(test)]
pub(crate) fn copy(json: &[u8], out: &mut Vec<u8>) -> Result<(), Unsure> {
    let former = out.len();
    let outcome = append_copy(json, out);
    if outcome.is_err() {
        out.truncate(former);
    }
    outcome
}

#[cfg(test)]
fn append_copy(json: &[u8], out: &mut Vec<u8>) -> Result<(), Unsure> {
    check_text(json)?;
    out.reserve(json.len());
    let mut scanner = Scanner::new(json, Copier::new(json, out));
    scanner.space();
    scanner.value(0)?;
    scanner.finish()?;
    scanner.sink.flush(json.len());
    Ok(())
}

/// Checks what concerns the text as a whole: its length and its encoding.
fn check_text(json: &[u8]) -> Result<(), Unsure> {
    // Most documents are ASCII, which is faster to find out.
    let sound = json.len() <= MAX_LEN && (json.is_ascii() || str::from_utf8(json).is_ok());
    if sound { Ok(()) } else { Err(Unsure) }
}

/// Returns places in a text that is not longer than [`MAX_LEN`].
fn places(range: Range<usize>) -> Range<u32> {
    range.start as u32..range.end as u32
}

/// Sink of a scanner that only checks.
struct Check;

impl Sink for Check {
    fn omit(&mut self, _: Range<usize>) {}

    fn replace(&mut self, _: Range<usize>, _: char) {}

    fn float(&mut self, _: Range<usize>) -> Result<(), Unsure> {
        Ok(())
    }

    fn begin_object(&mut self) {}

    fn place(&self, _: usize) -> usize {
        0
    }

    fn key(&mut self, _: Range<usize>) -> Result<(), Unsure> {
        Ok(())
    }

    fn escaped_key(&mut self, _: usize, _: usize) -> Result<(), Unsure> {
        Ok(())
    }

    fn end_object(&mut self) -> Result<(), Unsure> {
        Ok(())
    }
}

/// Sink of a scanner that copies: what is the same in the text and in its canonical form is copied in runs.
struct Copier<'t, 'o> {
    text: &'t [u8],
    /// Start of the run that is not copied yet.
    from: usize,
    out: &'o mut Vec<u8>,
    /// Keys of the objects that have not ended, once there was an object.
    keys: Option<Distinct>,
}

impl<'t, 'o> Copier<'t, 'o> {
    fn new(text: &'t [u8], out: &'o mut Vec<u8>) -> Self {
        Self {
            text,
            from: 0,
            out,
            keys: None,
        }
    }

    /// Copies what was left up to `to`.
    #[inline]
    fn flush(&mut self, to: usize) {
        const SHORT: usize = 16;
        let len = to - self.from;
        // Short runs are frequent in a text with white space: to copy more than needed costs less than a call.
        if len <= SHORT
            && let Some(chunk) = self.text[self.from..].first_chunk::<SHORT>()
        {
            let end = self.out.len() + len;
            self.out.extend_from_slice(chunk);
            self.out.truncate(end);
        } else {
            self.out.extend_from_slice(&self.text[self.from..to]);
        }
    }
}

impl Sink for Copier<'_, '_> {
    #[inline]
    fn omit(&mut self, omitted: Range<usize>) {
        self.flush(omitted.start);
        self.from = omitted.end;
    }

    fn replace(&mut self, replaced: Range<usize>, by: char) {
        self.omit(replaced);
        text::escape(self.out, by.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn float(&mut self, number: Range<usize>) -> Result<(), Unsure> {
        let text = str::from_utf8(&self.text[number.clone()]).map_err(|_| Unsure)?;
        let value = text.parse().map_err(|_| Unsure)?;
        self.omit(number);
        number::write_float(self.out, value).map_err(|_| Unsure)
    }

    #[inline]
    fn begin_object(&mut self) {
        self.keys.get_or_insert_with(Distinct::new).begin();
    }

    #[inline]
    fn place(&self, at: usize) -> usize {
        self.out.len() + (at - self.from)
    }

    #[inline]
    fn key(&mut self, key: Range<usize>) -> Result<(), Unsure> {
        match &mut self.keys {
            Some(keys) => keys.add(&self.text[key]),
            None => Err(Unsure),
        }
    }

    #[cold]
    fn escaped_key(&mut self, place: usize, end: usize) -> Result<(), Unsure> {
        self.omit(end..end);
        match &mut self.keys {
            Some(keys) => keys.add(&self.out[place..]),
            None => Err(Unsure),
        }
    }

    #[inline]
    fn end_object(&mut self) -> Result<(), Unsure> {
        match &mut self.keys {
            Some(keys) => keys.end(),
            None => Err(Unsure),
        }
    }
}
