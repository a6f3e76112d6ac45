//! One process: how it was started, which signals it got, and whether it ended as it should.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::faults::Brokers;
use super::timeline::Timeline;

/// Process of the group, with its signals.
pub(crate) struct Process {
    pub child: Child,
    pub log: PathBuf,
    /// Last signal that was sent, and when.
    pub sent: Option<(Signal, Instant)>,
    pub started: Instant,
    /// Time until which the process is stopped.
    pub paused: Option<Instant>,
}

/// Way in which a process ended that was asked to end, or that may end by itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The process was killed: it cannot be judged.
    Killed,
    Well(i32),
    /// The process ended after `shutdown_timeout`, while Kafka was away or guests were killed.
    Late(i32),
    /// The process gave up at the start because Kafka was away.
    Unreachable,
}

impl Process {
    pub(crate) fn signal(&self, signal: Signal) {
        // A process that has ended meanwhile is judged later.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Continues the process, which must have been stopped.
    pub(crate) fn resume(&mut self, timeline: &Timeline) {
        if self.paused.take().is_some() {
            self.signal(Signal::CONT);
            timeline.note(format!("{} goes on", self.name()));
        }
    }

    pub(crate) fn name(&self) -> String {
        let stem = self.log.file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }

    /// Returns whether partitions were assigned to the process.
    pub(crate) fn has_partitions(&self) -> bool {
        fs::read_to_string(&self.log).is_ok_and(|log| log.contains("partitions assigned"))
    }

    /// Returns the end of its log, without the lines that come every second.
    pub(crate) fn tail(&self) -> String {
        tail(&self.log)
    }

    /// Returns whether the process may have ended like this. Without `brokers` they were well.
    pub(crate) fn judge(
        &self,
        status: ExitStatus,
        brokers: Option<&Brokers<'_>>,
    ) -> Result<Ended, String> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let error = log.lines().rev().find(|line| line.starts_with("error: "));
        let well = |since: Instant| brokers.is_none_or(|brokers| brokers.were_well(since));
        let ended = match self.sent {
            Some((Signal::KILL, _)) => return Ok(Ended::Killed),
            Some((_, at)) => Some(at),
            None => None,
        };
        if log.contains("panicked") {
            return Err(format!("panicked, {status}"));
        }
        let code = status
            .code()
            .unwrap_or_else(|| -status.signal().unwrap_or(0));
        match (ended, code, error) {
            (Some(_), 0, None) => Ok(Ended::Well(code)),
            // There were dead letters.
            (Some(_), 1, None) if log.contains("pipeline ended") => Ok(Ended::Well(code)),
            // Before it handles signals, it reads nothing.
            (Some(_), -15, _) if !log.contains("partitions assigned") => Ok(Ended::Well(code)),
            (Some(at), 1, Some(error))
                if error.contains("shutdown_timeout passed") && (!well(at) || ran_again(&log)) =>
            {
                Ok(Ended::Late(code))
            }
            (_, 1, Some(error)) if error.contains("cannot reach") && !well(self.started) => {
                Ok(Ended::Unreachable)
            }
            (Some(_), _, _) => Err(format!("asked to end, it ended with {status}: {error:?}")),
            (None, _, _) => Err(format!("ended by itself with {status}: {error:?}")),
        }
    }
}

/// Returns whether a guest was killed while the process waited for messages in flight. These messages then run again,
/// and an order that takes seconds takes longer than the process may wait, if that happens to it twice.
fn ran_again(log: &str) -> bool {
    log.split_once("shutting down: ")
        .is_some_and(|(_, since)| since.contains("the test hook ended it"))
}

fn tail(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_default();
    let interesting = |line: &&str| !line.contains("guest died") && !line.contains("guest ready");
    let lines: Vec<&str> = log.lines().filter(interesting).collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
