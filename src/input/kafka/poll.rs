//! Polling thread: serves the group, takes messages, commits what was delivered. It waits only when there is nothing to
//! do. The modules `rebalance`, `commit` and `trouble` contain what it does when partitions come and go, when it
//! commits, and when something is wrong.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use std::{mem, thread};

use actix::Recipient;
use rdkafka::consumer::Consumer as _;
use tokio::sync::oneshot;

use super::commit::{Commits, Committer};
use super::partition::{Cut, Partition, Read};
use super::partitions::Partitions;
use super::questions::Questions;
use super::rebalance::Group;
use super::scout::Report;
use super::told::Told;
use super::trouble::STUCK;
use super::{Command, KafkaInput, Waker};
use crate::config::{Extent, GroupProtocol, KafkaInputConfig};
use crate::control::Notice;
use crate::input::Intake;
use crate::kafka::consumer::{Consumer, Event};
use crate::kafka::session::Session;
use crate::kafka::statistics::PartitionEnd;
use crate::message::ack::Acked;
use crate::telemetry::metrics::Metrics;

/// Longest wait: librdkafka must be polled, and the timers must be checked.
const NAP: Duration = Duration::from_millis(100);
/// Interval of checks whether the group knows this member, and whether the client has brokers.
const LOOK: Duration = Duration::from_secs(1);
/// Time between two tries of the last commit.
const AGAIN: Duration = Duration::from_millis(200);
/// Limit on the events that are taken before the thread does its other work.
const MOST_EVENTS: usize = 1000;

/// State of the polling thread.
pub(super) struct Poller {
    pub(super) config: KafkaInputConfig,
    pub(super) consumer: Arc<Consumer>,
    pub(super) waker: Waker,
    pub(super) intake: Intake,
    pub(super) engine: Recipient<Notice>,
    commands: Receiver<Command>,
    pub(super) session: Option<Session>,
    pub(super) metrics: Arc<Metrics>,
    /// Standing of this member in its group, and the answer that it owes.
    pub(super) group: Group,
    /// Partitions that this member has.
    pub(super) partitions: Partitions,
    /// Who commits, when next, and how many answers are outstanding.
    pub(super) commits: Commits,
    /// Questions to the scout, and the answers that the thread waits for.
    pub(super) questions: Questions,
    /// Whether a message was ever read. Before, the input ends if the brokers let it read none of its topics.
    pub(super) has_read: bool,
    /// State of what the thread reports in metrics and health.
    pub(super) told: Told,
    pub(super) stopped: bool,
    look_due: Instant,
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
            group: Group::new(now),
            partitions: Partitions::default(),
            commits: Commits::new(
                Committer::of(config.extent, session.is_some()),
                now + config.commit_period,
            ),
            questions: Questions::new(scout, now),
            look_due: now + LOOK,
            watch_due: now + STUCK,
            config,
            consumer,
            waker,
            intake,
            engine,
            commands,
            session,
            metrics,
            has_read: false,
            told: Told::new(now),
            stopped: false,
        }
    }

    /// Runs until the engine wants the last commit, then makes it and leaves the group.
    pub(super) fn run(mut self) {
        let worked = catch_unwind(AssertUnwindSafe(|| self.work()));
        let done = worked.unwrap_or_else(|panic| {
            // The engine ends. A consumer that is dropped closes first, and might wait for ever; so this one is leaked.
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
            if self.commits.by == Committer::Output {
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
        if now >= self.commits.due {
            self.commit();
            self.commits.due = now + self.config.commit_period;
        }
        if now >= self.look_due {
            self.look_for_membership();
            self.look_for_brokers();
            self.look_due = now + LOOK;
        }
        self.look_for_unassigned(now);
        let topics = || self.partitions.topics();
        self.questions.ask_ids(&self.consumer, topics, now);
        if now >= self.watch_due {
            self.watch(now);
            self.watch_due = now + STUCK;
        }
    }

    fn hear_scout(&mut self) {
        while let Some(report) = self.questions.answer() {
            match report {
                Report::Start => {
                    self.questions.knows_start = true;
                    if !self.stopped {
                        self.join();
                    }
                }
                Report::Facts { id, facts, ids } => self.learn(id, &facts, &ids),
                Report::Unassigned(places) => self.hear_of_unassigned(&places),
                Report::Ids(ids) => self.compare(&ids),
            }
        }
    }

    /// Returns whether every partition that was ever assigned was seen at its end. False for an input without an end.
    fn is_at_end(&mut self) -> bool {
        if !matches!(self.config.extent, Extent::ToEnd { .. }) || !self.group.joined {
            return false;
        }
        // An input without a group may have no partitions; it is then at its end.
        let none = self.commits.by == Committer::Nobody;
        self.partitions.were_all_at_end().unwrap_or(none) && self.group.debt.is_none()
    }

    /// Joins the group, or reads without one. If reading may begin at the end of a partition, the scout first has to
    /// learn what existed before: once the group reads, nobody can tell earlier commits from new ones.
    pub(super) fn join(&mut self) {
        self.told.waiting.begin(Instant::now());
        if !self.config.start_from_oldest && !self.questions.knows_start {
            self.questions.ask_start(&self.consumer);
        } else if self.commits.by == Committer::Nobody {
            self.read_alone();
        } else {
            self.subscribe();
        }
    }

    pub(super) fn subscribe(&mut self) {
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
    /// empty. So this polls until nothing comes, or [`MOST_EVENTS`] times.
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
        // Nothing is committed for lanes that are gone: their partitions belong to others, or are read again in a new
        // lane.
        if let Some(partition) = self.partitions.of_lane(lane) {
            partition.deliver(position, count, now);
        }
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
        let mut any = false;
        let mut refused = None;
        for index in self.partitions.in_turn() {
            // A complaint about a partition before this one may have given up all of them.
            let Some(partition) = self.partitions.get_mut(index) else {
                break;
            };
            // A batch that is not full yet already holds a permit, so it may leave whether or not there is room.
            if refused.is_some() && !partition.has_pending() {
                continue;
            }
            let lane = partition.lane.id;
            match partition.read(&cut, &self.intake, now) {
                Read::Empty => {}
                Read::Sent => any = true,
                Read::NoRoom => refused = Some(index),
                Read::Failed(error) => self.complain_of(lane, &error),
            }
        }
        self.has_read |= any;
        match refused {
            Some(index) => {
                self.partitions.begin_with(index);
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
                    self.commits.under_way = self.commits.under_way.saturating_sub(1);
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

    /// Moves checkpoints past records at the ends of partitions that are no messages.
    fn pass_ends(&mut self, ends: &[PartitionEnd]) {
        for end in ends {
            let Some(partition) = self.partitions.named(&end.topic, end.partition) else {
                continue;
            };
            let Some((before, now)) = partition.told_end(end.eof) else {
                continue;
            };
            partition.tell_deleted(before, now);
            if let (Committer::Output, Some(session)) = (self.commits.by, &self.session) {
                session.advance(&partition.lane, now);
            }
        }
    }

    /// Commits everything that was delivered, leaves the group, and closes the consumer.
    fn finish(mut self) -> anyhow::Result<()> {
        let mut asked = None;
        while !self.is_all_committed() {
            // A refused commit may be refused again at once, so tries are `AGAIN` apart.
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
        let due = self.commits.due.min(self.look_due);
        let pending = self.partitions.due(self.config.batching.period);
        let due = pending.map_or(due, |pending| pending.min(due));
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
