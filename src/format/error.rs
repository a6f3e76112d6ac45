//! Errors of the formats with a schema. They name the place in the value: `order.lines[3].price: expected double, got str`.

use std::fmt::{self, Write as _};

/// Error of bytes that are no value of their schema or message type, or that Python cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DecodeError(pub(super) String);

/// Error of a value that a schema or message type does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct EncodeError(pub(super) String);

/// Part of a path.
#[derive(Debug)]
enum Step {
    Field(String),
    Item(usize),
    Items,
    Key(String),
}

/// Error that collects its path while it returns through the value. Its result is a pointer, since the hot path returns
/// one for each value.
#[derive(Debug)]
pub(super) struct Failure(Box<Parts>);

#[derive(Debug)]
struct Parts {
    message: String,
    /// The innermost part first.
    path: Vec<Step>,
}

/// Result of a step of reading or writing.
pub(super) type Outcome<T = ()> = Result<T, Failure>;

/// Most parts of a path that are shown at each end.
const SHOWN: usize = 8;

impl Failure {
    /// Creates an error at the value itself.
    #[cold]
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            message: message.into(),
            path: Vec::new(),
        }))
    }

    /// Adds that it is within a field of this name.
    #[cold]
    pub(super) fn in_field(mut self, name: &str) -> Self {
        self.0.path.push(Step::Field(brief(name)));
        self
    }

    /// Adds that it is within this item of a list.
    #[cold]
    pub(super) fn in_item(mut self, index: usize) -> Self {
        self.0.path.push(Step::Item(index));
        self
    }

    /// Adds that it concerns the items of an array or the values of a map.
    #[cold]
    pub(super) fn in_items(mut self) -> Self {
        self.0.path.push(Step::Items);
        self
    }

    /// Adds that it is within the value of this key of a map.
    #[cold]
    pub(super) fn in_key(mut self, key: &str) -> Self {
        self.0.path.push(Step::Key(brief(key)));
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.0.path;
        for (place, step) in path.iter().rev().enumerate() {
            if path.len() > 2 * SHOWN && (SHOWN..path.len() - SHOWN).contains(&place) {
                if place == SHOWN {
                    f.write_char('…')?;
                }
                continue;
            }
            match step {
                Step::Field(name) if place == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Item(index) => write!(f, "[{index}]")?,
                Step::Items => f.write_str("[]")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        if !path.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.0.message)
    }
}

/// Shortens a text of a stranger for a message.
pub(super) fn brief(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_that_of_python() {
        let error = Failure::new("expected double, got str");
        let error = error.in_field("price").in_item(3).in_field("lines");
        let error = error.in_key("a b").in_field("order");
        assert_eq!(
            error.to_string(),
            "order[\"a b\"].lines[3].price: expected double, got str"
        );
    }

    #[test]
    fn a_long_path_is_shortened() {
        for levels in [100, 900] {
            let deep = (0..levels).fold(Failure::new("no"), |error, _| error.in_field("next"));
            let shown = deep.to_string();
            assert_eq!(shown.matches("next").count(), 16, "{shown}");
        }
        assert!(brief(&"é".repeat(1000)).chars().count() == 61);
    }
}
