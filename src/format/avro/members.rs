//! Members of a dict, as a record's fields ask for them.

use std::borrow::Cow;
use std::collections::HashMap;

use super::schema::Record;
use nerodia_codec::Value;

/// Members of a dict, in which the fields of a record are looked up one after the other. Of two equal keys the last
/// counts.
pub(super) enum Members<'v, 'a> {
    /// They are the fields, in the order of the schema: the rest of them.
    Exact(&'v [(Cow<'a, str>, Value<'a>)]),
    /// All of them are fields, in the order of the schema: the rest of them.
    InOrder(&'v [(Cow<'a, str>, Value<'a>)]),
    /// They are few.
    Few(&'v [(Cow<'a, str>, Value<'a>)]),
    /// They are many.
    Many(HashMap<&'v str, &'v Value<'a>>),
}

impl<'v, 'a> Members<'v, 'a> {
    /// Most comparisons of keys for which no table is made.
    const FEW: usize = 512;

    pub(super) fn new(members: &'v [(Cow<'a, str>, Value<'a>)], record: &Record) -> Self {
        let mut rest = members;
        for field in &record.fields {
            if let Some(((key, _), others)) = rest.split_first()
                && **key == *field.name
            {
                rest = others;
            }
        }
        if rest.is_empty() && members.len() == record.fields.len() {
            Self::Exact(members)
        } else if rest.is_empty() {
            Self::InOrder(members)
        } else if members.len().saturating_mul(record.fields.len()) <= Self::FEW {
            Self::Few(members)
        } else {
            Self::Many(members.iter().map(|(key, value)| (&**key, value)).collect())
        }
    }

    /// Returns the value of a field. They must be asked for in their order.
    #[inline]
    pub(super) fn get(&mut self, name: &str) -> Option<&'v Value<'a>> {
        match self {
            Self::Exact(rest) => {
                let ((_, value), others) = rest.split_first()?;
                *rest = others;
                Some(value)
            }
            Self::InOrder(rest) => {
                let ((key, value), others) = rest.split_first()?;
                if **key != *name {
                    return None;
                }
                *rest = others;
                Some(value)
            }
            Self::Few(members) => {
                let found = members.iter().rfind(|(key, _)| **key == *name);
                found.map(|(_, value)| value)
            }
            Self::Many(table) => table.get(name).copied(),
        }
    }
}
