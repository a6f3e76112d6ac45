//! `pipeline`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Size;

/// What happens to messages.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Pipeline {
    /// The most guests (sandboxed interpreters) at a time, each on a thread of its own; -1 for as
    /// many as the machine has cores. How few there may be is `guests.min`.
    pub threads: i64,
    /// The Python that each message goes through, one processor after the other.
    pub processors: Vec<Processor>,
    /// What happens to a message whose script fails: it goes to `dead_letter`, or is dropped.
    pub on_error: OnError,
    /// Ends the pipeline with exit code 1 when nearly all messages fail, before a whole topic is moved to `dead_letter`. What
    /// it has not dealt with by then is not committed. Without it: never.
    pub max_failures: Option<MaxFailures>,
    /// The most bytes of messages under way at a time, from when they are read to when they are
    /// delivered; their results may take as much again. It bounds the memory of the engine itself;
    /// the guests' is `guests.memory` each.
    #[schemars(example = &"64MiB")]
    pub max_in_flight: Size,
}

impl Default for Pipeline {
    fn default() -> Self {
        Self {
            threads: -1,
            processors: Vec::new(),
            on_error: OnError::DeadLetter,
            max_failures: None,
            max_in_flight: "8MiB".into(),
        }
    }
}

/// What happens to a message whose script fails.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum OnError {
    DeadLetter,
    Drop,
}

/// How many messages may fail.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct MaxFailures {
    /// The share of messages that may fail, from 0 to less than 1.
    pub share: f64,
    /// Of how many messages, the last ones. The share is looked at when there are so many; a reload begins anew.
    #[schemars(range(min = 1))]
    pub of: u64,
}

impl Default for MaxFailures {
    fn default() -> Self {
        Self {
            share: 0.9,
            of: 1000,
        }
    }
}

/// One step: a Python script.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Processor {
    /// A name of yours for it. Accepted, without effect.
    #[schemars(example = &"price_orders")]
    pub label: Option<String>,
    /// The script and what it may import: either `script` or `file`.
    pub python: Option<Python>,
}

/// A Python script.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Python {
    /// Python that reads `this`, the message, and sets `root`, the result. `${…}` is not replaced
    /// in it.
    #[schemars(example = &"root = sum(this)")]
    pub script: Option<String>,
    /// A file with that Python, by its path from the config file.
    #[schemars(example = &"transform.py")]
    pub file: Option<String>,
    /// Modules of the standard library, or of packages, that the script may use by name. (`import` in
    /// the script works as well.)
    #[schemars(extend("examples" = [["math", "json"]]))]
    pub imports: Vec<String>,
    /// A requirements file, by its path from the config file: packages of pure Python that scripts may import. They are
    /// in a runtime that `nerodia runtime build -r FILE` has made from it. All scripts of a config share them.
    #[schemars(example = &"requirements.txt")]
    pub packages: Option<String>,
}
