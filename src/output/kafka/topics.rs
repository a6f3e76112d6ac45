//! Which topics may be written to: the output's own, and those that the config lets scripts choose.

use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::Producer as _;
use regex::RegexSet;

use super::Producer;
use crate::config::KafkaOutputConfig;
use crate::message::Failure;

/// How long one look at the cluster may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// So often a cluster is asked that does not answer, with a pause between.
const LOOKS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);
/// For so long a topic that is not there, or not ours to write to, is not asked for again: each question holds up the
/// whole output.
const REFUSED_FOR: Duration = Duration::from_secs(15);
/// So many names are remembered; a script can make up any.
const MOST_REFUSED: usize = 10_000;

/// The topics of one output.
pub struct Topics {
    own: String,
    names: HashSet<String>,
    patterns: RegexSet,
    /// Chosen by a script, allowed, and there.
    known: HashSet<String>,
    /// Chosen by a script, and not there or not to be written to: why, and when that was found.
    refused: HashMap<String, (Failure, Instant)>,
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
            refused: HashMap::new(),
        }
    }

    /// A topic that was there is not, or may not be written to any more. It is asked for again after a while.
    pub fn refuse(&mut self, topic: &str, failure: &Failure) {
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

/// Whether the topic is there and ours to write to, as far as the cluster says.
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
            // Whatever else there is passes by, and delivery reports tell if it does not.
            _ => Ok(()),
        };
    }
    // The cluster is away: the record waits for it as all others do, and its delivery report tells.
    Ok(())
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
