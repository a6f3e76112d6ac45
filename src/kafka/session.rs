//! What an output with transactions has to know of the input: whose offsets it commits, and whether they are still the
//! input's to commit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use actix::Recipient;
use rdkafka::consumer::{Consumer as _, ConsumerGroupMetadata};

use super::consumer::Consumer;
use super::fence::Fence;
use super::member::Membership;
use crate::config::{GroupProtocol, KafkaInputConfig};
use crate::message::Lane;

/// To the output: of this lane everything before `offset` was dealt with, though no message says so. Between the last
/// message and there lie records that are no messages: markers of transactions, or what was compacted.
#[derive(actix::Message)]
#[rtype(result = "()")]
pub struct Advance {
    /// The lane.
    pub lane: Arc<Lane>,
    /// The offset to commit.
    pub offset: i64,
}

/// To the output: commit what there is now, and from now on soon.
#[derive(actix::Message)]
#[rtype(result = "()")]
pub struct Hurry;

/// What the output listens to.
pub struct Ears {
    /// See [`Advance`].
    pub advance: Recipient<Advance>,
    /// See [`Hurry`].
    pub hurry: Recipient<Hurry>,
}

/// Input and output of one pipeline with transactions. Clones are the same session.
#[derive(Clone)]
pub struct Session(Arc<Shared>);

struct Shared {
    protocol: GroupProtocol,
    /// Of a static member.
    heartbeat: Option<Duration>,
    consumer: Mutex<Weak<Consumer>>,
    confirmed: Mutex<Option<Membership>>,
    hurry: AtomicBool,
    ears: Mutex<Option<Ears>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    /// Of a pipeline with this input.
    pub fn new(input: &KafkaInputConfig) -> Self {
        Self(Arc::new(Shared {
            protocol: input.group.protocol,
            heartbeat: input
                .instance_id
                .is_some()
                .then_some(input.group.heartbeat_interval),
            consumer: Mutex::default(),
            confirmed: Mutex::default(),
            hurry: AtomicBool::new(false),
            ears: Mutex::default(),
        }))
    }

    /// How often the output's producer may be fenced.
    pub fn fence(&self) -> Fence {
        self.0
            .heartbeat
            .map_or_else(Fence::deciding, Fence::beside_static_member)
    }

    /// The input has this consumer from now on. It has no partitions yet.
    pub fn set_consumer(&self, consumer: &Arc<Consumer>) {
        self.confirm(None);
        *lock(&self.0.consumer) = Arc::downgrade(consumer);
    }

    /// The input's consumer is about to leave its group. No call to it is under way when this returns, and none comes after:
    /// librdkafka does not return from a call that meets the end of its group's handler.
    pub fn forget_consumer(&self) {
        *lock(&self.0.consumer) = Weak::new();
    }

    /// All lanes that are not given up are the member's who it is said to be; `None` if it is none.
    pub fn confirm(&self, membership: Option<Membership>) {
        *lock(&self.0.confirmed) = membership;
    }

    /// What goes along with the offsets of a transaction, if the lanes that are not given up are still the member's.
    ///
    /// The membership is looked at after the metadata was taken, and generations only rise: if it is the one that was
    /// confirmed before, so is that of the metadata.
    pub fn group(&self) -> Option<ConsumerGroupMetadata> {
        let consumer = lock(&self.0.consumer); // until the calls have returned
        let consumer = consumer.upgrade()?;
        let group = consumer.group_metadata()?;
        let now = Membership::of(&consumer)?;
        let confirmed = lock(&self.0.confirmed);
        let holds = confirmed
            .as_ref()
            .is_some_and(|then| now.continues(then, self.0.protocol));
        holds.then_some(group)
    }

    /// The output listens from now on.
    pub fn listen(&self, ears: Ears) {
        *lock(&self.0.ears) = Some(ears);
    }

    /// See [`Advance`].
    pub fn advance(&self, lane: &Arc<Lane>, offset: i64) {
        if let Some(ears) = &*lock(&self.0.ears) {
            let lane = Arc::clone(lane);
            ears.advance.do_send(Advance { lane, offset });
        }
    }

    /// Whether transactions are to be committed as soon as may be: partitions are to be let go of, or the pipeline ends.
    pub fn hurry(&self, hurry: bool) {
        let before = self.0.hurry.swap(hurry, Ordering::Relaxed);
        if hurry
            && !before
            && let Some(ears) = &*lock(&self.0.ears)
        {
            ears.hurry.do_send(Hurry);
        }
    }

    /// See [`Session::hurry`].
    pub fn is_in_a_hurry(&self) -> bool {
        self.0.hurry.load(Ordering::Relaxed)
    }
}
