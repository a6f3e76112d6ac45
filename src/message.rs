//! The data that flows through the pipeline: messages in batches, the outcomes that scripts make of them, and the acks.
//!
//! This module knows no actor, no config and no Kafka client.

pub(crate) mod ack;
mod batch;
pub(crate) mod budget;
pub(crate) mod earlier;
pub(crate) mod files;
mod lane;
mod outcome;

use bytes::Bytes;

use crate::format::MessageBytes;

pub(crate) use self::batch::{Batch, Slice};
use self::earlier::Earlier;
pub(crate) use self::earlier::Place;
pub(crate) use self::lane::{Lane, LaneId};
pub(crate) use self::outcome::{Failure, Outcome, Outcomes, Overrides, Processed, Record};

/// Limit on the messages in a batch. Larger batches save nothing and only make results wait.
pub(crate) const MAX_BATCH: usize = 1024;

/// Unit of input: payload bytes and their origin.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// Payload as it was read. The messages of a batch share one buffer.
    pub payload: Bytes,
    /// Position at the source: the Kafka offset, or the line number from 0.
    pub offset: i64,
    /// Key, headers and timestamp, for sources that have them.
    pub attributes: Option<Box<Attributes>>,
    /// Failure set by the input when no script could process the message (an overlong line).
    pub rejected: Option<Box<Failure>>,
}

impl Message {
    /// Creates a message that has only a payload and a position.
    pub(crate) fn new(payload: Bytes, offset: i64) -> Self {
        Self {
            payload,
            offset,
            attributes: None,
            rejected: None,
        }
    }

    /// Returns whether the message has no payload, not even an empty one.
    pub(crate) fn is_tombstone(&self) -> bool {
        self.attributes.as_deref().is_some_and(|of| of.tombstone)
    }

    /// Returns the bytes from which value and key are read.
    pub(crate) fn bytes(&self) -> MessageBytes<'_> {
        let of = self.attributes.as_deref();
        MessageBytes {
            payload: &self.payload,
            tombstone: self.is_tombstone(),
            key: of.and_then(|of| of.key.as_deref()),
            headers: of.map_or(&[], |of| &of.headers),
        }
    }

    /// Returns the message's cost in the [`budget`], in bytes: its payload, its attributes and the engine's own
    /// book-keeping.
    pub(crate) fn cost(&self) -> u64 {
        let attributes = self.attributes.as_deref().map_or(0, Attributes::cost);
        (self.payload.len() + attributes) as u64 + MESSAGE_OVERHEAD
    }
}

/// Bytes charged for each message in addition to its payload, for `Message`, its outcome and its share of frames. They
/// bound a flood of empty lines.
pub(crate) const MESSAGE_OVERHEAD: u64 = 128;

/// Headers of a message. Names may repeat; a value may be absent or any bytes.
pub(crate) type Headers = Vec<(String, Option<Bytes>)>;

/// Key, headers and timestamp of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// Partitioning key.
    pub key: Option<Bytes>,
    /// Headers in their original order.
    pub headers: Headers,
    /// Timestamp in milliseconds since the Unix epoch.
    pub timestamp: Option<i64>,
    /// Whether there is no payload, not even an empty one: Kafka's sign that the key is deleted.
    pub tombstone: bool,
    /// The original message, if this is a dead letter that is run again.
    pub earlier: Option<Box<Earlier>>,
}

impl Attributes {
    /// Returns the bytes of memory that the attributes take.
    fn cost(&self) -> usize {
        let key = self.key.as_ref().map_or(0, Bytes::len);
        size_of::<Self>() + key + headers_cost(&self.headers)
    }
}

fn headers_cost(headers: &Headers) -> usize {
    let header = |(name, value): &(String, Option<Bytes>)| {
        size_of::<(String, Option<Bytes>)>() + name.len() + value.as_ref().map_or(0, Bytes::len)
    };
    headers.iter().map(header).sum()
}
