//! The topics that a config wants, as Nerodia looks for them itself; librdkafka and the brokers do so for a subscription.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaResult;
use regex::Regex;

/// The topics that a config wants.
pub struct Topics {
    names: Vec<String>,
    expressions: Vec<Regex>,
}

impl Topics {
    /// Those of a config: names, or expressions that begin with `^`.
    ///
    /// # Errors
    /// If an expression is none to the `regex` crate. It may still be one to librdkafka.
    pub fn new(topics: &[String]) -> Result<Self, regex::Error> {
        let (expressions, names): (Vec<_>, Vec<_>) = topics
            .iter()
            .cloned()
            .partition(|topic| topic.starts_with('^'));
        let expressions = expressions.iter().map(|topic| Regex::new(topic));
        Ok(Self {
            names,
            expressions: expressions.collect::<Result<_, _>>()?,
        })
    }

    /// Those of a config, and all topics if an expression is none to the `regex` crate.
    pub fn or_all(topics: &[String]) -> Self {
        Self::new(topics).unwrap_or_else(|_| Self {
            names: topics.to_vec(),
            expressions: vec![Regex::new("").expect("an expression")],
        })
    }

    /// Whether the config names `topic`. If not, it may fit an expression.
    pub fn is_named(&self, topic: &str) -> bool {
        self.names.iter().any(|name| name == topic)
    }

    /// All partitions that there are of these topics.
    ///
    /// # Errors
    /// If Kafka does not answer in `patience`.
    pub fn partitions<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        patience: Duration,
    ) -> KafkaResult<Vec<(String, i32)>> {
        let metadata = consumer.fetch_metadata(None, patience)?;
        let wanted = |name: &str| {
            self.is_named(name) || self.expressions.iter().any(|one| one.is_match(name))
        };
        let topics = metadata.topics().iter().filter(|one| wanted(one.name()));
        let partitions = topics.flat_map(|topic| {
            let numbers = topic.partitions().iter().map(|partition| partition.id());
            numbers.map(|number| (topic.name().to_owned(), number))
        });
        Ok(partitions.collect())
    }
}
