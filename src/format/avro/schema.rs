//! Schemas: types by index, so that a type can contain itself.

use std::fmt;
use std::sync::Arc;

use super::logical::{Decimal, IntKind, LongKind};
use super::names::Name;

/// Index of a type in [`AvroSchema::types`].
pub(super) type TypeId = u32;

/// Parsed schema, in which every name stands for the type that it names.
#[derive(Debug)]
pub(crate) struct AvroSchema {
    pub(super) types: Vec<Type>,
    pub(super) root: TypeId,
    /// Length of the texts from which it was parsed.
    pub(super) text_len: usize,
}

/// Type of a value.
#[derive(Debug)]
pub(super) enum Type {
    Null,
    Boolean,
    Int(IntKind),
    Long(LongKind),
    Float,
    Double,
    Bytes(Option<Decimal>),
    /// `string`, and whether it is a UUID.
    String(bool),
    Fixed(Fixed),
    Enum(Enum),
    Array(TypeId),
    Map(TypeId),
    Union(Box<[TypeId]>),
    Record(Record),
}

/// Bytes of a length that the schema tells.
#[derive(Debug)]
pub(super) struct Fixed {
    pub(super) name: Name,
    pub(super) size: usize,
    pub(super) decimal: Option<Decimal>,
}

/// One of a few texts.
#[derive(Debug)]
pub(super) struct Enum {
    pub(super) name: Name,
    pub(super) symbols: Box<[Box<str>]>,
    /// Indexes of the symbols in the order of their texts.
    pub(super) sorted: Box<[u32]>,
    /// Symbol that stands for those that a reader does not know.
    pub(super) default: Option<u32>,
}

/// Record of named fields.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) name: Name,
    pub(super) fields: Box<[Field]>,
}

/// Field of a record.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: Box<str>,
    pub(super) aliases: Box<[Box<str>]>,
    pub(super) ty: TypeId,
    /// Default in Avro's encoding, or what is wrong with it: that matters only if it is needed.
    pub(super) default: Option<Result<Arc<[u8]>, String>>,
}

impl AvroSchema {
    /// Returns the full name of the schema's own type, if it is one that has a name.
    pub(crate) fn name(&self) -> Option<&str> {
        match self.at(self.root) {
            Type::Record(Record { name, .. })
            | Type::Enum(Enum { name, .. })
            | Type::Fixed(Fixed { name, .. }) => Some(&name.full),
            _ => None,
        }
    }

    /// Returns the type with this index.
    #[inline]
    pub(super) fn at(&self, id: TypeId) -> &Type {
        &self.types[id as usize]
    }

    /// Returns how a message calls a type: `record a.Order`, `decimal(10, 2)`, `null, int or string`.
    pub(super) fn describe(&self, id: TypeId) -> String {
        Described(self, self.at(id)).to_string()
    }
}

impl Enum {
    /// Returns the index of a symbol.
    pub(super) fn index_of(&self, symbol: &str) -> Option<u32> {
        const FEW: usize = 8;
        if self.symbols.len() <= FEW {
            let found = self.symbols.iter().position(|other| **other == *symbol);
            return found.map(|index| index as u32);
        }
        let text = |index: &u32| &*self.symbols[*index as usize];
        let place = self
            .sorted
            .binary_search_by(|index| text(index).cmp(symbol));
        place.ok().map(|place| self.sorted[place])
    }
}

struct Described<'a>(&'a AvroSchema, &'a Type);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(schema, ty) = self;
        match ty {
            Type::Null => f.write_str("null"),
            Type::Boolean => f.write_str("boolean"),
            Type::Int(kind) => f.write_str(kind.name()),
            Type::Long(kind) => f.write_str(kind.name()),
            Type::Float => f.write_str("float"),
            Type::Double => f.write_str("double"),
            Type::Bytes(Some(decimal)) => decimal.fmt(f),
            Type::Bytes(None) => f.write_str("bytes"),
            Type::String(false) => f.write_str("string"),
            Type::String(true) => f.write_str("uuid"),
            Type::Fixed(Fixed {
                decimal: Some(decimal),
                ..
            }) => decimal.fmt(f),
            Type::Fixed(fixed) => write!(f, "fixed {} of {} bytes", fixed.name, fixed.size),
            Type::Enum(of) => write!(f, "enum {}", of.name),
            Type::Array(_) => f.write_str("array"),
            Type::Map(_) => f.write_str("map"),
            Type::Record(record) => write!(f, "record {}", record.name),
            Type::Union(branches) => {
                const SHOWN: usize = 8;
                for (place, branch) in branches.iter().take(SHOWN).enumerate() {
                    let between = match place {
                        0 => "",
                        _ if place + 1 == branches.len() => " or ",
                        _ => ", ",
                    };
                    f.write_str(between)?;
                    Described(schema, schema.at(*branch)).fmt(f)?;
                }
                if branches.len() > SHOWN {
                    write!(f, " or one of {} more types", branches.len() - SHOWN)?;
                }
                Ok(())
            }
        }
    }
}
