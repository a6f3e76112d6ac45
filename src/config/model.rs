//! The checked config, from which the engine is built.
//!
//! Limits are in range, scripts are read, and exactly one input and one output are chosen. A section that users write
//! in the same form as the engine uses it is declared here, and its doc comments are the manual. The other sections are
//! declared in `raw` as users write them, and are converted to the types here.

mod case;
mod format;
mod input;
mod kafka;
mod registry;
mod service;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use crate::guest::runtime::KNOWN as RUNTIMES;
pub(crate) use case::*;
pub(crate) use format::*;
pub(crate) use input::*;
pub(crate) use kafka::*;
pub(crate) use registry::*;
pub(crate) use service::*;

use super::script::Stage;
use super::section::section;
use super::texts::{Parsed, Size, Span};

/// Config of a whole pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Source of the messages.
    pub input: InputConfig,
    /// Processing of the messages.
    pub pipeline: PipelineConfig,
    /// Destination of the results.
    pub output: OutputConfig,
    /// Destination of failed messages, if it is an output.
    pub dead_letter: Option<OutputConfig>,
    /// Delivery guarantee of results. Exactly once is possible only from Kafka to Kafka.
    pub delivery: DeliveryGuarantee,
    /// Sandboxed interpreters and their limits.
    pub guests: GuestsConfig,
    /// Web server.
    pub http: HttpConfig,
    /// Logging.
    pub logger: LoggerConfig,
    /// Limit on the time of a drain.
    pub shutdown_timeout: Duration,
    /// Schema registry.
    pub schema_registry: Option<SchemaRegistryConfig>,
    /// Unit tests of the scripts.
    pub tests: Vec<TestCase>,
}

impl Config {
    /// Returns what happens to a message that fails.
    pub(crate) fn failure_policy(&self) -> FailurePolicy<'_> {
        match (self.pipeline.on_error, &self.dead_letter) {
            (OnError::Drop, _) => FailurePolicy::Drop,
            (OnError::DeadLetter, Some(output)) => match self.delivery {
                DeliveryGuarantee::AtLeastOnce => FailurePolicy::DeadLetters(output),
                DeliveryGuarantee::ExactlyOnce => FailurePolicy::DeadLettersInTransaction(output),
            },
            // Probably nobody reads the standard error of a service, and the message can be read again.
            (OnError::DeadLetter, None) if self.input.is_service() => FailurePolicy::Stop,
            (OnError::DeadLetter, None) => FailurePolicy::Stderr,
        }
    }
}

/// Treatment of a message that fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FailurePolicy<'a> {
    /// The message is dropped, because the config says so.
    Drop,
    /// The message goes to this output.
    DeadLetters(&'a OutputConfig),
    /// The message goes to this output, in the same transaction as the results.
    DeadLettersInTransaction(&'a OutputConfig),
    /// The message is written to standard error, as a line of JSON.
    Stderr,
    /// The message ends the pipeline, and its position is not committed.
    Stop,
}

/// Processing of messages.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PipelineConfig {
    /// Scripts in the order in which they run; at least one.
    pub stages: Vec<Stage>,
    /// Limit on the number of guests; at least 1.
    pub max_guests: usize,
    /// Limit on the bytes of messages in flight: the only bound on the host's memory.
    pub max_in_flight: u64,
    /// What happens to a failed message.
    pub on_error: OnError,
    /// Limit on the messages that may fail; `None` for no limit.
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
    /// The message goes to the dead-letter output.
    DeadLetter,
    /// The message is dropped.
    Drop,
}

/// Destination of messages.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OutputConfig {
    /// Standard output.
    Stdout(StreamOutput),
    /// A file.
    File(FileConfig),
    /// Nowhere: messages are acknowledged and dropped.
    Drop,
    /// A Kafka topic.
    Kafka(Box<KafkaOutputConfig>),
}

section! {
    /// Standard output.
    pub(crate) struct StreamOutput {
        /// What follows each message: `lines` for a newline, `append` for nothing, `delim:X` for X (in YAML, `"delim:\0"`
        /// for the byte 0). Standard output also takes Bento's `all-bytes` for nothing. With `length_delimited` each message comes after its length in four bytes (big-endian).
        #[serde(with = "Parsed")]
        #[schemars(with = "String", example = &"lines", example = &"append", example = &"delim:;", example = &"length_delimited")]
        #[schemars(extend("x-reads" = "codec"))]
        codec: StdoutCodec,
        /// What a result becomes.
        format: OutputFormat,
    }
}

section! {
    /// A file, to which messages are appended.
    pub(crate) struct FileConfig {
        /// The file, by its path from the folder in which the program was started. It is made if it is not there; its folder
        /// must be. If it is moved away, as `logrotate` does, the next messages go to a new file.
        #[schemars(example = &"orders.dead.jsonl")]
        path: String,
        /// Whether messages count as written only when they are on the disk, not when the system has them: they then survive
        /// that the machine loses its power. It costs one wait for the disk for each batch.
        fsync: bool,
        #[serde(flatten)]
        stream: StreamOutput,
    }
}

impl OutputConfig {
    /// Returns the formats of payloads and keys.
    pub(crate) fn formats(&self) -> (OutputFormat, KeyFormat) {
        match self {
            Self::Stdout(stdout) => (stdout.format.clone(), KeyFormat::default()),
            Self::File(file) => (file.stream.format.clone(), KeyFormat::default()),
            Self::Kafka(kafka) => (kafka.format.clone(), kafka.key_format.clone()),
            Self::Drop => Default::default(),
        }
    }
}

/// What tells messages apart in an output that is a stream of bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum StdoutCodec {
    /// A newline.
    #[default]
    Lines,
    /// Nothing.
    Append,
    /// This text; never empty.
    Delim(String),
    /// The length before each message, in four bytes, big-endian.
    LengthDelimited,
}

impl StdoutCodec {
    /// Returns the bytes to write after each message.
    pub(crate) fn terminator(&self) -> &[u8] {
        match self {
            Self::Lines => b"\n",
            Self::Append | Self::LengthDelimited => b"",
            Self::Delim(text) => text.as_bytes(),
        }
    }
}

/// Parses a codec. The error says what to write instead.
impl FromStr for StdoutCodec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("delim:")) {
            (_, Some(delimiter)) if !delimiter.is_empty() => Ok(Self::Delim(delimiter.into())),
            ("lines", _) => Ok(Self::Lines),
            // On standard output the two mean the same; with a file, the first one is refused.
            ("all-bytes" | "append", _) => Ok(Self::Append),
            ("length_delimited", _) => Ok(Self::LengthDelimited),
            _ => Err(
                "choose `lines`, `append`, `length_delimited`, or `delim:X` for X behind each message".into(),
            ),
        }
    }
}

impl fmt::Display for StdoutCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lines => f.write_str("lines"),
            Self::Append => f.write_str("append"),
            Self::Delim(text) => write!(f, "delim:{text}"),
            Self::LengthDelimited => f.write_str("length_delimited"),
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
        /// Whether a guest gets only the members of a document that its script can touch, where that is certain. Results
        /// are the same without it, and slower.
        projection: Projection = Projection::Auto,
        /// When a guest is replaced by a fresh one, without a pause.
        recycle: RecycleConfig,
    }
}

/// Whether documents are sent in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Projection {
    /// Where the script shows which members it can touch.
    Auto,
    /// Never.
    Off,
}

impl GuestsConfig {
    /// Returns the bytes of memory above which a guest is replaced.
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
