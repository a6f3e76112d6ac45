//! Last failures, for people who look at them, and a limit on how often failures are logged.

mod log;

use std::cmp::Reverse;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use self::log::FailureLog;
use crate::message::files::Unit;
use crate::message::{Failure, Lane, Message, Place};

/// Target of log lines about failed messages.
pub(super) const FAILURES: &str = "nerodia::failures";
/// Number of groups that are kept.
const KEPT: usize = 50;
/// Milliseconds for which a failure is shown as the last one of its group, although there are newer ones: to copy its
/// texts costs more than to count it, and nobody can read faster.
const NEW_FOR_MS: u64 = 100;
/// Most characters of a payload that are shown.
const PREVIEW: usize = 500;
/// Most characters of a traceback that are kept.
const TRACEBACK: usize = 4000;
/// Most characters of a type's name that are kept.
const KIND: usize = 200;

/// Failures of one type at one place.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FailureGroup {
    /// Type of the exception, or name of the guest's death.
    #[serde(rename = "type")]
    pub kind: String,
    /// Place in the script as `file:line`.
    pub script: Option<String>,
    /// Name of the processor, if its script failed.
    pub processor: Option<String>,
    /// Number of messages that failed so.
    pub count: u64,
    /// Time of the first of these failures, in milliseconds since the Unix epoch.
    pub first_at_ms: u64,
    /// Last of these failures, or one that is at most 0.1 s older.
    pub last: LastFailure,
    /// Command that shows what the pipeline makes of the last message; `null` if it cannot be read again.
    #[serde(default)]
    pub command: Option<String>,
}

/// Last failure of a group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LastFailure {
    /// Time of the failure, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Place of the message, for people.
    pub message: String,
    /// Kafka topic of the message.
    pub topic: Option<String>,
    /// Partition of the message in its topic.
    pub partition: i32,
    /// Offset of the message in its partition, or its number in the stream.
    pub offset: i64,
    /// File of the message, if it is a line of one.
    #[serde(default)]
    pub file: Option<String>,
    /// Number of its line, from 1.
    #[serde(default)]
    pub line: Option<i64>,
    /// Text of the exception.
    pub text: String,
    /// Python's traceback.
    pub traceback: String,
    /// Number of times the message was run.
    pub attempts: u32,
    /// Beginning of the payload, with `http.show_payloads`.
    pub payload: Option<String>,
}

impl FailureGroup {
    /// Returns whether `failure` belongs to the group.
    fn has(&self, failure: &Failure) -> bool {
        self.script.as_deref() == failure.at.as_deref()
            && self.processor.as_deref() == failure.processor.as_deref()
            && self.kind == head(&failure.kind, KIND)
    }
}

/// Last failures.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    groups: Mutex<Vec<FailureGroup>>,
    payloads: AtomicBool,
    /// How often they are logged.
    pub(crate) log: FailureLog,
}

impl Failures {
    /// Keeps the beginnings of payloads too, from now on.
    pub(crate) fn keep_payloads(&self) {
        self.payloads.store(true, Ordering::Relaxed);
    }

    /// Counts a failure in its group, and keeps it as the last one, unless that is as good as new.
    pub(super) fn keep(&self, lane: &Lane, message: &Message, failure: &Failure) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_millis() as u64;
        let mut groups = self.lock();
        if let Some(group) = groups.iter_mut().find(|group| group.has(failure)) {
            group.count += 1;
            if now.abs_diff(group.last.at_ms) >= NEW_FOR_MS {
                group.last = self.last(now, message.place(lane), message, failure);
            }
            return;
        }
        let last = self.last(now, message.place(lane), message, failure);
        if groups.len() == KEPT {
            let oldest = (0..KEPT).min_by_key(|&index| groups[index].last.at_ms);
            groups.swap_remove(oldest.unwrap_or_default());
        }
        groups.push(FailureGroup {
            kind: head(&failure.kind, KIND).to_owned(),
            script: failure.at.as_deref().map(str::to_owned),
            processor: failure.processor.as_deref().map(str::to_owned),
            count: 1,
            first_at_ms: last.at_ms,
            last,
            command: None,
        });
    }

    fn last(
        &self,
        at_ms: u64,
        place: Place<'_>,
        message: &Message,
        failure: &Failure,
    ) -> LastFailure {
        let payload = self.payloads.load(Ordering::Relaxed).then(|| {
            let text =
                String::from_utf8_lossy(&message.payload[..message.payload.len().min(4 * PREVIEW)]);
            cut(&text, PREVIEW)
        });
        let line = place.in_file().filter(|one| one.unit == Unit::Line);
        LastFailure {
            file: line.as_ref().map(|line| line.path.to_string()),
            line: line.map(|line| line.number),
            at_ms,
            message: place.to_string(),
            topic: place.topic.map(str::to_owned),
            partition: place.partition,
            offset: place.offset,
            text: cut(&failure.message, PREVIEW),
            traceback: cut(&failure.traceback, TRACEBACK),
            attempts: failure.attempts,
            payload,
        }
    }

    /// Returns the last groups: those with failures in the newest minute first, and of these the largest. Most groups keep
    /// their place from one second to the next, so that people can read them.
    pub(crate) fn groups(&self) -> Vec<FailureGroup> {
        let mut groups = self.lock().clone();
        groups.sort_by_key(|group| Reverse((group.last.at_ms / 60_000, group.count)));
        groups
    }

    fn lock(&self) -> MutexGuard<'_, Vec<FailureGroup>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the first `most` characters of `text`.
fn head(text: &str, most: usize) -> &str {
    match text.char_indices().nth(most) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// Returns at most `most` characters of `text`, with a sign of what is missing.
fn cut(text: &str, most: usize) -> String {
    match head(text, most) {
        all if all.len() == text.len() => all.to_owned(),
        part => format!("{part}…"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(failures: &Failures, kind: &str, line: Option<usize>, payload: String) {
        let failure = Failure {
            at: line.map(|line| format!("t.py:{line}").into()),
            ..Failure::new(kind, "no")
        };
        let offset = payload.len() as i64;
        failures.keep(
            &Lane::default(),
            &Message::new(payload.into(), offset),
            &failure,
        );
    }

    #[test]
    fn one_group_for_each_type_at_each_place() {
        let failures = Failures::default();
        for _ in 0..3 {
            keep(&failures, "ValueError", Some(1), "a".into());
            keep(&failures, "ValueError", Some(2), "bb".into());
            keep(&failures, "Timeout", None, "ccc".into());
        }
        let mut groups = failures.groups();
        groups.sort_by_key(|group| group.last.offset);
        let seen: Vec<_> = groups
            .iter()
            .map(|group| (group.kind.as_str(), group.script.as_deref(), group.count))
            .collect();
        let expected = [
            ("ValueError", Some("t.py:1"), 3),
            ("ValueError", Some("t.py:2"), 3),
            ("Timeout", None, 3),
        ];
        assert_eq!(seen, expected);
        assert_eq!(groups[2].last.message, "message 3");
    }

    #[test]
    fn the_groups_are_bounded() {
        let failures = Failures::default();
        for line in 0..1000 {
            keep(&failures, "E", Some(line), String::new());
        }
        assert_eq!(failures.groups().len(), KEPT);
        let long = "ä".repeat(1000);
        keep(&failures, &long, None, String::new());
        keep(&failures, &long, None, String::new());
        let groups = failures.groups();
        assert_eq!(groups.len(), KEPT);
        let [group] = Vec::from_iter(groups.iter().filter(|group| group.count == 2))[..] else {
            panic!("the long name is one group: {groups:?}");
        };
        assert_eq!(group.kind, "ä".repeat(KIND));
    }

    #[test]
    fn payloads_only_when_they_may_be_shown() {
        let failures = Failures::default();
        keep(&failures, "E", None, "ä".repeat(2000));
        assert_eq!(failures.groups()[0].last.payload, None);
        let failures = Failures::default();
        failures.keep_payloads();
        keep(&failures, "E", None, "ä".repeat(2000));
        let payload = failures.groups()[0].last.payload.clone();
        assert_eq!(payload, Some(format!("{}…", "ä".repeat(PREVIEW))));
    }
}
