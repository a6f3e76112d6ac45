//! Polling thread: serves the group, takes messages, commits what was delivered. It waits only when there is nothing to
//! do. The modules `rebalance`, `commit` and `trouble` contain what it does when partitions come and go, when it
//! commits, and when something is wrong.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use std::{mem, thread};

use actix::Recipient;
use rdkafka::consumer::Consumer as _;
use tokio::sync::oneshot;

use super::commit::Committer;
use super::partition::{Cut, Partition, Read};
use super::rebalance::Debt;
use super::scout::{Question, Report, Scout};
use super::told::Told;
use super::trouble::STUCK;
use super::{Command, KafkaInput, Waker};
use crate::config::{Extent, GroupProtocol, KafkaInputConfig};
use crate::control::Notice;
use crate::input::Intake;
use crate::kafka::consumer::{Consumer, Event};
use crate::kafka::fence::Fence;
use crate::kafka::session::Session;
use crate::kafka::statistics::PartitionEnd;
use crate::message::LaneId;
use crate::message::ack::Acked;
use crate::telemetry::metrics::Metrics;

/// Longest wait: librdkafka must be polled, and the timers must be checked.
const NAP: Duration = Duration::from_millis(100);
/// Interval of checks whether the group knows this member.
const LOOK: Duration = Duration::from_secs(1);
/// Interval of requests for the ids of topics.
const IDS: Duration = Duration::from_secs(10);
/// Time between two tries of the last commit.
const AGAIN: Duration = Duration::from_millis(200);
/// Limit on the events that are taken before the thread does its other work.
const MOST_EVENTS: usize = 1000;

/// State of the polling thread.
pub struct Poller {
    pub(super) config: KafkaInputConfig,
    pub(super) consumer: Arc<Consumer>,
    pub(super) waker: Waker,
    pub(super) intake: Intake,
    pub(super) engine: Recipient<Notice>,
    commands: Receiver<Command>,
    pub(super) session: Option<Session>,
    pub(super) committer: Committer,
    pub(super) fence: Fence,
    pub(super) metrics: Arc<Metrics>,
    /// Partitions that this member has, sorted by lane.
    pub(super) partitions: Vec<Partition>,
    /// Number of lanes that were opened so far.
    pub(super) lanes: u64,
    pub(super) scout: Scout,
    /// Whether the scout knows what existed at the start.
    knows_start: bool,
    /// Number of questions to the scout so far.
    pub(super) questions: u64,
    /// Question whose answer is needed to read abandoned lanes again.
    pub(super) rewinding: Option<u64>,
    /// Question whose answer is needed to read without a group.
    pub(super) alone: Option<u64>,
    /// Answer that the group waits for.
    pub(super) debt: Option<Debt>,
    /// Whether the group did not know this member at the last check.
    pub(super) nameless: bool,
    /// Whether the end of each partition that was ever assigned was seen, for an input with an end.
    ends_seen: HashMap<(Arc<str>, i32), bool>,
    /// Whether partitions were ever assigned: until then, a refusal by the group is final.
    pub(super) joined: bool,
    /// Whether anything was ever read: until then, a refusal by a topic is final.
    pub(super) has_read: bool,
    /// State of what the thread reports in metrics and health.
    pub(super) told: Told,
    pub(super) stopped: bool,
    /// Index of the partition to read first.
    turn: usize,
    pub(super) commits_under_way: usize,
    pub(super) commit_due: Instant,
    look_due: Instant,
    ids_due: Instant,
    watch_due: Instant,
}

impl Poller {
    /// Creates the state of a thread that reads `source` into `intake`.
    pub(super) fn new(source: KafkaInput, intake: Intake, engine: Recipient<Notice>) -> Self {
        let KafkaInput {
            config,
            consumer,
            commands,
            waker,
            session,
            scout,
            metrics,
        } = source;
        let now = Instant::now();
        Self {
            committer: match (config.extent, &session) {
                (Extent::ToEnd { commit: false }, _) => Committer::Nobody,
                (_, Some(_)) => Committer::Output,
                (_, None) => Committer::Input,
            },
            commit_due: now + config.commit_period,
            look_due: now + LOOK,
            ids_due: now + IDS,
            watch_due: now + STUCK,
            config,
            consumer,
            waker,
            intake,
            engine,
            commands,
            fence: Fence::deciding(),
            session,
            metrics,
            partitions: Vec::new(),
            lanes: 0,
            scout,
            knows_start: false,
            questions: 0,
            rewinding: None,
            alone: None,
            debt: None,
            nameless: false,
            ends_seen: HashMap::new(),
            joined: false,
            has_read: false,
            told: Told::new(now),
            stopped: false,
            turn: 0,
            commits_under_way: 0,
        }
    }

    /// Runs until the engine wants the last commit.
    pub fn run(mut self) {
        let worked = catch_unwind(AssertUnwindSafe(|| self.work()));
        let done = worked.unwrap_or_else(|panic| {
            // The engine ends, and the consumer with it. If it were closed by a drop, it could wait for an answer for
            // ever.
            mem::forget(Arc::clone(&self.consumer));
            resume_unwind(panic)
        });
        let result = self.finish();
        // The receiver may be gone, if the time for the shutdown has passed.
        let _ = done.send(result);
    }

    /// Reads until the actor sends `Finish`, and returns where to report the result.
    fn work(&mut self) -> oneshot::Sender<anyhow::Result<()>> {
        self.join();
        loop {
            self.poll(Duration::ZERO);
            if let Some(done) = self.obey() {
                return done;
            }
            self.serve_group();
            self.tell(Instant::now());
            self.hear_scout();
            if self.committer == Committer::Output {
                self.rewind();
            }
            let now = Instant::now();
            let more = self.read(now);
            // Done even when reading is busy: without a commit, all of it would be read again after a crash.
            self.look_at_timers(now);
            if more {
                continue;
            }
            if self.is_at_end() {
                self.end(Ok(()));
            }
            thread::park_timeout(self.nap(now));
        }
    }

    fn look_at_timers(&mut self, now: Instant) {
        if now >= self.commit_due {
            self.commit();
            self.commit_due = now + self.config.commit_period;
        }
        if now >= self.look_due {
            self.look_for_membership();
            self.look_for_brokers();
            self.look_due = now + LOOK;
        }
        if now >= self.ids_due {
            let mut topics: Vec<Arc<str>> = self.topics().collect();
            topics.dedup();
            if !topics.is_empty() {
                let consumer = Arc::downgrade(&self.consumer);
                self.scout.ask(Question::Ids(consumer, topics));
            }
            self.ids_due = now + IDS;
        }
        if now >= self.watch_due {
            self.watch(now);
            self.watch_due = now + STUCK;
        }
    }

    fn topics(&self) -> impl Iterator<Item = Arc<str>> {
        let topics = self.partitions.iter().map(|one| one.lane.topic.clone());
        topics.flatten()
    }

    fn hear_scout(&mut self) {
        while let Some(report) = self.scout.report() {
            match report {
                Report::Start => {
                    self.knows_start = true;
                    if !self.stopped {
                        self.join();
                    }
                }
                Report::Facts { id, facts, ids } => self.learn(id, &facts, &ids),
                Report::Ids(ids) => self.compare(&ids),
            }
        }
    }

    /// Returns whether every partition that was ever assigned was seen at its end. False for an input without an end.
    fn is_at_end(&mut self) -> bool {
        if !matches!(self.config.extent, Extent::ToEnd { .. }) || !self.joined {
            return false;
        }
        for partition in &self.partitions {
            let topic = partition.lane.topic.clone().unwrap_or_default();
            let place = (topic, partition.lane.partition);
            *self.ends_seen.entry(place).or_default() |= partition.at_end;
        }
        let none = self.ends_seen.is_empty() && self.committer != Committer::Nobody;
        self.debt.is_none() && !none && self.ends_seen.values().all(|seen| *seen)
    }

    /// Joins the group, or reads without one. If reading may begin at the end of a partition, the scout first has to
    /// learn what existed before: later it could not distinguish what the group had committed from what it commits now.
    pub(super) fn join(&mut self) {
        self.told.waiting.begin(Instant::now());
        if !self.config.start_from_oldest && !self.knows_start {
            let consumer = Arc::downgrade(&self.consumer);
            self.scout.ask(Question::Start(consumer));
        } else if self.committer == Committer::Nobody {
            self.read_alone();
        } else {
            self.subscribe();
        }
    }

    fn subscribe(&mut self) {
        let topics = subscription(&self.config);
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        if let Err(error) = self.consumer.subscribe(&topics) {
            let error =
                anyhow::Error::new(error).context("cannot subscribe to `input.kafka.topics`");
            self.end(Err(error));
        }
    }

    /// Polls librdkafka for events. Messages come by the partitions' own queues.
    ///
    /// A poll takes one event, which may be a line of librdkafka's log, and the queue wakes the thread only when it was
    /// empty.
    fn poll(&mut self, timeout: Duration) {
        let mut timeout = timeout;
        for _ in 0..MOST_EVENTS {
            let before = self.consumer.context().told();
            match self.consumer.poll(timeout) {
                None if self.consumer.context().told() == before => return,
                None => {}
                Some(Err(error)) => self.complain(&error),
                // A message of a partition that is no longer assigned: an assigned one has a queue of its own since
                // before its assignment.
                Some(Ok(_)) => {}
            }
            timeout = Duration::ZERO;
        }
    }

    /// Carries out the actor's commands. Returns where to report the result if the thread is to finish.
    fn obey(&mut self) -> Option<oneshot::Sender<anyhow::Result<()>>> {
        let now = Instant::now();
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Delivered(acked) => self.deliver(acked, now),
                Command::Stop => self.end(Ok(())),
                Command::Finish(done) => return Some(done),
            }
        }
        None
    }

    /// Stops reading and notifies the engine. The group and commits are still served.
    pub(super) fn end(&mut self, result: anyhow::Result<()>) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        self.partitions.iter_mut().for_each(Partition::close);
        self.hurry(true);
        self.engine.do_send(Notice::InputEnded(result));
    }

    fn deliver(&mut self, acked: Acked, now: Instant) {
        let Acked {
            lane,
            position,
            count,
            ..
        } = acked;
        // Nothing is committed for lanes that are gone: their partitions belong to others.
        if let Ok(index) = self.index_of(lane) {
            self.partitions[index].deliver(position, count, now);
        }
    }

    fn index_of(&self, lane: LaneId) -> Result<usize, usize> {
        let lane_of = |partition: &Partition| partition.lane.id;
        self.partitions.binary_search_by_key(&lane, lane_of)
    }

    /// Takes a batch of each partition in turn, as far as the budget has room. Returns whether there may be more.
    fn read(&mut self, now: Instant) -> bool {
        if self.stopped {
            return false;
        }
        let cut = Cut {
            count: self.config.batching.count,
            period: self.config.batching.period,
            limit: self.config.checkpoint_limit,
        };
        let count = self.partitions.len();
        let mut any = false;
        let mut refused = None;
        for step in 0..count {
            let index = (self.turn + step) % count;
            // A batch that is not full yet already holds a permit, so it may leave whether or not there is room.
            if refused.is_some() && !self.partitions[index].has_pending() {
                continue;
            }
            match self.partitions[index].read(&cut, &self.intake, now) {
                Read::Empty => {}
                Read::Sent => any = true,
                Read::NoRoom => refused = Some(index),
                Read::Failed(error) => self.complain_of(index, &error),
            }
        }
        self.has_read |= any;
        match refused {
            Some(index) => {
                self.turn = index; // its turn is the next
                false
            }
            None => any,
        }
    }

    /// Handles the events of the group and the answers to commits.
    pub(super) fn serve_group(&mut self) {
        while let Some(event) = self.consumer.context().next() {
            match event {
                Event::Assign(partitions) => self.assign(partitions),
                Event::Revoke(partitions) => self.revoke(partitions),
                Event::Committed(result, offsets) => {
                    self.commits_under_way = self.commits_under_way.saturating_sub(1);
                    self.committed(result, &offsets);
                }
                Event::Told(ends) => {
                    self.pass_ends(&ends);
                    self.tell_lag(ends);
                }
            }
        }
        self.step_debt();
    }

    /// Moves commit points past records at the ends of partitions that are no messages.
    fn pass_ends(&mut self, ends: &[PartitionEnd]) {
        for end in ends {
            let ours = |one: &&mut Partition| one.is(&end.topic, end.partition);
            let Some(partition) = self.partitions.iter_mut().find(ours) else {
                continue;
            };
            let Some((before, now)) = partition.told_end(end.eof) else {
                continue;
            };
            partition.tell_deleted(before, now);
            if let (Committer::Output, Some(session)) = (self.committer, &self.session) {
                session.advance(&partition.lane, now);
            }
        }
    }

    /// Commits everything that was delivered, leaves the group, and closes the consumer.
    fn finish(mut self) -> anyhow::Result<()> {
        let mut asked = None;
        while !self.is_all_committed() {
            // A refused commit may be refused again at once.
            if !self.is_committing() && asked.is_none_or(|asked: Instant| asked.elapsed() > AGAIN) {
                self.commit();
                asked = Some(Instant::now());
            }
            self.poll(Duration::from_millis(20));
            self.serve_group();
        }
        // So that others need not wait for the session to time out.
        self.leave();
        Ok(())
    }

    /// Returns how long the thread may wait unless something wakes it.
    fn nap(&self, now: Instant) -> Duration {
        let pending = self
            .partitions
            .iter()
            .filter_map(|partition| partition.due(self.config.batching.period));
        let due = pending
            .chain([self.commit_due, self.look_due])
            .min()
            .unwrap_or(self.commit_due);
        due.saturating_duration_since(now).min(NAP)
    }
}

/// Returns the topics of `config` in the form in which librdkafka subscribes to them.
///
/// In the classic protocol, librdkafka looks for an expression anywhere in a topic's name. In the consumer protocol the
/// brokers do, and their expressions must match the whole name (KIP-848), so `.*` is put around the expression.
fn subscription(config: &KafkaInputConfig) -> Vec<String> {
    let topics = config
        .topics
        .iter()
        .map(|topic| match config.group.protocol {
            GroupProtocol::Consumer if topic.starts_with('^') => format!("^.*({topic}).*"),
            _ => topic.clone(),
        });
    topics.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KafkaClientConfig;

    #[test]
    fn an_expression_means_the_same_in_both_protocols() {
        let client = KafkaClientConfig::at("a:9092");
        let topics = vec!["orders".into(), "^a|b$".into()];
        let mut config = KafkaInputConfig::new(client, topics.clone(), "group".into());
        assert_eq!(subscription(&config), topics);
        config.group.protocol = GroupProtocol::Consumer;
        assert_eq!(subscription(&config), ["orders", "^.*(^a|b$).*"]);
        // Against whole names, as the brokers match.
        let whole = regex::Regex::new(&format!("^(?:{})$", subscription(&config)[1])).unwrap();
        for (name, fits) in [
            ("a", true),
            ("ax", true),
            ("xb", true),
            ("xa", false),
            ("bx", false),
        ] {
            assert_eq!(whole.is_match(name), fits, "{name}");
        }
    }
}
