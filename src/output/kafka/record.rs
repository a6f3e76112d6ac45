//! Records to write: a script's result with the input's key, headers and timestamp, unless the config or the script
//! says otherwise. Dead letters are made in [`letter`](super::letter).

use std::borrow::Cow;

use rdkafka::message::OwnedHeaders;

use super::headers::{Headers, Replaced, of_result};
use super::size;
use crate::config::{Format, KafkaOutputConfig};
use crate::message::{Failure, Message, Overrides, Record};

/// Maker of records from the script's results.
pub(crate) struct Composer {
    topic: String,
    key: Option<String>,
    headers: Option<Vec<(String, String)>>,
    partition: Option<i32>,
    max_bytes: usize,
    /// Whether payloads are written in a format of their own, so that the schema of the input's is not theirs.
    reformats: bool,
}

/// Returns a timestamp that librdkafka can write: it takes 0 for the current time, and the nearest value to that is 1.
pub(crate) fn writable(timestamp: i64) -> i64 {
    if timestamp == 0 { 1 } else { timestamp }
}

/// Record that is ready to be sent.
#[derive(Debug)]
pub(crate) struct Composed<'a> {
    /// Topic of the record.
    pub topic: &'a str,
    /// Payload; `None` for a tombstone.
    pub payload: Option<&'a [u8]>,
    /// Key of the record.
    pub key: Option<Cow<'a, [u8]>>,
    /// Headers of the record, if it has any.
    pub headers: Option<OwnedHeaders>,
    /// Timestamp in milliseconds since the Unix epoch; `None` for the current time.
    pub timestamp: Option<i64>,
    /// Partition to write to; `None` for the partitioner's choice.
    pub partition: Option<i32>,
    /// Size of the record, as `size::alone` counts.
    pub bytes: usize,
}

impl Composer {
    /// Creates the maker for records that `config` describes.
    pub(crate) fn new(config: &KafkaOutputConfig) -> Self {
        Self {
            topic: config.topic.clone(),
            key: config.key.clone(),
            headers: config.headers.clone(),
            partition: config.partition,
            max_bytes: config.max_message_bytes,
            reformats: !matches!(config.format.kind, Format::Auto | Format::Bytes),
        }
    }

    /// Returns the record of a result made from `message`.
    ///
    /// # Errors
    /// If the record is larger than the config allows.
    pub(crate) fn compose<'a>(
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
        let replaced = Replaced {
            payload: self.reformats,
            key: overrides.key.is_some() || self.key.is_some(),
        };
        let mut headers = Headers::default();
        match (&overrides.headers, &self.headers, input) {
            (Some(chosen), _, _) => headers.extend(of_result(chosen, replaced)),
            (None, Some(all), _) => {
                headers.extend(
                    all.iter()
                        .map(|(name, value)| (name.as_str(), Some(value.as_bytes()))),
                );
            }
            (None, None, Some(input)) => headers.extend(of_result(&input.headers, replaced)),
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
