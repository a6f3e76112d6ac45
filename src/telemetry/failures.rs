//! Last failures, kept for people to look at, and the rate limit for logging failures.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::limit::Limit;
use super::stats::RecentFailure;
use crate::message::{Failure, Lane, Message};

/// Number of failures that are kept.
const KEPT: usize = 20;
/// Limit on the characters of a payload, and of an exception's text, that are kept.
const PREVIEW: usize = 500;
/// Limit on the characters of a traceback that are kept.
const TRACEBACK: usize = 4000;
/// Limit on the characters of a type's name that are kept.
const KIND: usize = 200;

/// Last failures.
#[derive(Debug, Default)]
pub struct Failures {
    recent: Mutex<VecDeque<RecentFailure>>,
    payloads: AtomicBool,
    /// Rate limit for log lines about failures.
    pub(super) log: Limit,
}

impl Failures {
    /// Keeps the beginnings of payloads too, from now on.
    pub fn keep_payloads(&self) {
        self.payloads.store(true, Ordering::Relaxed);
    }

    /// Keeps a failure; the oldest is dropped if there are too many.
    pub(super) fn keep(&self, lane: &Lane, message: &Message, failure: &Failure) {
        let payload = self.payloads.load(Ordering::Relaxed).then(|| {
            let text =
                String::from_utf8_lossy(&message.payload[..message.payload.len().min(4 * PREVIEW)]);
            cut(&text, PREVIEW)
        });
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let mut recent = self.lock();
        recent.truncate(KEPT - 1);
        recent.push_front(RecentFailure {
            at_ms: now.as_millis() as u64,
            message: message.place(lane).to_string(),
            kind: cut(&failure.kind, KIND),
            text: cut(&failure.message, PREVIEW),
            script: failure.at.clone(),
            traceback: cut(&failure.traceback, TRACEBACK),
            attempts: failure.attempts,
            payload,
        });
    }

    /// Returns the last failures, the newest first.
    pub fn recent(&self) -> Vec<RecentFailure> {
        self.lock().iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<RecentFailure>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns `text`, cut to at most `most` characters.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_first_and_not_all() {
        let failures = Failures::default();
        for number in 0..50 {
            let message = Message::new(format!("{number} {}", "ä".repeat(2000)).into(), number);
            failures.keep(
                &Lane::default(),
                &message,
                &Failure::new("ValueError", "no"),
            );
        }
        let recent = failures.recent();
        assert_eq!(recent.len(), KEPT);
        assert_eq!(
            (recent[0].message.as_str(), recent[0].payload.as_deref()),
            ("message 49", None)
        );
        failures.keep_payloads();
        let message = Message::new("ä".repeat(2000).into(), 50);
        failures.keep(
            &Lane::default(),
            &message,
            &Failure::new("ValueError", "no"),
        );
        let payload = failures.recent()[0].payload.clone();
        assert_eq!(payload, Some(format!("{}…", "ä".repeat(PREVIEW))));
    }
}
