//! Values of a response: from what a guest wrote to the bytes of a payload or a key.

use std::ops::Range;

use bytes::Bytes;

use super::{Response, Value, invalid, too_large, value_failure};
use crate::format::{Chosen, Refused, WriteFormat};
use crate::guest::protocol::MAX_DEPTH;
use crate::message::Failure;
use nerodia_codec::{
    self, Encoder, FrameError, Kind, OutputErrorKind, Reader, Scratch, Top, ValueError,
};

/// Output whose attributes have not been read, or the reason why it cannot be written.
pub(super) type Content<'a> = Result<Pending<'a>, Box<Failure>>;

/// Output whose attributes have not been read.
pub(super) enum Pending<'a> {
    /// Range of its payload, and whether it is a tombstone.
    Written(Range<u32>, bool),
    /// Its value, of which the attributes decide how it is written.
    Value(nerodia_codec::Value<'a>),
}

/// Range of a payload, or the reason why the value cannot be written.
type Payload = Result<Range<u32>, Box<Failure>>;

impl<'a> Response<'a, '_> {
    /// Appends the next value to the data in the output's format; `None` for Python's `None`.
    pub(super) fn value(&mut self) -> Result<Value, FrameError> {
        let start = self.outcomes.data.len();
        let (format, data) = (&self.writes.value, &mut self.outcomes.data);
        let written = append(&mut self.reader, format, data, self.max_output)?;
        self.made(start, written)
    }

    /// Returns whether the bytes of an output depend on its attributes, which come after it.
    pub(super) fn awaits_topic(&self) -> bool {
        match &self.writes.value {
            WriteFormat::Schema(schemas) | WriteFormat::Shown(schemas) => {
                schemas.depend_on_attributes()
            }
            _ => false,
        }
    }

    /// Reads the next value, to be written when its attributes are known.
    pub(super) fn tree(&mut self) -> Result<Content<'a>, FrameError> {
        Ok(content(self.reader.tree(self.max_output)?))
    }

    /// Does the same for a value from a marshal frame of its own.
    pub(super) fn nested_tree(&mut self, frame: &'a [u8]) -> Result<Content<'a>, FrameError> {
        let mut scratch = Scratch::default();
        let mut reader = Reader::new(frame, &mut scratch, MAX_DEPTH);
        Ok(content(reader.tree(self.max_output)?))
    }

    /// Appends a value that was read before its attributes.
    pub(super) fn written(
        &mut self,
        value: &nerodia_codec::Value<'_>,
        chosen: Chosen<'_>,
    ) -> Result<Payload, FrameError> {
        let start = self.outcomes.data.len();
        let (format, data) = (&self.writes.value, &mut self.outcomes.data);
        let written = write(format, value, chosen, data, self.max_output);
        Ok(self
            .made(start, written)?
            .map(|range| range.unwrap_or(0..0)))
    }

    /// Appends a value from a marshal frame of its own; Python's `None` is null here.
    pub(super) fn nested(&mut self, frame: &[u8]) -> Result<Payload, FrameError> {
        let start = self.outcomes.data.len();
        let mut scratch = Scratch::default();
        let mut reader =
            Reader::new(frame, &mut scratch, MAX_DEPTH).with_form(self.writes.value.json_form());
        let (format, data) = (&self.writes.value, &mut self.outcomes.data);
        let written = append(&mut reader, format, data, self.max_output)?;
        match self.made(start, written)? {
            Ok(Some(payload)) => Ok(Ok(payload)),
            Ok(None) => self.null(),
            Err(failure) => Ok(Err(failure)),
        }
    }

    /// Appends a value that is a text of JSON already.
    pub(super) fn json(&mut self, json: &[u8]) -> Result<Payload, FrameError> {
        if json.len() > self.max_output {
            return Ok(Err(too_large(self.max_output)));
        }
        if self.writes.value.is_json() {
            return Ok(Ok(self.append(json)?));
        }
        // Rare: what marshal has a form for comes as marshal.
        let mut encoder = Encoder::new(MAX_DEPTH);
        match encoder.json(json) {
            Ok(nerodia_codec::Payload::Json) => self.nested(encoder.as_bytes()),
            _ => Err(invalid("a text that is no JSON")),
        }
    }

    /// Appends JSON's null in the output's format.
    pub(super) fn null(&mut self) -> Result<Payload, FrameError> {
        if self.writes.value.is_json() {
            return Ok(Ok(self.append(b"null")?));
        }
        let start = self.outcomes.data.len();
        let format = &self.writes.value;
        let data = &mut self.outcomes.data;
        let written = write(
            format,
            &nerodia_codec::Value::None,
            Chosen::default(),
            data,
            self.max_output,
        );
        Ok(self
            .made(start, written)?
            .map(|range| range.unwrap_or(0..0)))
    }

    /// Reads a key that a script chose; `None` is no key.
    pub(super) fn key(&mut self) -> Result<Result<Option<Bytes>, Box<Failure>>, FrameError> {
        if !self.writes.keys_are_values() {
            return self.optional_bytes().map(Ok);
        }
        let mut key = Vec::new();
        let format = &self.writes.key;
        let written = append(&mut self.reader, format, &mut key, self.max_output)?;
        Ok(match written {
            Ok(Top::None) => Ok(None),
            Ok(Top::Json | Top::Bytes) => Ok(Some(key.into())),
            Err(mut failure) => {
                failure.message.insert_str(0, "the key: ");
                Err(failure)
            }
        })
    }

    /// Counts the bytes of a value, from `start` on in the data, and returns their range.
    fn made(
        &mut self,
        start: usize,
        written: Result<Top, Box<Failure>>,
    ) -> Result<Value, FrameError> {
        Ok(match written {
            Ok(Top::None) => Ok(None),
            Ok(Top::Json | Top::Bytes) => {
                self.spent += self.outcomes.data.len() - start;
                Ok(Some(self.payload_from(start)?))
            }
            Err(failure) => {
                self.spent += wasted(&failure, self.max_output);
                Err(failure)
            }
        })
    }
}

/// Appends the next value of `reader` to `out` in `format`, as at most `max_len` bytes. Of `None`, nothing is written; and
/// so of a value for which the format has no form, which is the inner error.
fn append(
    reader: &mut Reader<'_, '_>,
    format: &WriteFormat,
    out: &mut Vec<u8>,
    max_len: usize,
) -> Result<Result<Top, Box<Failure>>, FrameError> {
    let written = match format {
        WriteFormat::Auto(_) => reader.value(out, max_len)?,
        WriteFormat::Json(_) if reader.peek()? == Kind::None => {
            reader.none()?;
            Ok(Top::None)
        }
        WriteFormat::Json(_) => reader.document(out, max_len)?,
        format => {
            let value = match reader.tree(max_len)? {
                Ok(nerodia_codec::Value::None) => return Ok(Ok(Top::None)),
                Ok(value) => value,
                Err(error) => return Ok(Err(value_failure(&error))),
            };
            return Ok(write(format, &value, Chosen::default(), out, max_len));
        }
    };
    Ok(written.map_err(|error| value_failure(&error)))
}

/// Appends a value in a format that is not JSON, as at most `max_len` bytes.
fn write(
    format: &WriteFormat,
    value: &nerodia_codec::Value<'_>,
    chosen: Chosen<'_>,
    out: &mut Vec<u8>,
    max_len: usize,
) -> Result<Top, Box<Failure>> {
    let start = out.len();
    format.write(value, chosen, out).map_err(failure)?;
    if out.len() - start > max_len {
        out.truncate(start);
        return Err(too_large(max_len));
    }
    Ok(Top::Bytes)
}

fn content(value: Result<nerodia_codec::Value<'_>, ValueError>) -> Content<'_> {
    match value {
        Ok(value) => Ok(Pending::Value(value)),
        Err(error) => Err(value_failure(&error)),
    }
}

fn failure(Refused { kind, text }: Refused) -> Box<Failure> {
    Box::new(Failure::new(kind, text))
}

/// Returns how many bytes count for a value that was refused.
fn wasted(failure: &Failure, max_output: usize) -> usize {
    if failure.kind == OutputErrorKind::OutputTooLarge.to_string() {
        max_output
    } else {
        // The error may be anywhere in the value; a small share is enough to bound many of them.
        max_output / 64
    }
}
