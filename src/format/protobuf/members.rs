//! Members of a dict as fields of a message.

use std::borrow::Cow;
use std::collections::HashSet;

use super::plan::{Label, Message};
use super::write::{Writer, missing};
use crate::format::error::{Failure, Outcome, brief};
use nerodia_codec::Value;

/// Member of a dict.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'v, 'a> {
    /// Place of the field in its message.
    pub(super) place: u32,
    key: &'v str,
    pub(super) value: &'v Value<'a>,
}

impl<'v, 'a> Writer<'_, 'v, 'a> {
    /// Appends the members of a dict that have a value to those of the messages around it, in the order of the fields.
    #[inline]
    pub(super) fn collect(
        &mut self,
        message: &Message,
        dict: &'v [(Cow<'a, str>, Value<'a>)],
    ) -> Outcome {
        let base = self.members.len();
        let (mut in_order, mut last) = (true, None);
        for (key, value) in dict {
            // Most dicts have the fields in their order.
            let guess = last.map_or(0, |last| last + 1);
            let place = match message.fields.get(guess as usize) {
                Some(field) if *field.name == **key => guess,
                _ => match message.names.get(&**key) {
                    Some(place) => *place,
                    None => return Err(unknown(message, key)),
                },
            };
            in_order &= last < Some(place);
            last = Some(place);
            self.members.push(Member { place, key, value });
        }
        if !in_order {
            self.order(message, base)?;
        }
        // An absent value, unless `None` is a value.
        let mut kept = base;
        for place in base..self.members.len() {
            let member = self.members[place];
            let field = &message.fields[member.place as usize];
            let is_single = !matches!(field.label, Label::Repeated | Label::Map(..));
            if *member.value != Value::None || (is_single && self.has_none(field.ty)) {
                self.members[kept] = member;
                kept += 1;
            }
        }
        self.members.truncate(kept);
        Ok(())
    }

    /// Puts members into the order of the fields. Of two equal keys the last counts.
    #[cold]
    fn order(&mut self, message: &Message, base: usize) -> Outcome {
        self.members[base..].sort_by_key(|member| member.place);
        let mut kept = base;
        for place in base..self.members.len() {
            let member = self.members[place];
            if kept > base && self.members[kept - 1].place == member.place {
                if self.members[kept - 1].key != member.key {
                    let name = &message.fields[member.place as usize].name;
                    let error = Failure::new("given twice, with the name of JSON too");
                    return Err(error.in_field(name));
                }
                kept -= 1;
            }
            self.members[kept] = member;
            kept += 1;
        }
        self.members.truncate(kept);
        Ok(())
    }

    /// Checks that no oneof has two members, and that none is missing.
    #[inline]
    pub(super) fn check(&self, message: &Message, base: usize) -> Outcome {
        let members = &self.members[base..];
        // Oneofs that were found, by the last six bits of their index.
        let (mut oneofs, mut several) = (0_u64, false);
        for member in members {
            if let Some(oneof) = message.fields[member.place as usize].oneof {
                let bit = 1 << (oneof % 64);
                several |= oneofs & bit != 0;
                oneofs |= bit;
            }
        }
        if several {
            self.check_oneofs(message, base)?;
        }
        if message.required.is_empty() {
            return Ok(());
        }
        let mut rest = members.iter();
        for required in &message.required {
            if !rest.any(|member| member.place == *required) {
                return Err(missing(message, *required));
            }
        }
        Ok(())
    }

    #[cold]
    fn check_oneofs(&self, message: &Message, base: usize) -> Outcome {
        let mut seen = HashSet::new();
        for member in &self.members[base..] {
            let field = &message.fields[member.place as usize];
            if field.oneof.is_some_and(|oneof| !seen.insert(oneof)) {
                let error = Failure::new("another field of its oneof is set too");
                return Err(error.in_field(&field.name));
            }
        }
        Ok(())
    }
}

#[cold]
fn unknown(message: &Message, key: &str) -> Failure {
    let (name, key) = (&message.name, brief(key));
    Failure::new(format!("{name} has no field {key:?}"))
}
