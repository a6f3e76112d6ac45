//! Path of a field: its position in the config.

use std::fmt;

/// Names of the fields that lead to a field, from the outermost. The name of a list item is its index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::config) struct FieldPath(Vec<String>);

impl FieldPath {
    /// Creates a path from `path`, which has a dot between two names.
    pub(crate) fn of(path: &str) -> Self {
        Self(path.split('.').map(str::to_owned).collect())
    }

    /// Returns the path of a field within this one.
    pub(crate) fn field(&self, name: &str) -> Self {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        Self(names)
    }

    /// Returns the path of an item of this list.
    pub(crate) fn item(&self, index: usize) -> Self {
        self.field(&index.to_string())
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }

    /// Returns the name of the field itself.
    pub(crate) fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// Returns the path of the first `depth` names.
    pub(crate) fn part(&self, depth: usize) -> Self {
        Self(self.0[..depth].to_vec())
    }

    /// Returns whether the path is `other`, or within it.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

/// Writes the path as users write it: `pipeline.processors[0].python`.
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
