//! The config as a user writes it: shape, defaults and manual of the sections that have another form in the model.
//!
//! Users read every doc comment here, and on the sections of the model, in an editor and in `docs/config.md`. A value
//! is checked against the schema of these types before it becomes one of them, and [`super::validate`] then converts it
//! to the model.

mod input;
mod kafka;
mod pipeline;
mod registry;

use std::time::Duration;

use serde_json::Value;

use super::model::{
    DeliveryGuarantee, FileConfig, GuestsConfig, HttpConfig, KafkaOutputConfig, LoggerConfig,
    StreamOutput,
};
use super::section::section;
use super::texts::Span;

pub(super) use input::*;
pub(super) use kafka::{Client, ClientCert, Kafka, Sasl, Tls};
pub(super) use pipeline::{Pipeline, Processor, Test};
pub(super) use registry::{RegistryBasic, SchemaRegistry};

section! {
    /// A Nerodia pipeline: where messages come from, the Python they go through, where they go.
    #[schemars(title = "Nerodia pipeline")]
    pub(super) struct Config {
        /// Where messages come from. Without it: lines of standard input.
        input: Input,
        /// What happens to them.
        pipeline: Pipeline,
        /// Where results go. Without it: lines on standard output.
        output: Output,
        /// Where messages go that could not be processed: any output. Without it they are written to
        /// standard error, as JSON lines or as text in a terminal, and the exit code is 1; but a Kafka
        /// input stops at the first, whose position is not committed.
        dead_letter: Option<Output>,
        /// How often a result may come out. `at_least_once`: never less than once, and again what was under
        /// way at a crash. `exactly_once`, from Kafka to Kafka alone: results, dead letters and the input's
        /// position are written in one transaction, so that consumers that read committed messages alone
        /// (`isolation.level` is `read_committed`) see the results of each message once.
        delivery: DeliveryGuarantee = DeliveryGuarantee::AtLeastOnce,
        /// The sandboxed Python interpreters that run the scripts, and what each may use.
        guests: GuestsConfig,
        /// The web server: a page for people at `/`, and `/ping`, `/ready`, `/metrics` (Prometheus), `/stats` (JSON).
        /// Without this section a pipeline that reads Kafka has one at the default address, if that is free; others have
        /// none.
        http: Option<HttpConfig>,
        /// Where the schemas of formats such as `avro` are.
        schema_registry: Option<SchemaRegistry>,
        /// What is logged, on standard error.
        logger: LoggerConfig,
        /// How long messages under way may take to finish once the engine was told to stop. A second
        /// signal ends it at once.
        #[serde(with = "Span")]
        #[schemars(example = &"1m")]
        shutdown_timeout: Duration = Duration::from_secs(20),
        /// Unit tests of the scripts, run by `nerodia test`. They can stand in a file beside this one as well:
        /// `orders.test.yaml` for `orders.yaml`.
        tests: Vec<Test>,
        /// Bento's buffer. Only `none: {}` is accepted: a buffer would acknowledge messages that are
        /// not delivered yet.
        #[schemars(with = "Value")]
        buffer: Option<String>,
    }
    + BentosConfig {
        /// Bento's wait before the web server stops. Accepted, without effect.
        #[schemars(with = "Span")]
        shutdown_delay: Duration,
        /// Bento's choice of a metrics exporter. Accepted, without effect.
        metrics: Value,
        /// Bento's choice of a tracing exporter. Accepted, without effect.
        tracer: Value,
    }

    /// Where messages go: one of the fields below.
    #[schemars(extend("x-component" = "output"))]
    pub(super) struct Output {
        /// A name of yours for it. Accepted, without effect.
        #[schemars(extend("x-ignored" = "quietly"))]
        label: Option<String>,
        /// Standard output, a line a message.
        stdout: Option<StreamOutput>,
        /// A file, to which messages are appended, a line a message.
        file: Option<FileConfig>,
        /// A Kafka topic.
        kafka: Option<Kafka<KafkaOutputConfig>>,
        /// Nowhere: messages are acknowledged and forgotten.
        drop: Option<DropOutput>,
    }

    /// Nowhere.
    pub(super) struct DropOutput {}
}
