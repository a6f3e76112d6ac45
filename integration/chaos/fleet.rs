//! The processes, and what befalls them.

use std::collections::HashMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::faults::Brokers;
use super::plan::Random;
use super::producer::POISON;
use super::timeline::Timeline;
use crate::Delivery;
use crate::broker::{Cluster, eventually};
use crate::support::nerodia;

const PROCESSES: usize = 3;
const SHUTDOWN: Duration = Duration::from_secs(10);
/// What ending may take beyond `shutdown_timeout`, on a busy machine.
const SLACK: Duration = Duration::from_secs(20);

/// What all processes run.
#[derive(Debug, Clone)]
pub struct Pipeline {
    pub delivery: Delivery,
    pub addresses: String,
    pub group: String,
    pub input: String,
    pub output: String,
    pub dead: String,
}

impl Pipeline {
    /// JSON is YAML.
    fn config(&self, slot: usize) -> String {
        let addresses: Vec<&str> = self.addresses.split(',').collect();
        let script = format!(
            "if this[\"n\"] % {POISON} == 7:\n    raise ValueError(\"poison\")\n\
             root = {{\"p\": this[\"p\"], \"n\": this[\"n\"], \"at\": this[\"at\"], \"twice\": 2 * this[\"n\"]}}\n"
        );
        let mut config = json!({
            "input": { "kafka": {
                "addresses": addresses, "topics": [self.input], "consumer_group": self.group,
                "commit_period": "500ms",
                "group": { "session_timeout": "6s", "heartbeat_interval": "1s", "rebalance_timeout": "5s" },
            } },
            "pipeline": { "threads": 2, "processors": [{ "python": { "script": script } }] },
            "output": { "kafka": { "addresses": addresses, "topic": self.output } },
            "dead_letter": { "kafka": { "addresses": addresses, "topic": self.dead } },
            "shutdown_timeout": format!("{}s", SHUTDOWN.as_secs()),
            "delivery": self.delivery.name(),
        });
        if self.delivery == Delivery::ExactlyOnce {
            // Of the group, since the brokers remember it for longer than a run.
            config["input"]["kafka"]["instance_id"] = format!("{}-{slot}", self.group).into();
        }
        config.to_string()
    }
}

/// All processes, those that were as well.
pub struct Fleet<'a> {
    pipeline: &'a Pipeline,
    timeline: &'a Timeline,
    folder: tempfile::TempDir,
    slots: Vec<Slot>,
    pub counts: Counts,
    problems: Vec<String>,
}

/// How often what happened.
#[derive(Debug, Default)]
pub struct Counts {
    pub starts: u32,
    pub kills: u32,
    pub terms: u32,
    /// Stopped for longer than the group waits for them; they do not know that others have their partitions.
    pub pauses: u32,
    /// Of those that were ended: by exit code, or -15 for those that had not started yet.
    pub codes: HashMap<i32, u32>,
    /// Ended after `shutdown_timeout`, while Kafka was away.
    pub late: u32,
    /// Gave up at the start since Kafka was away.
    pub unreachable: u32,
}

#[derive(Default)]
struct Slot {
    running: Option<Process>,
    starts: u32,
}

struct Process {
    child: Child,
    log: PathBuf,
    /// What it was last sent.
    sent: Option<(Signal, Instant)>,
    started: Instant,
    /// Stopped until then.
    paused: Option<Instant>,
}

impl Process {
    fn signal(&self, signal: Signal) {
        // One that has ended meanwhile is judged later.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    fn resume(&mut self, timeline: &Timeline) {
        if self.paused.take().is_some() {
            self.signal(Signal::CONT);
            timeline.note(format!("{} goes on", name(&self.log)));
        }
    }
}

impl<'a> Fleet<'a> {
    pub fn new(pipeline: &'a Pipeline, timeline: &'a Timeline) -> Self {
        let folder = tempfile::Builder::new().prefix("nerodia-chaos-").tempdir();
        Self {
            pipeline,
            timeline,
            folder: folder.expect("a folder"),
            slots: (0..PROCESSES).map(|_| Slot::default()).collect(),
            counts: Counts::default(),
            problems: Vec::new(),
        }
    }

    fn start(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        slot.starts += 1;
        let name = format!("process-{}-{}", index + 1, slot.starts);
        let log = self.folder.path().join(format!("{name}.log"));
        let config = self
            .folder
            .path()
            .join(format!("process-{}.yaml", index + 1));
        fs::write(&config, self.pipeline.config(index + 1)).expect("written");
        let child = nerodia(["run", "-c"])
            .arg(&config)
            .env("NERODIA_TEST_KILL_GUESTS_AFTER", "1s")
            .spawn_logging_to(&log);
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

    pub fn start_all(&mut self) {
        for index in 0..PROCESSES {
            let running = &self.slots[index].running;
            if running.as_ref().is_none_or(|one| one.sent.is_some()) {
                self.await_end(index);
                self.start(index);
            }
        }
    }

    /// Waits for one that was told to end; it is judged later, by `reap`, unless it hangs.
    fn await_end(&mut self, index: usize) {
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
        self.reap(index, None);
    }

    fn send(&mut self, index: usize, signal: Signal) {
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
        self.timeline.note(format!("{} {how}", name(&process.log)));
    }

    fn pause(&mut self, index: usize, how_long: Duration) {
        let Some(process) = &mut self.slots[index].running else {
            return;
        };
        process.signal(Signal::STOP);
        process.paused = Some(Instant::now() + how_long);
        self.counts.pauses += 1;
        self.timeline.note(format!(
            "{} is stopped, for {how_long:?}",
            name(&process.log)
        ));
    }

    fn running(&mut self) -> impl Iterator<Item = &mut Process> {
        self.slots
            .iter_mut()
            .filter_map(|slot| slot.running.as_mut())
    }

    /// Every few seconds one is killed, ended or started; now and then one is stopped for a while.
    pub fn churn(&mut self, mut random: Random, brokers: &Brokers<'_>, over: &AtomicBool) {
        let seconds = Duration::from_secs;
        let mut due = Instant::now() + seconds(2);
        while !over.load(Ordering::Relaxed) {
            for index in 0..PROCESSES {
                self.reap(index, Some(brokers));
            }
            let now = Instant::now();
            let is_due = |one: &&mut Process| one.paused.is_some_and(|until| until <= now);
            let timeline = self.timeline;
            self.running()
                .filter(is_due)
                .for_each(|one| one.resume(timeline));
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
            // The more are down, the likelier one is started.
            let start = random.below(PROCESSES as u64 + 1) < 2 * down.len() as u64;
            if start {
                self.start(random.pick(&down));
            } else if !up.is_empty() {
                let one = random.pick(&up);
                match random.below(7) {
                    0..3 => self.send(one, Signal::KILL),
                    3..6 => self.send(one, Signal::TERM),
                    _ => self.pause(one, random.between(seconds(7), seconds(10))),
                }
            }
        }
        let timeline = self.timeline;
        self.running().for_each(|one| one.resume(timeline));
    }

    /// Judges one that has ended, or hangs.
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
                    name(&process.log),
                    since.elapsed(),
                    tail(&process.log)
                ));
                let _ = process.child.kill();
                process.sent = Some((Signal::KILL, Instant::now()));
            }
            return;
        };
        let process = self.slots[index].running.take().expect("it was there");
        let took = process.sent.map(|(_, since)| since.elapsed());
        self.timeline
            .note(format!("{}: {status} after {took:?}", name(&process.log)));
        if let Err(why) = self.judge(&process, status, brokers) {
            self.timeline
                .note(format!("PROBLEM: {}: {why}", name(&process.log)));
            self.problems.push(format!(
                "{}: {why}\n{}",
                name(&process.log),
                tail(&process.log)
            ));
        }
    }

    fn judge(
        &mut self,
        process: &Process,
        status: ExitStatus,
        brokers: Option<&Brokers<'_>>,
    ) -> Result<(), String> {
        let log = fs::read_to_string(&process.log).unwrap_or_default();
        let error = log.lines().rev().find(|line| line.starts_with("error: "));
        let well = |since: Instant| brokers.is_none_or(|brokers| brokers.were_well(since));
        let ended = match process.sent {
            Some((Signal::KILL, _)) => return Ok(()),
            Some((_, at)) => Some(at),
            None => None,
        };
        if log.contains("panicked") {
            return Err(format!("panicked, {status}"));
        }
        let code = status
            .code()
            .unwrap_or_else(|| -status.signal().unwrap_or(0));
        if ended.is_some() {
            *self.counts.codes.entry(code).or_default() += 1;
        }
        match (ended, code, error) {
            (Some(_), 0, None) => Ok(()),
            // There were dead letters.
            (Some(_), 1, None) if log.contains("pipeline ended") => Ok(()),
            // Before it listens to signals, nothing is read either.
            (Some(_), -15, _) if !log.contains("partitions assigned") => Ok(()),
            (Some(at), 1, Some(error))
                if error.contains("shutdown_timeout passed") && !well(at) =>
            {
                self.counts.late += 1;
                Ok(())
            }
            (_, 1, Some(error)) if error.contains("cannot reach") && !well(process.started) => {
                self.counts.unreachable += 1;
                Ok(())
            }
            (Some(_), _, _) => Err(format!("asked to end, it ended with {status}: {error:?}")),
            (None, _, _) => Err(format!("ended by itself with {status}: {error:?}")),
        }
    }

    /// Until the first results are there: then chaos may begin.
    pub fn await_results(&mut self, cluster: &Cluster) {
        eventually("there are results", || {
            (0..PROCESSES).for_each(|index| self.reap(index, None));
            let count = cluster.count(&self.pipeline.output);
            (count > 1000)
                .then_some(())
                .ok_or(format!("{count} results"))
        });
        self.timeline.note("results come");
    }

    /// Until all is committed; if that takes too long, what is not.
    pub fn await_committed(
        &mut self,
        cluster: &Cluster,
        brokers: &Brokers<'_>,
        patience: Duration,
    ) -> Option<String> {
        let began = Instant::now();
        let ends = cluster.ends(&self.pipeline.input);
        loop {
            for index in 0..PROCESSES {
                self.reap(index, Some(brokers));
                // One that gave up before Kafka was back.
                if self.slots[index].running.is_none() {
                    self.start(index);
                }
            }
            let committed = cluster.committed(&self.pipeline.group, &self.pipeline.input);
            if committed == ends {
                return None;
            }
            if began.elapsed() > patience {
                let logs = self.slots.iter().filter_map(|slot| slot.running.as_ref());
                let tails: Vec<String> = logs
                    .map(|one| format!("{}\n{}", name(&one.log), tail(&one.log)))
                    .collect();
                return Some(format!(
                    "after {patience:?} not all is committed: {committed:?} of {ends:?}\n{}",
                    tails.join("\n")
                ));
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Until each process has a share of the partitions: the group is whole again.
    pub fn await_members(&mut self, brokers: &Brokers<'_>) {
        eventually("each process has partitions", || {
            let mut without = 0;
            for index in 0..PROCESSES {
                self.reap(index, Some(brokers));
                let running = self.slots[index].running.as_ref();
                let log = running.map(|one| fs::read_to_string(&one.log).unwrap_or_default());
                without += usize::from(!log.is_some_and(|log| log.contains("partitions assigned")));
            }
            (without == 0)
                .then_some(())
                .ok_or(format!("{without} have none"))
        });
    }

    /// All is well and done, so they must end at once and well.
    pub fn end_all(&mut self, brokers: &Brokers<'_>) {
        (0..PROCESSES).for_each(|index| self.send(index, Signal::TERM));
        while self.slots.iter().any(|slot| slot.running.is_some()) {
            (0..PROCESSES).for_each(|index| self.reap(index, Some(brokers)));
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn problems(&self) -> Vec<String> {
        self.problems.clone()
    }

    /// Lines with this text in all logs.
    pub fn logged(&self, text: &str) -> usize {
        let files = fs::read_dir(self.folder.path()).expect("our folder");
        let files = files.map(|file| file.expect("a file").path());
        let logs = files.filter(|path| path.extension().is_some_and(|one| one == "log"));
        logs.map(|path| fs::read_to_string(path).unwrap_or_default())
            .map(|log| log.lines().filter(|line| line.contains(text)).count())
            .sum()
    }

    pub fn keep_logs(&mut self) -> PathBuf {
        self.folder.disable_cleanup(true);
        self.folder.path().to_owned()
    }
}

impl Drop for Fleet<'_> {
    fn drop(&mut self) {
        for process in self
            .slots
            .iter_mut()
            .filter_map(|slot| slot.running.as_mut())
        {
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
        if thread::panicking() {
            eprintln!("the processes' logs are in {}", self.keep_logs().display());
        }
    }
}

fn name(log: &Path) -> String {
    log.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn tail(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_default();
    let interesting = |line: &&str| !line.contains("guest died") && !line.contains("guest ready");
    let lines: Vec<&str> = log.lines().filter(interesting).collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
