//! Way by which messages of any source enter the pipeline.

use std::path::Path;
use std::sync::Arc;

use actix::Recipient;

use crate::message::ack::AckSink;
use crate::message::budget::{MemoryBudget, Permit};
use crate::message::files::Unit;
use crate::message::{Batch, Lane, MAX_BATCH, Message};
use crate::resequencer::LaneEnded;
use crate::supervisor::Run;
use crate::telemetry::metrics::Metrics;

/// Destination of a source's batches, and what the source needs to make them.
#[derive(Clone)]
pub(crate) struct Intake {
    /// Bound on the memory of messages in flight.
    pub budget: MemoryBudget,
    pub(super) work: Recipient<Run>,
    pub(super) lane_ended: Recipient<LaneEnded>,
    pub(super) acks: AckSink,
    pub(super) metrics: Arc<Metrics>,
    /// Whether the messages are dead letters, to be run as the original messages.
    pub(super) letters: bool,
}

impl Intake {
    /// Passes on a batch whose memory `permit` covers.
    pub(crate) fn send(
        &self,
        lane: &Arc<Lane>,
        position: u64,
        mut messages: Vec<Message>,
        permit: Permit,
    ) {
        if self.letters {
            messages.iter_mut().for_each(Message::reopen);
        }
        let bytes: usize = messages.iter().map(|message| message.payload.len()).sum();
        Metrics::add(&self.metrics.received, messages.len() as u64);
        Metrics::add(&self.metrics.received_bytes, bytes as u64);
        self.metrics.batches.observe(messages.len() as f64, 1);
        let acks = self.acks.clone();
        let batch = Batch::new(Arc::clone(lane), position, messages, permit, acks);
        // The permit bounds the contents of the mailbox.
        self.work.do_send(Run(Arc::new(batch)));
    }

    /// Notes that the lane has ended: no more messages come, and all earlier ones are acknowledged or abandoned.
    pub(crate) fn end(&self, lane: &Lane) {
        self.lane_ended.do_send(LaneEnded(lane.id));
    }
}

/// Passes on the messages of a source that has one lane, in order.
pub(crate) struct Feed {
    intake: Intake,
    lane: Arc<Lane>,
    position: u64,
}

impl Feed {
    /// Creates a feed with a new lane.
    pub(super) fn new(intake: Intake) -> Self {
        Self {
            intake,
            lane: Arc::default(),
            position: 0,
        }
    }

    /// Notes that the message at offset `first` is the first one of the file `path`.
    pub(crate) fn begin_file(&self, first: i64, path: &Path, unit: Unit) {
        self.lane.files.begin(first, &path.to_string_lossy(), unit);
    }

    /// Passes on `messages` in batches, and blocks until there is memory for each batch.
    pub(crate) fn send(&mut self, mut messages: Vec<Message>) {
        while messages.len() > MAX_BATCH {
            let rest = messages.split_off(MAX_BATCH);
            self.send_batch(std::mem::replace(&mut messages, rest));
        }
        if !messages.is_empty() {
            self.send_batch(messages);
        }
    }

    fn send_batch(&mut self, messages: Vec<Message>) {
        let cost = messages.iter().map(Message::cost).sum();
        let permit = self.intake.budget.acquire(cost);
        let count = messages.len() as u64;
        self.intake
            .send(&self.lane, self.position, messages, permit);
        self.position += count;
    }
}
