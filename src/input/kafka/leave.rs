//! Leaving the group with a consumer that is no longer needed.
//!
//! Before librdkafka (2.12) leaves, it asks for all partitions back, by an event as for any revocation. Two things can
//! block that for ever, and both have been seen (and are known: librdkafka issues 4041 and 4884):
//!
//! - An event without an answer, for example an assignment that came just before.
//! - An answer that comes too late. Earlier events may still be delivered when the group's handler has ended, and a
//!   call that librdkafka then takes from its queue never returns (`rd_kafka_cgrp_op_serve`: "if `rkcg_terminated`").
//!   The call after the one that ended the handler can easily meet that moment.
//!
//! So every pending event is answered before librdkafka is asked to leave. After that, one call releases everything,
//! however many events there are. A separate thread does this: if a call blocks nevertheless, the member has left its
//! group, and only the thread is abandoned.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;

use crate::kafka::consumer::{Consumer, Event, assign, unassign};

/// Interval of checks whether the consumer has left.
const LOOK: Duration = Duration::from_millis(20);
/// Time after which the partitions are released again if the first call did not help.
const AGAIN: Duration = Duration::from_secs(1);
/// Limit on the time that the thread may take to end after the consumer has left.
const GRACE: Duration = Duration::from_secs(1);

/// Leaves the group, and returns when that is done. To be called before a consumer is dropped, while no other thread
/// makes calls that concern its group.
///
/// After a fatal error, librdkafka leaves when the consumer is dropped.
pub(super) fn leave(consumer: &Arc<Consumer>) {
    let (end, ended) = channel::<()>();
    let leaver = Arc::clone(consumer);
    let spawned = thread::Builder::new()
        .name("kafka-leave".into())
        .spawn(move || {
            work(&leaver);
            drop(leaver); // before the caller drops its own
            drop(end);
        });
    if let Err(error) = spawned {
        tracing::warn!(%error, "cannot start a thread to leave the group: leaving without it");
        return work(consumer);
    }
    let mut left = None;
    while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        if !consumer.closed() {
            continue;
        }
        if left.get_or_insert_with(Instant::now).elapsed() > GRACE {
            tracing::warn!(
                "the group was left, but librdkafka did not return from a call: its consumer stays in memory"
            );
            return;
        }
    }
}

fn work(consumer: &Consumer) {
    let context = consumer.context();
    context.set_leaving();
    while let Some(event) = context.next() {
        match event {
            Event::Assign(partitions) => tell(assign(consumer, &partitions)),
            Event::Revoke(partitions) => tell(unassign(consumer, &partitions)),
            Event::Told(_) | Event::Committed(..) => {}
        }
    }
    if let Err(error) = consumer.close_queue() {
        tracing::debug!(%error, "librdkafka leaves the group when the consumer is dropped");
        return;
    }
    let mut answered: Option<Instant> = None;
    while !consumer.closed() {
        consumer.poll(LOOK);
        let due = match answered {
            None => context.is_asked(),
            Some(answered) => answered.elapsed() > AGAIN,
        };
        if due {
            // In both protocols: when a consumer leaves, librdkafka takes any such call as the answer.
            tell(consumer.unassign());
            answered = Some(Instant::now());
        }
    }
}

fn tell(answered: KafkaResult<()>) {
    if let Err(error) = answered {
        tracing::debug!(%error, "cannot answer the group while leaving it");
    }
}

#[cfg(test)]
mod tests {
    use std::mem;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rdkafka::error::RDKafkaErrorCode;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::DefaultProducerContext;
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

    use super::super::{Waker, connect};
    use super::*;
    use crate::config::{GroupConfig, KafkaClientConfig, KafkaInputConfig};
    use crate::kafka::member::{Kind, Membership, Owed};

    type Cluster = MockCluster<'static, DefaultProducerContext>;
    const PATIENCE: Duration = Duration::from_secs(60);

    fn cluster() -> Cluster {
        let cluster = Cluster::new(1).unwrap();
        cluster.create_topic("in", 4, 1).unwrap();
        cluster
    }

    /// Returns a member to which the group has assigned partitions that it has not answered yet.
    fn member(cluster: &Cluster, instance_id: Option<&str>) -> Arc<Consumer> {
        let client = KafkaClientConfig::at(cluster.bootstrap_servers());
        let config = KafkaInputConfig {
            instance_id: instance_id.map(str::to_owned),
            group: GroupConfig {
                session_timeout: Duration::from_secs(6),
                heartbeat_interval: Duration::from_millis(100),
                ..GroupConfig::default()
            },
            ..KafkaInputConfig::new(client, vec!["in".into()], "group".into())
        };
        let consumer = connect(&config, &Waker::default(), &Arc::default(), None).unwrap();
        consumer.subscribe(&["in"]).unwrap();
        poll_until(&consumer, |event| matches!(event, Event::Assign(_)));
        consumer
    }

    fn answer(consumer: &Consumer) {
        while let Some(event) = consumer.context().next() {
            match event {
                Event::Assign(partitions) => assign(consumer, &partitions).unwrap(),
                Event::Revoke(partitions) => unassign(consumer, &partitions).unwrap(),
                Event::Told(_) | Event::Committed(..) => {}
            }
        }
    }

    #[track_caller]
    fn poll_until(consumer: &Arc<Consumer>, came: impl Fn(&Event) -> bool) {
        let began = Instant::now();
        while !consumer.context().has(&came) {
            if began.elapsed() > PATIENCE {
                // Its end may be what never comes.
                mem::forget(consumer.clone());
                panic!("the group did not say it");
            }
            consumer.poll(Duration::from_millis(20));
        }
    }

    /// Fails the test if the consumer does not end.
    #[track_caller]
    fn assert_ends(consumer: Arc<Consumer>) {
        let (ended, end) = channel();
        thread::spawn(move || {
            leave(&consumer);
            drop(consumer);
            let _ = ended.send(());
        });
        end.recv_timeout(PATIENCE).expect("it is closed");
    }

    #[test]
    fn a_consumer_is_closed_that_did_not_let_go_of_its_partitions_yet() {
        let cluster = cluster();
        let consumer = member(&cluster, Some("one"));
        answer(&consumer);
        consumer.unsubscribe();
        poll_until(&consumer, |event| matches!(event, Event::Revoke(_)));
        assert_ends(consumer);
    }

    #[test]
    fn so_is_one_that_is_fenced_before_it_takes_them() {
        let cluster = cluster();
        let consumer = member(&cluster, Some("one"));
        let fenced = RDKafkaRespErr::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
        cluster.request_errors(RDKafkaApiKey::Heartbeat, &[fenced]);
        let began = Instant::now();
        loop {
            let polled = consumer.poll(Duration::from_millis(20));
            let code = polled.and_then(|polled| polled.err()?.rdkafka_error_code());
            if code == Some(RDKafkaErrorCode::FencedInstanceId) {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "it was not fenced");
        }
        assert_ends(consumer);
    }

    /// Checks that a member leaves which was put out of its group while it owed an answer. It gets two events when it
    /// leaves: the answer to the first ends librdkafka's handler.
    #[test]
    fn a_consumer_leaves_that_was_put_out_while_it_owed_an_answer() {
        let rounds: Vec<_> = (0..4).map(|_| thread::spawn(put_out)).collect();
        rounds.into_iter().for_each(|round| round.join().unwrap());
    }

    fn put_out() {
        let cluster = cluster();
        let first = member(&cluster, None);
        answer(&first);
        let second = member(&cluster, None);
        let done = Arc::new(AtomicBool::new(false));
        let other = thread::spawn({
            let done = Arc::clone(&done);
            move || {
                while !done.load(Ordering::Relaxed) {
                    second.poll(Duration::from_millis(20));
                    answer(&second);
                }
                assert_ends(second);
            }
        });
        let mut owed = None;
        poll_until(&first, |event| matches!(event, Event::Revoke(_)));
        while let Some(event) = first.context().next() {
            if let Event::Revoke(partitions) = event {
                owed = Some(Owed::new(&first, Kind::Revocation, partitions));
            }
        }
        let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
        cluster.request_errors(RDKafkaApiKey::Heartbeat, &[unknown]);
        let began = Instant::now();
        while Membership::of(&first).is_some() {
            assert!(began.elapsed() < PATIENCE, "it was not put out");
            first.poll(Duration::from_millis(1));
        }
        drop(owed); // which answers
        assert_ends(first);
        done.store(true, Ordering::Relaxed);
        other.join().unwrap();
    }
}
