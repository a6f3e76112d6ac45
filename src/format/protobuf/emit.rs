//! Values of fields, as they are written for the guest.

use std::slice;

use super::cursor::{Cursor, Raw, unzigzag};
use super::decode::Decoder;
use super::float;
use super::plan::{Field, Type, Wire};
use crate::format::error::{Failure, Outcome};
use nerodia_codec::Encoder;

impl<'a> Decoder<'_, 'a> {
    /// Writes the default of a type.
    pub(super) fn default(&self, ty: Type, out: &mut Encoder) -> Outcome {
        match (ty, ty.wire()) {
            (_, Wire::Bytes | Wire::Group) => self.text(ty, b"", out),
            (Type::Enum(id), _) => {
                let first = self.schema.enumeration(id).first;
                self.number(ty, i64::from(first) as u64, out)
            }
            _ => self.number(ty, 0, out),
        }
    }

    #[inline]
    pub(super) fn value(
        &mut self,
        ty: Type,
        raw: Raw<'a>,
        out: &mut Encoder,
        depth: usize,
    ) -> Outcome {
        match (ty, raw) {
            (Type::Message(id) | Type::Group(id), Raw::Bytes(bytes)) => {
                self.message(id, slice::from_ref(&bytes), out, depth + 1)
            }
            (_, Raw::Bytes(bytes)) => self.text(ty, bytes, out),
            (_, Raw::Number(number)) => self.number(ty, number, out),
        }
    }

    fn text(&self, ty: Type, bytes: &[u8], out: &mut Encoder) -> Outcome {
        if ty == Type::Bytes {
            out.bytes(bytes);
            return Ok(());
        }
        match str::from_utf8(bytes) {
            Ok(text) => {
                out.str(text);
                Ok(())
            }
            Err(_) => Err(Failure::new("a string is not UTF-8")),
        }
    }

    /// Writes a value of which the wire has 32 or 64 bits or a varint.
    #[inline]
    fn number(&self, ty: Type, raw: u64, out: &mut Encoder) -> Outcome {
        match ty {
            Type::Double => out.float(f64::from_bits(raw)),
            Type::Float => out.float(float::shortest(f32::from_bits(raw as u32))),
            Type::Int32 | Type::Sfixed32 => out.int(i64::from(raw as i32)),
            Type::Int64 | Type::Sfixed64 => out.int(raw as i64),
            Type::Uint32 | Type::Fixed32 => out.int(i64::from(raw as u32)),
            Type::Uint64 | Type::Fixed64 => out.unsigned(raw),
            Type::Sint32 => out.int(i64::from(unzigzag(u64::from(raw as u32)) as i32)),
            Type::Sint64 => out.int(unzigzag(raw)),
            Type::Bool => out.bool(raw != 0),
            Type::Enum(id) => {
                let of = self.schema.enumeration(id);
                match of.name_of(raw as i32) {
                    _ if of.is_null => out.none(),
                    Some(name) => out.str(name),
                    None => out.int(i64::from(raw as i32)),
                }
            }
            // They have no numbers: see `takes`.
            Type::String | Type::Bytes | Type::Message(_) | Type::Group(_) => out.none(),
        }
        Ok(())
    }

    pub(super) fn repeated(
        &mut self,
        field: &Field,
        start: usize,
        end: usize,
        out: &mut Encoder,
        depth: usize,
    ) -> Outcome {
        let list = out.begin_list();
        let mut items = 0_u32;
        for place in start..end {
            let outcome = match self.found[place].raw {
                Raw::Bytes(bytes) if field.ty.is_packable() => {
                    self.packed(field.ty, bytes, &mut items, out)
                }
                raw => {
                    let outcome = self.value(field.ty, raw, out, depth);
                    items += u32::from(outcome.is_ok());
                    outcome
                }
            };
            if let Err(error) = outcome {
                return Err(error.in_item(items as usize));
            }
        }
        out.end_list(list, items);
        Ok(())
    }

    fn packed(&self, ty: Type, bytes: &[u8], items: &mut u32, out: &mut Encoder) -> Outcome {
        let mut cursor = Cursor::new(bytes);
        while !cursor.is_empty() {
            let raw = match ty.wire() {
                Wire::Fixed64 => cursor.fixed64()?,
                Wire::Fixed32 => u64::from(cursor.fixed32()?),
                _ => cursor.varint()?,
            };
            if let Type::Enum(id) = ty {
                let of = self.schema.enumeration(id);
                if of.is_closed && of.name_of(raw as i32).is_none() {
                    continue;
                }
            }
            self.number(ty, raw, out)?;
            *items += 1;
        }
        Ok(())
    }
}
