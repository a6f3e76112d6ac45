//! `tests`: unit tests of the scripts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A unit test of the scripts: a message, and what they make of it.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Test {
    /// What it shows.
    pub name: String,
    /// The message's JSON value, in YAML.
    pub input: Option<Value>,
    /// The message's bytes, in place of `input`: for messages that are no JSON.
    pub text: Option<String>,
    /// What the message carries beside its value.
    pub meta: TestMeta,
    /// The one result that leaves.
    pub output: Option<Value>,
    /// All results that leave, in their order. Only what is named of each is looked at.
    pub outputs: Option<Vec<TestOutput>>,
    /// The message fails: the type of the exception, or how the guest dies (`Timeout`), or a type and the beginning
    /// of its message (`ValueError: no price`).
    pub error: Option<String>,
    /// The message is dropped.
    pub dropped: bool,
}

/// What a message carries beside its value.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct TestMeta {
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

/// A result, as far as a test looks at it.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct TestOutput {
    /// Its JSON value; a text that is no JSON is compared as text, a tombstone as `""`.
    pub value: Option<Value>,
    /// Its key.
    pub key: Option<String>,
    /// The topic that the script chose.
    pub topic: Option<String>,
    /// All its headers.
    pub headers: Option<BTreeMap<String, String>>,
}
