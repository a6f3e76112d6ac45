//! Facts about the running pipeline for people, fixed from the start.

use serde::{Deserialize, Serialize};

use crate::config::{Config, DeliveryGuarantee, FailurePolicy, KafkaOutputConfig, OutputConfig};

/// Facts about the running pipeline.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct PipelineFacts {
    /// Path of the config file, as it was given.
    #[serde(default)]
    pub config: Option<String>,
    /// Input of the pipeline.
    pub input: Place,
    /// Output of the pipeline.
    pub output: Place,
    /// Destination of failed messages.
    pub failures: Place,
    /// Delivery: `at_least_once` or `exactly_once`.
    pub delivery: String,
    /// Runtime of the guests.
    pub runtime: String,
    /// Lower limit on the number of guests.
    pub min_guests: usize,
    /// Upper limit on the number of guests.
    pub max_guests: usize,
}

/// Input or output.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Type, as in the config.
    #[serde(rename = "type")]
    pub kind: String,
    /// Topics or similar details; may be empty.
    pub detail: String,
}

impl Place {
    fn new(kind: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            detail: detail.into(),
        }
    }

    fn of_output(output: &OutputConfig) -> Self {
        match output {
            OutputConfig::Stdout(_) => Self::new("stdout", ""),
            OutputConfig::File(file) => Self::new("file", file.path.clone()),
            OutputConfig::Drop => Self::new("drop", ""),
            OutputConfig::Kafka(kafka) => Self::of_kafka(kafka),
        }
    }

    fn of_kafka(kafka: &KafkaOutputConfig) -> Self {
        Self::new("kafka", kafka.topic.clone())
    }
}

impl PipelineFacts {
    /// Returns the facts that `config` gives.
    pub(crate) fn new(config: &Config) -> Self {
        let (kind, detail) = config.input.described();
        let input = Place::new(kind, detail);
        let failures = match config.failure_policy() {
            FailurePolicy::Drop => Place::new("dropped", ""),
            FailurePolicy::DeadLetters(output)
            | FailurePolicy::DeadLettersInTransaction(output) => Place::of_output(output),
            FailurePolicy::Stop => Place::new("end of the pipeline", ""),
            FailurePolicy::Stderr => Place::new("stderr", ""),
        };
        let delivery = match config.delivery {
            DeliveryGuarantee::AtLeastOnce => "at_least_once",
            DeliveryGuarantee::ExactlyOnce => "exactly_once",
        };
        Self {
            config: None,
            input,
            output: Place::of_output(&config.output),
            failures,
            delivery: delivery.to_owned(),
            runtime: config.guests.runtime.clone(),
            min_guests: config.guests.min,
            max_guests: config.pipeline.max_guests,
        }
    }
}
