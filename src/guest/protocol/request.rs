//! Requests: messages as the marshal tuple `(id, payloads, deferred, metas)`.

use std::ops::Range;

use bytes::Bytes;

use super::MAX_DEPTH;
use crate::codec::{Encoder, Payload};
use crate::message::earlier::Place;
use crate::message::{Attributes, Batch, Failure, Message};

/// Result of encoding: the request has as many messages as can be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// Number of messages in the request, from the first on.
    pub count: usize,
    /// Reason why the next message cannot be sent at all.
    pub refused: Option<Failure>,
}

/// Writes the request for `messages` into `encoder`.
pub(crate) fn encode_request(
    encoder: &mut Encoder,
    id: u32,
    batch: &Batch,
    messages: Range<usize>,
    with_meta: bool,
) -> Encoded {
    let messages = &batch.messages[messages];
    match try_encode(encoder, id, batch, messages, with_meta) {
        Ok(()) => Encoded {
            count: messages.len(),
            refused: None,
        },
        // Rare: the request is written again, only with the messages before the one that cannot be sent.
        Err((count, failure)) => {
            if count > 0 {
                let rest = encode_request_of(encoder, id, batch, &messages[..count], with_meta);
                debug_assert!(rest, "what was encoded once can be encoded again");
            }
            Encoded {
                count,
                refused: Some(failure),
            }
        }
    }
}

fn encode_request_of(
    encoder: &mut Encoder,
    id: u32,
    batch: &Batch,
    messages: &[Message],
    with_meta: bool,
) -> bool {
    try_encode(encoder, id, batch, messages, with_meta).is_ok()
}

fn try_encode(
    encoder: &mut Encoder,
    id: u32,
    batch: &Batch,
    messages: &[Message],
    with_meta: bool,
) -> Result<(), (usize, Failure)> {
    encoder.clear();
    encoder.tuple(4);
    encoder.int(i64::from(id));
    // A tuple and not a list, so that no script can change which messages come after its own.
    encoder.tuple(messages.len());
    let mut deferred = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        if let Some(failure) = &message.rejected {
            return Err((index, (**failure).clone()));
        }
        match encoder.payload(&message.payload) {
            Payload::Json | Payload::Text | Payload::Bytes | Payload::Empty => {}
            Payload::Deferred => deferred.push(index),
            Payload::TooDeep => {
                let text = format!("the document is nested deeper than {MAX_DEPTH} levels");
                return Err((index, Failure::new("TooDeep", text)));
            }
            Payload::TooBig => {
                let text = "the document has a number of too many digits";
                return Err((index, Failure::new("TooBig", text)));
            }
        }
    }
    encoder.list(deferred.len());
    for index in deferred {
        encoder.int(index as i64);
    }
    if with_meta {
        encoder.list(messages.len());
        for message in messages {
            encode_meta(encoder, batch, message);
        }
    } else {
        encoder.none();
    }
    Ok(())
}

/// Writes `(key, topic, partition, offset, timestamp, [(name, value)])`.
fn encode_meta(encoder: &mut Encoder, batch: &Batch, message: &Message) {
    let none = Attributes::default();
    let Attributes {
        key,
        headers,
        timestamp,
        tombstone: _,
        earlier: _,
    } = message.attributes.as_deref().unwrap_or(&none);
    encoder.tuple(6);
    encode_bytes(encoder, key.as_ref());
    let Place {
        topic,
        partition,
        offset,
    } = message.place(&batch.lane);
    match topic {
        Some(topic) => encoder.str(topic),
        None => encoder.none(),
    }
    encoder.int(i64::from(partition));
    encoder.int(offset);
    match timestamp {
        Some(timestamp) => encoder.int(*timestamp),
        None => encoder.none(),
    }
    encoder.list(headers.len());
    for (name, value) in headers {
        encoder.tuple(2);
        encoder.str(name);
        encode_bytes(encoder, value.as_ref());
    }
}

fn encode_bytes(encoder: &mut Encoder, bytes: Option<&Bytes>) {
    match bytes {
        Some(bytes) => encoder.bytes(bytes),
        None => encoder.none(),
    }
}
