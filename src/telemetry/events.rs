//! Events that are both logged and counted. Each is a struct whose `emit` is the only place that does either.

use std::time::{Duration, Instant};

use super::limit::Admit;
use super::metrics::Metrics;
use crate::guest::error::{Death, StartError};
use crate::guest::handshake::Ready;
use crate::message::{Failure, Lane, Message};

/// Event: a message failed. It became a dead letter, was dropped, or ends the pipeline, as the config says.
#[derive(Debug)]
pub struct MessageFailed<'a> {
    /// Lane of the message.
    pub lane: &'a Lane,
    /// Message that failed.
    pub message: &'a Message,
    /// Reason of the failure.
    pub failure: &'a Failure,
    /// Whether the message is dropped, as the config says.
    pub dropped: bool,
}

impl MessageFailed<'_> {
    /// Counts the failure, and logs it unless the rate limit skips it.
    pub fn emit(&self, metrics: &Metrics) {
        let Self {
            lane,
            message,
            failure,
            dropped,
        } = self;
        let total = if *dropped {
            &metrics.failed_and_dropped
        } else {
            &metrics.failed
        };
        Metrics::add(total, 1);
        metrics.failures_by_type.count(&failure.kind);
        metrics.failures.keep(lane, message, failure);
        let Admit::Log { left_out } = metrics.failures.log.admit(Instant::now()) else {
            return;
        };
        if left_out > 0 {
            tracing::warn!(failures_left_out = left_out, "more messages failed");
        }
        tracing::warn!(
            error = failure.kind,
            at = failure.at.as_deref(),
            from = %message.place(lane),
            attempts = failure.attempts,
            "message failed: {}",
            failure.message
        );
    }
}

/// Event: a guest reached READY.
#[derive(Debug)]
pub struct GuestReady<'a> {
    /// Number of the guest.
    pub guest: usize,
    /// Contents of the guest's READY line.
    pub ready: &'a Ready,
    /// Time from instantiation to READY.
    pub took: Duration,
}

impl GuestReady<'_> {
    /// Counts the start, and logs it unless the rate limit skips it.
    pub fn emit(&self, metrics: &Metrics) {
        let Self { guest, ready, took } = self;
        Metrics::add(&metrics.starts, 1);
        Metrics::took(&metrics.ready_seconds, *took, 1);
        metrics.health.set_well("guests");
        let Admit::Log { left_out } = metrics.guest_lines.ready.admit(Instant::now()) else {
            return;
        };
        if left_out > 0 {
            tracing::info!(left_out, "more guests were ready");
        }
        tracing::info!(guest, python = ready.python, ?took, "guest ready");
        tracing::debug!(guest, functions = ?ready.functions, "scripts that run as functions");
    }
}

/// Event: a guest did not reach READY.
#[derive(Debug)]
pub struct GuestNotStarted<'a> {
    /// Number of the guest.
    pub guest: usize,
    /// Reason of the failure.
    pub error: &'a StartError,
    /// Whether no guest runs at all.
    pub none_runs: bool,
    /// Whether the engine ends because of this error. It then logs the error itself.
    pub fatal: bool,
}

impl GuestNotStarted<'_> {
    /// Counts the failed start, and logs it unless it is fatal.
    pub fn emit(&self, metrics: &Metrics) {
        let Self {
            guest,
            error,
            none_runs,
            fatal,
        } = self;
        Metrics::add(&metrics.failed_starts, 1);
        if *none_runs {
            metrics
                .health
                .set_ill("guests", format!("no guest can start: {error}"));
        }
        if !fatal {
            tracing::warn!(guest, "guest did not start: {error}");
        }
    }
}

/// Event: a guest died while it ran.
#[derive(Debug)]
pub struct GuestDied<'a> {
    /// Number of the guest.
    pub guest: usize,
    /// Cause of the death.
    pub death: &'a Death,
    /// Messages that the guest had processed since READY.
    pub messages: u64,
}

impl GuestDied<'_> {
    /// Counts the death, and logs it unless the rate limit skips it.
    pub fn emit(&self, metrics: &Metrics) {
        let Self {
            guest,
            death,
            messages,
        } = self;
        metrics.deaths.count(death.name());
        let Admit::Log { left_out } = metrics.guest_lines.died.admit(Instant::now()) else {
            return;
        };
        if left_out > 0 {
            tracing::warn!(deaths_left_out = left_out, "more guests died");
        }
        tracing::warn!(guest, death = death.name(), messages, "guest died: {death}");
    }
}

/// Event: a healthy guest is replaced by a fresh one.
#[derive(Debug)]
pub struct GuestRecycled {
    /// Number of the guest.
    pub guest: usize,
    /// Bytes of the guest's memory.
    pub memory: u64,
    /// Messages that the guest has processed since READY.
    pub messages: u64,
}

impl GuestRecycled {
    /// Counts the replacement, and logs it unless the rate limit skips it.
    pub fn emit(&self, metrics: &Metrics) {
        let Self {
            guest,
            memory,
            messages,
        } = self;
        Metrics::add(&metrics.recycled, 1);
        let Admit::Log { left_out } = metrics.guest_lines.recycled.admit(Instant::now()) else {
            return;
        };
        if left_out > 0 {
            tracing::info!(left_out, "more guests were recycled");
        }
        tracing::info!(guest, memory, messages, "recycling guest");
    }
}

/// Event: the number of guests changes.
#[derive(Debug)]
pub struct Scaled {
    /// Whether the number increases.
    pub up: bool,
    /// Reason of the change.
    pub reason: &'static str,
    /// Number of guests after the change.
    pub guests: usize,
    /// Limit in this direction: the upper one if the number increases, else the lower one.
    pub bound: usize,
}

impl Scaled {
    /// Counts and logs the change.
    pub fn emit(&self, metrics: &Metrics) {
        let Self {
            up,
            reason,
            guests,
            bound,
        } = self;
        metrics.scalings.count(reason);
        if *up {
            tracing::info!(reason, guests, max = bound, "scaling up");
        } else {
            tracing::info!(reason, guests, min = bound, "scaling down");
        }
    }
}

/// Event: guests with new scripts replace the old ones.
#[derive(Debug)]
pub struct ScriptsReplaced {
    /// Generation of the new scripts. The scripts that the engine started with are generation 1.
    pub generation: u64,
    /// Number of guests that still finish work with the old scripts.
    pub unfinished: usize,
}

impl ScriptsReplaced {
    /// Counts and logs the reload.
    pub fn emit(&self, metrics: &Metrics) {
        let Self {
            generation,
            unfinished,
        } = self;
        metrics.reloads.count("taken");
        tracing::info!(
            generation,
            unfinished,
            "config reloaded: the next batch is for the new scripts"
        );
    }
}

/// Event: a changed config is refused.
#[derive(Debug)]
pub struct ReloadRefused<'a> {
    /// Reason of the refusal.
    pub reason: &'a str,
}

impl ReloadRefused<'_> {
    /// Counts and logs the refusal.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.reloads.count("refused");
        tracing::error!(
            "the changed config is refused, the old one goes on: {}",
            self.reason
        );
    }
}

/// Event: the group assigned or revoked partitions.
#[derive(Debug)]
pub enum Rebalanced<'a> {
    /// Partitions are now assigned to this process.
    Assigned {
        /// Names of the newly assigned partitions.
        partitions: &'a str,
        /// Number of all assigned partitions, the new ones included.
        in_all: usize,
    },
    /// Partitions were revoked or lost.
    Revoked {
        /// Number of revoked or lost partitions.
        partitions: usize,
        /// Whether other members have the partitions already.
        lost: bool,
        /// Messages of these partitions that are in flight.
        under_way: u64,
    },
}

impl Rebalanced<'_> {
    /// Counts and logs the rebalance.
    pub fn emit(&self, metrics: &Metrics) {
        match self {
            Self::Assigned { partitions, in_all } => {
                metrics.rebalances.count("assigned");
                tracing::info!(partitions, in_all, "partitions assigned");
            }
            Self::Revoked {
                partitions,
                lost,
                under_way,
            } => {
                metrics
                    .rebalances
                    .count(if *lost { "lost" } else { "revoked" });
                tracing::info!(partitions, lost, under_way, "partitions revoked");
            }
        }
    }
}

/// Event: a transaction was aborted.
#[derive(Debug)]
pub struct TransactionAborted<'a> {
    /// Reason of the abort.
    pub reason: &'a str,
    /// Number of slices in the transaction.
    pub stretches: usize,
}

impl TransactionAborted<'_> {
    /// Counts and logs the abort.
    pub fn emit(&self, metrics: &Metrics) {
        let Self { reason, stretches } = self;
        Metrics::add(&metrics.failed_commits, 1);
        tracing::warn!(
            reason,
            stretches,
            "a transaction was aborted: what it was made from is read again"
        );
    }
}
