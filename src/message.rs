//! What flows: messages in batches, the outcomes that scripts make of them, and the acks that come back.
//!
//! Nothing here knows an actor, the config or Kafka.

pub mod ack;
mod batch;
pub mod budget;
pub mod earlier;
mod lane;
mod outcome;

use bytes::Bytes;

pub use self::batch::{Batch, Slice};
use self::earlier::Earlier;
pub use self::lane::{Lane, LaneId};
pub use self::outcome::{Failure, Outcome, Outcomes, Overrides, Processed, Record};

/// The most messages in a batch. Larger batches save nothing and only make results wait.
pub const MAX_BATCH: usize = 1024;

/// One unit of input: payload bytes plus where they came from.
#[derive(Debug, Clone)]
pub struct Message {
    /// The bytes as they were read. Batches share one buffer.
    pub payload: Bytes,
    /// Position at the source: the Kafka offset, or the line number from 0.
    pub offset: i64,
    /// Key, headers and timestamp, for sources that have them.
    pub attributes: Option<Box<Attributes>>,
    /// Set by the input when the message cannot be processed whatever the script is (an overlong line).
    pub rejected: Option<Box<Failure>>,
}

impl Message {
    /// A message that has only a payload and a position.
    pub fn new(payload: Bytes, offset: i64) -> Self {
        Self {
            payload,
            offset,
            attributes: None,
            rejected: None,
        }
    }

    /// What the message costs at the [`budget`], in bytes: its payload, its attributes and the engine's own
    /// book-keeping.
    pub fn cost(&self) -> u64 {
        let attributes = self.attributes.as_deref().map_or(0, Attributes::cost);
        (self.payload.len() + attributes) as u64 + MESSAGE_OVERHEAD
    }
}

/// Bytes charged for a message beside its payload: `Message`, its outcome and its share of frames. A
/// flood of empty lines is bounded by this.
pub const MESSAGE_OVERHEAD: u64 = 128;

/// Names may repeat, values may be absent or any bytes.
pub type Headers = Vec<(String, Option<Bytes>)>;

/// Key, headers and timestamp of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Partitioning key.
    pub key: Option<Bytes>,
    /// In the order in which they came.
    pub headers: Headers,
    /// Milliseconds since the Unix epoch.
    pub timestamp: Option<i64>,
    /// There is no payload, not even an empty one: Kafka's sign that the key is deleted.
    pub tombstone: bool,
    /// What the message was before, if it is a dead letter that is run again.
    pub earlier: Option<Box<Earlier>>,
}

impl Attributes {
    /// What they take in memory, in bytes.
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
