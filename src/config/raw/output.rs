//! `output` and `dead_letter`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::KafkaOutput;

/// Where messages go: one of the fields below.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Output {
    /// A name of yours for it. Accepted, without effect.
    pub label: Option<String>,
    /// Standard output, a line a message.
    pub stdout: Option<Stdout>,
    /// A Kafka topic.
    pub kafka: Option<KafkaOutput>,
    /// Nowhere: messages are acknowledged and forgotten.
    pub drop: Option<DropOutput>,
}

/// Standard output.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Stdout {
    /// What follows each message: `lines` for a newline, `all-bytes` for nothing, `delim:X` for X.
    #[schemars(example = &"lines", example = &"all-bytes", example = &"delim:;")]
    pub codec: String,
}

impl Default for Stdout {
    fn default() -> Self {
        Self {
            codec: "lines".into(),
        }
    }
}

/// Nowhere.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct DropOutput {}
