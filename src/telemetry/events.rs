//! What happens, and is both logged and counted: a struct each, whose `emit` is the one place that does either.

use std::time::{Duration, Instant};

use super::metrics::Metrics;
use crate::clock::rate_limit::Admit;
use crate::guest::error::{Death, StartError};
use crate::guest::handshake::Ready;
use crate::message::{Failure, Lane, Message};

/// A message failed. It became a dead letter, was dropped, or ends the pipeline, as the config says.
#[derive(Debug)]
pub struct MessageFailed<'a> {
    /// Where it came from.
    pub lane: &'a Lane,
    /// The message.
    pub message: &'a Message,
    /// Why.
    pub failure: &'a Failure,
    /// The config asks for it to be dropped.
    pub dropped: bool,
}

impl MessageFailed<'_> {
    /// Counts it, and logs it if people can still read.
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

/// A guest said READY.
#[derive(Debug)]
pub struct GuestReady<'a> {
    /// Its number.
    pub guest: usize,
    /// What it said.
    pub ready: &'a Ready,
    /// From instantiation on.
    pub took: Duration,
}

impl GuestReady<'_> {
    /// Counts and logs it.
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

/// A guest did not come to READY.
#[derive(Debug)]
pub struct GuestNotStarted<'a> {
    /// Its number.
    pub guest: usize,
    /// Why.
    pub error: &'a StartError,
    /// There is no other that runs.
    pub none_runs: bool,
    /// The engine ends because of it, and says so itself.
    pub fatal: bool,
}

impl GuestNotStarted<'_> {
    /// Counts and logs it.
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

/// A guest died while it ran.
#[derive(Debug)]
pub struct GuestDied<'a> {
    /// Its number.
    pub guest: usize,
    /// How.
    pub death: &'a Death,
    /// Messages it had answered since READY.
    pub messages: u64,
}

impl GuestDied<'_> {
    /// Counts and logs it.
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

/// A guest that is well is replaced.
#[derive(Debug)]
pub struct GuestRecycled {
    /// Its number.
    pub guest: usize,
    /// Bytes of memory it has.
    pub memory: u64,
    /// Messages it has answered since READY.
    pub messages: u64,
}

impl GuestRecycled {
    /// Counts and logs it.
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

/// The number of guests changes.
#[derive(Debug)]
pub struct Scaled {
    /// Up, not down.
    pub up: bool,
    /// Why.
    pub reason: &'static str,
    /// How many there are from now on.
    pub guests: usize,
    /// As far as it may go in this direction.
    pub bound: usize,
}

impl Scaled {
    /// Counts and logs it.
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

/// Guests with new scripts take over.
#[derive(Debug)]
pub struct ScriptsReplaced {
    /// Counts from 1, the scripts that it started with.
    pub generation: u64,
    /// Guests that finish what they have begun with the old ones.
    pub unfinished: usize,
}

impl ScriptsReplaced {
    /// Counts and logs it.
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

/// A changed config does not take over.
#[derive(Debug)]
pub struct ReloadRefused<'a> {
    /// Why not.
    pub reason: &'a str,
}

impl ReloadRefused<'_> {
    /// Counts and logs it.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.reloads.count("refused");
        tracing::error!(
            "the changed config is refused, the old one goes on: {}",
            self.reason
        );
    }
}

/// The group gave partitions, or took them.
#[derive(Debug)]
pub enum Rebalanced<'a> {
    /// They are ours.
    Assigned {
        /// Their names.
        partitions: &'a str,
        /// Ours, these included.
        in_all: usize,
    },
    /// Others want them, or have them already.
    Revoked {
        /// How many.
        partitions: usize,
        /// Others have them already.
        lost: bool,
        /// Messages of them that are under way.
        under_way: u64,
    },
}

impl Rebalanced<'_> {
    /// Counts and logs it.
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

/// A transaction was aborted.
#[derive(Debug)]
pub struct TransactionAborted<'a> {
    /// Why.
    pub reason: &'a str,
    /// Stretches of messages that were in it.
    pub stretches: usize,
}

impl TransactionAborted<'_> {
    /// Counts and logs it.
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
