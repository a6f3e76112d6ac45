//! `guests`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DurationText, Size};

/// The sandboxed Python interpreters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Guests {
    /// Which CPython they are made from; `nerodia runtime list` shows which are installed.
    #[schemars(extend("enum" = super::super::model::RUNTIMES))]
    pub runtime: String,
    /// How few guests there may be; with 0 the first message after a pause starts one. The most is
    /// `pipeline.threads`.
    pub min: u64,
    /// The memory one guest may use. A script that needs more gets Python's `MemoryError`.
    #[schemars(example = &"512MiB")]
    pub memory: Size,
    /// The time a script may take for one message, working or sleeping. A guest that takes longer
    /// is replaced, and the message becomes a dead letter.
    #[schemars(example = &"250ms")]
    pub timeout: DurationText,
    /// The time a guest may take to start.
    pub start_timeout: DurationText,
    /// How long a guest that is not needed stays, down to `min`.
    #[schemars(example = &"5m")]
    pub idle_timeout: DurationText,
    /// The most bytes the results of one message may have; with more it becomes a dead letter.
    pub max_output: Size,
    /// The most bytes of log (`print`, standard error) one message may write. With more the guest is
    /// replaced, and the message becomes a dead letter.
    pub max_log: Size,
    /// When a guest is replaced by a fresh one, without a pause.
    pub recycle: Recycle,
}

impl Default for Guests {
    fn default() -> Self {
        Self {
            runtime: super::super::model::RUNTIMES[0].into(),
            min: 1,
            memory: "256MiB".into(),
            timeout: "1s".into(),
            start_timeout: "10s".into(),
            idle_timeout: "30s".into(),
            max_output: "8MiB".into(),
            max_log: "1MiB".into(),
            recycle: Recycle::default(),
        }
    }
}

/// When a guest is replaced by a fresh one.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Recycle {
    /// After so many messages. Without it: never for that reason.
    #[schemars(range(min = 1), example = 1_000_000)]
    pub after_messages: Option<u64>,
    /// Once it holds more memory than this between two batches, and half as much again as it had at
    /// the start. Without it: half of `guests.memory`.
    #[schemars(example = &"128MiB")]
    pub memory: Option<Size>,
}
