//! Events: a struct for each happening, whose `emit` is the one place that logs and counts it.

use std::time::{Duration, Instant};

use super::failures::FAILURES;
use super::metrics::Metrics;
use crate::clock::rate_limit::Admit;
use crate::guest::error::{Death, StartError};
use crate::guest::handshake::Ready;
use crate::message::{Failure, Lane, Message};

/// Event: a message failed. It became a dead letter, was dropped, or ends the pipeline, as the config says.
#[derive(Debug)]
pub(crate) struct MessageFailed<'a> {
    /// Lane of the message.
    pub lane: &'a Lane,
    /// Message that failed.
    pub message: &'a Message,
    /// Reason of the failure.
    pub failure: &'a Failure,
    /// What becomes of the message.
    pub fate: Fate,
}

/// What becomes of a message that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is a dead letter, or ends the pipeline.
    Kept,
    /// It is a dead letter on standard error, where the log is too.
    Printed,
    /// It is dropped, as the config says.
    Dropped,
}

impl MessageFailed<'_> {
    /// Counts the failure, and logs it unless there are too many to read, or it stands beside the log anyway.
    pub(crate) fn emit(&self, metrics: &Metrics) {
        let Self {
            lane,
            message,
            failure,
            fate,
        } = self;
        let total = if *fate == Fate::Dropped {
            &metrics.failed_and_dropped
        } else {
            &metrics.failed
        };
        Metrics::add(total, 1);
        metrics.failures_by_type.count(&failure.kind);
        metrics.processors.failed(failure);
        metrics.failures.keep(lane, message, failure);
        if *fate == Fate::Printed {
            return;
        }
        if !metrics.failures.log.admit(failure) {
            return;
        }
        tracing::warn!(
            target: FAILURES,
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
pub(crate) struct GuestReady<'a> {
    /// Number of the guest.
    pub guest: usize,
    /// Content of READY.
    pub ready: &'a Ready,
    /// Time since the instantiation.
    pub took: Duration,
}

impl GuestReady<'_> {
    /// Counts and logs that the guest is ready.
    pub(crate) fn emit(&self, metrics: &Metrics) {
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

/// A guest did not reach READY.
#[derive(Debug)]
pub(crate) struct GuestNotStarted<'a> {
    /// Number of the guest.
    pub guest: usize,
    /// Reason why it did not start.
    pub error: &'a StartError,
    /// Whether no other guest runs.
    pub none_runs: bool,
    /// Whether the engine ends because of it, and logs it itself.
    pub fatal: bool,
}

impl GuestNotStarted<'_> {
    /// Counts and logs that the guest did not start.
    pub(crate) fn emit(&self, metrics: &Metrics) {
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
pub(crate) struct GuestDied<'a> {
    /// Number of the guest.
    pub guest: usize,
    /// Way in which it died.
    pub death: &'a Death,
    /// Number of messages it had answered since READY.
    pub messages: u64,
}

impl GuestDied<'_> {
    /// Counts and logs the death.
    pub(crate) fn emit(&self, metrics: &Metrics) {
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

/// A healthy guest is replaced.
#[derive(Debug)]
pub(crate) struct GuestRecycled {
    /// Number of the guest.
    pub guest: usize,
    /// Bytes of its memory.
    pub memory: u64,
    /// Number of messages it has answered since READY.
    pub messages: u64,
}

impl GuestRecycled {
    /// Counts and logs the replacement.
    pub(crate) fn emit(&self, metrics: &Metrics) {
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
pub(crate) struct Scaled {
    /// Whether the number rises.
    pub up: bool,
    /// Reason of the change.
    pub reason: &'static str,
    /// Number of guests from now on.
    pub guests: usize,
    /// Limit on the number in this direction.
    pub bound: usize,
}

impl Scaled {
    /// Counts and logs the change.
    pub(crate) fn emit(&self, metrics: &Metrics) {
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
pub(crate) struct ScriptsReplaced {
    /// Number of the generation of scripts; 1 is the one at the start.
    pub generation: u64,
    /// Number of guests that finish what they have begun with the old scripts.
    pub unfinished: usize,
}

impl ScriptsReplaced {
    /// Counts and logs the reload.
    pub(crate) fn emit(&self, metrics: &Metrics) {
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
pub(crate) struct ReloadRefused<'a> {
    /// Reason of the refusal.
    pub reason: &'a str,
}

impl ReloadRefused<'_> {
    /// Counts and logs the refusal.
    pub(crate) fn emit(&self, metrics: &Metrics) {
        metrics.reloads.count("refused");
        tracing::error!(
            "the changed config is refused, the old one goes on: {}",
            self.reason
        );
    }
}

/// The group assigned or revoked partitions.
#[derive(Debug)]
pub(crate) enum Rebalanced<'a> {
    /// Partitions were assigned to this process.
    Assigned {
        /// Names of the partitions.
        partitions: &'a str,
        /// Number of all partitions of this process, including these.
        in_all: usize,
    },
    /// Partitions were revoked, or lost to other members.
    Revoked {
        /// Number of partitions.
        partitions: usize,
        /// Whether other members have them already.
        lost: bool,
        /// Number of their messages in flight.
        under_way: u64,
    },
}

impl Rebalanced<'_> {
    /// Counts and logs the rebalance.
    pub(crate) fn emit(&self, metrics: &Metrics) {
        match self {
            Self::Assigned { partitions, in_all } => {
                metrics.rebalances.count("assigned");
                if *in_all == 0 {
                    tracing::info!(
                        in_all,
                        "no partitions assigned: the group has more members than there are partitions, or others have them for now"
                    );
                } else {
                    tracing::info!(partitions, in_all, "partitions assigned");
                }
            }
            Self::Revoked {
                partitions,
                lost,
                under_way,
            } => {
                metrics
                    .rebalances
                    .count(if *lost { "lost" } else { "revoked" });
                match lost {
                    true => tracing::warn!(
                        partitions,
                        lost,
                        under_way,
                        help = "the group did not hear of this process in time; what was not committed is read again",
                        "partitions revoked"
                    ),
                    false => tracing::info!(partitions, under_way, "partitions revoked"),
                }
            }
        }
    }
}

/// Event: a transaction was aborted.
#[derive(Debug)]
pub(crate) struct TransactionAborted<'a> {
    /// Reason of the abort.
    pub reason: &'a str,
    /// Number of slices of messages that were in it.
    pub stretches: usize,
}

impl TransactionAborted<'_> {
    /// Counts and logs the abort.
    pub(crate) fn emit(&self, metrics: &Metrics) {
        let Self { reason, stretches } = self;
        Metrics::add(&metrics.failed_commits, 1);
        tracing::warn!(
            reason,
            stretches,
            "a transaction was aborted: its messages are read again"
        );
    }
}
