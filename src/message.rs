//! What flows: messages in batches, the outcomes scripts make of them, and the acks that come back.

pub mod ack;
pub mod earlier;
pub mod gate;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use actix::Recipient;
use bytes::Bytes;

use self::ack::{Ack, Acked, Fate};
use self::earlier::{Earlier, Place};
use self::gate::Permit;

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

    /// What the message costs at the [`gate`], in bytes: its payload, its attributes and the engine's own
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

/// A stretch of input that keeps its order: one Kafka partition for as long as it is ours, or all of
/// standard input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane(pub u64);

/// A lane, and where its messages come from. All batches of the lane share it.
#[derive(Debug, Default)]
pub struct Origin {
    /// The lane.
    pub lane: Lane,
    /// Kafka topic; `None` for sources without topics.
    pub topic: Option<Arc<str>>,
    /// Kafka partition; 0 elsewhere.
    pub partition: i32,
    abandoned: AtomicBool,
    stopped: AtomicBool,
}

impl Origin {
    /// The lane of a Kafka partition.
    pub fn of_partition(lane: Lane, topic: Arc<str>, partition: i32) -> Self {
        Self {
            lane,
            topic: Some(topic),
            partition,
            ..Self::default()
        }
    }

    /// Where the message at `offset` is, for people. See [`Message::place`] for where it comes from.
    pub fn place(&self, offset: i64) -> Place<'_> {
        Place {
            topic: self.topic.as_deref(),
            partition: self.partition,
            offset,
        }
    }

    /// Gives up what is under way in this lane: it is not run, nor are its results delivered any more.
    /// Another member has the partition now, or it is read again from the commit point.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
    }

    /// Whether what is under way in this lane was given up.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    /// Ends the lane before a message that failed: what comes behind it is not run, what came before it is
    /// delivered.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Whether messages that were not run yet need not be run any more.
    pub fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Acquire) || self.is_abandoned()
    }
}

/// Consecutive messages of one lane; the unit that actors pass.
#[derive(Debug)]
pub struct Batch {
    /// The lane whose order they keep, and the source of them all.
    pub origin: Arc<Origin>,
    /// How many messages of the lane went before: 0 for the first batch. Orders batches without gaps,
    /// which offsets of a compacted topic do not.
    pub position: u64,
    /// The messages; never empty.
    pub messages: Vec<Message>,
    /// When they were read.
    read: Instant,
    open: Mutex<Open>,
    acks: Recipient<Acked>,
}

/// The part of a batch that has no [`Ack`] yet.
#[derive(Debug)]
struct Open {
    permit: Permit,
    count: usize,
}

impl Batch {
    /// A batch whose `permit` covers the cost of all `messages`; `acks` is the input, which hears what
    /// became of them.
    pub fn new(
        origin: Arc<Origin>,
        position: u64,
        messages: Vec<Message>,
        permit: Permit,
        acks: Recipient<Acked>,
    ) -> Self {
        let count = messages.len();
        Self {
            origin,
            position,
            messages,
            read: Instant::now(),
            open: Mutex::new(Open { permit, count }),
            acks,
        }
    }

    /// The ack for the messages from index `start` on that `outcomes` tell of. The part of the permit that
    /// covers them goes with it, and the outcomes' own cost is added.
    pub fn ack(&self, start: usize, outcomes: &Outcomes) -> Ack {
        let count = outcomes.items.len();
        let cost = self.messages[start..start + count]
            .iter()
            .map(Message::cost)
            .sum();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.count -= count;
        let mut permit = open.permit.split(cost);
        drop(open);
        permit.charge((outcomes.cost() + self.letters_cost(start, outcomes)) as u64);
        Ack::new(
            Arc::clone(&self.origin),
            self.position + start as u64,
            count,
            self.read,
            permit,
            self.acks.clone(),
        )
    }
}

impl Batch {
    /// What the payloads of messages that failed take in their dead letters, escaped a little.
    fn letters_cost(&self, start: usize, outcomes: &Outcomes) -> usize {
        let messages = self.messages[start..].iter().zip(&outcomes.items);
        let failed = messages.filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
        failed.map(|(message, _)| 2 * message.payload.len()).sum()
    }
}

#[cfg(test)]
impl Batch {
    /// A batch of `count` empty messages whose acks nobody hears. Needs an actix system.
    pub(crate) fn for_test(count: usize) -> Arc<Self> {
        struct Deaf;
        impl actix::Actor for Deaf {
            type Context = actix::Context<Self>;
        }
        impl actix::Handler<Acked> for Deaf {
            type Result = ();
            fn handle(&mut self, _: Acked, _: &mut Self::Context) {}
        }
        let messages = (0..count as i64).map(|offset| Message::new(Bytes::new(), offset));
        Arc::new(Self::new(
            Arc::default(),
            0,
            messages.collect(),
            gate::Gate::new(u64::MAX).acquire(0),
            actix::Actor::start(Deaf).recipient(),
        ))
    }
}

impl Drop for Batch {
    /// A batch that is dropped before all of it has an ack was abandoned, or lost on the way (an actor
    /// panicked): neither must pass for a delivery.
    fn drop(&mut self) {
        let count = self
            .open
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .count;
        if count > 0 {
            self.acks.do_send(Acked {
                lane: self.origin.lane,
                position: self.position,
                count,
                fate: Fate::of_dropped(&self.origin),
                read: self.read,
            });
        }
    }
}

/// A batch on its way from the input to the processor.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub struct Incoming(pub Arc<Batch>);

/// Nothing more comes in this lane: what is kept for it can go.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub struct LaneEnded(pub Lane);

/// What became of consecutive messages of a batch, on its way from the supervisor to the processor.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub struct Processed {
    /// The batch.
    pub batch: Arc<Batch>,
    /// Index of the first message that `outcomes` tells of.
    pub start: usize,
    /// One outcome a message.
    pub outcomes: Outcomes,
}

/// Results, or failures that become dead letters, on their way to an output, in order.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub struct Deliver {
    /// The batch they were made from.
    pub batch: Arc<Batch>,
    /// Index of the first message that `outcomes` tells of.
    pub start: usize,
    /// Records to write, and failures to write as dead letters; of each message only what concerns this
    /// output, else [`Outcome::Dropped`].
    pub outcomes: Outcomes,
    /// To be ended when the records are where they should be.
    pub ack: Ack,
}

/// What became of consecutive messages of a batch, in their order.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Payloads of all records, one after the other.
    pub data: Vec<u8>,
    /// One entry a message.
    pub items: Vec<Outcome>,
    /// Which scripts made them: [`GuestSpec::script_hash`](crate::guest::GuestSpec::script_hash).
    pub script_hash: Arc<str>,
}

impl Outcomes {
    /// Payload bytes of `record`.
    pub fn payload(&self, record: &Record) -> &[u8] {
        &self.data[record.payload.start as usize..record.payload.end as usize]
    }

    /// What they take in memory, in bytes, with the dead letters that will be made of failures.
    pub fn cost(&self) -> usize {
        self.data.capacity() + self.items.iter().map(Outcome::cost).sum::<usize>()
    }
}

/// What became of one message.
#[derive(Debug)]
pub enum Outcome {
    /// The script left `root` at `None`.
    Dropped,
    /// The usual case: one result.
    Record(Record),
    /// Several, by `emit`.
    Records(Vec<Record>),
    /// No result: the message goes where the error policy says.
    Failed(Box<Failure>),
}

impl Outcome {
    /// What it takes in memory beside its place among the [`items`](Outcomes::items) and its share of the
    /// [`data`](Outcomes::data), in bytes.
    pub fn cost(&self) -> usize {
        match self {
            Outcome::Dropped => 0,
            Outcome::Record(record) => record.cost(),
            Outcome::Records(records) => records
                .iter()
                .map(|record| size_of::<Record>() + record.cost())
                .sum(),
            // Itself, and as much in its dead letter.
            Outcome::Failed(failure) => 2 * failure.cost(),
        }
    }
}

/// One output message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where its payload lies in [`Outcomes::data`].
    pub payload: Range<u32>,
    /// There is no payload, not even an empty one: the script said `tombstone()`.
    pub tombstone: bool,
    /// What the script set by `meta` or `emit`; all else is the input message's.
    pub overrides: Option<Box<Overrides>>,
}

impl Record {
    /// What its attributes take in memory, in bytes.
    pub(crate) fn cost(&self) -> usize {
        self.overrides.as_deref().map_or(0, Overrides::cost)
    }
}

/// Attributes that a script chose for a record. The outer `Option` says whether it did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Key; `Some(None)` removes it.
    pub key: Option<Option<Bytes>>,
    /// Topic; `Some(None)` means the output's own.
    pub topic: Option<Option<String>>,
    /// All headers.
    pub headers: Option<Headers>,
    /// Milliseconds since the Unix epoch; `Some(None)` leaves it to the broker.
    pub timestamp: Option<Option<i64>>,
}

impl Overrides {
    fn cost(&self) -> usize {
        let Self {
            key,
            topic,
            headers,
            timestamp: _,
        } = self;
        let key = key.iter().flatten().map(Bytes::len).sum::<usize>();
        let topic = topic.iter().flatten().map(String::len).sum::<usize>();
        size_of::<Self>() + key + topic + headers.as_ref().map_or(0, headers_cost)
    }
}

/// Why a message has no result.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// `Exception`'s type (`ValueError`), or a way to die (`Timeout`).
    #[serde(rename = "type")]
    pub kind: String,
    /// The exception's text, or what happened in words.
    pub message: String,
    /// `file:line` of the script, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Python's traceback, the user's frames only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub traceback: String,
    /// How often the message was run.
    pub attempts: u32,
}

impl Failure {
    fn cost(&self) -> usize {
        let Self {
            kind,
            message,
            at,
            traceback,
            attempts: _,
        } = self;
        let at = at.as_ref().map_or(0, String::len);
        size_of::<Self>() + kind.len() + message.len() + at + traceback.len()
    }

    /// A failure found by the host, without traceback.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            message: message.into(),
            at: None,
            traceback: String::new(),
            attempts: 1,
        }
    }
}
