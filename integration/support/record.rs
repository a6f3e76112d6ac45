//! Messages as plain clients see them.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::Message as _;
use rdkafka::message::{BorrowedMessage, Header, Headers as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use serde_json::json;

/// Message as it is in a topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub timestamp: Option<i64>,
}

impl Record {
    pub fn json(payload: &serde_json::Value) -> Self {
        Self::bytes(payload.to_string())
    }

    pub fn bytes(payload: impl Into<Vec<u8>>) -> Self {
        Self {
            partition: -1,
            payload: Some(payload.into()),
            ..Self::default()
        }
    }

    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub fn header(mut self, name: &str, value: Option<&[u8]>) -> Self {
        self.headers.push((name.into(), value.map(<[u8]>::to_vec)));
        self
    }

    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = partition;
        self
    }

    pub fn timestamp(mut self, timestamp: i64) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(self.payload.as_deref().unwrap_or_default()).expect("UTF-8")
    }

    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(self.text()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Returns the last header of this name, as text.
    pub fn header_text(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .headers
            .iter()
            .rev()
            .find(|(header, _)| header == name)?;
        std::str::from_utf8(value.as_deref()?).ok()
    }
}

/// Returns the time some seconds ago, in milliseconds since 1970: a broker deletes old records.
pub fn recently() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_millis() as i64 - 100_000
}

/// Gives a record to a producer, which may need to wait for space.
pub fn send(producer: &ThreadedProducer<DefaultProducerContext>, topic: &str, record: &Record) {
    let mut out = BaseRecord::<[u8], [u8]>::to(topic);
    out.key = record.key.as_deref();
    out.payload = record.payload.as_deref();
    out.timestamp = record.timestamp;
    out.partition = (record.partition >= 0).then_some(record.partition);
    if !record.headers.is_empty() {
        let add = |headers: OwnedHeaders, (name, value): &(String, Option<Vec<u8>>)| {
            headers.insert(Header {
                key: name,
                value: value.as_deref(),
            })
        };
        out.headers = Some(record.headers.iter().fold(OwnedHeaders::new(), add));
    }
    while let Err((error, back)) = producer.send(out) {
        let full = error.rdkafka_error_code() == Some(rdkafka::error::RDKafkaErrorCode::QueueFull);
        assert!(full, "{error}");
        std::thread::sleep(Duration::from_millis(5));
        out = back;
    }
}

pub(crate) fn record(message: &BorrowedMessage<'_>) -> Record {
    let headers = message
        .headers()
        .into_iter()
        .flat_map(|headers| headers.iter());
    Record {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().map(<[u8]>::to_vec),
        headers: headers
            .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
            .collect(),
        timestamp: message.timestamp().to_millis(),
    }
}

/// Returns a message with this number, `{"n": 5}`, and a recent timestamp.
pub fn numbered(n: u64) -> Record {
    Record::json(&json!({ "n": n })).timestamp(recently())
}

/// Returns the numbers of messages, in their order.
pub fn numbers(records: &[Record]) -> Vec<u64> {
    let number = |record: &Record| record.value()["n"].as_u64().expect("a number");
    records.iter().map(number).collect()
}

/// Returns how often each number came.
pub fn counts(records: &[Record]) -> BTreeMap<u64, u32> {
    let mut counts = BTreeMap::new();
    for n in numbers(records) {
        *counts.entry(n).or_default() += 1;
    }
    counts
}
