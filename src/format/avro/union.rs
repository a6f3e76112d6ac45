//! Choice of a union's branch.

use super::fits::Demand;
use super::members::Members;
use super::scalar::refused;
use super::schema::{Record, Type, TypeId};
use super::write::Run;
use crate::format::error::Outcome;
use nerodia_codec::Value;

impl Run<'_> {
    /// Returns the branch of a union in which a value is written, and the value, without the branch's name if it has
    /// that with it.
    pub(super) fn select<'v, 'a>(
        &mut self,
        id: TypeId,
        branches: &[TypeId],
        value: &'v Value<'a>,
        depth: usize,
    ) -> Outcome<(usize, &'v Value<'a>)> {
        let named = self.named_branch(branches, value);
        // Nothing to choose, in most unions.
        if let ([one, other], None) = (branches, &named) {
            let schema = self.schema;
            let is_null = |id: TypeId| matches!(schema.at(id), Type::Null);
            let is_none = matches!(value, Value::None);
            if is_null(*one) && !is_null(*other) {
                return Ok((usize::from(!is_none), value));
            }
            if is_null(*other) && !is_null(*one) {
                return Ok((usize::from(is_none), value));
            }
        }
        for demand in [Demand::Exact, Demand::Possible] {
            let chosen = match value {
                Value::Dict(_) | Value::List(_) => {
                    let only = self.only_container(branches, value);
                    match only {
                        Some(only) if named.is_none() => Some(only),
                        _ => self.choose(branches, value, demand, depth)?,
                    }
                }
                _ => self.choose(branches, value, demand, depth)?,
            };
            if let Some(chosen) = chosen {
                return Ok((chosen, value));
            }
            if let Some(named) = named {
                return Ok(named);
            }
        }
        Err(refused(self.schema, id, value))
    }

    /// Returns the branch and the value if a value is a pair of a branch's name and a value.
    pub(super) fn named_branch<'v, 'a>(
        &self,
        branches: &[TypeId],
        value: &'v Value<'a>,
    ) -> Option<(usize, &'v Value<'a>)> {
        let Value::List(pair) = value else {
            return None;
        };
        let [Value::Str(name), value] = &pair[..] else {
            return None;
        };
        let is_named = |id: &TypeId| self.schema.at(*id).name() == &**name;
        Some((branches.iter().position(is_named)?, value))
    }

    /// Returns the only branch that can contain a list or a dict, if there is only one.
    fn only_container(&self, branches: &[TypeId], value: &Value<'_>) -> Option<usize> {
        let mut found = branches.iter().enumerate().filter(|(_, id)| {
            matches!(
                (self.schema.at(**id), value),
                (Type::Array(_), Value::List(_)) | (Type::Map(_) | Type::Record(_), Value::Dict(_))
            )
        });
        let (only, _) = found.next()?;
        found.next().is_none().then_some(only)
    }

    /// Returns the branch that `fastavro` chooses: the first that fits, but of floats rather a `double`, and of records
    /// that with the most fields of the dict, unless something else than a record fits as well.
    fn choose(
        &mut self,
        branches: &[TypeId],
        value: &Value<'_>,
        demand: Demand,
        depth: usize,
    ) -> Outcome<Option<usize>> {
        let schema = self.schema;
        let mut best = None;
        let mut most = 0;
        for (place, id) in branches.iter().enumerate() {
            let ty = schema.at(*id);
            let fits = match (value, demand) {
                (Value::Dict(_) | Value::List(_), _) | (_, Demand::Possible) => {
                    self.fits(*id, value, demand, depth)?
                }
                (_, Demand::Exact) => self.is_exact(ty, value),
            };
            if !fits {
                continue;
            }
            match (ty, value) {
                (Type::Record(record), Value::Dict(members)) => {
                    let common = common(&mut Members::new(members, record), record);
                    if best.is_none() || common > most {
                        (best, most) = (Some(place), common);
                    }
                }
                (Type::Float, _) => {
                    let is_double = |id: &TypeId| matches!(schema.at(*id), Type::Double);
                    let double = branches[place..].iter().position(is_double);
                    return Ok(Some(place + double.unwrap_or(0)));
                }
                _ => return Ok(Some(place)),
            }
        }
        Ok(best)
    }
}

/// Returns how many fields of a record a dict has.
fn common(members: &mut Members<'_, '_>, record: &Record) -> usize {
    let fields = record.fields.iter();
    fields
        .filter(|field| members.get(&field.name).is_some())
        .count()
}

impl Type {
    /// Returns the name by which a pair of name and value refers to a branch.
    fn name(&self) -> &str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int(_) => "int",
            Self::Long(_) => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes(_) => "bytes",
            Self::String(_) => "string",
            Self::Fixed(fixed) => &fixed.name.full,
            Self::Enum(of) => &of.name.full,
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::Record(record) => &record.name.full,
        }
    }
}
