//! Topics to which records may be written: the output's own, and those that the config allows scripts to choose.

use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::Producer as _;
use regex::RegexSet;

use super::Producer;
use crate::config::KafkaOutputConfig;
use crate::message::Failure;

/// Time limit of one request to the cluster.
const PATIENCE: Duration = Duration::from_secs(5);
/// Number of requests to a cluster that does not answer, with a pause between two.
const LOOKS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);
/// Time for which a topic that does not exist, or may not be written, is not asked for again: each request delays the
/// whole output.
const REFUSED_FOR: Duration = Duration::from_secs(15);
/// Limit on remembered names; a script can invent any number.
const MOST_REFUSED: usize = 10_000;

/// Topics that the config of an output allows.
pub(crate) struct AllowedTopics {
    own: String,
    names: HashSet<String>,
    patterns: RegexSet,
}

impl AllowedTopics {
    /// Creates the topics that `config` allows. Patterns are anchored at the start, as they are for inputs.
    pub(crate) fn new(config: &KafkaOutputConfig) -> Self {
        let (patterns, names): (Vec<_>, Vec<_>) = config
            .topics_allowed
            .iter()
            .partition(|topic| topic.starts_with('^'));
        Self {
            own: config.topic.clone(),
            names: names.into_iter().cloned().collect(),
            // The config was validated; an invalid pattern would allow nothing.
            patterns: RegexSet::new(patterns).unwrap_or_default(),
        }
    }

    /// Checks that a script may choose `topic`. Whether there is such a topic is not asked.
    ///
    /// # Errors
    ///
    /// With the failure of the message.
    pub(crate) fn check(&self, topic: &str) -> Result<(), Failure> {
        if topic == self.own {
            return Ok(());
        }
        if !self.names.contains(topic) && !self.patterns.is_match(topic) {
            let text = format!(
                "the script chose the topic {topic:?}, which the output's `topics_allowed` does not name"
            );
            return Err(Failure::new("TopicNotAllowed", text));
        }
        if !is_name(topic) {
            let text = format!("the script chose {topic:?}, which cannot be the name of a topic");
            return Err(Failure::new("UnknownTopic", text));
        }
        Ok(())
    }
}

/// Topics of one output.
pub(super) struct Topics {
    allowed: AllowedTopics,
    /// Topics that a script chose, and that are allowed and exist.
    known: HashSet<String>,
    /// Topics that a script chose, and that do not exist or may not be written: with the failure, and the time it was
    /// found.
    refused: HashMap<String, (Failure, Instant)>,
}

impl Topics {
    /// Creates the topics that `config` allows.
    pub(super) fn new(config: &KafkaOutputConfig) -> Self {
        Self {
            allowed: AllowedTopics::new(config),
            known: HashSet::new(),
            refused: HashMap::new(),
        }
    }

    /// Notes that a topic does not exist any more, or may not be written any more. It is asked for again after some
    /// time.
    pub(super) fn refuse(&mut self, topic: &str, failure: &Failure) {
        if self.refused.len() >= MOST_REFUSED {
            self.refused.clear();
        }
        self.known.remove(topic);
        let refused = (failure.clone(), Instant::now());
        self.refused.insert(topic.to_owned(), refused);
    }

    fn refused_before(&self, topic: &str) -> Option<Failure> {
        let (failure, since) = self.refused.get(topic)?;
        (since.elapsed() < REFUSED_FOR).then(|| failure.clone())
    }

    /// Checks whether a record may be written to `topic`. The first time that a script chooses a topic, the cluster is
    /// asked whether it exists: records for a topic that does not exist would delay all others.
    pub(super) fn check(&mut self, topic: &str, producer: &Producer) -> Result<(), Failure> {
        if topic == self.allowed.own || self.known.contains(topic) {
            return Ok(());
        }
        // The cluster is not asked for an invalid name: it would not answer, and would be asked without end.
        self.allowed.check(topic)?;
        if let Some(failure) = self.refused_before(topic) {
            return Err(failure);
        }
        match ask(topic, producer) {
            Ok(()) => {
                self.refused.remove(topic);
                self.known.insert(topic.to_owned());
                Ok(())
            }
            Err(failure) => {
                self.refuse(topic, &failure);
                Err(failure)
            }
        }
    }
}

/// Asks the cluster whether the topic exists and may be written.
fn ask(topic: &str, producer: &Producer) -> Result<(), Failure> {
    for _ in 0..LOOKS {
        let metadata = producer.client().fetch_metadata(Some(topic), PATIENCE);
        let Ok(metadata) = metadata else {
            thread::sleep(PAUSE);
            continue;
        };
        let error = metadata.topics().first().and_then(|topic| topic.error());
        let error = error.map(RDKafkaErrorCode::from);
        return match error {
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::InvalidTopic) => {
                let text = format!("the script chose the topic {topic:?}, which does not exist");
                Err(Failure::new("UnknownTopic", text))
            }
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                let text = format!(
                    "the script chose the topic {topic:?}, which the user may not write to"
                );
                Err(Failure::new("TopicNotAllowed", text))
            }
            // Other errors pass by themselves, and if they do not, delivery reports show them.
            _ => Ok(()),
        };
    }
    // The cluster is away: the record waits for it as all others do, and its delivery report shows the result.
    Ok(())
}

/// Returns whether Kafka allows this name for a topic.
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
