//! What is written: a script's result with the input's key, headers and timestamp, unless the config or the
//! script says otherwise; or a dead letter.

use std::fmt::Write as _;

use bytes::Bytes;
use rdkafka::message::{Header, OwnedHeaders};

use crate::config::KafkaOutputConfig;
use crate::message::earlier::{ERROR_PREFIX, Place, is_of_error};
use crate::message::{Attributes, Batch, Failure, Message, Overrides, Record};

/// A message or traceback in a header is cut off here: it must not make the letter too large.
const MOST_TEXT: usize = 4096;

/// Makes what is written of what the pipeline made.
pub struct Composer {
    topic: String,
    key: Option<String>,
    headers: Option<Vec<(String, String)>>,
    partition: Option<i32>,
    max_bytes: usize,
}

/// A record, ready to be sent.
#[derive(Debug)]
pub struct Composed<'a> {
    /// Where to.
    pub topic: &'a str,
    /// `None` for a tombstone.
    pub payload: Option<&'a [u8]>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its headers, if it has any.
    pub headers: Option<OwnedHeaders>,
    /// Milliseconds since the Unix epoch; `None` for now.
    pub timestamp: Option<i64>,
    /// The one partition to write to; `None` for the partitioner's choice.
    pub partition: Option<i32>,
}

impl Composer {
    /// For records as `config` wants them.
    pub fn new(config: &KafkaOutputConfig) -> Self {
        Self {
            topic: config.topic.clone(),
            key: config.key.clone(),
            headers: config.headers.clone(),
            partition: config.partition,
            max_bytes: config.max_message_bytes,
        }
    }

    /// The record of a result made from `message`.
    ///
    /// # Errors
    /// If it is larger than the config allows.
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
        self.finish(topic, payload, key, headers, timestamp)
    }

    /// The dead letter of `message`: its own bytes, key, headers and timestamp, what happened, and in which scripts.
    ///
    /// A dead letter that is run again keeps the place it first came from, and its attempts add up.
    ///
    /// # Errors
    /// If it is larger than the config allows.
    pub fn letter<'a>(
        &'a self,
        batch: &'a Batch,
        message: &'a Message,
        failure: &Failure,
        script_hash: &str,
    ) -> Result<Composed<'a>, Failure> {
        static NONE: Attributes = Attributes {
            key: None,
            headers: Vec::new(),
            timestamp: None,
            tombstone: false,
            earlier: None,
        };
        let attributes = message.attributes.as_deref().unwrap_or(&NONE);
        let before = message.earlier().map_or(0, |earlier| earlier.attempts);
        let attempts = before.saturating_add(failure.attempts).to_string();
        let Place {
            topic,
            partition,
            offset,
        } = message.place(&batch.origin);
        let (partition, offset) = (partition.to_string(), offset.to_string());
        let facts = [
            ("type", failure.kind.as_str()),
            ("message", cut(&failure.message)),
            ("at", failure.at.as_deref().unwrap_or_default()),
            ("traceback", cut(&failure.traceback)),
            ("attempts", &attempts),
            ("topic", topic.unwrap_or_default()),
            ("partition", &partition),
            ("offset", &offset),
            ("script", script_hash),
        ];
        let mut headers = Headers::default();
        headers.extend(without_errors(&attributes.headers));
        let mut name = String::new();
        for (fact, value) in facts.into_iter().filter(|(_, value)| !value.is_empty()) {
            name.clear();
            let _ = write!(name, "{ERROR_PREFIX}{fact}"); // a String takes it
            headers.add(&name, Some(value.as_bytes()));
        }
        let payload = (!attributes.tombstone).then_some(&*message.payload);
        self.finish(
            &self.topic,
            payload,
            attributes.key.as_deref(),
            headers,
            attributes.timestamp,
        )
    }

    fn finish<'a>(
        &self,
        topic: &'a str,
        payload: Option<&'a [u8]>,
        key: Option<&'a [u8]>,
        headers: Headers,
        timestamp: Option<i64>,
    ) -> Result<Composed<'a>, Failure> {
        let bytes = payload.map_or(0, <[u8]>::len) + key.map_or(0, <[u8]>::len) + headers.bytes;
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
        })
    }
}

/// Headers without those that tell of a failure, whoever set them: on a result they would be believed by who reads
/// dead letters.
fn without_errors(
    headers: &[(String, Option<Bytes>)],
) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
    let others = headers.iter().filter(|(name, _)| !is_of_error(name));
    others.map(|(name, value)| (name.as_str(), value.as_deref()))
}

/// The beginning of a long text.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MOST_TEXT)]
}

/// Headers in librdkafka's form, and what they take.
#[derive(Default)]
struct Headers {
    headers: Option<OwnedHeaders>,
    bytes: usize,
}

impl Headers {
    fn add(&mut self, name: &str, value: Option<&[u8]>) {
        let headers = self.headers.take().unwrap_or_default();
        self.headers = Some(headers.insert(Header { key: name, value }));
        self.bytes += name.len() + value.map_or(0, <[u8]>::len);
    }

    fn extend<'a>(&mut self, headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>) {
        headers.for_each(|(name, value)| self.add(name, value));
    }
}
