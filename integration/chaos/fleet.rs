//! Processes of the group, and what happens to them. Module `waits` contains the waits.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::{Random, Signal, nerodia};

use super::faults::Brokers;
use super::order::now;
use super::owners::Pause;
use super::pipeline::Pipeline;
use super::process::{Ended, Process};
use super::timeline::Timeline;

pub(crate) const PROCESSES: usize = 3;
pub(crate) const SHUTDOWN: Duration = Duration::from_secs(10);
/// Time that an end may take in addition to `shutdown_timeout`, on a busy machine.
const SLACK: Duration = Duration::from_secs(20);

/// All processes, including those that have ended.
pub(crate) struct Fleet<'a> {
    pub pipeline: &'a Pipeline,
    pub timeline: &'a Timeline,
    folder: tempfile::TempDir,
    pub slots: Vec<Slot>,
    pub counts: Counts,
    /// Processes that were stopped (SIGSTOP), with begin and end.
    pub pauses: Vec<Pause>,
    pub problems: Vec<String>,
}

/// Counts of what happened.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub starts: u32,
    pub kills: u32,
    pub terms: u32,
    /// Processes that were stopped for longer than the group waits; they do not know that others have their partitions.
    pub pauses: u32,
    /// Ends of processes that were asked to end, by exit code, or -15 for those that had not started yet.
    pub codes: HashMap<i32, u32>,
    /// Ends after `shutdown_timeout`, while Kafka was away or guests were killed.
    pub late: u32,
    /// Processes that gave up at the start because Kafka was away.
    pub unreachable: u32,
}

/// Slot for one process at a time.
#[derive(Default)]
pub(crate) struct Slot {
    pub running: Option<Process>,
    starts: u32,
}

impl<'a> Fleet<'a> {
    pub(crate) fn new(pipeline: &'a Pipeline, timeline: &'a Timeline) -> Self {
        let folder = tempfile::Builder::new().prefix("nerodia-chaos-").tempdir();
        Self {
            pipeline,
            timeline,
            folder: folder.expect("a folder"),
            slots: (0..PROCESSES).map(|_| Slot::default()).collect(),
            counts: Counts::default(),
            pauses: Vec::new(),
            problems: Vec::new(),
        }
    }

    pub(crate) fn start(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        slot.starts += 1;
        let name = format!("process-{}-{}", index + 1, slot.starts);
        let log = self.folder.path().join(format!("{name}.log"));
        let config = self
            .folder
            .path()
            .join(format!("process-{}.yaml", index + 1));
        fs::write(&config, self.pipeline.config(index + 1, &name)).expect("written");
        let mut command = nerodia(["run", "-c"]).arg(&config);
        if self.pipeline.wanted.deaths {
            // Long enough that scripts that sleep sometimes finish.
            command = command.env("NERODIA_TEST_KILL_GUESTS_AFTER", "4s");
        }
        let child = command.spawn_logging_to(&log);
        self.timeline
            .note(format!("{name} starts, pid {}", child.id()));
        self.counts.starts += 1;
        slot.running = Some(Process {
            child,
            log,
            sent: None,
            started: Instant::now(),
            paused: None,
        });
    }

    pub(crate) fn start_all(&mut self, brokers: Option<&Brokers<'_>>) {
        for index in 0..PROCESSES {
            let running = &self.slots[index].running;
            if running.as_ref().is_none_or(|one| one.sent.is_some()) {
                self.await_end(index, brokers);
                self.start(index);
            }
        }
    }

    /// Waits for a process that was asked to end; `reap` judges it later, unless it hangs.
    fn await_end(&mut self, index: usize, brokers: Option<&Brokers<'_>>) {
        let Some(process) = &mut self.slots[index].running else {
            return;
        };
        let until = Instant::now() + SHUTDOWN + SLACK;
        while process.child.try_wait().expect("it is our child").is_none() {
            if Instant::now() > until {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.reap(index, brokers);
    }

    pub(crate) fn send(&mut self, index: usize, signal: Signal) {
        let Some(process) = &mut self.slots[index].running else {
            return;
        };
        process.signal(signal);
        process.sent = Some((signal, Instant::now()));
        let how = if signal == Signal::KILL {
            self.counts.kills += 1;
            "is killed"
        } else {
            self.counts.terms += 1;
            "is ended"
        };
        self.timeline.note(format!("{} {how}", process.name()));
    }

    fn pause(&mut self, index: usize, how_long: Duration) {
        let Some(process) = &mut self.slots[index].running else {
            return;
        };
        process.signal(Signal::STOP);
        process.paused = Some(Instant::now() + how_long);
        self.counts.pauses += 1;
        let name = process.name();
        self.timeline
            .note(format!("{name} is stopped, for {how_long:?}"));
        self.pauses.push(Pause {
            name,
            from: now(),
            lasts: how_long.as_millis() as i64,
        });
    }

    fn resume_those_due(&mut self, now: Instant) {
        let timeline = self.timeline;
        let running = self.slots.iter_mut();
        running
            .filter_map(|slot| slot.running.as_mut())
            .filter(|one| one.paused.is_some_and(|until| until <= now))
            .for_each(|one| one.resume(timeline));
    }

    /// Kills, ends or starts a process every few seconds, and sometimes stops one for some time.
    pub(crate) fn churn(&mut self, mut random: Random, brokers: &Brokers<'_>, over: &AtomicBool) {
        let seconds = Duration::from_secs;
        let mut due = Instant::now() + seconds(2);
        while !over.load(Ordering::Relaxed) {
            self.reap_all(Some(brokers));
            self.resume_those_due(Instant::now());
            if Instant::now() < due {
                thread::sleep(Duration::from_millis(20));
                continue;
            }
            due = Instant::now() + random.between(seconds(1), seconds(6));
            let is_up = |slot: &Slot| slot.running.is_some();
            let down: Vec<usize> = (0..PROCESSES).filter(|&i| !is_up(&self.slots[i])).collect();
            let up = (0..PROCESSES).filter(|&i| {
                let running = self.slots[i].running.as_ref();
                running.is_some_and(|one| one.sent.is_none() && one.paused.is_none())
            });
            let up: Vec<usize> = up.collect();
            // The more processes are down, the more likely one is started.
            let start = random.below(PROCESSES as u64 + 1) < 2 * down.len() as u64;
            if start {
                self.start(random.pick(&down));
            } else if !up.is_empty() {
                let one = random.pick(&up);
                match random.below(7) {
                    // Without deaths, members still come and go.
                    0..3 if self.pipeline.wanted.deaths => self.send(one, Signal::KILL),
                    6 if self.pipeline.wanted.deaths => {
                        self.pause(one, random.between(seconds(7), seconds(10)));
                    }
                    _ => self.send(one, Signal::TERM),
                }
            }
        }
        let end = Instant::now() + Duration::from_secs(3600);
        self.resume_those_due(end);
    }

    pub(crate) fn reap_all(&mut self, brokers: Option<&Brokers<'_>>) {
        (0..PROCESSES).for_each(|index| self.reap(index, brokers));
    }

    /// Judges a process that has ended, or that hangs.
    fn reap(&mut self, index: usize, brokers: Option<&Brokers<'_>>) {
        let Some(process) = &mut self.slots[index].running else {
            return;
        };
        let Some(status) = process.child.try_wait().expect("it is our child") else {
            if let Some((Signal::TERM, since)) = process.sent
                && since.elapsed() > SHUTDOWN + SLACK
            {
                self.problems.push(format!(
                    "{} does not end, {:?} after SIGTERM\n{}",
                    process.name(),
                    since.elapsed(),
                    process.tail()
                ));
                let _ = process.child.kill();
                process.sent = Some((Signal::KILL, Instant::now()));
            }
            return;
        };
        let process = self.slots[index].running.take().expect("it was there");
        let name = process.name();
        let took = process.sent.map(|(_, since)| since.elapsed());
        self.timeline
            .note(format!("{name}: {status} after {took:?}"));
        match process.judge(status, brokers) {
            Ok(Ended::Killed) => {}
            Ok(Ended::Well(code)) => *self.counts.codes.entry(code).or_default() += 1,
            Ok(Ended::Late(code)) => {
                *self.counts.codes.entry(code).or_default() += 1;
                self.counts.late += 1;
            }
            Ok(Ended::Unreachable) => self.counts.unreachable += 1,
            Err(why) => {
                self.timeline.note(format!("PROBLEM: {name}: {why}"));
                self.problems
                    .push(format!("{name}: {why}\n{}", process.tail()));
            }
        }
    }

    /// Returns the number of lines with this text in all logs.
    pub(crate) fn logged(&self, text: &str) -> usize {
        let files = fs::read_dir(self.folder.path()).expect("our folder");
        let files = files.map(|file| file.expect("a file").path());
        let logs = files.filter(|path| path.extension().is_some_and(|one| one == "log"));
        logs.map(|path| fs::read_to_string(path).unwrap_or_default())
            .map(|log| log.lines().filter(|line| line.contains(text)).count())
            .sum()
    }

    pub(crate) fn keep_logs(&mut self) -> PathBuf {
        self.folder.disable_cleanup(true);
        self.folder.path().to_owned()
    }
}

impl Drop for Fleet<'_> {
    fn drop(&mut self) {
        let running = self.slots.iter_mut();
        for process in running.filter_map(|slot| slot.running.as_mut()) {
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
        if thread::panicking() {
            eprintln!("the processes' logs are in {}", self.keep_logs().display());
        }
    }
}
