//! Partition that is assigned to this member: its queue, its lane, and its progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::Message as _;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::Waker;
use super::admin::{self, TopicId};
use super::batch::Draft;
use super::begin::Begin;
use super::blocked;
use super::cursor::{Cursor, Step};
use super::offsets::Offsets;
use crate::input::Intake;
use crate::kafka::consumer::Consumer;
use crate::kafka::consumer::ConsumerCallbacks;
use crate::message::budget::{MemoryBudget, Permit};
use crate::message::{Lane, LaneId};

/// Bytes of memory reserved before a batch is read; the surplus is released at once.
const RESERVE: u64 = 512 << 10;

/// One partition, from its assignment until the member lets it go.
pub(super) struct Partition {
    /// Lane of the partition, with its topic and number.
    pub lane: Arc<Lane>,
    /// Progress of delivery.
    pub offsets: Offsets,
    /// Offset at which reading began; `None` if Kafka could not report it and librdkafka chose it.
    pub begin: Option<i64>,
    /// Offset of the last commit that was asked for.
    pub asked: Option<i64>,
    /// Offset that is committed.
    pub committed: Option<i64>,
    /// Whether the partition is committed in a request of its own: a request with others was refused, and librdkafka
    /// gives all partitions of a request the error of one.
    pub apart: bool,
    /// Whether a commit of this partition alone was refused, for a reason that does not pass by itself.
    pub refused: bool,
    /// Whether reading waits until the beginning is committed: without a committed offset, a restart might begin
    /// elsewhere.
    pub held: bool,
    /// Whether nothing more is taken from the queue because the partition was revoked.
    pub closed: bool,
    /// Whether nothing more is taken from the queue because the next batch is broken.
    pub stopped: bool,
    /// Offset before which reading ends, for an input with an end.
    pub end: Option<i64>,
    /// Whether the end was reached.
    pub at_end: bool,
    /// Id of the topic, if known.
    pub topic_id: Option<TopicId>,
    queue: PartitionQueue<ConsumerCallbacks>,
    consumer: Arc<Consumer>,
    /// Whether the queue may hold something.
    ready: Arc<AtomicBool>,
    pending: Option<Pending>,
    /// Time at which a message was last delivered, or at which none was in flight.
    progress: Instant,
    cursor: Cursor,
    /// Whether the queue may begin with an outdated error, which says that the topic may not be read.
    outdated: bool,
    /// Number of statistics since the queue reported the end of the partition; `None` if a message came since then.
    idle: Option<u32>,
}

/// Batch that waits until it is full.
struct Pending {
    draft: Draft,
    permit: Permit,
    since: Instant,
}

/// Rules for cutting batches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// Most messages of a batch.
    pub count: usize,
    /// Time that a batch may wait until it is full.
    pub period: Duration,
    /// Most messages of a partition in flight.
    pub limit: usize,
}

/// Result of a read.
#[derive(Debug)]
pub(super) enum Read {
    /// There is nothing to take now.
    Empty,
    /// A batch was passed on.
    Sent,
    /// The budget has no room.
    NoRoom,
    /// The partition cannot be read.
    Failed(KafkaError),
}

impl Partition {
    /// Opens the partition whose messages belong to `lane`. Must be called before the partition is assigned, or its
    /// first messages would go to the consumer's own queue.
    pub(super) fn open(
        consumer: &Arc<Consumer>,
        waker: &Waker,
        lane: LaneId,
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
            lane: Arc::new(Lane::of_partition(lane, topic.into(), partition)),
            offsets: Offsets::default(),
            begin: None,
            asked: None,
            committed: None,
            apart: false,
            refused: false,
            held: false,
            closed: false,
            stopped: false,
            end: None,
            at_end: false,
            topic_id: None,
            queue,
            consumer: Arc::clone(consumer),
            ready,
            pending: None,
            progress: Instant::now(),
            cursor: Cursor::default(),
            outdated: false,
            idle: None,
        })
    }

    /// Sets where the lane begins: its first message has the offset of `begin`, or a higher one. `committed` is what
    /// the group has committed. If that differs and this pipeline commits at all (`commits`), nothing is read before
    /// the beginning is committed.
    pub(super) fn begin_at(&mut self, begin: Begin, committed: Option<i64>, commits: bool) {
        self.offsets = Offsets::beginning_at(begin.offset);
        self.begin = Some(begin.offset);
        self.committed = committed.filter(|&committed| committed == begin.offset);
        self.asked = self.committed;
        self.held = commits && self.committed.is_none();
    }

    /// Notes that `offset` is committed, so that reading may start.
    pub(super) fn is_committed_at(&mut self, offset: i64) {
        self.outdated |= self.held && self.refused;
        self.committed = Some(offset);
        (self.held, self.apart, self.refused) = (false, false, false);
    }

    /// Moves the partition to a new lane, and gives up what was read of it before.
    pub(super) fn into_lane(mut self, lane: LaneId) -> Self {
        self.abandon();
        let topic = self.lane.topic.clone().unwrap_or_default();
        self.ready.store(true, Ordering::Release);
        Self {
            lane: Arc::new(Lane::of_partition(lane, topic, self.lane.partition)),
            offsets: Offsets::default(),
            closed: false,
            stopped: false,
            at_end: false,
            pending: None,
            progress: Instant::now(),
            cursor: Cursor::default(),
            outdated: false,
            idle: None,
            ..self
        }
    }

    /// Takes one batch from the queue and passes it on, if there is one and the budget has room for it.
    pub(super) fn read(&mut self, cut: &Cut, intake: &Intake, now: Instant) -> Read {
        if self.closed || self.held || self.stopped || self.at_end {
            return Read::Empty;
        }
        let room = cut.limit.saturating_sub(self.offsets.in_flight() as usize);
        let count = cut.count.min(room);
        if count == 0 || (self.pending.is_none() && !self.ready.load(Ordering::Acquire)) {
            return Read::Empty;
        }
        let Some(mut pending) = self.pending.take() else {
            return match Pending::new(&intake.budget, now) {
                Some(pending) => self.fill(pending, count, cut.period, intake, now),
                None => Read::NoRoom,
            };
        };
        let more = self.ready.load(Ordering::Acquire);
        if more && pending.reserve(&intake.budget) {
            return self.fill(pending, count, cut.period, intake, now);
        }
        // A batch that already holds a permit needs no room to leave.
        if pending.draft.len() >= count || pending.is_due(cut.period, now) {
            self.hand_on(pending, intake);
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
        intake: &Intake,
        now: Instant,
    ) -> Read {
        let draft = &mut pending.draft;
        while draft.len() < count && draft.cost() < RESERVE {
            // Cleared before the poll, not after it: a message that comes in between sets it again.
            self.ready.store(false, Ordering::Release);
            match self.queue.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    self.ready.store(true, Ordering::Release);
                    self.idle = None;
                    self.outdated = false;
                    match self.cursor.step(self.begin, message.offset()) {
                        Step::Next => {}
                        Step::Again => continue,
                        Step::Jump { expected } => {
                            tell_jump(&self.consumer, &self.lane, expected, message.offset());
                        }
                    }
                    self.at_end = self.end.is_some_and(|end| message.offset() + 1 >= end);
                    if self.end.is_none_or(|end| message.offset() < end) {
                        draft.push(&message);
                    }
                    if self.at_end {
                        break;
                    }
                }
                // Markers of transactions may lie between the last message and the end.
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.idle = Some(0);
                    self.outdated = false;
                    self.at_end = self.end.is_some();
                    if self.at_end {
                        break;
                    }
                }
                Some(Err(error)) => {
                    self.ready.store(true, Ordering::Release);
                    let code = error.rdkafka_error_code();
                    if std::mem::take(&mut self.outdated)
                        && code == Some(RDKafkaErrorCode::TopicAuthorizationFailed)
                    {
                        continue;
                    }
                    // Nothing after this batch may be read: the batch would count as delivered.
                    self.stopped |= blocked::is_of_data(&error);
                    if !draft.is_empty() {
                        self.hand_on(pending, intake);
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
        self.hand_on(pending, intake);
        Read::Sent
    }

    /// Keeps a batch that is not full. Meanwhile other partitions may use the memory that it does not need.
    fn wait(&mut self, mut pending: Pending) {
        pending.permit.fit(pending.draft.cost());
        self.pending = Some(pending);
    }

    fn hand_on(&mut self, pending: Pending, intake: &Intake) {
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
        intake.send(&self.lane, position, messages, permit);
    }

    /// Warns if records before the new checkpoint were deleted before they were read.
    pub(super) fn tell_deleted(&self, before: i64, now: i64) {
        tell_jump(&self.consumer, &self.lane, before, now);
    }

    /// Notes that these messages were delivered.
    pub(super) fn deliver(&mut self, position: u64, count: usize, now: Instant) {
        self.offsets.deliver(position, count as u64);
        self.progress = now;
    }

    /// Evaluates the client's statistics, in which the end of the partition was reached at `end`. Returns the
    /// checkpoint before and now if it moved past records after the last message that are no messages, or that were
    /// deleted.
    ///
    /// The statistics are older than the queue. Two must have come since the queue reported the end, so that the later
    /// one was made after it; and nothing may have come into the queue since, because `end` might be newer than that
    /// message.
    pub(super) fn told_end(&mut self, end: Option<i64>) -> Option<(i64, i64)> {
        let seen = self.idle.as_mut()?;
        *seen += 1;
        let is_read = !self.closed && self.pending.is_none() && !self.ready.load(Ordering::Acquire);
        let before = self.offsets.commit_point();
        if *seen < 2 || !is_read {
            return None;
        }
        self.offsets.reach(end?);
        let moved = before.zip(self.offsets.commit_point());
        moved.filter(|(before, now)| before != now)
    }

    /// Returns whether a batch waits until it is full.
    pub(super) fn has_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Returns the time at which a batch that is not full has waited long enough.
    pub(super) fn due(&self, period: Duration) -> Option<Instant> {
        self.pending.as_ref().map(|pending| pending.since + period)
    }

    /// Reads on after a broken batch was the reason to stop: the batch is tried again.
    pub(super) fn go_on(&mut self) {
        self.stopped = false;
        self.ready.store(true, Ordering::Release);
    }

    /// Stops taking messages, and gives up a batch that was not passed on because it is not full.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.pending = None;
    }

    /// Gives up the messages in flight.
    pub(super) fn abandon(&mut self) {
        self.close();
        self.lane.abandon();
    }

    /// Returns whether everything that was passed on is answered or given up.
    pub(super) fn is_settled(&self) -> bool {
        self.lane.is_abandoned() || self.offsets.in_flight() == 0
    }

    /// Returns the offset to commit, unless it is committed or asked for already.
    pub(super) fn to_commit(&self) -> Option<i64> {
        self.offsets
            .commit_point()
            .filter(|&point| self.asked != Some(point))
    }

    /// Returns whether everything that was delivered is committed.
    pub(super) fn is_committed(&self) -> bool {
        self.offsets
            .commit_point()
            .is_none_or(|point| self.committed == Some(point))
    }

    /// Returns for how long nothing was delivered while messages are in flight.
    pub(super) fn stuck_for(&self, now: Instant) -> Option<Duration> {
        let waiting = self.offsets.in_flight() > 0 && !self.lane.is_abandoned();
        waiting.then(|| now.duration_since(self.progress))
    }

    /// Returns whether this is the given partition of the given topic.
    pub(super) fn is(&self, topic: &str, partition: i32) -> bool {
        self.lane.partition == partition && self.lane.topic.as_deref() == Some(topic)
    }
}

/// Logs that reading continues at `offset` instead of `expected`, unless the jump is normal. (In a compacted topic some
/// offsets have no records; markers of transactions and aborted messages have offsets too.)
fn tell_jump(consumer: &Consumer, lane: &Lane, expected: i64, offset: i64) {
    let topic = lane.topic.as_deref().unwrap_or_default();
    let partition = lane.partition;
    if offset < expected {
        tracing::warn!(
            topic,
            partition,
            expected,
            offset,
            "the partition was truncated, or its topic created again: reading it from its beginning"
        );
        return;
    }
    let oldest = admin::oldest(consumer, topic, partition);
    if let Some(oldest) = oldest.filter(|&oldest| oldest > expected) {
        tracing::warn!(
            topic,
            partition,
            expected,
            oldest,
            count = oldest.min(offset) - expected,
            "records were deleted before they were read: retention is faster than this pipeline"
        );
    }
}

impl Pending {
    fn new(budget: &MemoryBudget, since: Instant) -> Option<Self> {
        let permit = budget.try_acquire(RESERVE.min(budget.limit()))?;
        Some(Self {
            draft: Draft::default(),
            permit,
            since,
        })
    }

    /// Takes memory for more messages, if there is any.
    fn reserve(&mut self, budget: &MemoryBudget) -> bool {
        let wanted = RESERVE.min(budget.limit());
        let more = budget.try_acquire(wanted.saturating_sub(self.permit.bytes()));
        let there = more.is_some();
        more.into_iter().for_each(|more| self.permit.join(more));
        there
    }

    fn is_due(&self, period: Duration, now: Instant) -> bool {
        now.duration_since(self.since) >= period
    }
}
