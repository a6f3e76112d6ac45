//! What librdkafka tells of itself every few seconds: the little that is used of it.
//!
//! Source: librdkafka's STATISTICS.md.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

/// How often it tells. The text is made and read each time, and grows with the number of partitions.
pub const INTERVAL: Duration = Duration::from_secs(2);

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
    /// `internal` is librdkafka itself, which is always up; `logical` stands for another one, such as the coordinator of a
    /// group.
    #[serde(default)]
    source: String,
    #[serde(default)]
    state: String,
    /// Requests that were sent again.
    #[serde(default)]
    txretries: u64,
}

impl Broker {
    fn is_real(&self) -> bool {
        !matches!(self.source.as_str(), "internal" | "logical")
    }

    fn is_connected(&self) -> bool {
        // A broker may ask who we are again while it answers. All other states lead to these or away from them.
        self.source != "internal" && matches!(self.state.as_str(), "UP" | "REAUTH")
    }
}

#[derive(Debug, Deserialize)]
struct Topic {
    #[serde(default)]
    partitions: BTreeMap<i32, Partition>,
}

#[derive(Debug, Deserialize)]
struct Partition {
    /// Fetched and not yet taken by us.
    #[serde(default)]
    fetchq_cnt: u64,
    /// The offset to fetch next.
    #[serde(default = "unknown")]
    next_offset: i64,
    #[serde(default = "unknown")]
    lo_offset: i64,
    /// The end for who reads committed messages only; negative if unknown.
    #[serde(default = "unknown")]
    ls_offset: i64,
    #[serde(default = "unknown")]
    hi_offset: i64,
    #[serde(default = "unknown")]
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
    /// The offset of its first message, if known.
    pub begin: Option<i64>,
    /// The offset behind its last message, if known: the last fetch of it succeeded.
    pub end: Option<i64>,
    /// What the group has committed, if known.
    pub committed: Option<i64>,
    /// Where the client was told last that the end is reached: all records before it were fetched.
    pub eof: Option<i64>,
    /// The offset up to which all messages were handed to us, if nothing that was fetched waits. Behind it there may be
    /// less than it seems: markers of transactions have offsets too.
    pub read_to: Option<i64>,
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

    /// Whether there is a connection to any broker.
    pub fn is_connected(&self) -> bool {
        self.brokers.values().any(Broker::is_connected)
    }

    /// Whether there is any broker to connect to.
    pub fn has_brokers(&self) -> bool {
        self.brokers.values().any(Broker::is_real)
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
                begin: known(told.lo_offset),
                end: known(told.ls_offset).or(known(told.hi_offset)),
                committed: known(told.committed_offset),
                eof: known(told.eof_offset),
                read_to: known(told.next_offset).filter(|_| told.fetchq_cnt == 0),
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
        let text = br#"{ "name": "rdkafka#consumer-1", "brokers": { "a:1/1": { "source": "learned", "state": "UP", "txretries": 2, "tx": 9 },
            "b:2/2": { "txretries": 3 } }, "topics": { "orders": { "topic": "orders", "partitions": {
            "0": { "partition": 0, "fetchq_cnt": 2, "next_offset": 9, "lo_offset": 3, "hi_offset": 12, "ls_offset": 10,
            "committed_offset": -1001 },
            "1": { "partition": 1, "fetchq_cnt": 0, "next_offset": 7, "hi_offset": 7, "ls_offset": -1001,
            "committed_offset": 5, "eof_offset": 7 },
            "-1": { "partition": -1, "hi_offset": -1001 } } } } }"#;
        let told = read(text).unwrap();
        assert_eq!(told.retries(), 5);
        let first = PartitionEnd {
            topic: "orders".into(),
            partition: 0,
            begin: Some(3),
            end: Some(10),
            committed: None,
            eof: None,
            read_to: None,
        };
        let second = PartitionEnd {
            topic: "orders".into(),
            partition: 1,
            begin: None,
            end: Some(7),
            committed: Some(5),
            eof: Some(7),
            read_to: Some(7),
        };
        assert_eq!(told.partitions(), [first, second]);
        assert!(read(b"no").is_none());
    }

    #[test]
    fn connected_is_who_has_a_connection_to_a_broker() {
        let read = |source: &str, state: &str| {
            let text = format!(
                r#"{{ "brokers": {{ ":0/internal": {{ "source": "internal", "state": "UP" }},
                "a": {{ "source": "{source}", "state": "{state}" }} }} }}"#
            );
            read(text.as_bytes()).unwrap()
        };
        let told = |source: &str, state: &str| read(source, state).is_connected();
        let has_brokers = |source: &str| read(source, "DOWN").has_brokers();
        for source in ["configured", "learned", "logical"] {
            assert!(told(source, "UP") && told(source, "REAUTH"));
            for state in [
                "INIT",
                "DOWN",
                "TRY_CONNECT",
                "CONNECT",
                "SSL_HANDSHAKE",
                "AUTH_REQ",
            ] {
                assert!(!told(source, state), "{state}");
            }
        }
        assert!(!told("internal", "UP"));
        for source in ["configured", "learned"] {
            assert!(has_brokers(source));
        }
        assert!(!has_brokers("internal") && !has_brokers("logical"));
        assert!(!super::read(b"{}").unwrap().is_connected());
    }
}
