//! Well-known types that are no dict of their fields in Python: how they are read.

use super::cursor::Raw;
use super::decode::Decoder;
use super::plan::{Known, Message};
use super::time;
use crate::format::error::{Failure, Outcome};
use nerodia_codec::{Encoder, Typed};

impl<'s, 'a> Decoder<'s, 'a> {
    /// Writes the value of a message whose fields were found from `base` on.
    pub(super) fn known(
        &mut self,
        message: &'s Message,
        base: usize,
        out: &mut Encoder,
        depth: usize,
    ) -> Outcome {
        let end = self.found.len();
        match message.known {
            Known::Timestamp => {
                let (seconds, nanos) = self.time(base);
                let micros = time::micros(seconds, nanos).map_err(Failure::new)?;
                out.typed(&Typed::DateTime { micros, offset: 0 });
            }
            Known::Duration => {
                let (seconds, nanos) = self.time(base);
                let text = time::duration_text(seconds, nanos).map_err(Failure::new)?;
                out.str(&text);
            }
            Known::FieldMask => self.mask(base, out)?,
            Known::Any => {
                out.begin_dict();
                for (place, key) in ["@type", "value"].into_iter().enumerate() {
                    out.key(key);
                    let (start, end) = self.range(base, place as u32);
                    self.field(&message.fields[place], start, end, out, depth)?;
                }
                out.end_dict();
            }
            Known::Value => match self.found[base..].last().map(|found| found.place) {
                None => out.none(),
                Some(place) => {
                    let field = &message.fields[place as usize];
                    self.field(field, base, end, out, depth)?;
                }
            },
            // The only field is the value.
            Known::Wrapper | Known::ListValue | Known::Struct | Known::No => {
                self.field(&message.fields[0], base, end, out, depth)?;
            }
        }
        Ok(())
    }

    /// Returns the range of those that were found for a field.
    fn range(&self, base: usize, place: u32) -> (usize, usize) {
        let found = &self.found[base..];
        let start = found.partition_point(|found| found.place < place);
        let end = found.partition_point(|found| found.place <= place);
        (base + start, base + end)
    }

    /// Returns the seconds and nanoseconds.
    fn time(&self, base: usize) -> (i64, i32) {
        let number = |place| {
            let (start, end) = self.range(base, place);
            match self.found[start..end].last().map(|found| found.raw) {
                Some(Raw::Number(number)) => number,
                _ => 0,
            }
        };
        (number(0) as i64, number(1) as i32)
    }

    fn mask(&self, base: usize, out: &mut Encoder) -> Outcome {
        let mut text = String::new();
        for (place, found) in self.found[base..].iter().enumerate() {
            let Raw::Bytes(bytes) = found.raw else {
                continue;
            };
            let path = str::from_utf8(bytes).map_err(|_| Failure::new("a path is not UTF-8"))?;
            if place > 0 {
                text.push(',');
            }
            camel(path, &mut text)?;
        }
        out.str(&text);
        Ok(())
    }
}

/// Appends a path in the form of JSON: `a_b.c` becomes `aB.c`.
fn camel(path: &str, text: &mut String) -> Outcome {
    let mut after_line = false;
    for character in path.chars() {
        match character {
            _ if character.is_uppercase() => {
                return Err(Failure::new(
                    "a path of a FieldMask has an upper-case letter",
                ));
            }
            _ if after_line && character.is_lowercase() => text.extend(character.to_uppercase()),
            _ if after_line => {
                return Err(Failure::new(
                    "a path of a FieldMask has a _ before no letter",
                ));
            }
            '_' => {}
            _ => text.push(character),
        }
        after_line = character == '_';
    }
    match after_line {
        true => Err(Failure::new("a path of a FieldMask ends with a _")),
        false => Ok(()),
    }
}

/// Returns a path in the form of .proto files: `aB.c` becomes `a_b.c`.
pub(super) fn snake(path: &str) -> Outcome<String> {
    let mut made = String::with_capacity(path.len());
    for character in path.chars() {
        match character {
            '_' => return Err(Failure::new("a path of a FieldMask in JSON has a _")),
            _ if character.is_uppercase() => {
                made.push('_');
                made.extend(character.to_lowercase());
            }
            _ => made.push(character),
        }
    }
    Ok(made)
}
