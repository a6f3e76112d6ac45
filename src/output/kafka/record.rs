//! Records for results: a script's result with the input's key, headers and timestamp, unless the config or the script
//! says otherwise. The module [`letter`](super::letter) makes dead letters.

use std::borrow::Cow;

use rdkafka::message::OwnedHeaders;

use super::headers::{Headers, without_errors};
use super::size;
use crate::config::KafkaOutputConfig;
use crate::message::{Failure, Message, Overrides, Record};

/// Maker of records for the results of one output.
pub struct Composer {
    topic: String,
    key: Option<String>,
    headers: Option<Vec<(String, String)>>,
    partition: Option<i32>,
    max_bytes: usize,
}

/// Returns a timestamp that librdkafka writes as it is: it takes 0 for the current time, so 0 becomes 1.
pub fn writable(timestamp: i64) -> i64 {
    if timestamp == 0 { 1 } else { timestamp }
}

/// Record that is ready to be sent.
#[derive(Debug)]
pub struct Composed<'a> {
    /// Topic to which the record is written.
    pub topic: &'a str,
    /// Payload; `None` for a tombstone.
    pub payload: Option<&'a [u8]>,
    /// Key, if the record has one.
    pub key: Option<Cow<'a, [u8]>>,
    /// Headers, if the record has any.
    pub headers: Option<OwnedHeaders>,
    /// Timestamp in milliseconds since the Unix epoch; `None` for the time of writing.
    pub timestamp: Option<i64>,
    /// Partition to which the record is written; `None` for the partitioner's choice.
    pub partition: Option<i32>,
    /// Bytes of the record, as `size::alone` counts them.
    pub bytes: usize,
}

impl Composer {
    /// Creates a maker of records for the output that `config` describes.
    pub fn new(config: &KafkaOutputConfig) -> Self {
        Self {
            topic: config.topic.clone(),
            key: config.key.clone(),
            headers: config.headers.clone(),
            partition: config.partition,
            max_bytes: config.max_message_bytes,
        }
    }

    /// Makes the record of a result made from `message`.
    ///
    /// # Errors
    /// If the record is larger than the config allows.
    pub fn compose<'a>(
        &'a self,
        message: &'a Message,
        payload: &'a [u8],
        record: &'a Record,
    ) -> Result<Composed<'a>, Failure> {
        static NONE: Overrides = Overrides {
            key: None,
            topic: None,
            headers: None,
            timestamp: None,
        };
        let overrides = record.overrides.as_deref().unwrap_or(&NONE);
        let input = message.attributes.as_deref();
        let key = match &overrides.key {
            Some(chosen) => chosen.as_deref(),
            None => match &self.key {
                Some(key) => Some(key.as_bytes()),
                None => input.and_then(|input| input.key.as_deref()),
            },
        };
        let topic = match &overrides.topic {
            Some(Some(topic)) => topic,
            _ => &self.topic,
        };
        let timestamp = match overrides.timestamp {
            Some(chosen) => chosen,
            None => input.and_then(|input| input.timestamp),
        };
        let mut headers = Headers::default();
        match (&overrides.headers, &self.headers, input) {
            (Some(chosen), _, _) => headers.extend(without_errors(chosen)),
            (None, Some(all), _) => {
                headers.extend(
                    all.iter()
                        .map(|(name, value)| (name.as_str(), Some(value.as_bytes()))),
                );
            }
            (None, None, Some(input)) => headers.extend(without_errors(&input.headers)),
            (None, None, None) => {}
        }
        let payload = (!record.tombstone).then_some(payload);
        let key = key.map(Cow::Borrowed);
        let timestamp = timestamp.map(writable);
        let bytes = size::alone(
            key.as_deref().map(<[u8]>::len),
            payload.map(<[u8]>::len),
            headers.count,
            headers.bytes,
        );
        if bytes > self.max_bytes {
            let text = format!(
                "the record has {bytes} bytes; the output's `max_message_bytes` allows {}",
                self.max_bytes
            );
            return Err(Failure::new("TooLarge", text));
        }
        Ok(Composed {
            topic,
            payload,
            key,
            headers: headers.headers,
            timestamp,
            partition: self.partition,
            bytes,
        })
    }
}
