//! What librdkafka tells of itself every few seconds: the little that is used of it.
//!
//! Source: librdkafka's STATISTICS.md.

use std::collections::BTreeMap;

use serde::Deserialize;

/// How often it tells. The text is made and read each time, and grows with the number of partitions.
pub const INTERVAL_MS: &str = "2000";

/// What it tells.
#[derive(Debug, Deserialize)]
pub struct Statistics {
    #[serde(default)]
    brokers: BTreeMap<String, Broker>,
    #[serde(default)]
    topics: BTreeMap<String, Topic>,
}

#[derive(Debug, Deserialize)]
struct Broker {
    /// Requests that were sent again.
    #[serde(default)]
    txretries: u64,
}

#[derive(Debug, Deserialize)]
struct Topic {
    #[serde(default)]
    partitions: BTreeMap<i32, Partition>,
}

#[derive(Debug, Deserialize)]
struct Partition {
    /// The end for who reads committed messages only; negative if unknown.
    #[serde(default)]
    ls_offset: i64,
    #[serde(default)]
    hi_offset: i64,
    #[serde(default)]
    committed_offset: i64,
    #[serde(default = "unknown")]
    eof_offset: i64,
}

/// librdkafka's `RD_KAFKA_OFFSET_INVALID`.
fn unknown() -> i64 {
    -1001
}

/// The end of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionEnd {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// The offset behind its last message, if known.
    pub end: Option<i64>,
    /// What the group has committed, if known.
    pub committed: Option<i64>,
    /// Where the client was told last that the end is reached: all records before it were fetched.
    pub eof: Option<i64>,
}

/// Reads librdkafka's text. `None` if it is none, which is not worth an error.
pub fn read(json: &[u8]) -> Option<Statistics> {
    serde_json::from_slice(json).ok()
}

impl Statistics {
    /// Requests sent again, to all brokers.
    pub fn retries(&self) -> u64 {
        self.brokers.values().map(|broker| broker.txretries).sum()
    }

    /// The partitions that are known.
    pub fn partitions(&self) -> Vec<PartitionEnd> {
        let known = |offset: i64| (offset >= 0).then_some(offset);
        let topics = self.topics.iter().flat_map(|(topic, told)| {
            // -1 stands for messages that have no partition yet.
            let partitions = told.partitions.iter().filter(|(number, _)| **number >= 0);
            partitions.map(move |(&partition, told)| PartitionEnd {
                topic: topic.clone(),
                partition,
                end: known(told.ls_offset).or(known(told.hi_offset)),
                committed: known(told.committed_offset),
                eof: known(told.eof_offset),
            })
        });
        topics.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told() {
        let text = br#"{ "name": "rdkafka#consumer-1", "brokers": { "a:1/1": { "txretries": 2, "tx": 9 },
            "b:2/2": { "txretries": 3 } }, "topics": { "orders": { "topic": "orders", "partitions": {
            "0": { "partition": 0, "hi_offset": 12, "ls_offset": 10, "committed_offset": -1001 },
            "1": { "partition": 1, "hi_offset": 7, "ls_offset": -1001, "committed_offset": 5, "eof_offset": 7 },
            "-1": { "partition": -1, "hi_offset": -1001 } } } } }"#;
        let told = read(text).unwrap();
        assert_eq!(told.retries(), 5);
        let end = |partition, end, committed, eof| PartitionEnd {
            topic: "orders".into(),
            partition,
            end,
            committed,
            eof,
        };
        assert_eq!(
            told.partitions(),
            [
                end(0, Some(10), None, None),
                end(1, Some(7), Some(5), Some(7))
            ]
        );
        assert!(read(b"no").is_none());
    }
}
