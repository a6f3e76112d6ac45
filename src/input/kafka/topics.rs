//! Topics of a config, matched by Nerodia itself; for a subscription, librdkafka and the brokers match them.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaResult;
use regex::Regex;

/// Topics that a config names.
pub(super) struct Topics {
    names: Vec<String>,
    expressions: Vec<Regex>,
}

impl Topics {
    /// Creates the topics of a config: names, or expressions that begin with `^`.
    ///
    /// # Errors
    /// If the `regex` crate does not accept an expression. librdkafka may still accept it.
    pub(super) fn new(topics: &[String]) -> Result<Self, regex::Error> {
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

    /// Creates the topics of a config. If the `regex` crate does not accept an expression, all topics match.
    pub(super) fn or_all(topics: &[String]) -> Self {
        Self::new(topics).unwrap_or_else(|_| Self {
            names: topics.to_vec(),
            expressions: vec![Regex::new("").expect("an expression")],
        })
    }

    /// Returns whether the config names `topic` itself. If not, the topic may match an expression.
    pub(super) fn is_named(&self, topic: &str) -> bool {
        self.names.iter().any(|name| name == topic)
    }

    /// Returns all existing partitions of these topics.
    ///
    /// # Errors
    /// If Kafka does not answer within `patience`.
    pub(super) fn partitions<C: ConsumerContext>(
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
