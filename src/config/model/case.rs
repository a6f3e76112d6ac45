//! Unit tests of the scripts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::section::section;
use crate::config::source::Location;
use serde::{Deserialize as _, Deserializer};
use serde_json::Value;

/// Test of the scripts: a message, and what the scripts must make of it.
#[derive(Clone, Debug)]
pub(crate) struct TestCase {
    /// Name of the test.
    pub name: String,
    /// Place of the test.
    pub place: Location,
    /// Label or number of the processor that runs alone, and its place.
    pub processor: Option<(String, Location)>,
    /// Value or payload of the message.
    pub input: TestInput,
    /// Schema of the value, if the test names one.
    pub schema: Option<TestSchema>,
    /// Place of the key.
    pub key_place: Location,
    /// Schema of the key, if the test names one.
    pub key_schema: Option<TestSchema>,
    /// Attributes of the message.
    pub meta: TestMeta,
    /// Expected outcome of the message.
    pub expected: Expected,
}

/// What a test gives of a message.
#[derive(Clone, Debug)]
pub(crate) enum TestInput {
    /// Value as JSON, and its place.
    Value(String, Location),
    /// Payload.
    Payload(Vec<u8>),
}

/// File with a schema that a test names. It is read when the test is run: where the pipeline runs, it need not be there.
#[derive(Clone, Debug)]
pub(crate) struct TestSchema {
    /// File as the test names it.
    pub file: String,
    /// Path of the file.
    pub path: PathBuf,
    /// Place of the name in the test.
    pub place: Location,
    /// Name of the message, for Protobuf, and its place.
    pub message: Option<(String, Location)>,
}

section! {
    /// What a message carries beside its value.
    pub(crate) struct TestMeta {
        /// Its key.
        key: Option<String>,
        /// Its topic.
        topic: Option<String>,
        /// Its partition.
        partition: i32,
        /// Its offset.
        offset: i64,
        /// Milliseconds since the Unix epoch.
        timestamp: Option<i64>,
        /// Whether it has no payload.
        tombstone: bool,
        /// Its headers.
        headers: BTreeMap<String, String>,
    }
}

/// Expected outcome of a test's message.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// These results leave the pipeline, in this order.
    Outputs(Vec<ExpectedOutput>),
    /// The message fails with this error: its type, or `type: beginning of its text`.
    Error(String),
    /// The message is dropped.
    Dropped,
}

section! {
    /// A result, as far as a test looks at it.
    #[schemars(extend("x-wraps" = "value"))]
    pub(crate) struct ExpectedOutput {
        /// Its JSON value; a text that is no JSON is compared as text, a tombstone as `""`.
        #[serde(deserialize_with = "json")]
        #[schemars(extend("x-null" = true))]
        value: Option<Value>,
        /// Its key.
        key: Option<String>,
        /// The topic that the script chose.
        topic: Option<String>,
        /// All its headers.
        headers: Option<BTreeMap<String, String>>,
    }
}

/// Reads a value that the walk over the tree has turned into JSON text.
fn json<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    let text = String::deserialize(from)?;
    Ok(serde_json::from_str(&text).ok())
}
