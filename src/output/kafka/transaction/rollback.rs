//! Handling of a transaction that cannot be committed: it is aborted, or its producer is replaced, and its messages are
//! read again.

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

    /// Ends `open` without a commit: a client that reads only committed records sees nothing of it. Its messages are
    /// read again.
    pub(super) fn abort(&mut self, open: Open, reason: &str) {
        let event = TransactionAborted {
            reason,
            stretches: open.acks.len(),
        };
        event.emit(&self.writer.metrics);
        self.roll_back();
        self.learn(self.returns.take());
        // Only now: nothing is written for lanes that are given up, not even to find out which records were refused.
        open.abandon();
    }

    /// Aborts the open transaction, so that nothing of it is committed.
    pub(super) fn roll_back(&mut self) {
        let Some(producer) = &self.producer else {
            return;
        };
        // Records in flight during the abort of a transaction can cause a fatal error (librdkafka issue 4849). So
        // records that are still queued are not sent.
        producer.purge(PurgeConfig::default().queue());
        let _ = producer.flush(STEP);
        let aborted = persist(producer, "abort a transaction", || {
            producer.abort_transaction(STEP)
        });
        if let Err(Trouble::Abort(reason) | Trouble::Renew(reason)) = aborted {
            self.renew(Open::default(), &reason);
        }
    }

    /// Replaces the producer by one that makes batches with the current limits. It numbers them from 0.
    pub(super) fn reconnect(&mut self) {
        self.producer = None;
        // Records that the old producer may never report are not waited for.
        self.returns = Arc::default();
        match self.connect() {
            Ok(producer) => self.producer = Some(producer),
            Err(error) => self.give_up(&error),
        }
    }

    /// Replaces a producer that cannot continue. The new one takes the old one's id, which ends the old one's
    /// transaction.
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
        self.learn(returned); // the old producer's reports must not spoil the new one's transaction
    }
}
