//! The config as a user writes it: the shape, the defaults and the manual.
//!
//! Every doc comment here is what a user reads in an editor and in `docs/config.md`. Nothing here
//! is checked beyond its type; [`super::validate`] does that and leaves these types behind.

mod guests;
mod input;
mod kafka;
mod output;
mod pipeline;
mod service;
mod tests;
mod text;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) use guests::{Guests, Recycle};
pub(super) use input::{Generate, Input, Lines, Scanner, Stdin};
pub(super) use kafka::{
    Batching, ClientCert, Compression, Group, GroupProtocol, KafkaInput, KafkaOutput, Partition,
    Partitioner, Properties, Sasl, SaslMechanism, Texts, Tls,
};
pub(super) use output::{DropOutput, Output, Stdout};
pub(super) use pipeline::{MaxFailures, OnError, Pipeline, Processor, Python};
pub(super) use service::{Delivery, Http, LogFormat, Logger};
pub(super) use tests::{Test, TestOutput};
pub(super) use text::{DurationText, Size};

/// A Nerodia pipeline: where messages come from, the Python they go through, where they go.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Nerodia pipeline")]
pub(super) struct Config {
    /// Where messages come from. Without it: lines of standard input.
    pub input: Input,
    /// What happens to them.
    pub pipeline: Pipeline,
    /// Where results go. Without it: lines on standard output.
    pub output: Output,
    /// Where messages go that could not be processed: any output. Without it they are written to
    /// standard error as JSON lines, and the exit code is 1; but a Kafka input stops at the first,
    /// whose position is not committed.
    pub dead_letter: Option<Output>,
    /// How often a result may come out. `at_least_once`: never less than once, and again what was under
    /// way at a crash. `exactly_once`, from Kafka to Kafka alone: results, dead letters and the input's
    /// position are written in one transaction, so that consumers that read committed messages alone
    /// (`isolation.level` is `read_committed`) see the results of each message once.
    pub delivery: Delivery,
    /// The sandboxed Python interpreters that run the scripts, and what each may use.
    pub guests: Guests,
    /// The web server: a page for people at `/`, and `/ping`, `/ready`, `/metrics` (Prometheus), `/stats` (JSON).
    /// Without this section a pipeline that reads Kafka has one at the default address, if that is free; others have
    /// none.
    pub http: Option<Http>,
    /// What is logged, on standard error.
    pub logger: Logger,
    /// How long messages under way may take to finish once the engine was told to stop. A second
    /// signal ends it at once.
    #[schemars(example = &"1m")]
    pub shutdown_timeout: DurationText,
    /// Unit tests of the scripts, run by `nerodia test`. They can stand in a file beside this one as well:
    /// `orders.test.yaml` for `orders.yaml`.
    pub tests: Vec<Test>,
    /// Bento's wait before the web server stops. Accepted, without effect.
    pub shutdown_delay: Option<DurationText>,
    /// Bento's choice of a metrics exporter. Accepted, without effect.
    pub metrics: Option<Value>,
    /// Bento's choice of a tracing exporter. Accepted, without effect.
    pub tracer: Option<Value>,
    /// Bento's buffer. Only `none: {}` is accepted: a buffer would acknowledge messages that are
    /// not delivered yet.
    pub buffer: Option<Value>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            input: Input::default(),
            pipeline: Pipeline::default(),
            output: Output::default(),
            dead_letter: None,
            delivery: Delivery::AtLeastOnce,
            guests: Guests::default(),
            http: None,
            logger: Logger::default(),
            shutdown_timeout: "20s".into(),
            tests: Vec::new(),
            shutdown_delay: None,
            metrics: None,
            tracer: None,
            buffer: None,
        }
    }
}
