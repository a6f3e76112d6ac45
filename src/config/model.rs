//! The config that cannot be wrong: what the engine is built from.
//!
//! Limits are in range, scripts are read, exactly one input and one output are chosen. What a
//! field is for stands in `raw.rs`, where users meet it.

mod kafka;
mod tests;

use std::time::Duration;

pub use kafka::*;
pub use tests::*;

use super::script::Stage;

/// The runtimes that can be chosen; the first is the default.
pub const RUNTIMES: [&str; 2] = ["cpython-3.14", "cpython-3.12"];

/// A whole pipeline.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where messages come from.
    pub input: InputConfig,
    /// What happens to them.
    pub pipeline: PipelineConfig,
    /// Where results go.
    pub output: OutputConfig,
    /// Where failed messages go; `None`: JSON lines on standard error, but a Kafka input stops.
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

/// Where messages come from.
#[derive(Clone, Debug, PartialEq)]
pub enum InputConfig {
    /// Lines of standard input.
    Stdin(StdinConfig),
    /// Messages made by a script or from a literal.
    Generate(GenerateConfig),
    /// Kafka topics.
    Kafka(Box<KafkaInputConfig>),
}

/// Lines of standard input.
#[derive(Clone, Debug, PartialEq)]
pub struct StdinConfig {
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
pub struct GenerateConfig {
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
pub enum GenerateSource {
    /// The `root` of a script.
    Script(Stage),
    /// A literal as JSON text, with its numbers as they were written.
    Value(String),
}

/// What happens to messages.
#[derive(Clone, Debug, PartialEq)]
pub struct PipelineConfig {
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

/// How many messages may fail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaxFailures {
    /// This share of them; at least 0, less than 1.
    pub share: f64,
    /// Of the last so many; at least 1.
    pub of: usize,
}

/// What happens to a failed message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// It goes to the dead-letter output.
    DeadLetter,
    /// It is dropped, as asked for by name.
    Drop,
}

/// Where messages go.
#[derive(Clone, Debug, PartialEq)]
pub enum OutputConfig {
    /// Standard output.
    Stdout(StdoutConfig),
    /// Nowhere.
    Drop,
    /// A Kafka topic.
    Kafka(Box<KafkaOutputConfig>),
}

/// Standard output.
#[derive(Clone, Debug, PartialEq)]
pub struct StdoutConfig {
    /// What follows each message.
    pub codec: StdoutCodec,
}

/// What follows each message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StdoutCodec {
    /// A newline.
    Lines,
    /// Nothing.
    AllBytes,
    /// These bytes; never empty.
    Delim(Vec<u8>),
}

impl StdoutCodec {
    /// The bytes to write after each message.
    pub fn terminator(&self) -> &[u8] {
        match self {
            Self::Lines => b"\n",
            Self::AllBytes => b"",
            Self::Delim(bytes) => bytes,
        }
    }
}

/// The sandboxed interpreters and their limits.
#[derive(Clone, Debug, PartialEq)]
pub struct GuestsConfig {
    /// One of [`RUNTIMES`].
    pub runtime: String,
    /// How few guests there may be; 0 is allowed, more than `max_guests` is not.
    pub min: usize,
    /// The memory of one guest, in bytes.
    pub memory: u64,
    /// The time for one message.
    pub timeout: Duration,
    /// The time to READY.
    pub start_timeout: Duration,
    /// How long an idle guest stays.
    pub idle_timeout: Duration,
    /// The most bytes of results of one message.
    pub max_output: u64,
    /// The most bytes of log of one message.
    pub max_log: u64,
    /// When a guest is replaced.
    pub recycle: RecycleConfig,
}

/// When a guest is replaced by a fresh one.
#[derive(Clone, Debug, PartialEq)]
pub struct RecycleConfig {
    /// After so many messages.
    pub after_messages: Option<u64>,
    /// Once it holds more bytes than this.
    pub memory: u64,
}

/// The web server.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpConfig {
    /// Whether there is one.
    pub enabled: bool,
    /// `host:port`.
    pub address: String,
    /// The config asks for it; else it is there only if its address is free.
    pub asked: bool,
    /// Whether failures are shown with the beginnings of their messages.
    pub show_payloads: bool,
    /// What who wants to change anything over HTTP has to know; without one, nobody may. Never empty.
    pub token: Option<String>,
}

/// What is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggerConfig {
    /// The least important level logged.
    pub level: LogLevel,
    /// How lines are written.
    pub format: LogFormat,
}

/// The least important level logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Nothing at all.
    Off,
    /// Data lost, or someone is needed.
    Error,
    /// It healed.
    Warn,
    /// What the engine does.
    Info,
    /// Why it does it.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// As `tracing` and its filters spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}
