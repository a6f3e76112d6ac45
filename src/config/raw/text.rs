//! Values written as text: durations and sizes.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A duration: `1s`, `500ms`, `1m30s`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::config) struct DurationText(pub String);

impl From<&str> for DurationText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl JsonSchema for DurationText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    // Not `format: duration`: JSON Schema means ISO 8601 by it (`PT1S`).
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-type": "duration", "examples": ["1s", "500ms", "1m30s"] })
    }
}

/// A number of bytes: `256MiB`, `8MB`, `1048576`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(in crate::config) enum Size {
    Bytes(u64),
    Text(String),
}

impl From<&str> for Size {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl JsonSchema for Size {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"], "minimum": 0,
            "x-type": "size", "examples": ["256MiB", "8MB", 1_048_576],
        })
    }
}
