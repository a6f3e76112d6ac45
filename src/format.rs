//! Formats of payloads and keys: what a guest gets of the bytes of a record, and which bytes its results become.
//!
//! ```text
//! payload ─ ReadFormat ─▶ value for the guest: script ─▶ value of the guest ─ WriteFormat ─▶ payload
//! ```

pub(crate) mod avro;
mod error;
mod json_schema;
pub(crate) mod protobuf;
mod read;
mod schema;
mod schema_ref;
mod targets;
#[cfg(test)]
mod testing;
mod write;

pub(crate) use avro::AvroSchema;
pub(crate) use read::{MessageBytes, ReadFormat, Reads, Resolved, SchemaSource, begins_like_json};
pub(crate) use schema::{Found, Registry, Schema, SchemaSettings};
pub(crate) use schema_ref::{Part, SchemaRef};
pub(crate) use targets::{Chosen, SchemaWrites, Target, Wanted};
pub(crate) use write::{WriteFormat, Writes};

/// Deepest nesting of a value, for the sake of the guests: CPython's marshal refuses 1500 under WASI, its `json` about
/// 1000.
pub(crate) const MAX_DEPTH: usize = 900;

/// Formats of a pipeline.
#[derive(Debug, Clone, Default)]
pub(crate) struct Formats {
    /// Formats of the input.
    pub reads: Reads,
    /// Formats of the output of results.
    pub writes: Writes,
    /// Client of the schema registry, if there is one.
    pub registry: Option<Registry>,
}

impl Formats {
    /// Returns the same formats, but with results that people can read.
    #[must_use]
    pub(crate) fn shown(self) -> Self {
        let Writes { value, key } = self.writes;
        Self {
            writes: Writes {
                value: value.shown(),
                key: key.shown(),
            },
            ..self
        }
    }

    /// Returns whether values may have types that JSON does not have, so that guests must be prepared for them.
    pub(crate) fn are_typed(&self) -> bool {
        self.reads.are_typed() || self.writes.are_typed()
    }

    /// Returns whether a guest may get only a part of a document, from which the host makes the whole result: both are
    /// JSON in its usual form.
    pub(crate) fn allow_parts(&self) -> bool {
        self.reads.allow_parts() && !self.are_typed() && self.writes.value.is_json()
    }
}

/// Reason why a payload or a key cannot be read or written: it concerns one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Type of the failure, such as `NotJson`.
    pub kind: &'static str,
    /// Description for people.
    pub text: String,
}

impl Refused {
    /// Creates a reason.
    pub(crate) fn new(kind: &'static str, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }
}
