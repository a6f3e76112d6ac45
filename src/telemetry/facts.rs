//! Summary of a config, for people.

use serde::{Deserialize, Serialize};

use crate::config::{
    Config, DeliveryGuarantee, InputConfig, KafkaOutputConfig, OnError, OutputConfig,
};

/// Summary of a config.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Facts {
    /// Input of the pipeline.
    pub input: Place,
    /// Names of the scripts, in their order.
    pub stages: Vec<String>,
    /// Output for results.
    pub output: Place,
    /// Destination of failed messages.
    pub failures: Place,
    /// Delivery guarantee: `at_least_once` or `exactly_once`.
    pub delivery: String,
    /// Runtime that the guests are made from.
    pub runtime: String,
    /// Lower limit on the number of guests.
    pub min_guests: usize,
    /// Upper limit on the number of guests.
    pub max_guests: usize,
}

/// Type and details of an input or an output.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Place {
    /// Type as the config names it.
    #[serde(rename = "type")]
    pub kind: String,
    /// Details such as the topics; may be empty.
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
            OutputConfig::Drop => Self::new("drop", ""),
            OutputConfig::Kafka(kafka) => Self::of_kafka(kafka),
        }
    }

    fn of_kafka(kafka: &KafkaOutputConfig) -> Self {
        Self::new("kafka", kafka.topic.clone())
    }
}

impl Facts {
    /// Summarizes `config`.
    pub fn new(config: &Config) -> Self {
        let input = match &config.input {
            InputConfig::Stdin(_) => Place::new("stdin", ""),
            InputConfig::Generate(_) => Place::new("generate", ""),
            InputConfig::Kafka(kafka) => Place::new("kafka", kafka.topics.join(", ")),
        };
        let failures = match (config.pipeline.on_error, &config.dead_letter, &config.input) {
            (OnError::Drop, _, _) => Place::new("dropped", ""),
            (OnError::DeadLetter, Some(output), _) => Place::of_output(output),
            (OnError::DeadLetter, None, InputConfig::Kafka(_)) => {
                Place::new("end of the pipeline", "")
            }
            (OnError::DeadLetter, None, _) => Place::new("stderr", ""),
        };
        let delivery = match config.delivery {
            DeliveryGuarantee::AtLeastOnce => "at_least_once",
            DeliveryGuarantee::ExactlyOnce => "exactly_once",
        };
        let stages = config.pipeline.stages.iter();
        Self {
            input,
            stages: stages
                .map(|stage| stage.origin.display_name().to_owned())
                .collect(),
            output: Place::of_output(&config.output),
            failures,
            delivery: delivery.to_owned(),
            runtime: config.guests.runtime.clone(),
            min_guests: config.guests.min,
            max_guests: config.pipeline.max_guests,
        }
    }
}
