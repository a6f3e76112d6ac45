//! Statistics that librdkafka reports every few seconds, as far as they are used here.
//!
//! Source: librdkafka's STATISTICS.md.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

/// Interval of the statistics. librdkafka writes the text each time, and it grows with the number of partitions.
pub(crate) const INTERVAL: Duration = Duration::from_secs(2);

/// Contents of one report.
#[derive(Debug, Deserialize)]
pub(crate) struct Statistics {
    #[serde(default)]
    brokers: BTreeMap<String, Broker>,
    #[serde(default)]
    topics: BTreeMap<String, TopicJson>,
}

#[derive(Debug, Deserialize)]
struct Broker {
    /// Kind of entry. `internal` is librdkafka itself, which is always up; `logical` refers to another broker, for
    /// example the coordinator of a group.
    #[serde(default)]
    source: String,
    #[serde(default)]
    state: String,
    /// Number of requests that were sent again.
    #[serde(default)]
    txretries: u64,
}

impl Broker {
    fn is_real(&self) -> bool {
        !matches!(self.source.as_str(), "internal" | "logical")
    }

    fn is_connected(&self) -> bool {
        // In state REAUTH a broker asks for credentials again while it answers. All other states come before or after
        // these two.
        self.source != "internal" && matches!(self.state.as_str(), "UP" | "REAUTH")
    }
}

#[derive(Debug, Deserialize)]
struct TopicJson {
    #[serde(default)]
    partitions: BTreeMap<i32, PartitionJson>,
}

#[derive(Debug, Deserialize)]
struct PartitionJson {
    /// Number of messages that librdkafka has fetched and the poller has not taken.
    #[serde(default)]
    fetchq_cnt: u64,
    /// Offset to fetch next.
    #[serde(default = "unknown")]
    next_offset: i64,
    #[serde(default = "unknown")]
    lo_offset: i64,
    /// End for readers of committed messages; negative if unknown.
    #[serde(default = "unknown")]
    ls_offset: i64,
    #[serde(default = "unknown")]
    hi_offset: i64,
    #[serde(default = "unknown")]
    committed_offset: i64,
    #[serde(default = "unknown")]
    eof_offset: i64,
}

/// Returns librdkafka's `RD_KAFKA_OFFSET_INVALID`.
fn unknown() -> i64 {
    -1001
}

/// Beginning, end and position of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionEnd {
    /// Topic of the partition.
    pub topic: String,
    /// Number of the partition.
    pub partition: i32,
    /// Offset of the first message, if known.
    pub begin: Option<i64>,
    /// Offset after the last message, if known, which means that the last fetch succeeded.
    pub end: Option<i64>,
    /// Offset that the group has committed, if known.
    pub committed: Option<i64>,
    /// Offset at which the client last reported the end of the partition: all records before it were fetched.
    pub eof: Option<i64>,
    /// Offset before which all messages were passed to the poller, if no fetched message waits. The distance to the end
    /// may overstate the remaining messages: markers of transactions have offsets too.
    pub read_to: Option<i64>,
}

/// Reads librdkafka's text. Returns `None` for a text in another form, which is not worth an error.
pub(crate) fn read(json: &[u8]) -> Option<Statistics> {
    serde_json::from_slice(json).ok()
}

impl Statistics {
    /// Returns the number of requests sent again, to all brokers.
    pub(crate) fn retries(&self) -> u64 {
        self.brokers.values().map(|broker| broker.txretries).sum()
    }

    /// Returns whether there is a connection to any broker.
    pub(crate) fn is_connected(&self) -> bool {
        self.brokers.values().any(Broker::is_connected)
    }

    /// Returns whether there is any broker to connect to.
    pub(crate) fn has_brokers(&self) -> bool {
        self.brokers.values().any(Broker::is_real)
    }

    /// Returns the known partitions.
    pub(crate) fn partitions(&self) -> Vec<PartitionEnd> {
        let known = |offset: i64| (offset >= 0).then_some(offset);
        let topics = self.topics.iter().flat_map(|(topic, told)| {
            // Partition -1 stands for messages that have no partition yet.
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
