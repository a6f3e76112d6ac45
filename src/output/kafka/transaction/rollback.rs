//! End of a transaction that cannot be committed: it is aborted, or its producer is replaced, and its messages are read
//! again.

use std::sync::Arc;
use std::time::Instant;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{Producer as _, PurgeConfig};

use super::open::Open;
use super::producer::{Trouble, persist};
use super::{STEP, Transactions};
use crate::control::{Notice, OutputError};
use crate::kafka::fence::Fenced;
use crate::telemetry::events::TransactionAborted;

impl Transactions {
    /// Notifies the engine that nothing can be written any more.
    pub(super) fn give_up(&mut self, error: &anyhow::Error) {
        self.producer = None;
        self.engine
            .do_send(Notice::OutputEnded(OutputError::Failed(format!(
                "{error:#}"
            ))));
    }

    /// Ends `open` without a commit: a reader of committed messages sees nothing of it. Its messages are read again.
    pub(super) fn abort(&mut self, open: Open, reason: &str) {
        let event = TransactionAborted {
            reason,
            stretches: open.acks.len(),
        };
        event.emit(&self.writer.metrics);
        self.roll_back();
        self.learn(self.returns.take());
        // Only now, because nothing is written for lanes that are given up, not even to find out what was refused.
        open.abandon();
    }

    /// Ends the current transaction, so that nothing of it is written.
    pub(super) fn roll_back(&mut self) {
        let Some(producer) = &self.producer else {
            return;
        };
        // Records in flight while a transaction is aborted can be a fatal error (librdkafka issue 4849). Records that
        // are still queued need not be sent.
        producer.purge(PurgeConfig::default().queue());
        let _ = producer.flush(STEP);
        let aborted = persist(producer, "abort a transaction", || {
            producer.abort_transaction(STEP)
        });
        if let Err(Trouble::Abort(reason) | Trouble::Renew(reason)) = aborted {
            self.renew(Open::default(), &reason);
        }
    }

    /// Replaces the producer by one that follows the current rules for batches, and whose sequence numbers begin at 0.
    pub(super) fn reconnect(&mut self) {
        self.producer = None;
        // Reports that the old producer never gave are not waited for.
        self.returns = Arc::default();
        match self.connect() {
            Ok(producer) => self.producer = Some(producer),
            Err(error) => self.give_up(&error),
        }
    }

    /// Replaces the producer. The new one has the old one's id, which ends the old one's transaction.
    pub(super) fn renew(&mut self, open: Open, reason: &str) {
        open.abandon();
        let Some(producer) = self.producer.take() else {
            return;
        };
        let fatal = producer.client().fatal_error();
        drop(producer);
        let fenced = matches!(
            fatal,
            Some((
                RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced,
                _
            ))
        );
        let reason = fatal.map_or_else(|| reason.to_owned(), |(_, reason)| reason);
        if fenced {
            match self.fence.fenced(Instant::now()) {
                Fenced::ComeAgain(pause) => std::thread::sleep(pause),
                Fenced::End => {
                    let id = self.config.transactional_id.as_deref().unwrap_or_default();
                    self.give_up(&anyhow::anyhow!(
                        "another process uses the transactional id `{id}` ({reason}): give each process an \
                         `input.kafka.instance_id` or an `output.kafka.transactional_id` of its own"
                    ));
                    return;
                }
            }
        }
        tracing::warn!(reason, "the Kafka producer cannot go on: making a new one");
        let returned = self.returns.take();
        self.reconnect();
        self.learn(returned); // the old producer's reports do not concern the new one
    }
}
