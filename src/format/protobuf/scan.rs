//! First step of decoding a message: finds its fields, and puts them in the order of their numbers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::cursor::{Cursor, Raw};
use super::decode::Decoder;
use super::plan::{Field, Label, Message, Type, Wire};
use crate::format::error::Outcome;

/// Field that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    /// Place of the field in its message.
    pub(super) place: u32,
    pub(super) raw: Raw<'a>,
}

impl<'a> Decoder<'_, 'a> {
    /// Appends the fields of a message to those that were found before, ordered by place; equal ones stay in the order
    /// in which they came. The content may be in several segments, which are one message together.
    ///
    /// Fields that the message does not have are passed over, and so are those with another wire type, and numbers that
    /// a closed enum does not have.
    #[inline]
    pub(super) fn scan(
        &mut self,
        message: &Message,
        segments: &[&'a [u8]],
        depth: usize,
    ) -> Outcome {
        let base = self.found.len();
        let (mut in_order, mut last) = (true, 0);
        // Oneofs that were found, by the last six bits of their index.
        let (mut oneofs, mut several) = (0_u64, false);
        for segment in segments {
            let mut cursor = Cursor::new(segment);
            while let Some((number, wire)) = cursor.tag()? {
                let raw = cursor.value(number, wire, depth)?;
                let Some(place) = message.place(number) else {
                    continue;
                };
                let field = &message.fields[place as usize];
                if !takes(field, wire) {
                    continue;
                }
                if let (Type::Enum(id), Raw::Number(number)) = (field.ty, raw) {
                    let of = self.schema.enumeration(id);
                    // An entry with such a number is no entry at all: see `Decoder::map`.
                    if of.is_closed && !message.is_entry && of.name_of(number as i32).is_none() {
                        continue;
                    }
                }
                if let Some(oneof) = field.oneof {
                    let bit = 1 << (oneof % 64);
                    several |= oneofs & bit != 0;
                    oneofs |= bit;
                }
                in_order &= last <= place;
                last = place;
                self.found.push(Found { place, raw });
            }
        }
        if several {
            self.keep_last_members(message, base);
        }
        if !in_order {
            self.found[base..].sort_by_key(|found| found.place);
        }
        Ok(())
    }

    /// Removes members of oneofs that another member replaced.
    #[cold]
    fn keep_last_members(&mut self, message: &Message, base: usize) {
        // For each oneof the last member, and whether one before it was another.
        let mut oneofs: HashMap<u32, (u32, bool)> = HashMap::new();
        let mut kept = Vec::new();
        for found in self.found.drain(base..).rev() {
            if let Some(oneof) = message.fields[found.place as usize].oneof {
                match oneofs.entry(oneof) {
                    Entry::Vacant(entry) => drop(entry.insert((found.place, false))),
                    Entry::Occupied(mut entry) => {
                        let (member, replaced) = entry.get_mut();
                        *replaced |= *member != found.place;
                        if *replaced {
                            continue;
                        }
                    }
                }
            }
            kept.push(found);
        }
        self.found.extend(kept.into_iter().rev());
    }
}

/// Returns whether a value of this wire type belongs to a field.
#[inline]
fn takes(field: &Field, wire: Wire) -> bool {
    wire == field.ty.wire()
        || (wire == Wire::Bytes && field.label == Label::Repeated && field.ty.is_packable())
}
