//! Dead letters: messages that could not be processed, with the reason.
//!
//! For line outputs a dead letter is a JSON object with everything that is needed to find the message and to run it
//! again. What is not UTF-8 is base64, in a field whose name says so. On a terminal it is text. For Kafka outputs, see
//! [`crate::output::kafka::record`].

pub(crate) mod text;

use std::io::IsTerminal;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Serialize;

use crate::config::LogFormat;
use crate::message::earlier::Place;
use crate::message::files::Unit;
use crate::message::{Attributes, Batch, Failure, Message};

/// Form of dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LetterForm {
    /// JSON, from which the message can be run again.
    Json,
    /// Text for people, on several lines.
    Text,
}

impl LetterForm {
    /// Returns the form for standard error: text on a terminal, unless the log is to be JSON there too.
    pub(crate) fn of_standard_error(log: LogFormat) -> Self {
        match std::io::stderr().is_terminal() && log != LogFormat::Json {
            true => Self::Text,
            false => Self::Json,
        }
    }

    /// Appends the dead letter of `message`, which belongs to `batch`, to `data`, without a line break at the end.
    pub(crate) fn write(
        self,
        data: &mut Vec<u8>,
        batch: &Batch,
        message: &Message,
        failure: &Failure,
    ) {
        match self {
            Self::Json => write_json(data, batch, message, failure),
            Self::Text => text::write(data, batch, message, failure),
        }
    }
}

#[derive(Serialize)]
struct Letter<'a> {
    error: &'a Failure,
    #[serde(flatten)]
    place: InSource<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<Header<'a>>,
    /// The inner `None` is that of a tombstone.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
}

/// Place of the message. A file has lines or records.
#[derive(Serialize)]
struct InSource<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    partition: i32,
    offset: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<i64>,
}

/// Header of a message. Names may repeat, so headers are a list.
#[derive(Serialize)]
struct Header<'a> {
    name: &'a str,
    /// The inner `None` is that of a header without a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
}

/// Returns `bytes` as text or, if they are no text, in base64.
fn text_or_base64(bytes: &[u8]) -> (Option<&str>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(_) => (None, Some(BASE64_STANDARD.encode(bytes))),
    }
}

impl<'a> InSource<'a> {
    fn new(place: &Place<'a>) -> Self {
        let in_file = place.in_file();
        let numbered = |unit| {
            let place = in_file.as_ref().filter(|place| place.unit == unit);
            place.map(|place| place.number)
        };
        Self {
            topic: place.topic,
            partition: place.partition,
            offset: place.offset,
            line: numbered(Unit::Line),
            record: numbered(Unit::Record),
            file: in_file.map(|place| place.path.to_string()),
        }
    }
}

impl<'a> Header<'a> {
    fn new((name, value): &'a (String, Option<Bytes>)) -> Self {
        let (text, value_base64) = match value {
            Some(value) => {
                let (text, base64) = text_or_base64(value);
                (text.map(Some), base64)
            }
            None => (Some(None), None),
        };
        Self {
            name,
            value: text,
            value_base64,
        }
    }
}

/// Appends the dead letter of `message`, which belongs to `batch`, to `data` as JSON on one line.
fn write_json(data: &mut Vec<u8>, batch: &Batch, message: &Message, failure: &Failure) {
    let none = Attributes::default();
    let Attributes {
        key,
        headers,
        timestamp,
        tombstone,
        earlier: _,
    } = message.attributes.as_deref().unwrap_or(&none);
    let (payload, payload_base64) = text_or_base64(&message.payload);
    let (key, key_base64) = key.as_deref().map(text_or_base64).unwrap_or_default();
    let letter = Letter {
        error: failure,
        place: InSource::new(&message.place(&batch.lane)),
        timestamp: *timestamp,
        key,
        key_base64,
        headers: headers.iter().map(Header::new).collect(),
        payload: match tombstone {
            true => Some(None),
            false => payload.map(Some),
        },
        payload_base64,
    };
    serde_json::to_writer(data, &letter).expect("strings and numbers are JSON, memory takes them");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Lane;
    use crate::message::ack::AckSink;
    use crate::message::budget::MemoryBudget;

    fn letter(lane: Lane, message: Message) -> serde_json::Value {
        let permit = MemoryBudget::new(u64::MAX).acquire(0);
        let messages = vec![message.clone()];
        let batch = Batch::new(lane.into(), 0, messages, permit, AckSink::unheard());
        let mut data = Vec::new();
        let failure = Failure::new("ValueError", "no");
        write_json(&mut data, &batch, &message, &failure);
        let mut letter: serde_json::Value = serde_json::from_slice(&data).unwrap();
        letter.as_object_mut().unwrap().remove("error");
        letter
    }

    #[test]
    fn a_letter_has_all_of_the_message() {
        let mut message = Message::new(Bytes::from_static(b"x"), 7);
        let headers = [
            ("a", Some(&b"1"[..])),
            ("a", None),
            ("b", Some(&b"\xff"[..])),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.map(Bytes::from_static)));
        message.attributes = Some(Box::new(Attributes {
            key: Some(Bytes::from_static(b"k\xff")),
            headers: headers.to_vec(),
            timestamp: Some(1234),
            ..Attributes::default()
        }));
        let lane = || Lane::of_partition(crate::message::LaneId(0), "t".into(), 2);
        let expected = serde_json::json!({
            "topic": "t", "partition": 2, "offset": 7, "timestamp": 1234, "key_base64": "a/8=", "payload": "x",
            "headers": [
                { "name": "a", "value": "1" }, { "name": "a", "value": null }, { "name": "b", "value_base64": "/w==" },
            ],
        });
        assert_eq!(letter(lane(), message.clone()), expected);
        let attributes = message.attributes.as_mut().unwrap();
        attributes.tombstone = true;
        attributes.headers.clear();
        attributes.key = Some(Bytes::from_static(b"k"));
        message.payload = Bytes::new();
        let expected = serde_json::json!({
            "topic": "t", "partition": 2, "offset": 7, "timestamp": 1234, "key": "k", "payload": null,
        });
        assert_eq!(letter(lane(), message), expected);
    }

    #[test]
    fn a_letter_of_a_file_has_its_path_and_line() {
        let lane = Lane::default();
        lane.files.begin(5, "orders.jsonl", Unit::Line);
        let message = Message::new(Bytes::from_static(b"\xff"), 7);
        let expected = serde_json::json!({
            "partition": 0, "offset": 7, "file": "orders.jsonl", "line": 3, "payload_base64": "/w==",
        });
        assert_eq!(letter(lane, message), expected);
    }
}
