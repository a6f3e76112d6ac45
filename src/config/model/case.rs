//! Unit tests of the scripts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A message, and what the scripts are to make of it.
#[derive(Clone, Debug)]
pub struct TestCase {
    /// What it shows.
    pub name: String,
    /// `file:line:column`.
    pub place: String,
    /// The message's bytes.
    pub payload: Vec<u8>,
    /// What it carries beside them.
    pub meta: TestMeta,
    /// What is to become of it.
    pub expected: Expected,
}

/// What a message carries beside its value.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TestMeta {
    /// Its key.
    pub key: Option<String>,
    /// Its topic.
    pub topic: Option<String>,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since the Unix epoch.
    pub timestamp: Option<i64>,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
}

/// What is to become of a test's message.
#[derive(Clone, Debug)]
pub enum Expected {
    /// These results leave, in this order.
    Outputs(Vec<ExpectedOutput>),
    /// It fails, with this type or `type: beginning of the message`.
    Error(String),
    /// It is dropped.
    Dropped,
}

/// A result, as far as a test looks at it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ExpectedOutput {
    /// Its JSON value; a text that is no JSON is compared as text, a tombstone as `""`.
    #[serde(deserialize_with = "json")]
    pub value: Option<Value>,
    /// Its key.
    pub key: Option<String>,
    /// The topic that the script chose.
    pub topic: Option<String>,
    /// All its headers.
    pub headers: Option<BTreeMap<String, String>>,
}

/// A value of which the walk over the tree has made JSON text.
fn json<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    let text = String::deserialize(from)?;
    Ok(serde_json::from_str(&text).ok())
}
