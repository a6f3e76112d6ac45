//! Which topics may be written to: the output's own, and those that the config lets scripts choose.

use std::collections::HashSet;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::Producer as _;
use regex::RegexSet;

use super::Producer;
use crate::config::KafkaOutputConfig;
use crate::message::Failure;

/// How long one look at the cluster may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The topics of one output.
pub struct Topics {
    own: String,
    names: HashSet<String>,
    patterns: RegexSet,
    /// Chosen by a script, allowed, and there.
    known: HashSet<String>,
}

impl Topics {
    /// Those that `config` allows. Patterns are anchored at the start, as they are for inputs.
    pub fn new(config: &KafkaOutputConfig) -> Self {
        let (patterns, names): (Vec<_>, Vec<_>) = config
            .topics_allowed
            .iter()
            .partition(|topic| topic.starts_with('^'));
        Self {
            own: config.topic.clone(),
            names: names.into_iter().cloned().collect(),
            // The config was validated; a pattern that is none allows nothing.
            patterns: RegexSet::new(patterns).unwrap_or_default(),
            known: HashSet::new(),
        }
    }

    /// Whether a record may go to `topic`; if not, why. The first time that a script chooses a topic, the
    /// cluster is asked whether it exists: a topic that does not would hold up all others.
    pub fn check(&mut self, topic: &str, producer: &Producer) -> Result<(), Failure> {
        if topic == self.own || self.known.contains(topic) {
            return Ok(());
        }
        if !self.names.contains(topic) && !self.patterns.is_match(topic) {
            let text = format!(
                "the script chose the topic {topic:?}, which the output's `topics_allowed` does not name"
            );
            return Err(Failure::new("TopicNotAllowed", text));
        }
        // Not asked for: a name that cannot be one has no answer, and would be asked for ever.
        if !is_name(topic) {
            let text = format!("the script chose {topic:?}, which cannot be the name of a topic");
            return Err(Failure::new("UnknownTopic", text));
        }
        loop {
            let metadata = producer.client().fetch_metadata(Some(topic), PATIENCE);
            let error = match &metadata {
                Ok(metadata) => metadata
                    .topics()
                    .first()
                    .and_then(|topic| topic.error())
                    .map(RDKafkaErrorCode::from),
                Err(_) => continue, // the cluster is away: this record waits for it as all others do
            };
            return match error {
                Some(
                    RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::InvalidTopic,
                ) => {
                    let text =
                        format!("the script chose the topic {topic:?}, which does not exist");
                    Err(Failure::new("UnknownTopic", text))
                }
                Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                    let text = format!(
                        "the script chose the topic {topic:?}, which the user may not write to"
                    );
                    Err(Failure::new("TopicNotAllowed", text))
                }
                // Whatever else there is passes by, and delivery reports tell if it does not.
                _ => {
                    self.known.insert(topic.to_owned());
                    Ok(())
                }
            };
        }
    }
}

/// Whether Kafka lets a topic have this name.
fn is_name(topic: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=249).contains(&topic.len()) && !matches!(topic, "." | "..") && topic.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_kafka_allows_them() {
        for name in ["a", "orders.by-country_1", "...", &"x".repeat(249)] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            "a b",
            "a\0b",
            "a/b",
            "\u{e4}",
            &"x".repeat(250),
        ] {
            assert!(!is_name(name), "{name}");
        }
    }
}
