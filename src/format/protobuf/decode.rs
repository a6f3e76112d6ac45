//! Decoder: from the wire straight to the bytes that a guest loads.
//!
//! A field may come anywhere and more than once, so a message is read in two steps: [`scan`](super::scan) finds its
//! fields without looking into messages within it; then they are written in the order of their numbers. Each byte is
//! looked at once (in groups, once for each group around it). A message that comes in several pieces is their
//! concatenation, which is what merging means.

use std::slice;

use super::cursor::{MAX_DEPTH, Raw, too_deep};
use super::plan::{Field, Known, Label, Message, MessageId, Type};
use super::scan::Found;
use super::schema::ProtobufSchema;
use crate::format::error::{DecodeError, Failure, Outcome};
use nerodia_codec::Encoder;

/// Bytes of output that any message may have, those for each byte of it, and those for each byte of the schema.
const OUTPUT: (usize, usize, usize) = (256 << 10, 512, 8);

impl ProtobufSchema {
    /// Writes the message that `bytes` contain as one object.
    ///
    /// # Errors
    ///
    /// If the bytes are no such message, Python cannot hold it, or it exceeds a bound (see [`protobuf`](super)). Then the
    /// caller takes the output back.
    pub(crate) fn decode(
        &self,
        message: MessageId,
        bytes: &[u8],
        encoder: &mut Encoder,
    ) -> Result<(), DecodeError> {
        if i32::try_from(bytes.len()).is_err() {
            return Err(DecodeError("a payload of 2 GiB or more".to_owned()));
        }
        let allowed = OUTPUT.0 + OUTPUT.1 * bytes.len() + OUTPUT.2 * self.len;
        let mut decoder = Decoder {
            schema: self,
            found: Vec::with_capacity(64),
            limit: encoder.len().saturating_add(allowed),
        };
        let outcome = decoder.message(message, slice::from_ref(&bytes), encoder, 0);
        outcome.map_err(|error| DecodeError(error.to_string()))
    }
}

/// Decoding of one message.
pub(super) struct Decoder<'s, 'a> {
    pub(super) schema: &'s ProtobufSchema,
    /// Fields of the messages that are being written, the outermost first.
    pub(super) found: Vec<Found<'a>>,
    /// Length that the output may reach: a message of 2 bytes may have thousands of defaults.
    limit: usize,
}

impl<'s, 'a> Decoder<'s, 'a> {
    /// Writes a message. `depth` is the number of messages around it.
    pub(super) fn message(
        &mut self,
        id: MessageId,
        segments: &[&'a [u8]],
        out: &mut Encoder,
        depth: usize,
    ) -> Outcome {
        let message = self.schema.message(id);
        self.enter(out, depth)?;
        let base = self.found.len();
        self.scan(message, segments, depth)?;
        match message.known {
            Known::No => {
                out.begin_dict();
                self.fields(message, base, out, depth)?;
                out.end_dict();
            }
            _ => self.known(message, base, out, depth)?,
        }
        self.found.truncate(base);
        Ok(())
    }

    /// Checks the bounds before a message or an entry of a map.
    #[inline]
    pub(super) fn enter(&self, out: &Encoder, depth: usize) -> Outcome {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        if out.len() > self.limit {
            return Err(Failure::new(
                "the message has too many values for its length",
            ));
        }
        Ok(())
    }

    fn fields(
        &mut self,
        message: &'s Message,
        base: usize,
        out: &mut Encoder,
        depth: usize,
    ) -> Outcome {
        let end = self.found.len();
        let mut start = base;
        let mut always = message.always.iter().copied().peekable();
        let mut required = message.required.iter();
        loop {
            // The next field of those that were found and those that a dict always has.
            let found = self.found[..end].get(start).map(|found| found.place);
            let place = match (found, always.peek().copied()) {
                (Some(found), Some(always)) => found.min(always),
                (Some(place), None) | (None, Some(place)) => place,
                (None, None) => break,
            };
            always.next_if_eq(&place);
            let field = &message.fields[place as usize];
            if field.label == Label::Required && required.next() != Some(&place) {
                break;
            }
            let mut after = start;
            while after < end && self.found[after].place == place {
                after += 1;
            }
            out.key(&field.name);
            if let Err(error) = self.field(field, start, after, out, depth) {
                return Err(error.in_field(&field.name));
            }
            start = after;
        }
        match required.next() {
            None if start == end => Ok(()),
            _ => Err(self.missing(message, base, end)),
        }
    }

    #[cold]
    fn missing(&self, message: &Message, base: usize, end: usize) -> Failure {
        let is_there = |place: u32| {
            self.found[base..end]
                .iter()
                .any(|found| found.place == place)
        };
        let place = message.required.iter().find(|place| !is_there(**place));
        let name = place.map_or("", |place| &message.fields[*place as usize].name);
        Failure::new(format!("the required field {name} is missing"))
    }

    /// Writes the value of a field, for which these were found; there are none only if the field has a default.
    pub(super) fn field(
        &mut self,
        field: &Field,
        start: usize,
        end: usize,
        out: &mut Encoder,
        depth: usize,
    ) -> Outcome {
        match field.label {
            Label::Repeated => self.repeated(field, start, end, out, depth),
            Label::Map(key, value) => self.map(field, (key, value), start, end, out, depth),
            _ => self.single(field.ty, start, end, out, depth),
        }
    }

    #[inline]
    pub(super) fn single(
        &mut self,
        ty: Type,
        start: usize,
        end: usize,
        out: &mut Encoder,
        depth: usize,
    ) -> Outcome {
        match ty {
            Type::Message(id) | Type::Group(id) if end - start != 1 => {
                let found = self.found[start..end].iter();
                let segments = found.filter_map(|found| match found.raw {
                    Raw::Bytes(bytes) => Some(bytes),
                    Raw::Number(_) => None,
                });
                let segments: Vec<_> = segments.collect();
                self.message(id, &segments, out, depth + 1)
            }
            _ if start == end => self.default(ty, out),
            // The last one counts.
            _ => self.value(ty, self.found[end - 1].raw, out, depth),
        }
    }
}
