//! Unit tests of the scripts.

use std::collections::BTreeMap;

use crate::config::section::section;
use serde::{Deserialize as _, Deserializer};
use serde_json::Value;

/// A message, and what the scripts are to make of it.
#[derive(Clone, Debug)]
pub(crate) struct TestCase {
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
        /// Its headers.
        headers: BTreeMap<String, String>,
    }
}

/// What is to become of a test's message.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// These results leave, in this order.
    Outputs(Vec<ExpectedOutput>),
    /// It fails, with this type or `type: beginning of the message`.
    Error(String),
    /// It is dropped.
    Dropped,
}

section! {
    /// A result, as far as a test looks at it.
    pub(crate) struct ExpectedOutput {
        /// Its JSON value; a text that is no JSON is compared as text, a tombstone as `""`.
        #[serde(deserialize_with = "json")]
        value: Option<Value>,
        /// Its key.
        key: Option<String>,
        /// The topic that the script chose.
        topic: Option<String>,
        /// All its headers.
        headers: Option<BTreeMap<String, String>>,
    }
}

/// A value of which the walk over the tree has made JSON text.
fn json<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    let text = String::deserialize(from)?;
    Ok(serde_json::from_str(&text).ok())
}
