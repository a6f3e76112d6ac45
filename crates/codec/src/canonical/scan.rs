//! Reading of JSON text: checks the grammar of RFC 8259, and tells a [`Sink`] where the canonical form differs.

use std::ops::Range;

use super::super::text::special_bytes;
use super::Unsure;
use super::words::{first_byte, first_special, other_than_digits, word};

/// Most containers around one another.
const MAX_LEVELS: u32 = 100;
/// Most digits of an integer. It is below [`MAX_INT_DIGITS`](crate::MAX_INT_DIGITS), and below the 4300 of
/// Python's `json`.
const MAX_DIGITS: usize = 4000;

/// Receiver of what a scanner finds. Ranges are places in the text, and increase.
pub(super) trait Sink {
    /// A part of the text does not belong to the canonical form.
    fn omit(&mut self, omitted: Range<usize>);
    /// A character, escaped if necessary, takes the place of a part of a string.
    fn replace(&mut self, replaced: Range<usize>, by: char);
    /// A float may be in another form than that of Python's `repr`.
    fn float(&mut self, number: Range<usize>) -> Result<(), Unsure>;
    /// An object begins.
    fn begin_object(&mut self);
    /// Returns the place in the canonical form of the text at `at`. Everything before it was reported.
    fn place(&self, at: usize) -> usize;
    /// An object has this key, which is the same in canonical form.
    fn key(&mut self, key: Range<usize>) -> Result<(), Unsure>;
    /// An object has a key that began at `place` of the canonical form, and ends before `end` of the text.
    fn escaped_key(&mut self, place: usize, end: usize) -> Result<(), Unsure>;
    /// The innermost object ends.
    fn end_object(&mut self) -> Result<(), Unsure>;
}

/// Reader of a text.
pub(super) struct Scanner<'t, S> {
    text: &'t [u8],
    pub(super) pos: usize,
    pub(super) sink: S,
}

impl<'t, S: Sink> Scanner<'t, S> {
    pub(super) fn new(text: &'t [u8], sink: S) -> Self {
        Self { text, pos: 0, sink }
    }

    /// Returns the next byte, or zero at the end: outside of strings JSON has no such byte.
    #[inline]
    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    /// Passes white space. Returns the byte after it.
    #[inline]
    pub(super) fn space(&mut self) -> u8 {
        let byte = self.byte(self.pos);
        if byte > b' ' {
            return byte;
        }
        let start = self.pos;
        let mut byte = byte;
        while matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            self.pos += 1;
            byte = self.byte(self.pos);
        }
        self.sink.omit(start..self.pos);
        byte
    }

    /// Reads the members of the object that the whole text is, up to its closing brace. `read` reads a member's value,
    /// which comes next, and is given the place of the key, in which nothing is escaped. Then comes [`Scanner::end`].
    pub(super) fn members(
        &mut self,
        mut read: impl FnMut(&mut Self, Range<usize>) -> Result<(), Unsure>,
    ) -> Result<(), Unsure> {
        if self.space() != b'{' {
            return Err(Unsure);
        }
        self.pos += 1;
        self.sink.begin_object();
        if self.space() == b'}' {
            return Ok(());
        }
        loop {
            let (key, escaped) = self.key()?;
            if escaped {
                return Err(Unsure);
            }
            self.sink.key(key.clone())?;
            self.colon()?;
            read(self, key)?;
            match self.space() {
                b',' => self.pos += 1,
                b'}' => return Ok(()),
                _ => return Err(Unsure),
            }
            self.space();
        }
    }

    /// Passes the brace that ends the object, after which only white space may be left.
    pub(super) fn end(&mut self) -> Result<(), Unsure> {
        self.pos += 1;
        self.sink.end_object()?;
        self.finish()
    }

    /// Checks that only white space is left.
    pub(super) fn finish(&mut self) -> Result<(), Unsure> {
        self.space();
        if self.pos == self.text.len() {
            Ok(())
        } else {
            Err(Unsure)
        }
    }

    /// Reads a value, which must come next, in `around` containers.
    pub(super) fn value(&mut self, around: u32) -> Result<(), Unsure> {
        let mut level = around;
        // Kinds of the containers that this function has entered, the innermost in the last bit: one is an object.
        let mut objects = 0u128;
        loop {
            match self.byte(self.pos) {
                b'"' => {
                    self.string()?;
                }
                b'-' | b'0'..=b'9' => self.number()?,
                b'{' => {
                    self.enter(&mut level)?;
                    self.sink.begin_object();
                    if self.space() != b'}' {
                        objects = objects << 1 | 1;
                        self.object_key()?;
                        continue;
                    }
                    self.pos += 1;
                    self.sink.end_object()?;
                    level -= 1;
                }
                b'[' => {
                    self.enter(&mut level)?;
                    if self.space() != b']' {
                        objects <<= 1;
                        continue;
                    }
                    self.pos += 1;
                    level -= 1;
                }
                b't' => self.literal(*b"true")?,
                b'n' => self.literal(*b"null")?,
                b'f' => {
                    self.pos += 1;
                    self.literal(*b"alse")?;
                }
                _ => return Err(Unsure),
            }
            // One value is complete: continue with its container.
            loop {
                if level == around {
                    return Ok(());
                }
                let object = objects & 1 != 0;
                match self.space() {
                    b',' => {
                        self.pos += 1;
                        self.space();
                        if object {
                            self.object_key()?;
                        }
                        break;
                    }
                    b'}' if object => self.sink.end_object()?,
                    b']' if !object => {}
                    _ => return Err(Unsure),
                }
                self.pos += 1;
                objects >>= 1;
                level -= 1;
            }
        }
    }

    #[inline]
    fn enter(&mut self, level: &mut u32) -> Result<(), Unsure> {
        self.pos += 1;
        *level += 1;
        if *level > MAX_LEVELS {
            return Err(Unsure);
        }
        Ok(())
    }

    #[inline]
    fn object_key(&mut self) -> Result<(), Unsure> {
        let place = self.sink.place(self.pos + 1);
        let (key, escaped) = self.key()?;
        if escaped {
            self.sink.escaped_key(place, key.end)?;
        } else {
            self.sink.key(key)?;
        }
        self.colon()
    }

    /// Reads a key, which must come next. Returns its text, and whether something is escaped in it.
    #[inline]
    pub(super) fn key(&mut self) -> Result<(Range<usize>, bool), Unsure> {
        if self.byte(self.pos) != b'"' {
            return Err(Unsure);
        }
        self.string()
    }

    /// Goes from a key to its value.
    #[inline]
    pub(super) fn colon(&mut self) -> Result<(), Unsure> {
        if self.space() != b':' {
            return Err(Unsure);
        }
        self.pos += 1;
        self.space();
        Ok(())
    }

    /// Reads a string, whose opening quote comes next. Returns the text between its quotes, and whether something is
    /// escaped in it.
    #[inline]
    fn string(&mut self) -> Result<(Range<usize>, bool), Unsure> {
        let start = self.pos + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            at = self.plain_end(at);
            match self.text.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at = self.escape(at)?,
                _ => return Err(Unsure),
            }
            escaped = true;
        }
        self.pos = at + 1;
        Ok((start..at, escaped))
    }

    /// Returns the place of the first byte from `at` on that cannot stand in a string as it is.
    #[inline]
    fn plain_end(&self, mut at: usize) -> usize {
        // Sixteen bytes at a time, since most strings are shorter: their length then decides no branch.
        while let Some(chunk) = self.text.get(at..).and_then(<[u8]>::first_chunk) {
            if let Some(place) = first_special(chunk) {
                return at + place;
            }
            at += 16;
        }
        loop {
            let special = special_bytes::<false>(word(self.text, at));
            if special != 0 {
                return at + first_byte(special);
            }
            at += 8;
        }
    }

    /// Reads the escape at `at`. Returns where it ends.
    fn escape(&mut self, at: usize) -> Result<usize, Unsure> {
        match self.byte(at + 1) {
            b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 2),
            b'/' => {
                self.sink.omit(at..at + 1);
                Ok(at + 2)
            }
            b'u' => {
                let first = self.unit(at)?;
                let mut units = [first, 0];
                let mut count = 1;
                if matches!(first, 0xd800..=0xdbff) {
                    units[1] = self.unit(at + 6)?;
                    count = 2;
                }
                let end = at + 6 * count;
                match char::decode_utf16(units).next() {
                    Some(Ok(character)) => self.sink.replace(at..end, character),
                    _ => return Err(Unsure),
                }
                Ok(end)
            }
            _ => Err(Unsure),
        }
    }

    /// Returns the UTF-16 unit of the escape `\uXXXX` at `at`.
    fn unit(&self, at: usize) -> Result<u16, Unsure> {
        let Some([b'\\', b'u', digits @ ..]) =
            self.text.get(at..).and_then(<[u8]>::first_chunk::<6>)
        else {
            return Err(Unsure);
        };
        let mut unit = 0;
        for &digit in digits {
            let digit = char::from(digit).to_digit(16).ok_or(Unsure)?;
            unit = unit << 4 | digit as u16;
        }
        Ok(unit)
    }

    #[inline]
    fn literal(&mut self, word: [u8; 4]) -> Result<(), Unsure> {
        match self.text[self.pos..].first_chunk() {
            Some(found) if *found == word => {
                self.pos += 4;
                Ok(())
            }
            _ => Err(Unsure),
        }
    }

    #[inline]
    fn number(&mut self) -> Result<(), Unsure> {
        let start = self.pos;
        let negative = self.byte(start) == b'-';
        let whole = start + usize::from(negative);
        let point = self.digits_end(whole);
        let zero = self.byte(whole) == b'0';
        if point == whole || (zero && point - whole > 1) {
            return Err(Unsure);
        }
        match self.byte(point) {
            b'.' => {
                let end = self.digits_end(point + 1);
                if end == point + 1 {
                    return Err(Unsure);
                }
                let exponent = matches!(self.byte(end), b'e' | b'E');
                if exponent || !is_repr(&self.text[whole..end], point - whole) {
                    return self.unusual_float(start, end);
                }
                self.pos = end;
            }
            b'e' | b'E' => return self.unusual_float(start, point),
            _ => {
                if negative && zero {
                    self.sink.omit(start..whole);
                }
                if point - whole > MAX_DIGITS {
                    return Err(Unsure);
                }
                self.pos = point;
            }
        }
        Ok(())
    }

    /// Reads a float that may be in another form than Python's. Its exponent, if any, is at `end`.
    fn unusual_float(&mut self, start: usize, mut end: usize) -> Result<(), Unsure> {
        if matches!(self.byte(end), b'e' | b'E') {
            let sign = usize::from(matches!(self.byte(end + 1), b'+' | b'-'));
            let digits = end + 1 + sign;
            end = self.digits_end(digits);
            if end == digits {
                return Err(Unsure);
            }
        }
        self.pos = end;
        self.sink.float(start..end)
    }

    /// Returns the end of the digits that begin at `at`.
    #[inline]
    fn digits_end(&self, mut at: usize) -> usize {
        loop {
            let others = other_than_digits(word(self.text, at));
            if others != 0 {
                return at + first_byte(others);
            }
            at += 8;
        }
    }
}

/// Returns whether a float without sign and exponent is in the form of Python's `repr`, as far as that is easy to see:
/// `point` digits, the point, and more digits.
///
/// Two different decimals of at most 15 digits are never the same double. So no shorter one than this, if it does not
/// end with a zero, stands for its double, and `repr` writes the shortest. From 1e-4 up to 1e16 it writes no exponent.
#[inline]
fn is_repr(text: &[u8], point: usize) -> bool {
    let fraction = &text[point + 1..];
    if text.len() > 15 + 1 {
        return false;
    }
    match fraction {
        b"0" => true,
        [.., b'0'] => false,
        [b'0', b'0', b'0', b'0', ..] => text[0] != b'0',
        _ => true,
    }
}
