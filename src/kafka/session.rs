//! Session: the facts about the input that an output with transactions needs, namely whose offsets it commits, and
//! whether they are still the input's to commit.

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

/// Message to the output: everything before `offset` in this lane is done, although no message says so. The records
/// between the last message and `offset` are no messages: markers of transactions, or compacted records.
#[derive(actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Advance {
    /// Lane of the offset.
    pub lane: Arc<Lane>,
    /// Offset to commit.
    pub offset: i64,
}

/// Message to the output: commit the current transaction now, and later ones soon.
#[derive(actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Hurry;

/// Recipients by which the output is notified.
pub(crate) struct Ears {
    /// Recipient of [`Advance`].
    pub advance: Recipient<Advance>,
    /// Recipient of [`Hurry`].
    pub hurry: Recipient<Hurry>,
}

/// State that input and output of a pipeline with transactions share. Clones are the same session.
#[derive(Clone)]
pub(crate) struct Session(Arc<Shared>);

struct Shared {
    protocol: GroupProtocol,
    /// Heartbeat interval of a static member.
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
    /// Creates the session of a pipeline with this input.
    pub(crate) fn new(input: &KafkaInputConfig) -> Self {
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

    /// Returns the rule for how often the output's producer may be fenced.
    pub(crate) fn fence(&self) -> Fence {
        self.0
            .heartbeat
            .map_or_else(Fence::deciding, Fence::beside_static_member)
    }

    /// Sets the consumer that the input has from now on. It has no partitions yet.
    pub(crate) fn set_consumer(&self, consumer: &Arc<Consumer>) {
        self.confirm(None);
        *lock(&self.0.consumer) = Arc::downgrade(consumer);
    }

    /// Removes the input's consumer, which is about to leave its group. When this returns, no call of the output to it
    /// is running, and none follows: librdkafka does not return from a call that meets the end of its group's handler.
    pub(crate) fn forget_consumer(&self) {
        *lock(&self.0.consumer) = Weak::new();
    }

    /// Confirms that all lanes that are not given up belong to this membership; `None` if there is none.
    pub(crate) fn confirm(&self, membership: Option<Membership>) {
        *lock(&self.0.confirmed) = membership;
    }

    /// Returns the metadata to send with the offsets of a transaction, if the member still has the lanes that are not
    /// given up.
    ///
    /// The membership is read after the metadata, and generations only rise: if it is the confirmed one, the metadata
    /// has the confirmed one too.
    pub(crate) fn group(&self) -> Option<ConsumerGroupMetadata> {
        let consumer = lock(&self.0.consumer); // held until the calls have returned
        let consumer = consumer.upgrade()?;
        let group = consumer.group_metadata()?;
        let now = Membership::of(&consumer)?;
        let confirmed = lock(&self.0.confirmed);
        let holds = confirmed
            .as_ref()
            .is_some_and(|then| now.continues(then, self.0.protocol));
        holds.then_some(group)
    }

    /// Sets the recipients of the output.
    pub(crate) fn listen(&self, ears: Ears) {
        *lock(&self.0.ears) = Some(ears);
    }

    /// Sends [`Advance`] to the output.
    pub(crate) fn advance(&self, lane: &Arc<Lane>, offset: i64) {
        if let Some(ears) = &*lock(&self.0.ears) {
            let lane = Arc::clone(lane);
            ears.advance.do_send(Advance { lane, offset });
        }
    }

    /// Sets whether transactions are to be committed as soon as possible: partitions are revoked, or the pipeline ends.
    pub(crate) fn hurry(&self, hurry: bool) {
        let before = self.0.hurry.swap(hurry, Ordering::Relaxed);
        if hurry
            && !before
            && let Some(ears) = &*lock(&self.0.ears)
        {
            ears.hurry.do_send(Hurry);
        }
    }

    /// Returns what [`Session::hurry`] set last.
    pub(crate) fn is_in_a_hurry(&self) -> bool {
        self.0.hurry.load(Ordering::Relaxed)
    }
}
