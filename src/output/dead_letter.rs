//! Dead letters as JSON lines: messages that could not be processed, with the reason.
//!
//! For line outputs a dead letter is a JSON object with everything needed to find the message and to run it again. The
//! payload is included as text if it is UTF-8, else in base64. [`crate::output::kafka::letter`] makes the dead letters
//! for Kafka.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use crate::message::earlier::Place;
use crate::message::{Batch, Failure, Message};

#[derive(Serialize)]
struct Letter<'a> {
    error: &'a Failure,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    partition: i32,
    offset: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
}

/// Appends the dead letter of `message`, which belongs to `batch`, to `data` as JSON on one line.
pub fn write_json(data: &mut Vec<u8>, batch: &Batch, message: &Message, failure: &Failure) {
    let payload = std::str::from_utf8(&message.payload).ok();
    let Place {
        topic,
        partition,
        offset,
    } = message.place(&batch.lane);
    let letter = Letter {
        error: failure,
        topic,
        partition,
        offset,
        payload,
        payload_base64: payload
            .is_none()
            .then(|| BASE64_STANDARD.encode(&message.payload)),
    };
    serde_json::to_writer(data, &letter).expect("strings and numbers are JSON, memory takes them");
}
