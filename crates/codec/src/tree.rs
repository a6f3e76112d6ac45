//! Results as values, for formats that need to look into them before they write them: a schema decides what is written,
//! and in which order.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::decode::Reader;
use super::error::{FrameError, Stop, ValueError};
use super::number;
use super::text;
use super::typed::{JsonForm, Typed};
use super::value::Limit;
use super::wire::{
    ASCII, ASCII_INTERNED, BYTES, CODE, COMPLEX, DICT, ELLIPSIS, FALSE, FLOAT, FROZENSET, INT,
    LIST, LONG, NONE, NULL, REF, SET, SHORT_ASCII, SHORT_ASCII_INTERNED, SLICE, SMALL_TUPLE,
    STOP_ITERATION, TRUE, TUPLE, UNICODE, UNICODE_INTERNED, type_name,
};

/// Value that a script made. Its texts and bytes are in the frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `None`
    None,
    /// `bool`
    Bool(bool),
    /// `int` of 64 bits
    Int(i64),
    /// `int` that needs more than 64 bits, in decimal
    Big(String),
    /// `float`
    Float(f64),
    /// `str`
    Str(Cow<'a, str>),
    /// `bytes`
    Bytes(&'a [u8]),
    /// `list` or `tuple`
    List(Vec<Value<'a>>),
    /// `dict`; of two equal keys the last counts
    Dict(Vec<(Cow<'a, str>, Value<'a>)>),
    /// Value of a type that JSON does not have
    Typed(Typed<'a>),
}

impl Value<'_> {
    /// Returns Python's name of the type.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Big(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Dict(_) => "dict",
            Self::Typed(typed) => typed.type_name(),
        }
    }

    /// Appends the value as JSON, as [`Reader::value`] does; what JSON has no type for, in this `form`.
    ///
    /// # Errors
    ///
    /// If a part of the value has no form in JSON; `out` is then unchanged.
    pub fn write_json(&self, out: &mut Vec<u8>, form: JsonForm) -> Result<(), ValueError> {
        let start = out.len();
        let written = self.json(out, &mut |part, out| match part {
            Self::Typed(typed) => typed.write_json(out, form),
            Self::Float(value) => number::write_float(out, *value),
            other => Err(ValueError::not_serializable(other.type_name())),
        });
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    /// Appends the value as JSON for people to read: what JSON has no form for is its text, `bytes` are in base64.
    pub fn show(&self, out: &mut Vec<u8>) {
        let shown = self.json(out, &mut |part, out| {
            let text = match part {
                Self::Typed(typed) => typed.text().unwrap_or_else(|| typed.type_name().into()),
                Self::Bytes(bytes) => BASE64_STANDARD.encode(bytes),
                Self::Float(value) if number::write_float(out, *value).is_ok() => return Ok(()),
                Self::Float(value) => value.to_string(),
                other => other.type_name().into(),
            };
            quoted(out, &text);
            Ok(())
        });
        debug_assert!(shown.is_ok(), "everything can be shown");
    }

    /// Appends the value as JSON; `special` writes floats, and what JSON has no type for.
    fn json(
        &self,
        out: &mut Vec<u8>,
        special: &mut impl FnMut(&Self, &mut Vec<u8>) -> Result<(), ValueError>,
    ) -> Result<(), ValueError> {
        match self {
            Self::None => out.extend_from_slice(b"null"),
            Self::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Self::Int(value) => {
                out.extend_from_slice(itoa::Buffer::new().format(*value).as_bytes())
            }
            Self::Big(text) => out.extend_from_slice(text.as_bytes()),
            Self::Str(text) => quoted(out, text),
            Self::List(items) => {
                out.push(b'[');
                for (number, item) in items.iter().enumerate() {
                    if number > 0 {
                        out.push(b',');
                    }
                    item.json(out, special)?;
                }
                out.push(b']');
            }
            Self::Dict(members) => {
                out.push(b'{');
                for (number, (key, value)) in members.iter().enumerate() {
                    if number > 0 {
                        out.push(b',');
                    }
                    quoted(out, key);
                    out.push(b':');
                    value.json(out, special)?;
                }
                out.push(b'}');
            }
            Self::Float(_) | Self::Bytes(_) | Self::Typed(_) => special(self, out)?,
        }
        Ok(())
    }
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    text::escape(out, text.as_bytes());
    out.push(b'"');
}

impl<'a> Reader<'a, '_> {
    /// Reads one result as a value that takes at most about `max_len` bytes of memory.
    ///
    /// An `Err` *inside* concerns this value alone, as for [`Reader::value`].
    ///
    /// # Errors
    ///
    /// If no valid object follows; the whole frame must be rejected.
    pub fn tree(&mut self, max_len: usize) -> Result<Result<Value<'a>, ValueError>, FrameError> {
        let mut tree = None;
        // Nothing is written, so the limit has a use of its own here: it bounds the memory of the tree.
        let outcome = self.limited(&mut Vec::new(), max_len, |reader, _, limit| {
            let mut size = 0;
            tree = Some(reader.node(&mut size, limit, 0)?);
            Ok(())
        })?;
        Ok(outcome.map(|()| tree.expect("it is set unless there is an error")))
    }

    /// Reads an object. `size` counts the bytes of memory that the tree takes.
    fn node(&mut self, size: &mut usize, limit: Limit, depth: usize) -> Result<Value<'a>, Stop> {
        *size = size.saturating_add(size_of::<Value<'_>>());
        limit.check(*size)?;
        let (code, slot) = self.header()?;
        Ok(match code {
            NONE => Value::None,
            TRUE => Value::Bool(true),
            FALSE => Value::Bool(false),
            INT => Value::Int(i64::from(self.i32()?)),
            FLOAT => Value::Float(f64::from_le_bytes(self.array()?)),
            LONG => self.whole(size)?,
            BYTES => Value::Bytes(self.counted()?),
            ASCII | ASCII_INTERNED | UNICODE | UNICODE_INTERNED | SHORT_ASCII
            | SHORT_ASCII_INTERNED => Value::Str(self.text(code)?),
            LIST | TUPLE | SMALL_TUPLE => {
                let items = self.item_count(code)?;
                if code == SMALL_TUPLE && self.is_typed(items) {
                    return Ok(Value::Typed(self.typed()?));
                }
                let depth = self.deeper(depth)?;
                self.within_container(slot, |reader| {
                    let mut list = Vec::new();
                    for _ in 0..items {
                        list.push(reader.node(size, limit, depth)?);
                    }
                    Ok(Value::List(list))
                })?
            }
            DICT => {
                let depth = self.deeper(depth)?;
                self.within_container(slot, |reader| {
                    let mut members = Vec::new();
                    while reader.frame.get(reader.pos) != Some(&NULL) {
                        let key = reader.node_key()?;
                        *size = size.saturating_add(size_of::<Cow<'_, str>>());
                        members.push((key, reader.node(size, limit, depth)?));
                    }
                    reader.pos += 1;
                    Ok(Value::Dict(members))
                })?
            }
            REF => {
                let index = self.index()?;
                if self.scratch.refs[index].active {
                    return Err(ValueError::circular().into());
                }
                let resume = self.pos;
                self.pos = self.scratch.refs[index].at as usize;
                self.replays += 1;
                let node = self.within_container(index as u32, |reader| {
                    // Counted again: a reference takes as much memory as what it stands for.
                    reader.node(size, limit, depth)
                });
                let node = node?;
                self.replays -= 1;
                self.pos = resume;
                node
            }
            COMPLEX | SET | FROZENSET | SLICE | CODE | ELLIPSIS | STOP_ITERATION => {
                return Err(ValueError::not_serializable(type_name(code)).into());
            }
            _ => return Err(self.error("unknown type code").into()),
        })
    }

    fn deeper(&self, depth: usize) -> Result<usize, Stop> {
        if depth >= self.max_depth {
            return Err(ValueError::too_deep().into());
        }
        Ok(depth + 1)
    }

    /// Reads what is in a container, to which no reference may lead meanwhile.
    fn within_container<T>(
        &mut self,
        slot: u32,
        read: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let entry = slot as usize;
        if let Some(entry) = self.scratch.refs.get_mut(entry) {
            entry.active = true;
        }
        let outcome = read(self);
        // Also after an error, so that the values that follow can refer to it.
        if let Some(entry) = self.scratch.refs.get_mut(entry) {
            entry.active = false;
        }
        outcome
    }

    fn node_key(&mut self) -> Result<Cow<'a, str>, Stop> {
        let (code, resume) = self.header_of_target()?;
        let key = match code {
            ASCII | ASCII_INTERNED | UNICODE | UNICODE_INTERNED | SHORT_ASCII
            | SHORT_ASCII_INTERNED => self.text(code)?,
            // As `json.dumps` writes it.
            NONE => "null".into(),
            TRUE => "true".into(),
            FALSE => "false".into(),
            INT => self.i32()?.to_string().into(),
            LONG | FLOAT => {
                let mut text = Vec::new();
                if code == LONG {
                    let (negative, digits) = self.long()?;
                    number::write_long_decimal(&mut text, negative, digits)?;
                } else {
                    number::write_float(&mut text, f64::from_le_bytes(self.array()?))?;
                }
                String::from_utf8_lossy(&text).into_owned().into()
            }
            _ => return Err(self.bad_key(code)),
        };
        self.pos = resume.unwrap_or(self.pos);
        Ok(key)
    }

    /// Reads a text, which must be one that UTF-8 has: no format but JSON can write a lone surrogate.
    fn text(&mut self, code: u8) -> Result<Cow<'a, str>, Stop> {
        match self.str_content(code)? {
            Some(Cow::Owned(_)) => Err(ValueError::lone_surrogate().into()),
            Some(text) => Ok(text),
            None => Err(self.error("expected a str").into()),
        }
    }

    fn whole(&mut self, size: &mut usize) -> Result<Value<'a>, Stop> {
        let (negative, digits) = self.long()?;
        if digits.len() <= 8 {
            let value = number::small_value(digits);
            return Ok(Value::Int(if negative { -value } else { value } as i64));
        }
        let mut text = Vec::new();
        number::write_long_decimal(&mut text, negative, digits)?;
        *size = size.saturating_add(text.len());
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(text.parse().map_or(Value::Big(text), Value::Int))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Encoder, Scratch};

    fn tree(frame: &[u8], check: impl FnOnce(Result<Result<Value<'_>, ValueError>, FrameError>)) {
        let mut scratch = Scratch::default();
        let mut reader = Reader::new(frame, &mut scratch, 9);
        check(reader.tree(10_000));
    }

    #[test]
    fn a_document_becomes_the_value_it_stands_for() {
        let mut encoder = Encoder::new(9);
        encoder.payload(br#"{"a": [1, -2.5, null, true], "b": 12345678901234567890, "a": "x"}"#);
        tree(encoder.as_bytes(), |value| {
            let list = vec![
                Value::Int(1),
                Value::Float(-2.5),
                Value::None,
                Value::Bool(true),
            ];
            let expected = Value::Dict(vec![
                ("a".into(), Value::List(list)),
                ("b".into(), Value::Big("12345678901234567890".into())),
                ("a".into(), Value::Str("x".into())),
            ]);
            assert_eq!(value, Ok(Ok(expected)));
        });
    }

    #[test]
    fn references_are_followed_within_bounds() {
        // ([1], the same list)
        tree(b")\x02\xdb\x01\0\0\0i\x01\0\0\0r\0\0\0\0", |value| {
            let list = || Value::List(vec![Value::Int(1)]);
            assert_eq!(value, Ok(Ok(Value::List(vec![list(), list()]))));
        });
        // A list that holds itself.
        tree(b"\xdb\x01\0\0\0r\0\0\0\0", |value| {
            let error = value
                .expect("the frame is well-formed")
                .expect_err("it has no end");
            assert_eq!(error.to_string(), "ValueError: Circular reference detected");
        });
        // Each level refers twice to the one before: 2^30 values in 400 bytes.
        let mut frame = b")\x1f\xdb\x01\0\0\0N".to_vec();
        for level in 0..30u8 {
            frame.extend_from_slice(b"\xdb\x02\0\0\0");
            frame.extend_from_slice(&[b'r', level, 0, 0, 0, b'r', level, 0, 0, 0]);
        }
        tree(&frame, |value| {
            let error = value
                .expect("the frame is well-formed")
                .expect_err("it is too large");
            assert!(error.to_string().starts_with("OutputTooLarge"), "{error}");
        });
    }

    #[test]
    fn what_is_no_value_is_refused_and_passed_over() {
        let mut scratch = Scratch::default();
        let mut reader = Reader::new(b")\x02[\x01\0\0\0<\0\0\0\0T", &mut scratch, 9);
        assert_eq!(reader.tuple(), Ok(2));
        let refused = reader.tree(1000).expect("the frame is well-formed");
        assert!(refused.is_err());
        assert_eq!(reader.tree(1000), Ok(Ok(Value::Bool(true))));
        assert_eq!(reader.finish(), Ok(()));
    }
}
