//! The config that cannot be wrong: what the engine is built from.
//!
//! Limits are in range, scripts are read, exactly one input and one output are chosen. Sections that need no more than
//! that are written as they are used: their doc comments are the manual. The others are made from those in `raw`, where
//! users meet them.

mod case;
mod kafka;
mod service;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use crate::guest::runtime::KNOWN as RUNTIMES;
pub(crate) use case::*;
pub(crate) use kafka::*;
pub(crate) use service::*;

use super::script::Stage;
use super::section::section;
use super::texts::{Parsed, Size, Span};

/// A whole pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Where messages come from.
    pub input: InputConfig,
    /// What happens to them.
    pub pipeline: PipelineConfig,
    /// Where results go.
    pub output: OutputConfig,
    /// Where failed messages go, if that is an output.
    pub dead_letter: Option<OutputConfig>,
    /// How often a result may come out. Exactly once only from Kafka to Kafka.
    pub delivery: DeliveryGuarantee,
    /// The sandboxed interpreters and their limits.
    pub guests: GuestsConfig,
    /// The web server.
    pub http: HttpConfig,
    /// What is logged.
    pub logger: LoggerConfig,
    /// How long a drain may take.
    pub shutdown_timeout: Duration,
    /// Unit tests of the scripts.
    pub tests: Vec<TestCase>,
}

impl Config {
    /// What becomes of a message that fails.
    pub(crate) fn failure_policy(&self) -> FailurePolicy<'_> {
        match (self.pipeline.on_error, &self.dead_letter, &self.input) {
            (OnError::Drop, _, _) => FailurePolicy::Drop,
            (OnError::DeadLetter, Some(output), _) => match self.delivery {
                DeliveryGuarantee::AtLeastOnce => FailurePolicy::DeadLetters(output),
                DeliveryGuarantee::ExactlyOnce => FailurePolicy::DeadLettersInTransaction(output),
            },
            // Nothing reads the standard error of a service, and the message can be read again.
            (OnError::DeadLetter, None, InputConfig::Kafka(kafka))
                if kafka.extent == Extent::Endless =>
            {
                FailurePolicy::Stop
            }
            (OnError::DeadLetter, None, _) => FailurePolicy::Stderr,
        }
    }
}

/// What becomes of a message that fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FailurePolicy<'a> {
    /// It is dropped, as asked for by name.
    Drop,
    /// It goes to this output.
    DeadLetters(&'a OutputConfig),
    /// It goes to this output, in the transaction that has the results as well.
    DeadLettersInTransaction(&'a OutputConfig),
    /// It is written to standard error, as a line of JSON.
    Stderr,
    /// It ends the pipeline. Its position is not committed.
    Stop,
}

/// Where messages come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum InputConfig {
    /// Lines of standard input.
    Stdin(StdinConfig),
    /// Messages made by a script or from a literal.
    Generate(GenerateConfig),
    /// Kafka topics.
    Kafka(Box<KafkaInputConfig>),
}

/// Lines of standard input.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StdinConfig {
    /// The longest line in bytes; a longer one becomes a dead letter.
    pub max_line: usize,
    /// What ends a line; `None` for a newline, with or without a carriage return before it.
    /// Never empty.
    pub delimiter: Option<Vec<u8>>,
    /// Whether empty lines are left out.
    pub omit_empty: bool,
}

/// Messages made here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GenerateConfig {
    /// What a message is.
    pub source: GenerateSource,
    /// The time between two batches; zero for as fast as possible.
    pub interval: Duration,
    /// How many messages in all; 0 for no end.
    pub count: u64,
    /// How many messages at each interval; at least 1.
    pub batch_size: usize,
}

/// What `generate` makes messages of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum GenerateSource {
    /// The `root` of a script.
    Script(Stage),
    /// A literal as JSON text, with its numbers as they were written.
    Value(String),
}

/// What happens to messages.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PipelineConfig {
    /// The scripts, one after the other; at least one.
    pub stages: Vec<Stage>,
    /// The most guests; at least 1.
    pub max_guests: usize,
    /// The most bytes of messages under way: the one bound on the host's memory.
    pub max_in_flight: u64,
    /// What happens to a failed message.
    pub on_error: OnError,
    /// How many messages may fail; `None` for all.
    pub max_failures: Option<MaxFailures>,
}

section! {
    /// How many messages may fail.
    #[derive(Copy)]
    pub(crate) struct MaxFailures {
        /// The share of messages that may fail, from 0 to less than 1.
        share: f64 = 0.9,
        /// Of how many messages, the last ones. The share is looked at when there are so many; a reload begins anew.
        #[schemars(range(min = 1))]
        of: usize = 1000,
    }
}

/// What happens to a failed message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnError {
    /// It goes to the dead-letter output.
    DeadLetter,
    /// It is dropped, as asked for by name.
    Drop,
}

/// Where messages go.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OutputConfig {
    /// Standard output.
    Stdout(StdoutConfig),
    /// Nowhere.
    Drop,
    /// A Kafka topic.
    Kafka(Box<KafkaOutputConfig>),
}

section! {
    /// Standard output.
    pub(crate) struct StdoutConfig {
        /// What follows each message: `lines` for a newline, `all-bytes` for nothing, `delim:X` for X.
        #[serde(with = "Parsed")]
        #[schemars(with = "String", example = &"lines", example = &"all-bytes", example = &"delim:;")]
        #[schemars(extend("x-reads" = "codec"))]
        codec: StdoutCodec,
    }
}

/// What follows each message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum StdoutCodec {
    /// A newline.
    #[default]
    Lines,
    /// Nothing.
    AllBytes,
    /// This text; never empty.
    Delim(String),
}

impl StdoutCodec {
    /// The bytes to write after each message.
    pub(crate) fn terminator(&self) -> &[u8] {
        match self {
            Self::Lines => b"\n",
            Self::AllBytes => b"",
            Self::Delim(text) => text.as_bytes(),
        }
    }
}

/// The error says what to write.
impl FromStr for StdoutCodec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("delim:")) {
            (_, Some(delimiter)) if !delimiter.is_empty() => Ok(Self::Delim(delimiter.into())),
            ("lines", _) => Ok(Self::Lines),
            // On a stream the two are one; Bento has both names.
            ("all-bytes" | "append", _) => Ok(Self::AllBytes),
            _ => Err("choose `lines`, `all-bytes`, or `delim:X` for X behind each message".into()),
        }
    }
}

impl fmt::Display for StdoutCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lines => f.write_str("lines"),
            Self::AllBytes => f.write_str("all-bytes"),
            Self::Delim(text) => write!(f, "delim:{text}"),
        }
    }
}

section! {
    /// The sandboxed Python interpreters.
    pub(crate) struct GuestsConfig {
        /// Which CPython they are made from; `nerodia runtime list` shows which are installed.
        #[schemars(extend("enum" = RUNTIMES))]
        runtime: String = RUNTIMES[0].into(),
        /// How few guests there may be; with 0 the first message after a pause starts one. The most is
        /// `pipeline.threads`.
        min: usize = 1,
        /// The memory one guest may use. A script that needs more gets Python's `MemoryError`.
        #[serde(with = "Size")]
        #[schemars(example = &"512MiB")]
        memory: u64 = 256 << 20,
        /// The time a script may take for one message, working or sleeping. A guest that takes longer
        /// is replaced, and the message becomes a dead letter.
        #[serde(with = "Span")]
        #[schemars(example = &"250ms", extend("x-above-zero" = true))]
        timeout: Duration = Duration::from_secs(1),
        /// The time a guest may take to start.
        #[serde(with = "Span")]
        #[schemars(extend("x-above-zero" = true))]
        start_timeout: Duration = Duration::from_secs(10),
        /// How long a guest that is not needed stays, down to `min`.
        #[serde(with = "Span")]
        #[schemars(example = &"5m")]
        idle_timeout: Duration = Duration::from_secs(30),
        /// The most bytes the results of one message may have; with more it becomes a dead letter.
        #[serde(with = "Size")]
        max_output: u64 = 8 << 20,
        /// The most bytes of log (`print`, standard error) one message may write. With more the guest is
        /// replaced, and the message becomes a dead letter.
        #[serde(with = "Size")]
        max_log: u64 = 1 << 20,
        /// When a guest is replaced by a fresh one, without a pause.
        recycle: RecycleConfig,
    }
}

impl GuestsConfig {
    /// Beyond how many bytes a guest is replaced.
    pub(crate) fn recycle_above(&self) -> u64 {
        self.recycle.memory.unwrap_or(self.memory / 2)
    }
}

section! {
    /// When a guest is replaced by a fresh one.
    pub(crate) struct RecycleConfig {
        /// After so many messages. Without it: never for that reason.
        #[schemars(range(min = 1), example = 1_000_000)]
        after_messages: Option<u64>,
        /// Once it holds more memory than this between two batches, and half as much again as it had at
        /// the start. Without it: half of `guests.memory`.
        #[serde(with = "Size")]
        #[schemars(example = &"128MiB")]
        memory: Option<u64>,
    }
}
