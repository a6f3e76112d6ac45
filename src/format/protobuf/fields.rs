//! Fields of a message: their types, and how many values they have.

use std::collections::HashMap;

use prost_types::field_descriptor_proto::Label as ProtoLabel;
use prost_types::field_descriptor_proto::Type as ProtoType;
use prost_types::{FieldDescriptorProto, UninterpretedOption};

use super::link::{Linker, MAX_NAME, Symbol};
use super::plan::{Field, Label, Type};
use crate::format::error::brief;

/// Largest number of a field.
const MAX_NUMBER: i32 = (1 << 29) - 1;

/// Places of fields by name.
type Places = HashMap<Box<str>, u32>;

impl Linker {
    /// Returns the fields of a message, and their places by name.
    pub(super) fn fields(
        &self,
        scope: &str,
        fields: Vec<FieldDescriptorProto>,
        is_proto3: bool,
    ) -> Result<(Vec<Field>, Places), String> {
        let mut linked = Vec::with_capacity(fields.len());
        for field in fields {
            let json = field.json_name.clone();
            let json = json.unwrap_or_else(|| camel(field.name()));
            let linked_field = self.field(scope, &field, is_proto3);
            let linked_field =
                linked_field.map_err(|error| format!("{}: {error}", brief(field.name())))?;
            linked.push((linked_field, json));
        }
        linked.sort_by_key(|(field, _)| field.number);
        if let Some(pair) = linked
            .windows(2)
            .find(|pair| pair[0].0.number == pair[1].0.number)
        {
            let (number, name) = (pair[1].0.number, brief(&pair[1].0.name));
            return Err(format!("{name}: the number {number} is used twice"));
        }
        let mut names = HashMap::with_capacity(2 * linked.len());
        for (place, (field, _)) in linked.iter().enumerate() {
            if names.insert(field.name.clone(), place as u32).is_some() {
                return Err(format!("{}: the name is used twice", brief(&field.name)));
            }
        }
        for (place, (_, json)) in linked.iter().enumerate() {
            names.entry(json.as_str().into()).or_insert(place as u32);
        }
        Ok((linked.into_iter().map(|(field, _)| field).collect(), names))
    }

    fn field(
        &self,
        scope: &str,
        field: &FieldDescriptorProto,
        is_proto3: bool,
    ) -> Result<Field, String> {
        let number = field.number();
        if !(1..=MAX_NUMBER).contains(&number) || field.name().is_empty() {
            return Err(format!("{number} is no number of a field"));
        }
        let ty = self.ty(scope, field)?;
        let is_message = matches!(ty, Type::Message(_) | Type::Group(_));
        let is_optional = field.proto3_optional();
        let label = match field.label() {
            ProtoLabel::Repeated => Label::Repeated,
            ProtoLabel::Required => Label::Required,
            ProtoLabel::Optional
                if is_message || !is_proto3 || is_optional || field.oneof_index.is_some() =>
            {
                Label::Explicit
            }
            ProtoLabel::Optional => Label::Implicit,
        };
        if let (Label::Implicit, Type::Enum(of)) = (label, ty)
            && self.enums[of as usize].is_closed
        {
            return Err("a field of proto3 has an enum of proto2".to_owned());
        }
        let in_oneof = label == Label::Explicit && !is_optional;
        let oneof = field.oneof_index.filter(|_| in_oneof);
        Ok(Field {
            name: field.name().into(),
            number: number as u32,
            packed: label == Label::Repeated
                && ty.is_packable()
                && packed(field).unwrap_or(is_proto3),
            ty,
            label,
            oneof: oneof.and_then(|oneof| u32::try_from(oneof).ok()),
        })
    }

    fn ty(&self, scope: &str, field: &FieldDescriptorProto) -> Result<Type, String> {
        let is_group = field.r#type() == ProtoType::Group;
        if !field.type_name().is_empty() {
            return match self.resolve(scope, field.type_name()) {
                Some(Symbol::Enum(of)) => Ok(Type::Enum(of)),
                Some(Symbol::Message(of)) if is_group => Ok(Type::Group(of)),
                Some(Symbol::Message(of)) => Ok(Type::Message(of)),
                None => Err(self.unresolved(field.type_name())),
            };
        }
        Ok(match field.r#type() {
            ProtoType::Double => Type::Double,
            ProtoType::Float => Type::Float,
            ProtoType::Int64 => Type::Int64,
            ProtoType::Uint64 => Type::Uint64,
            ProtoType::Int32 => Type::Int32,
            ProtoType::Fixed64 => Type::Fixed64,
            ProtoType::Fixed32 => Type::Fixed32,
            ProtoType::Bool => Type::Bool,
            ProtoType::String => Type::String,
            ProtoType::Bytes => Type::Bytes,
            ProtoType::Uint32 => Type::Uint32,
            ProtoType::Sfixed32 => Type::Sfixed32,
            ProtoType::Sfixed64 => Type::Sfixed64,
            ProtoType::Sint32 => Type::Sint32,
            ProtoType::Sint64 => Type::Sint64,
            ProtoType::Group | ProtoType::Message | ProtoType::Enum => {
                return Err("its type has no name".to_owned());
            }
        })
    }

    /// Returns the type of a name, which is looked up from the innermost scope outwards.
    fn resolve(&self, scope: &str, name: &str) -> Option<Symbol> {
        if let Some(name) = name.strip_prefix('.') {
            return self.symbols.get(name).copied();
        }
        if name.len() > MAX_NAME {
            return None;
        }
        let mut scope = Some(scope);
        let mut full = String::new();
        while let Some(outer) = scope {
            full.clear();
            full.push_str(outer);
            full.push('.');
            full.push_str(name);
            if let Some(symbol) = self.symbols.get(&*full) {
                return Some(*symbol);
            }
            scope = outer.rfind('.').map(|end| &outer[..end]);
        }
        self.symbols.get(name).copied()
    }

    fn unresolved(&self, name: &str) -> String {
        let name = brief(name);
        match &*self.missing {
            [] => format!("the type {name} is not defined"),
            missing => {
                let missing: Vec<_> = missing.iter().take(5).map(|path| brief(path)).collect();
                let missing = missing.join(", ");
                format!("the type {name} is not defined; the schema has no reference to {missing}")
            }
        }
    }
}

fn packed(field: &FieldDescriptorProto) -> Option<bool> {
    let options = field.options.as_ref()?;
    let is_packed = |option: &&UninterpretedOption| matches!(&*option.name, [part] if part.name_part == "packed" && !part.is_extension);
    let of = options.uninterpreted_option.iter().find(is_packed);
    options
        .packed
        .or_else(|| Some(of?.identifier_value() == "true"))
}

/// Returns the name of a field in JSON, as protoc makes it.
fn camel(name: &str) -> String {
    let mut made = String::with_capacity(name.len());
    let mut is_upper = false;
    for character in name.chars() {
        if character == '_' {
            is_upper = true;
        } else if is_upper {
            made.push(character.to_ascii_uppercase());
            is_upper = false;
        } else {
            made.push(character);
        }
    }
    made
}
