//! Writer: from the values of a script to the wire.

use super::cursor::{MAX_DEPTH, put_varint, too_deep};
use super::members::Member;
use super::number::refused;
use super::plan::{Field, Known, Label, Message, MessageId, Type};
use super::schema::ProtobufSchema;
use crate::format::error::{EncodeError, Failure, Outcome};
use nerodia_codec::Value;

impl ProtobufSchema {
    /// Appends a message to `out`.
    ///
    /// # Errors
    ///
    /// If the message type does not allow the value: names the place in the value. Then `out` is as before.
    pub(crate) fn write(
        &self,
        message: MessageId,
        value: &Value<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        let mut writer = Writer {
            schema: self,
            members: Vec::new(),
        };
        writer.message(message, value, out, 0).map_err(|error| {
            out.truncate(start);
            EncodeError(error.to_string())
        })
    }
}

/// Writing of one message.
pub(super) struct Writer<'s, 'v, 'a> {
    pub(super) schema: &'s ProtobufSchema,
    /// Members of the messages that are being written, the outermost first.
    pub(super) members: Vec<Member<'v, 'a>>,
}

impl<'s, 'v, 'a> Writer<'s, 'v, 'a> {
    /// Writes the content of a message. `depth` is the number of messages around it.
    pub(super) fn message(
        &mut self,
        id: MessageId,
        value: &'v Value<'a>,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Outcome {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        let message = self.schema.message(id);
        if message.known != Known::No {
            return self.known(message, value, out, depth);
        }
        let Value::Dict(dict) = value else {
            return Err(refused("dict", value));
        };
        let base = self.members.len();
        self.collect(message, dict)?;
        self.check(message, base)?;
        for place in base..self.members.len() {
            let member = self.members[place];
            let field = &message.fields[member.place as usize];
            if let Err(error) = self.field(field, member.value, out, depth) {
                return Err(error.in_field(&field.name));
            }
        }
        self.members.truncate(base);
        Ok(())
    }

    /// Writes a field with its tag.
    pub(super) fn field(
        &mut self,
        field: &Field,
        value: &'v Value<'a>,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Outcome {
        match (field.label, value) {
            (Label::Map(key, ty), Value::Dict(entries)) => {
                for (name, value) in entries {
                    put_tag(out, field.number, field.ty);
                    let outcome = self.entry(key, ty, name, value, out, depth);
                    outcome.map_err(|error| error.in_key(name))?;
                }
                Ok(())
            }
            (Label::Repeated, Value::List(list)) if field.packed => {
                if list.is_empty() {
                    return Ok(());
                }
                put_varint(out, u64::from(field.number) << 3 | 2);
                sized(out, |out| {
                    for (index, item) in list.iter().enumerate() {
                        let outcome = self.scalar(field.ty, item, out);
                        outcome.map_err(|error| error.in_item(index))?;
                    }
                    Ok(())
                })
            }
            (Label::Repeated, Value::List(list)) => {
                for (index, item) in list.iter().enumerate() {
                    let outcome = self.tagged(field.number, field.ty, item, out, depth);
                    outcome.map_err(|error| error.in_item(index))?;
                }
                Ok(())
            }
            (Label::Map(..), _) => Err(refused("dict", value)),
            (Label::Repeated, _) => Err(refused("list", value)),
            (Label::Implicit, _) => {
                let start = out.len();
                put_tag(out, field.number, field.ty);
                let payload = out.len();
                self.scalar(field.ty, value, out)?;
                // The default is not written. Each of them is all zeros: a length of 0 too.
                if out[payload..].iter().all(|byte| *byte == 0) {
                    out.truncate(start);
                }
                Ok(())
            }
            _ => self.tagged(field.number, field.ty, value, out, depth),
        }
    }

    /// Writes a single value with its tag.
    pub(super) fn tagged(
        &mut self,
        number: u32,
        ty: Type,
        value: &'v Value<'a>,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Outcome {
        put_tag(out, number, ty);
        match ty {
            Type::Message(id) => sized(out, |out| self.message(id, value, out, depth + 1)),
            Type::Group(id) => {
                self.message(id, value, out, depth + 1)?;
                put_varint(out, u64::from(number) << 3 | 4);
                Ok(())
            }
            _ => self.scalar(ty, value, out),
        }
    }

    /// Writes an entry of a map, without the tag.
    pub(super) fn entry(
        &mut self,
        key: Type,
        ty: Type,
        name: &str,
        value: &'v Value<'a>,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Outcome {
        if depth >= MAX_DEPTH {
            return Err(too_deep());
        }
        sized(out, |out| {
            put_tag(out, 1, key);
            self.key(key, name, out)?;
            self.tagged(2, ty, value, out, depth + 1)
        })
    }

    /// Returns whether `None` is a value of a type, and not the absence of one.
    pub(super) fn has_none(&self, ty: Type) -> bool {
        match ty {
            Type::Message(id) => self.schema.message(id).known == Known::Value,
            Type::Enum(id) => self.schema.enumeration(id).is_null,
            _ => false,
        }
    }
}

/// Returns the name of a message in errors.
pub(super) fn missing(message: &Message, place: u32) -> Failure {
    let name = &message.fields[place as usize].name;
    Failure::new("missing, and it is required").in_field(name)
}

/// Appends the tag of a single value.
#[inline]
pub(super) fn put_tag(out: &mut Vec<u8>, number: u32, ty: Type) {
    put_varint(out, u64::from(number) << 3 | ty.wire() as u64);
}

/// Appends what `write` writes, with its length before it.
#[inline]
pub(super) fn sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Outcome) -> Outcome {
    // Most lengths take one byte. If not, the content is moved: at most once for each message around it.
    let at = out.len();
    out.push(0);
    write(out)?;
    let len = out.len() - at - 1;
    if len < 0x80 {
        out[at] = len as u8;
        return Ok(());
    }
    if i32::try_from(len).is_err() {
        return Err(Failure::new("a value of 2 GiB or more"));
    }
    let mut head = Vec::with_capacity(5);
    put_varint(&mut head, len as u64);
    out.splice(at..=at, head);
    Ok(())
}
