//! Tests of the resequencer alone: what comes in any order leaves in the order of its lane, and failures take their
//! route.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::message::ack::{AckSink, DeliveryStatus};
use crate::message::budget::MemoryBudget;
use crate::message::{Batch, Failure, Message, Record};

/// Record of what the neighbours of the resequencer received.
#[derive(Debug, Default)]
struct Told {
    /// Offsets of results, of failures among the results, and of dead letters (these three fields).
    results: Vec<i64>,
    inline: Vec<i64>,
    letters: Vec<i64>,
    /// Number of messages acknowledged, and of messages that will be read again.
    delivered: usize,
    abandoned: usize,
    stopped: Vec<String>,
}

struct Neighbour {
    told: Arc<Mutex<Told>>,
    letters: bool,
}

impl Actor for Neighbour {
    type Context = Context<Self>;
}

impl Handler<Deliver> for Neighbour {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, _: &mut Self::Context) {
        let mut told = self.told.lock().unwrap();
        let Deliver { processed, ack } = deliver;
        for (message, outcome) in processed.messages().iter().zip(&processed.outcomes.items) {
            match outcome {
                Outcome::Failed(_) if self.letters => told.letters.push(message.offset),
                Outcome::Failed(_) => told.inline.push(message.offset),
                Outcome::Record(_) => told.results.push(message.offset),
                _ => {}
            }
        }
        drop(told);
        ack.done();
    }
}

impl Handler<Notice> for Neighbour {
    type Result = ();

    fn handle(&mut self, notice: Notice, _: &mut Self::Context) {
        let stopped = match notice {
            Notice::MessageFailed { place, .. } => place,
            Notice::TooManyFailures(_) => "too many failures".into(),
            Notice::ActorEnded(_) => return,
            other => panic!("{other:?}"),
        };
        self.told.lock().unwrap().stopped.push(stopped);
    }
}

struct Under {
    resequencer: Addr<Resequencer>,
    told: Arc<Mutex<Told>>,
}

impl Under {
    fn new(failures: impl FnOnce(Recipient<Deliver>) -> FailureRoute) -> Self {
        let told = Arc::<Mutex<Told>>::default();
        let neighbour = |letters| {
            let told = Arc::clone(&told);
            Neighbour { told, letters }.start()
        };
        let (around, letters) = (neighbour(false), neighbour(true));
        let resequencer = Resequencer::new(
            around.clone().recipient(),
            failures(letters.recipient()),
            FailureLimit {
                max_failures: None,
                script_hash: "".into(),
            },
            Arc::default(),
            around.recipient(),
        );
        Self {
            resequencer: resequencer.start(),
            told,
        }
    }

    /// Returns a batch of `count` messages, the first of which is at `position` of its lane.
    fn batch(&self, lane: &Arc<Lane>, position: u64, count: usize) -> Arc<Batch> {
        let offsets = position as i64..position as i64 + count as i64;
        let messages: Vec<Message> = offsets
            .map(|offset| Message::new(Bytes::new(), offset))
            .collect();
        let permit = MemoryBudget::new(u64::MAX).acquire(messages.iter().map(Message::cost).sum());
        let told = Arc::clone(&self.told);
        let acks = AckSink::new(move |acked| {
            let mut told = told.lock().unwrap();
            match acked.status {
                DeliveryStatus::Delivered => told.delivered += acked.count,
                DeliveryStatus::Abandoned => told.abandoned += acked.count,
                DeliveryStatus::Lost => panic!("{acked:?}"),
            }
        });
        Arc::new(Batch::new(
            Arc::clone(lane),
            position,
            messages,
            permit,
            acks,
        ))
    }

    /// Sends the outcomes of the messages from `start` on: `r` a result, `d` none, `f` a failure.
    fn processed(&self, batch: &Arc<Batch>, start: usize, outcomes: &str) {
        let outcome = |kind| match kind {
            'r' => Outcome::Record(Record {
                payload: 0..0,
                tombstone: false,
                overrides: None,
            }),
            'f' => Outcome::Failed(Box::new(Failure::new("ValueError", "no"))),
            _ => Outcome::Dropped,
        };
        self.resequencer.do_send(Processed {
            batch: Arc::clone(batch),
            start,
            outcomes: Outcomes {
                items: outcomes.chars().map(outcome).collect(),
                ..Outcomes::default()
            },
        });
    }

    /// Returns the record, once all actors have had a turn.
    async fn told(self) -> Told {
        tokio::time::sleep(Duration::from_millis(50)).await;
        std::mem::take(&mut *self.told.lock().unwrap())
    }
}

fn lane(number: u64) -> Arc<Lane> {
    let lane = LaneId(number);
    Arc::new(Lane::of_partition(lane, "topic".into(), number as i32))
}

#[actix::test]
async fn what_overtakes_waits_and_failures_part() {
    let under = Under::new(FailureRoute::DeadLetters);
    let (one, two) = (lane(1), lane(2));
    let (first, second) = (under.batch(&one, 0, 4), under.batch(&one, 4, 3));
    let other = under.batch(&two, 0, 2);
    under.processed(&second, 1, "fr");
    under.processed(&first, 2, "rf");
    under.processed(&second, 0, "r");
    // Another lane does not wait for any of that.
    under.processed(&other, 0, "rr");
    under.processed(&first, 0, "dr");
    drop((first, second, other));
    let told = under.told().await;
    assert_eq!(told.results, [0, 1, 1, 2, 4, 6], "lane 2's before lane 1's");
    assert_eq!(told.letters, [3, 5]);
    assert_eq!((told.delivered, told.abandoned), (9, 0));
    assert!(told.inline.is_empty());
}

#[actix::test]
async fn failures_go_with_the_results_or_nowhere() {
    for (drops, inline) in [(true, &[][..]), (false, &[1][..])] {
        let under = Under::new(|_| {
            if drops {
                FailureRoute::Drop
            } else {
                FailureRoute::WithResults
            }
        });
        let batch = under.batch(&lane(1), 0, 3);
        under.processed(&batch, 0, "rfr");
        drop(batch);
        let told = under.told().await;
        assert_eq!((&told.results[..], &told.inline[..]), (&[0, 2][..], inline));
        assert_eq!((told.delivered, told.letters.len()), (3, 0));
    }
}

/// Checks that the pipeline ends before the first failure: results before it leave, the rest of its lane is read again.
#[actix::test]
async fn a_lane_stops_before_its_first_failure() {
    let under = Under::new(|_| FailureRoute::Stop);
    let lane = lane(1);
    let (first, second) = (under.batch(&lane, 0, 4), under.batch(&lane, 4, 2));
    under.processed(&second, 0, "rr");
    under.processed(&first, 0, "rrfr");
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop((first, second));
    let told = under.told().await;
    assert_eq!(told.results, [0, 1]);
    assert_eq!(told.stopped, ["topic `topic`, partition 1, offset 2"]);
    assert_eq!((told.delivered, told.abandoned), (2, 4));
}

/// Checks that a lane that was given up releases nothing, and that a lane that has ended is forgotten.
#[actix::test]
async fn what_was_given_up_does_not_leave() {
    let under = Under::new(FailureRoute::DeadLetters);
    let lane = lane(1);
    let batch = under.batch(&lane, 0, 3);
    under.processed(&batch, 0, "r");
    tokio::time::sleep(Duration::from_millis(50)).await;
    lane.abandon();
    under.processed(&batch, 1, "rf");
    under.resequencer.do_send(LaneEnded(LaneId(1)));
    drop(batch);
    let told = under.told().await;
    assert_eq!((told.results, told.letters.len()), (vec![0], 0));
    assert_eq!((told.delivered, told.abandoned), (1, 2));
}
