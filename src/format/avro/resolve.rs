//! Schema resolution: what becomes of a value of one schema for a reader who has another.

use std::collections::{HashMap, HashSet};

use super::logical::{IntKind, LongKind};
use super::plan::{Builder, Member, Node, RecordPlan, Source, Task};
use super::schema::{AvroSchema, Enum, Record, Type, TypeId};
use crate::format::error::brief;

impl Builder {
    /// Returns the node for a type that was written as `written` and is read as `read`.
    pub(super) fn both(
        &mut self,
        writer: &AvroSchema,
        reader: &AvroSchema,
        written: TypeId,
        read: TypeId,
    ) -> Node {
        let refused = || {
            let (written, read) = (writer.describe(written), reader.describe(read));
            Node::Refused(format!("{written} cannot be read as {read}"))
        };
        match (writer.at(written), reader.at(read)) {
            (Type::Union(branches), _) => {
                let nodes = branches
                    .iter()
                    .map(|branch| self.node(Task::Both(*branch, read)));
                Node::Union(nodes.collect())
            }
            (_, Type::Union(branches)) => {
                match self.branch_for(writer, reader, written, branches) {
                    Some(branch) => self.both(writer, reader, written, branch),
                    None => refused(),
                }
            }
            (Type::Array(written), Type::Array(read)) => {
                Node::Array(self.node(Task::Both(*written, *read)))
            }
            (Type::Map(written), Type::Map(read)) => {
                Node::Map(self.node(Task::Both(*written, *read)))
            }
            (Type::Enum(from), Type::Enum(to)) if to.name.stands_for(&from.name) => {
                self.grow(from.symbols.len());
                symbols(from, to)
            }
            (Type::Record(from), Type::Record(to)) if to.name.stands_for(&from.name) => {
                self.fields(from, to)
            }
            (from, to) => simple(from, to).unwrap_or_else(refused),
        }
    }

    /// Returns the branch of a reader's union that a writer's type becomes: the first that it can become, but rather the
    /// one that has its full name.
    fn branch_for(
        &mut self,
        writer: &AvroSchema,
        reader: &AvroSchema,
        written: TypeId,
        branches: &[TypeId],
    ) -> Option<TypeId> {
        let name = full_name(writer.at(written));
        let mut first = None;
        for branch in branches {
            if !self.compare() {
                break;
            }
            let is_same = name.is_some() && name == full_name(reader.at(*branch));
            if (first.is_none() || is_same) && self.suits(writer, reader, written, *branch) {
                if is_same {
                    return Some(*branch);
                }
                first = Some(*branch);
            }
        }
        first
    }

    /// Returns whether a type can become another, as far as can be seen without looking into records.
    fn suits(
        &mut self,
        writer: &AvroSchema,
        reader: &AvroSchema,
        written: TypeId,
        read: TypeId,
    ) -> bool {
        if !self.compare() {
            return false;
        }
        match (writer.at(written), reader.at(read)) {
            (Type::Union(_), _) | (_, Type::Union(_)) => true,
            (Type::Array(written), Type::Array(read)) | (Type::Map(written), Type::Map(read)) => {
                self.suits(writer, reader, *written, *read)
            }
            (Type::Enum(from), Type::Enum(to)) => to.name.stands_for(&from.name),
            (Type::Record(from), Type::Record(to)) => to.name.stands_for(&from.name),
            (from, to) => simple(from, to).is_some(),
        }
    }

    fn fields(&mut self, from: &Record, to: &Record) -> Node {
        self.grow(from.fields.len() + to.fields.len());
        let written = from
            .fields
            .iter()
            .map(|field| self.node(Task::Writer(field.ty)));
        let written: Box<[_]> = written.collect();
        let places: HashMap<&str, usize> = (0..)
            .zip(&from.fields)
            .map(|(place, field)| (&*field.name, place))
            .collect();
        // A name of the reader's own is no alias for another field.
        let own: HashSet<&str> = to.fields.iter().map(|field| &*field.name).collect();
        let mut members = Vec::with_capacity(to.fields.len());
        for field in &to.fields {
            let aliases = field.aliases.iter().map(|alias| &**alias);
            let mut aliases = aliases.filter(|alias| !own.contains(alias));
            let by_name = places.get(&*field.name).copied();
            let place = by_name.or_else(|| aliases.find_map(|alias| places.get(alias).copied()));
            let (node, source) = match (place, &field.default) {
                (Some(place), _) => {
                    let task = Task::Both(from.fields[place].ty, field.ty);
                    (self.node(task), Source::Field(place))
                }
                (None, Some(Ok(default))) => (
                    self.node(Task::Reader(field.ty)),
                    Source::Default(default.clone()),
                ),
                (None, Some(Err(error))) => {
                    return Node::Refused(format!("field {:?}: {error}", brief(&field.name)));
                }
                (None, None) => {
                    return Node::Refused(format!(
                        "field {:?} has no default, and the record was written without it",
                        brief(&field.name)
                    ));
                }
            };
            members.push(Member {
                key: field.name.clone(),
                node,
                source,
            });
        }
        let order = members.iter().filter_map(|member| match member.source {
            Source::Field(place) => Some(place),
            Source::Default(_) => None,
        });
        Node::Record(Box::new(RecordPlan {
            written,
            in_order: order.is_sorted_by(|one, other| one < other),
            members: members.into(),
        }))
    }
}

/// Returns the node for types that contain no others, if one can become the other.
fn simple(from: &Type, to: &Type) -> Option<Node> {
    Some(match (from, to) {
        (Type::Null, Type::Null) => Node::Null,
        (Type::Boolean, Type::Boolean) => Node::Boolean,
        // The writer's meaning of a number rules, then the reader's.
        (Type::Int(IntKind::Plain), Type::Int(kind)) => Node::Int(*kind),
        (Type::Int(IntKind::Plain), Type::Long(kind)) => Node::Long(*kind),
        (Type::Int(IntKind::Plain) | Type::Long(LongKind::Plain), Type::Float | Type::Double) => {
            Node::LongToFloat
        }
        (Type::Int(kind), Type::Int(_) | Type::Long(_) | Type::Float | Type::Double) => {
            Node::Int(*kind)
        }
        (Type::Long(LongKind::Plain), Type::Long(kind)) => Node::Long(*kind),
        (Type::Long(kind), Type::Long(_) | Type::Float | Type::Double) => Node::Long(*kind),
        (Type::Float, Type::Float | Type::Double) => Node::Float,
        (Type::Double, Type::Double) => Node::Double,
        (Type::Bytes(Some(decimal)), Type::Bytes(_) | Type::String(_))
        | (Type::Bytes(None), Type::Bytes(Some(decimal))) => Node::Decimal(decimal.scale),
        (Type::Bytes(None), Type::Bytes(None)) => Node::Bytes,
        (Type::Bytes(None), Type::String(false)) => Node::BytesToString,
        (Type::String(true), Type::String(_) | Type::Bytes(_))
        | (Type::String(false) | Type::Bytes(None), Type::String(true)) => Node::Uuid,
        (Type::String(false), Type::String(false)) => Node::String,
        (Type::String(false), Type::Bytes(_)) => Node::StringToBytes,
        (Type::Fixed(from), Type::Fixed(to))
            if from.size == to.size && to.name.stands_for(&from.name) =>
        {
            match from.decimal.or(to.decimal) {
                Some(decimal) => Node::FixedDecimal(from.size, decimal.scale),
                None => Node::Fixed(from.size),
            }
        }
        _ => return None,
    })
}

fn symbols(from: &Enum, to: &Enum) -> Node {
    let default = to.default.map(|index| to.symbols[index as usize].clone());
    let symbols = from.symbols.iter().map(|symbol| match to.index_of(symbol) {
        Some(_) => Ok(symbol.clone()),
        None => default.clone().ok_or_else(|| symbol.clone()),
    });
    Node::Enum(symbols.collect())
}

fn full_name(ty: &Type) -> Option<&str> {
    match ty {
        Type::Record(record) => Some(&record.name.full),
        Type::Enum(of) => Some(&of.name.full),
        Type::Fixed(fixed) => Some(&fixed.name.full),
        _ => None,
    }
}
