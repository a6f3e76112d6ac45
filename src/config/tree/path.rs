//! The path of a field: where in the config it is.

use std::fmt;

/// The names of the fields that lead to a field, from the outermost; those of items are their indices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::config) struct FieldPath(Vec<String>);

impl FieldPath {
    /// `path` has a dot between two names.
    pub(crate) fn of(path: &str) -> Self {
        Self(path.split('.').map(str::to_owned).collect())
    }

    /// The path of a field within this one.
    pub(crate) fn field(&self, name: &str) -> Self {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        Self(names)
    }

    /// The path of an item of this list.
    pub(crate) fn item(&self, index: usize) -> Self {
        self.field(&index.to_string())
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }

    /// The name of the field itself.
    pub(crate) fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// What its first `depth` names lead to.
    pub(crate) fn part(&self, depth: usize) -> Self {
        Self(self.0[..depth].to_vec())
    }

    /// Whether it is `other`, or within it.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

/// As the user writes it: `pipeline.processors[0].python`.
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, name) in self.0.iter().enumerate() {
            match name.bytes().all(|byte| byte.is_ascii_digit()) {
                true => write!(f, "[{name}]")?,
                false if depth == 0 => f.write_str(name)?,
                false => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}
