//! Linker: from descriptors of files to a plan. Names become types, options become what they mean.

use std::collections::HashMap;

use prost_types::field_descriptor_proto::Type as ProtoType;
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto};

use super::files::Files;
use super::plan::{Enum, Field, Known, Label, Message, MessageId, Type};
use crate::format::error::brief;

/// Longest full name. Each message has its own, however deep it is.
pub(super) const MAX_NAME: usize = 512;

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Symbol {
    Message(MessageId),
    Enum(u32),
}

/// Message whose fields are not linked yet.
struct Pending {
    fields: Vec<FieldDescriptorProto>,
    is_proto3: bool,
}

/// Linker of one schema.
#[derive(Default)]
pub(super) struct Linker {
    pub(super) messages: Vec<Message>,
    pub(super) enums: Vec<Enum>,
    pending: Vec<Pending>,
    pub(super) symbols: HashMap<Box<str>, Symbol>,
    pub(super) missing: Vec<String>,
}

/// What the messages of a file have in common.
#[derive(Clone, Copy)]
struct Origin {
    is_proto3: bool,
    is_known: bool,
    is_root: bool,
}

impl Linker {
    /// Links files, of which the first is the schema itself.
    pub(super) fn link(files: Files) -> Result<Self, String> {
        let mut linker = Self {
            missing: files.missing,
            ..Self::default()
        };
        for (place, file) in files.files.into_iter().enumerate() {
            let origin = Origin {
                is_proto3: file.descriptor.syntax() == "proto3",
                is_known: file.is_known,
                is_root: place == 0,
            };
            let package = file.descriptor.package().to_owned();
            for of in file.descriptor.enum_type {
                linker.declare_enum(of, &package, origin)?;
            }
            linker.declare_all(file.descriptor.message_type, &[], &package, &[], origin)?;
        }
        for place in 0..linker.pending.len() {
            let pending = &mut linker.pending[place];
            let (fields, is_proto3) = (std::mem::take(&mut pending.fields), pending.is_proto3);
            let name = linker.messages[place].name.clone();
            let linked = linker.fields(&name, fields, is_proto3);
            let (fields, names) = linked.map_err(|error| format!("{name}: {error}"))?;
            linker.messages[place].fields = fields.into();
            linker.messages[place].names = names;
            linker.messages[place].index();
        }
        linker.maps();
        Ok(linker)
    }

    fn declare(&mut self, scope: &str, name: &str, symbol: Symbol) -> Result<Box<str>, String> {
        let full = match scope {
            "" => name.to_owned(),
            _ => format!("{scope}.{name}"),
        };
        if name.is_empty() || full.len() > MAX_NAME {
            let name = brief(&full);
            return Err(format!("{name:?} is no name of at most {MAX_NAME} bytes"));
        }
        let full: Box<str> = full.into();
        match self.symbols.insert(full.clone(), symbol) {
            None => Ok(full),
            Some(_) => Err(format!("{full} is defined twice")),
        }
    }

    fn declare_enum(
        &mut self,
        of: EnumDescriptorProto,
        scope: &str,
        origin: Origin,
    ) -> Result<(), String> {
        let name = self.declare(scope, of.name(), Symbol::Enum(self.enums.len() as u32))?;
        let values = of.value.iter();
        let mut values: Vec<(i32, Box<str>)> = values
            .map(|value| (value.number(), value.name().into()))
            .collect();
        let Some((first, _)) = values.first().cloned() else {
            return Err(format!("the enum {name} has no values"));
        };
        if origin.is_proto3 && first != 0 {
            return Err(format!("the first value of the enum {name} is not 0"));
        }
        let mut numbers = HashMap::with_capacity(values.len());
        for (number, value) in &values {
            // A number may have several names, but a name has one number: results are written by it.
            if numbers.insert(value.clone(), *number).is_some() {
                return Err(format!("the enum {name} has the value {value} twice"));
            }
        }
        // It is stable, and the first of equal ones stays.
        values.sort_by_key(|(number, _)| *number);
        values.dedup_by_key(|(number, _)| *number);
        self.enums.push(Enum {
            is_null: origin.is_known && &*name == "google.protobuf.NullValue",
            is_closed: !origin.is_proto3,
            first,
            values: values.into(),
            numbers,
            name,
        });
        Ok(())
    }

    /// Declares the messages of a file or of a message, whose `fields` tell which of them are groups.
    fn declare_all(
        &mut self,
        messages: Vec<DescriptorProto>,
        fields: &[FieldDescriptorProto],
        scope: &str,
        indexes: &[usize],
        origin: Origin,
    ) -> Result<(), String> {
        let groups = fields
            .iter()
            .filter(|field| field.r#type() == ProtoType::Group);
        let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
        let groups: Vec<String> = groups.map(|field| last(field.type_name())).collect();
        let mut next = 0;
        for message in messages {
            let mut path = Vec::new();
            let options = message.options.as_ref();
            let is_entry = options.is_some_and(|options| options.map_entry());
            // Confluent's indexes count the messages that stand in the .proto file as such.
            if !is_entry && !groups.iter().any(|group| group == message.name()) {
                if origin.is_root {
                    path.extend_from_slice(indexes);
                    path.push(next);
                }
                next += 1;
            }
            self.declare_message(message, scope, path, is_entry, origin)?;
        }
        Ok(())
    }

    fn declare_message(
        &mut self,
        message: DescriptorProto,
        scope: &str,
        indexes: Vec<usize>,
        is_entry: bool,
        origin: Origin,
    ) -> Result<(), String> {
        let id = MessageId(self.messages.len() as u32);
        let name = self.declare(scope, message.name(), Symbol::Message(id))?;
        self.messages.push(Message {
            known: if origin.is_known {
                known(&name)
            } else {
                Known::No
            },
            name: name.clone(),
            fields: [].into(),
            dense: [].into(),
            names: HashMap::new(),
            always: [].into(),
            required: [].into(),
            is_entry,
            indexes: indexes.clone(),
        });
        for of in message.enum_type {
            self.declare_enum(of, &name, origin)?;
        }
        let place = self.pending.len();
        self.pending.push(Pending {
            fields: Vec::new(),
            is_proto3: origin.is_proto3,
        });
        self.declare_all(message.nested_type, &message.field, &name, &indexes, origin)?;
        self.pending[place].fields = message.field;
        Ok(())
    }

    /// Makes maps of the repeated fields whose messages are entries.
    fn maps(&mut self) {
        let entry = |message: &Message| match &*message.fields {
            [key, value] if message.is_entry && (key.number, value.number) == (1, 2) => {
                let is_single = |field: &Field| !matches!(field.label, Label::Repeated);
                let is_key = !matches!(
                    key.ty,
                    Type::Double | Type::Float | Type::Bytes | Type::Enum(_)
                ) && !matches!(key.ty, Type::Message(_) | Type::Group(_));
                (is_key && is_single(key) && is_single(value)).then_some((key.ty, value.ty))
            }
            _ => None,
        };
        let entries: Vec<_> = self.messages.iter().map(entry).collect();
        for (message, entry) in self.messages.iter_mut().zip(&entries) {
            message.is_entry = entry.is_some();
        }
        for message in &mut self.messages {
            for field in &mut message.fields {
                if let (Label::Repeated, Type::Message(id)) = (field.label, field.ty)
                    && let Some((key, value)) = entries[id.0 as usize]
                {
                    field.label = Label::Map(key, value);
                }
            }
        }
    }
}

fn known(name: &str) -> Known {
    match name.strip_prefix("google.protobuf.").unwrap_or_default() {
        "Any" => Known::Any,
        "Duration" => Known::Duration,
        "FieldMask" => Known::FieldMask,
        "ListValue" => Known::ListValue,
        "Struct" => Known::Struct,
        "Timestamp" => Known::Timestamp,
        "Value" => Known::Value,
        "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value"
        | "UInt32Value" | "BoolValue" | "StringValue" | "BytesValue" => Known::Wrapper,
        _ => Known::No,
    }
}
