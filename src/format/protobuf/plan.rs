//! Plan of a schema: all that decoding and writing ask of it, without a name to look up on the way.

use std::collections::HashMap;

/// Message type of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct MessageId(pub(super) u32);

/// Type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
    /// Index of the enum.
    Enum(u32),
    Message(MessageId),
    Group(MessageId),
}

/// Wire type, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Group = 3,
    Fixed32 = 5,
}

/// Number of values that a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// One; if it is absent, it has its default.
    Implicit,
    /// One or none.
    Explicit,
    /// One, always.
    Required,
    Repeated,
    /// Entries with these types of key and value.
    Map(Type, Type),
}

/// Field of a message.
#[derive(Debug)]
pub(super) struct Field {
    /// Name as in the .proto file: the key of Python's dict.
    pub(super) name: Box<str>,
    pub(super) number: u32,
    pub(super) ty: Type,
    pub(super) label: Label,
    pub(super) packed: bool,
    /// The oneof that it belongs to.
    pub(super) oneof: Option<u32>,
}

/// Types that have a value of their own in Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// None of them: a dict with the fields.
    No,
    Any,
    Duration,
    FieldMask,
    ListValue,
    Struct,
    Timestamp,
    Value,
    /// `DoubleValue` and the like: the value itself.
    Wrapper,
}

/// Message type.
#[derive(Debug)]
pub(super) struct Message {
    /// Full name.
    pub(super) name: Box<str>,
    pub(super) known: Known,
    /// Fields in the order of their numbers. The place of a field is its index here.
    pub(super) fields: Box<[Field]>,
    /// For each number, the place plus one. Empty if the numbers are too far apart: then a search finds them.
    pub(super) dense: Box<[u32]>,
    /// Places by the names of the .proto file and of JSON.
    pub(super) names: HashMap<Box<str>, u32>,
    /// Places of the fields that a dict always has.
    pub(super) always: Box<[u32]>,
    /// Places of the fields that a message must have.
    pub(super) required: Box<[u32]>,
    /// Whether it is the entry of a map.
    pub(super) is_entry: bool,
    /// Confluent's indexes, if the message is in the schema itself, and no map's entry or group.
    pub(super) indexes: Vec<usize>,
}

/// Enum type.
#[derive(Debug)]
pub(super) struct Enum {
    /// Full name.
    pub(super) name: Box<str>,
    /// Numbers with their names, in the order of the numbers. Of several names, it is the first in the file.
    pub(super) values: Box<[(i32, Box<str>)]>,
    pub(super) numbers: HashMap<Box<str>, i32>,
    /// The default: the number of the first value in the file.
    pub(super) first: i32,
    /// Whether other numbers count as unknown fields: that of a proto2 file.
    pub(super) is_closed: bool,
    /// Whether it is `google.protobuf.NullValue`, which is `None`.
    pub(super) is_null: bool,
}

impl Type {
    /// Returns how a single value is written.
    #[inline]
    pub(super) fn wire(self) -> Wire {
        match self {
            Self::Double | Self::Fixed64 | Self::Sfixed64 => Wire::Fixed64,
            Self::Float | Self::Fixed32 | Self::Sfixed32 => Wire::Fixed32,
            Self::String | Self::Bytes | Self::Message(_) => Wire::Bytes,
            Self::Group(_) => Wire::Group,
            _ => Wire::Varint,
        }
    }

    /// Returns whether many values can be written as one run of bytes.
    #[inline]
    pub(super) fn is_packable(self) -> bool {
        !matches!(self.wire(), Wire::Bytes | Wire::Group)
    }
}

impl Message {
    /// Returns the place of the field with this number.
    #[inline]
    pub(super) fn place(&self, number: u32) -> Option<u32> {
        if !self.dense.is_empty() {
            let place = self.dense.get(number as usize)?;
            return place.checked_sub(1);
        }
        let found = self
            .fields
            .binary_search_by_key(&number, |field| field.number);
        found.ok().map(|place| place as u32)
    }

    /// Completes a message whose fields are there.
    pub(super) fn index(&mut self) {
        let last = self.fields.last().map_or(0, |field| field.number as usize);
        if last <= 4 * self.fields.len() + 16 {
            let mut dense = vec![0; last + 1];
            for (place, field) in self.fields.iter().enumerate() {
                dense[field.number as usize] = place as u32 + 1;
            }
            self.dense = dense.into();
        }
        let places = |wanted: fn(&Label) -> bool| {
            let fields = self.fields.iter().enumerate();
            let found = fields.filter(|(_, field)| wanted(&field.label));
            found.map(|(place, _)| place as u32).collect()
        };
        let always =
            |label: &Label| matches!(label, Label::Implicit | Label::Repeated | Label::Map(..));
        let always = places(always);
        let required = places(|label| *label == Label::Required);
        self.always = always;
        self.required = required;
    }
}

impl Enum {
    /// Returns the name of a number.
    #[inline]
    pub(super) fn name_of(&self, number: i32) -> Option<&str> {
        // Most enums count from 0.
        if let Some((value, name)) = self.values.get(number as usize)
            && *value == number
        {
            return Some(name);
        }
        let found = self
            .values
            .binary_search_by_key(&number, |(value, _)| *value);
        found.ok().map(|place| &*self.values[place].1)
    }
}
