//! Records to write: a script's result with the input's key, headers and timestamp, unless the config or the script
//! says otherwise. Dead letters are made in [`letter`](super::letter).

use std::borrow::Cow;

use rdkafka::message::OwnedHeaders;

use super::headers::{Headers, Replaced, of_config, of_result};
use super::size;
use crate::config::{Format, KafkaOutputConfig};
use crate::message::{Failure, Message, Overrides, Record};

/// Maker of records from the script's results.
pub(crate) struct Composer {
    topic: String,
    key: Option<String>,
    headers: Option<Vec<(String, String)>>,
    static_headers: Vec<(String, String)>,
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
            static_headers: config.static_headers.clone().unwrap_or_default(),
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
            (None, Some(all), _) => headers.extend(of_config(all)),
            (None, None, Some(input)) => headers.extend(of_result(&input.headers, replaced)),
            (None, None, None) => {}
        }
        // As in Bento: behind the others, whoever set these, and also beside one of the same name.
        headers.extend(of_config(&self.static_headers));
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rdkafka::message::Headers as _;

    use super::*;
    use crate::message::Attributes;

    /// Returns the headers of a record as `name=value`, from what the config, the message and the script say.
    fn written(config: KafkaOutputConfig, script: Option<&[(&str, &str)]>) -> Vec<String> {
        let header = |(name, value): &(&str, &str)| {
            let value = Bytes::copy_from_slice(value.as_bytes());
            ((*name).to_owned(), Some(value))
        };
        let mut message = Message::new(Bytes::new(), 0);
        message.attributes = Some(Box::new(Attributes {
            headers: vec![header(&("of", "input")), header(&("source", "x"))],
            ..Attributes::default()
        }));
        let overrides = Overrides {
            key: None,
            topic: None,
            headers: script.map(|headers| headers.iter().map(header).collect()),
            timestamp: None,
        };
        let record = Record {
            payload: 0..0,
            tombstone: false,
            overrides: Some(Box::new(overrides)),
        };
        let composer = Composer::new(&config);
        let composed = composer
            .compose(&message, b"", &record)
            .expect("it is small");
        let headers = composed.headers.as_ref();
        let headers = headers.into_iter().flat_map(|headers| headers.iter());
        headers
            .map(|one| {
                let value = one.value.unwrap_or_default();
                format!("{}={}", one.key, String::from_utf8_lossy(value))
            })
            .collect()
    }

    #[test]
    fn static_headers_are_added_and_headers_replace() {
        let some = |name: &str| Some(vec![(name.to_owned(), "bento".to_owned())]);
        let config = |headers, static_headers| KafkaOutputConfig {
            headers,
            static_headers,
            ..KafkaOutputConfig::default()
        };
        for (headers, added, script, expected) in [
            (None, None, None, vec!["of=input", "source=x"]),
            (None, Some(vec![]), None, vec!["of=input", "source=x"]),
            (
                None,
                some("source"),
                None,
                vec!["of=input", "source=x", "source=bento"],
            ),
            (
                None,
                some("source"),
                Some(&[("of", "script")][..]),
                vec!["of=script", "source=bento"],
            ),
            (
                some("own"),
                some("source"),
                None,
                vec!["own=bento", "source=bento"],
            ),
            (some("own"), None, None, vec!["own=bento"]),
            (Some(vec![]), None, None, vec![]),
        ] {
            assert_eq!(written(config(headers, added), script), expected);
        }
    }
}
