//! Whether a value is one of a type, to choose a branch of a union.

use super::decode::deeper;
use super::logical::{IntKind, LongKind, parse_date, parse_uuid};
use super::members::Members;
use super::scalar::scalar;
use super::schema::{Record, Type, TypeId};
use super::shown::is_text_of;
use super::write::Run;
use crate::format::error::{Failure, Outcome};
use nerodia_codec::{Typed, Value};

/// What is asked of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    /// It is of this type, as `fastavro.validate` demands.
    Exact,
    /// It can be written as this type.
    Possible,
}

impl Run<'_> {
    /// Returns whether a value fits a type.
    ///
    /// # Errors
    ///
    /// If there are too many comparisons.
    pub(super) fn fits(
        &mut self,
        id: TypeId,
        value: &Value<'_>,
        demand: Demand,
        depth: usize,
    ) -> Outcome<bool> {
        if self.comparisons == 0 {
            return Err(Failure::new("too many unions within unions to choose from"));
        }
        self.comparisons -= 1;
        let schema = self.schema;
        match (schema.at(id), value) {
            (Type::Union(branches), _) => {
                for branch in branches {
                    if self.fits(*branch, value, demand, depth)? {
                        return Ok(true);
                    }
                }
                // As a pair of the branch's name and the value.
                Ok(match self.named_branch(branches, value) {
                    Some((branch, value)) => {
                        self.fits(branches[branch], value, demand, deeper(depth)?)?
                    }
                    None => false,
                })
            }
            (Type::Array(items), Value::List(list)) => {
                let depth = deeper(depth)?;
                for item in list {
                    if !self.fits(*items, item, demand, depth)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Type::Map(values), Value::Dict(members)) => {
                let depth = deeper(depth)?;
                for (_, value) in members {
                    if !self.fits(*values, value, demand, depth)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Type::Record(record), Value::Dict(_)) => {
                self.fits_record(record, value, demand, depth)
            }
            (ty, _) => Ok(
                self.is_exact(ty, value) || demand == Demand::Possible && is_possible(ty, value)
            ),
        }
    }

    /// Returns whether a value is of a type that contains no others.
    pub(super) fn is_exact(&self, ty: &Type, value: &Value<'_>) -> bool {
        is_exact(ty, value)
            || matches!(value, Value::Str(text) if self.shown && is_text_of(ty, text))
    }

    fn fits_record(
        &mut self,
        record: &Record,
        value: &Value<'_>,
        demand: Demand,
        depth: usize,
    ) -> Outcome<bool> {
        let depth = deeper(depth)?;
        let Value::Dict(members) = value else {
            return Ok(false);
        };
        let named = members.iter().rfind(|(key, _)| key == "-type");
        if named.is_some_and(
            |(_, name)| !matches!(name, Value::Str(name) if **name == *record.name.full),
        ) {
            return Ok(false);
        }
        let mut members = Members::new(members, record);
        for field in &record.fields {
            let fits = match members.get(&field.name) {
                Some(value) => self.fits(field.ty, value, demand, depth)?,
                None => matches!(field.default, Some(Ok(_))) || self.null_of(field.ty).is_some(),
            };
            if !fits {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Returns whether a value is of a type that contains no others.
fn is_exact(ty: &Type, value: &Value<'_>) -> bool {
    match (ty, value) {
        (Type::Null, Value::None)
        | (Type::Boolean, Value::Bool(_))
        | (Type::Long(_), Value::Int(_))
        | (Type::String(false), Value::Str(_))
        | (Type::Bytes(_), Value::Bytes(_))
        | (Type::String(true), Value::Typed(Typed::Uuid(_)))
        // A number of a document is what the document's author calls a float.
        | (
            Type::Float | Type::Double,
            Value::Float(_) | Value::Int(_) | Value::Big(_) | Value::Typed(Typed::Number(_)),
        ) => true,
        (Type::Int(_), Value::Int(number)) => i32::try_from(*number).is_ok(),
        (Type::Int(IntKind::Date), Value::Str(text)) => parse_date(text).is_some(),
        (Type::Int(kind), Value::Typed(typed)) => kind.write(typed).is_some(),
        (Type::Long(kind), Value::Typed(typed)) => *kind != LongKind::Plain && kind.write(typed).is_some(),
        (Type::String(true), Value::Str(text)) => parse_uuid(text).is_some(),
        (Type::Fixed(fixed), Value::Bytes(bytes)) => bytes.len() == fixed.size,
        (Type::Enum(of), Value::Str(symbol)) => of.index_of(symbol).is_some(),
        (Type::Bytes(_) | Type::Fixed(_), Value::Typed(_)) => is_possible(ty, value),
        _ => false,
    }
}

/// Returns whether a value can be written as a type that contains no others.
fn is_possible(ty: &Type, value: &Value<'_>) -> bool {
    // Texts are what they are: only numbers convert, whose encoding is short.
    match value {
        Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_) | Value::Typed(_) => {
            matches!(scalar(ty, value, &mut Vec::new()), Ok(true))
        }
        _ => false,
    }
}
