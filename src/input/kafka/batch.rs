//! Conversion of librdkafka's messages to a batch: everything is copied once, into one buffer for the batch.

use std::ops::Range;

use bytes::Bytes;
use rdkafka::Message as _;
use rdkafka::message::BorrowedMessage;

use crate::kafka::header;
use crate::message::{Attributes, MESSAGE_OVERHEAD, Message};

/// Messages that will become a batch.
#[derive(Debug, Default)]
pub(super) struct Draft {
    bytes: Vec<u8>,
    messages: Vec<Drafted>,
    cost: u64,
}

/// Message whose bytes are in the draft's buffer.
#[derive(Debug)]
struct Drafted {
    offset: i64,
    payload: Option<Range<usize>>,
    key: Option<Range<usize>>,
    headers: Vec<(String, Option<Range<usize>>)>,
    timestamp: Option<i64>,
}

impl Draft {
    /// Adds a message.
    pub(super) fn push(&mut self, message: &BorrowedMessage<'_>) {
        let before = self.bytes.len();
        let payload = message.payload().map(|payload| self.keep(payload));
        let key = message.key().map(|key| self.keep(key));
        let mut headers = Vec::new();
        header::for_each(message, |name, value| {
            let value = value.map(|value| self.keep(value));
            self.cost += (name.len() + size_of::<(String, Option<Bytes>)>()) as u64;
            headers.push((name.to_owned(), value));
        });
        self.cost +=
            (self.bytes.len() - before + size_of::<Attributes>()) as u64 + MESSAGE_OVERHEAD;
        self.messages.push(Drafted {
            offset: message.offset(),
            payload,
            key,
            headers,
            timestamp: message.timestamp().to_millis(),
        });
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    /// Returns the number of messages.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Returns whether there are no messages.
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Returns the sum of the messages' [costs](Message::cost).
    pub(super) fn cost(&self) -> u64 {
        self.cost
    }

    /// Returns the messages.
    pub(super) fn finish(self) -> Vec<Message> {
        let bytes = Bytes::from(self.bytes);
        let slice = |range: Range<usize>| bytes.slice(range);
        let message = |drafted: Drafted| {
            let headers = drafted.headers.into_iter();
            let attributes = Attributes {
                key: drafted.key.map(slice),
                headers: headers
                    .map(|(name, value)| (name, value.map(slice)))
                    .collect(),
                timestamp: drafted.timestamp,
                tombstone: drafted.payload.is_none(),
                earlier: None,
            };
            Message {
                payload: drafted.payload.map(slice).unwrap_or_default(),
                offset: drafted.offset,
                attributes: Some(Box::new(attributes)),
                rejected: None,
            }
        };
        self.messages.into_iter().map(message).collect()
    }
}
