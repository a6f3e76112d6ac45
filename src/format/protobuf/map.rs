//! Maps, and their keys as text.

use super::cursor::{Raw, unzigzag};
use super::decode::Decoder;
use super::plan::{Field, Type};
use crate::format::error::{Failure, Outcome};
use nerodia_codec::Encoder;

impl Decoder<'_, '_> {
    /// Writes a dict of the entries. Of two equal keys the last counts, as in every dict of marshal.
    pub(super) fn map(
        &mut self,
        field: &Field,
        (key, value): (Type, Type),
        start: usize,
        end: usize,
        out: &mut Encoder,
        depth: usize,
    ) -> Outcome {
        let Type::Message(id) = field.ty else {
            return Ok(());
        };
        let entry = self.schema.message(id);
        out.begin_dict();
        for place in start..end {
            let Raw::Bytes(bytes) = self.found[place].raw else {
                continue;
            };
            self.enter(out, depth + 1)?;
            let base = self.found.len();
            self.scan(entry, &[bytes], depth + 1)?;
            let keys = self.found[base..]
                .iter()
                .take_while(|found| found.place == 0);
            let values = base + keys.count();
            if self.is_unknown(value, values) {
                self.found.truncate(base);
                continue;
            }
            let raw = (base < values).then(|| self.found[values - 1].raw);
            let key = Key::new(key, raw)?;
            let key = key.as_str();
            out.key(key);
            let end = self.found.len();
            if let Err(error) = self.single(value, values, end, out, depth + 1) {
                return Err(error.in_key(key));
            }
            self.found.truncate(base);
        }
        out.end_dict();
        Ok(())
    }

    /// Returns whether the value of an entry, which are the last that were found, is a number that its enum lacks.
    fn is_unknown(&self, ty: Type, values: usize) -> bool {
        match (ty, self.found[values..].last()) {
            (Type::Enum(id), Some(found)) => {
                let of = self.schema.enumeration(id);
                let Raw::Number(number) = found.raw else {
                    return false;
                };
                of.is_closed && of.name_of(number as i32).is_none()
            }
            _ => false,
        }
    }
}

/// Key of a dict.
enum Key<'a> {
    Text(&'a str),
    Number([u8; 20], u8),
}

impl<'a> Key<'a> {
    fn new(ty: Type, raw: Option<Raw<'a>>) -> Outcome<Self> {
        let number = match raw {
            Some(Raw::Bytes(bytes)) => {
                let text = str::from_utf8(bytes);
                let refused = |_| Failure::new("a key is not UTF-8");
                return Ok(Self::Text(text.map_err(refused)?));
            }
            Some(Raw::Number(number)) => number,
            None if ty == Type::String => return Ok(Self::Text("")),
            None => 0,
        };
        let value = match ty {
            Type::Bool => return Ok(Self::Text(if number == 0 { "false" } else { "true" })),
            Type::Uint64 | Type::Fixed64 => return Ok(Self::number(number)),
            Type::Uint32 | Type::Fixed32 => i64::from(number as u32),
            Type::Int32 | Type::Sfixed32 => i64::from(number as i32),
            Type::Sint32 => i64::from(unzigzag(u64::from(number as u32)) as i32),
            Type::Sint64 => unzigzag(number),
            _ => number as i64,
        };
        Ok(Self::number(value))
    }

    fn number(value: impl itoa::Integer) -> Self {
        let mut buffer = itoa::Buffer::new();
        let text = buffer.format(value).as_bytes();
        let mut bytes = [0; 20];
        bytes[..text.len()].copy_from_slice(text);
        Self::Number(bytes, text.len() as u8)
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Text(text) => text,
            // The digits of a number are text.
            Self::Number(bytes, len) => str::from_utf8(&bytes[..usize::from(*len)]).unwrap_or(""),
        }
    }
}
