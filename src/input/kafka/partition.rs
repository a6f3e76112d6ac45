//! A partition that is ours: its queue, its lane, and how far it was dealt with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::Message as _;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;

use super::batch::Draft;
use super::context::Context;
use super::offsets::Offsets;
use super::{Consumer, Waker};
use crate::input::Sink;
use crate::message::gate::{Gate, Permit};
use crate::message::{Lane, Origin};

/// Bytes taken at the gate before a batch is read; what the batch does not need goes home at once.
const RESERVE: u64 = 512 << 10;

/// One partition, from when it is assigned to when it is let go.
pub struct Partition {
    /// Its lane and its name.
    pub origin: Arc<Origin>,
    /// How far it was dealt with.
    pub offsets: Offsets,
    /// The offset of the last commit that was asked for.
    pub asked: Option<i64>,
    /// The offset that is committed.
    pub committed: Option<i64>,
    /// Nothing more is taken from it: it was revoked.
    pub closed: bool,
    /// Messages from this offset on are not read, where there is an end.
    pub end: Option<i64>,
    /// The end was reached.
    pub at_end: bool,
    queue: PartitionQueue<Context>,
    /// Whether there may be something in the queue.
    ready: Arc<AtomicBool>,
    pending: Option<Pending>,
    /// When a message was last delivered, or there was none to deliver.
    progress: Instant,
}

/// A batch that waits to be full.
struct Pending {
    draft: Draft,
    permit: Permit,
    since: Instant,
}

/// How batches are cut.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// The most messages of a batch.
    pub count: usize,
    /// How long it may wait to be full.
    pub period: Duration,
    /// The most messages of a partition under way.
    pub limit: usize,
}

/// What came of reading.
#[derive(Debug)]
pub enum Read {
    /// There is nothing to take now.
    Empty,
    /// A batch was handed on.
    Sent,
    /// The gate has no room.
    NoRoom,
    /// The partition cannot be read.
    Failed(KafkaError),
}

impl Partition {
    /// The partition whose messages are in `lane`. To be made before it is assigned, or its first messages
    /// would go to the consumer's own queue.
    pub fn open(
        consumer: &Arc<Consumer>,
        waker: &Waker,
        lane: Lane,
        topic: &str,
        partition: i32,
    ) -> Option<Self> {
        let mut queue = consumer.split_partition_queue(topic, partition)?;
        let ready = Arc::new(AtomicBool::new(true));
        queue.set_nonempty_callback({
            let (ready, waker) = (Arc::clone(&ready), waker.clone());
            move || {
                ready.store(true, Ordering::Release);
                waker.wake();
            }
        });
        Some(Self {
            origin: Arc::new(Origin::of_partition(lane, topic.into(), partition)),
            offsets: Offsets::default(),
            asked: None,
            committed: None,
            closed: false,
            end: None,
            at_end: false,
            queue,
            ready,
            pending: None,
            progress: Instant::now(),
        })
    }

    /// Takes one batch from the queue and hands it on, if there is one and there is room for it.
    pub fn read(&mut self, cut: &Cut, sink: &Sink, now: Instant) -> Read {
        if self.closed || self.at_end {
            return Read::Empty;
        }
        let room = cut.limit.saturating_sub(self.offsets.in_flight() as usize);
        let count = cut.count.min(room);
        if count == 0 || (self.pending.is_none() && !self.ready.load(Ordering::Acquire)) {
            return Read::Empty;
        }
        let Some(mut pending) = self.pending.take() else {
            return match Pending::new(&sink.gate, now) {
                Some(pending) => self.fill(pending, count, cut.period, sink, now),
                None => Read::NoRoom,
            };
        };
        let more = self.ready.load(Ordering::Acquire);
        if more && pending.reserve(&sink.gate) {
            return self.fill(pending, count, cut.period, sink, now);
        }
        // It needs no room to leave.
        if pending.draft.len() >= count || pending.is_due(cut.period, now) {
            self.hand_on(pending, sink);
            return Read::Sent;
        }
        self.pending = Some(pending);
        if more { Read::NoRoom } else { Read::Empty }
    }

    fn fill(
        &mut self,
        mut pending: Pending,
        count: usize,
        period: Duration,
        sink: &Sink,
        now: Instant,
    ) -> Read {
        let draft = &mut pending.draft;
        while draft.len() < count && draft.cost() < RESERVE {
            // Before the look, not after: what comes in between sets it again.
            self.ready.store(false, Ordering::Release);
            match self.queue.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    self.ready.store(true, Ordering::Release);
                    self.at_end = self.end.is_some_and(|end| message.offset() + 1 >= end);
                    if self.end.is_none_or(|end| message.offset() < end) {
                        draft.push(&message);
                    }
                    if self.at_end {
                        break;
                    }
                }
                // Markers of transactions may lie between the last message and the end.
                Some(Err(KafkaError::PartitionEOF(_))) if self.end.is_some() => {
                    self.at_end = true;
                    break;
                }
                Some(Err(error)) => {
                    self.ready.store(true, Ordering::Release);
                    if !draft.is_empty() {
                        self.wait(pending);
                    }
                    return Read::Failed(error);
                }
                None => break,
            }
        }
        if draft.is_empty() {
            return Read::Empty;
        }
        let full = draft.len() >= count || draft.cost() >= RESERVE;
        if !full && !pending.is_due(period, now) {
            self.wait(pending);
            return Read::Empty;
        }
        self.hand_on(pending, sink);
        Read::Sent
    }

    /// Keeps a batch that is not full. Meanwhile others may have the room that it does not need.
    fn wait(&mut self, mut pending: Pending) {
        pending.permit.fit(pending.draft.cost());
        self.pending = Some(pending);
    }

    fn hand_on(&mut self, pending: Pending, sink: &Sink) {
        let Pending {
            draft, mut permit, ..
        } = pending;
        permit.fit(draft.cost());
        let messages = draft.finish();
        if self.offsets.in_flight() == 0 {
            self.progress = Instant::now();
        }
        let position = self.offsets.next_position();
        for message in &messages {
            self.offsets.read(message.offset);
        }
        sink.send(&self.origin, position, messages, permit);
    }

    /// These messages were delivered.
    pub fn deliver(&mut self, position: u64, count: usize, now: Instant) {
        self.offsets.deliver(position, count as u64);
        self.progress = now;
    }

    /// Whether a batch waits to be full.
    pub fn has_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// When a batch that waits to be full has waited long enough.
    pub fn due(&self, period: Duration) -> Option<Instant> {
        self.pending.as_ref().map(|pending| pending.since + period)
    }

    /// Takes nothing more; a batch that waits to be full is given up, it was not handed on.
    pub fn close(&mut self) {
        self.closed = true;
        self.pending = None;
    }

    /// Gives up what is under way.
    pub fn abandon(&mut self) {
        self.close();
        self.origin.abandon();
    }

    /// Whether everything handed on is answered, or given up.
    pub fn is_settled(&self) -> bool {
        self.origin.is_abandoned() || self.offsets.in_flight() == 0
    }

    /// The offset to commit, if it is not committed and not asked for.
    pub fn to_commit(&self) -> Option<i64> {
        self.offsets
            .commit_point()
            .filter(|&point| self.asked != Some(point))
    }

    /// Whether all that was delivered is committed.
    pub fn is_committed(&self) -> bool {
        self.offsets
            .commit_point()
            .is_none_or(|point| self.committed == Some(point))
    }

    /// For how long nothing was delivered though something is under way.
    pub fn stuck_for(&self, now: Instant) -> Option<Duration> {
        let waiting = self.offsets.in_flight() > 0 && !self.origin.is_abandoned();
        waiting.then(|| now.duration_since(self.progress))
    }

    /// Whether it is this partition of this topic.
    pub fn is(&self, topic: &str, partition: i32) -> bool {
        self.origin.partition == partition && self.origin.topic.as_deref() == Some(topic)
    }
}

impl Pending {
    fn new(gate: &Gate, since: Instant) -> Option<Self> {
        let permit = gate.try_acquire(RESERVE.min(gate.limit()))?;
        Some(Self {
            draft: Draft::default(),
            permit,
            since,
        })
    }

    /// Takes room for more messages, if there is any.
    fn reserve(&mut self, gate: &Gate) -> bool {
        let wanted = RESERVE.min(gate.limit());
        let more = gate.try_acquire(wanted.saturating_sub(self.permit.bytes()));
        let there = more.is_some();
        more.into_iter().for_each(|more| self.permit.join(more));
        there
    }

    fn is_due(&self, period: Duration, now: Instant) -> bool {
        now.duration_since(self.since) >= period
    }
}
