//! Fake guests without Python: a message's payload names what happens to the guest that runs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::dev::{MessageResponse, OneshotSender};
use actix::prelude::*;

use crate::guest::error::{Death, StartError};
use crate::guest::handshake::Ready;
use crate::guest::link::Thread;
use crate::guest::log::LineRate;
use crate::guest::{Execute, Executed, Limits, Link, MakeGuests, Start, Started, Stop};
use crate::message::{Outcome, Outcomes, Record};

/// Message that is answered with its own payload as the result.
pub(super) const GOOD: &[u8] = b"good";
/// Message like [`GOOD`] that is answered after some time.
pub(super) const SLOW: &[u8] = b"slow";
/// Message of which the guest dies.
pub(super) const EXIT: &[u8] = b"exit";
/// Message of which the guest's thread panics: its mailbox is closed.
pub(super) const PANIC: &[u8] = b"panic";
/// Message of which the guest's thread never answers and never ends.
pub(super) const HANG: &[u8] = b"hang";
/// Message that is answered when nothing waits for it any more. The thread then ends.
pub(super) const LATE: &[u8] = b"late";
/// Message of which the guest answers for none of its messages, but reports that it is complete.
pub(super) const NONE: &[u8] = b"none";
/// Message of which the guest answers for more messages than it was given.
pub(super) const MANY: &[u8] = b"many";
/// Message of which the guest answers for the messages before it, and reports that it is complete.
pub(super) const SHORT: &[u8] = b"short";

/// Time that [`SLOW`] and [`LATE`] take: longer than any wait with [`limits`].
pub(super) const WHILE: Duration = Duration::from_millis(2000);

/// Returns limits with which the wait for an answer is as short as possible: little more than a second.
fn limits() -> Limits {
    Limits {
        timeout: Duration::from_millis(50),
        start_timeout: Duration::from_millis(50),
        memory: 1 << 20,
        max_output: 1 << 20,
        max_log: 1 << 20,
        kill_after: None,
        projection: true,
    }
}

/// Maker of fake guests.
pub(super) struct Fakes {
    limits: Limits,
    script_hash: Arc<str>,
    /// Result of [`Start`].
    pub start: Result<(), StartError>,
    /// Number of guests that were made.
    pub spawned: AtomicUsize,
}

impl Fakes {
    pub(super) fn new(start: Result<(), StartError>) -> Arc<Self> {
        Arc::new(Self {
            limits: limits(),
            script_hash: "fake".into(),
            start,
            spawned: AtomicUsize::new(0),
        })
    }
}

impl MakeGuests for Fakes {
    fn spawn(self: Arc<Self>, _: usize, _: &LineRate) -> Result<Link, StartError> {
        self.spawned.fetch_add(1, Ordering::Relaxed);
        let alive = Arc::default();
        let thread = Arc::downgrade(&alive);
        let fake = Fake {
            of: self,
            fresh: true,
            _thread: alive,
        };
        let fake = fake.start();
        Ok(Link {
            start: fake.clone().recipient(),
            execute: fake.recipient(),
            thread,
        })
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn script_hash(&self) -> &Arc<str> {
        &self.script_hash
    }
}

struct Fake {
    of: Arc<Fakes>,
    fresh: bool,
    /// Stands for the guest's thread: this actor lives as long as its address is held.
    _thread: Arc<Thread>,
}

impl Actor for Fake {
    type Context = Context<Self>;
}

impl Handler<Start> for Fake {
    type Result = Result<Started, StartError>;

    fn handle(&mut self, Start: Start, _: &mut Self::Context) -> Self::Result {
        self.of.start.clone()?;
        self.fresh = true;
        let ready = r#"{"protocol":1,"python":"none","uses_meta":false,"functions":[]}"#;
        Ok(Started {
            ready: serde_json::from_str::<Ready>(ready).expect("it is READY"),
            took: Duration::ZERO,
            memory: 1,
        })
    }
}

/// When an answer comes, if one comes.
pub(super) enum Reply {
    After(Duration, Box<Executed>),
    Gone,
    Never,
}

impl MessageResponse<Fake, Execute> for Reply {
    fn handle(self, context: &mut Context<Fake>, to: Option<OneshotSender<Executed>>) {
        let thread = context.address();
        actix_rt::spawn(async move {
            match self {
                Reply::After(delay, executed) => {
                    actix_rt::time::sleep(delay).await;
                    if let Some(to) = to {
                        let _ = to.send(*executed); // the receiver may be gone
                    }
                }
                Reply::Gone => drop(to),
                Reply::Never => {
                    let _unanswered = to;
                    std::future::pending::<()>().await;
                }
            }
            drop(thread);
        });
    }
}

impl Handler<Execute> for Fake {
    type Result = Reply;

    fn handle(&mut self, work: Execute, _: &mut Self::Context) -> Reply {
        self.run(&work)
    }
}

impl Fake {
    /// Runs messages, three per request, until one of them takes effect.
    fn run(&mut self, Execute { slice, solo_until }: &Execute) -> Reply {
        let mut outcomes = Outcomes {
            script_hash: Arc::clone(&self.of.script_hash),
            ..Outcomes::default()
        };
        let mut delay = Duration::ZERO;
        let mut next = slice.range.start;
        while next < slice.range.end {
            let solo = next < *solo_until;
            let limit = if solo { next + 1 } else { slice.range.end };
            let messages = &slice.batch.messages[next..limit.min(next + 3)];
            let fresh = std::mem::replace(&mut self.fresh, false);
            let held = outcomes.items.len();
            for message in messages {
                match &*message.payload {
                    EXIT => {
                        outcomes.items.truncate(held);
                        let stop = Stop::Died {
                            death: Death::Exit(1),
                            suspects: messages.len(),
                            single: messages.len() == 1,
                            fresh,
                            script: None,
                        };
                        return Reply::After(delay, executed(outcomes, stop));
                    }
                    PANIC => return Reply::Gone,
                    HANG => return Reply::Never,
                    LATE | SLOW => delay = WHILE,
                    SHORT => return Reply::After(delay, executed(outcomes, Stop::Complete)),
                    _ => {}
                }
                outcomes
                    .items
                    .push(result(&message.payload, &mut outcomes.data));
                if message.payload == MANY {
                    let more = result(&message.payload, &mut outcomes.data);
                    outcomes.items.resize_with(slice.len(), || Outcome::Dropped);
                    outcomes.items.push(more);
                    return Reply::After(delay, executed(outcomes, Stop::Complete));
                }
                if message.payload == NONE {
                    outcomes.items.clear();
                    return Reply::After(delay, executed(outcomes, Stop::Complete));
                }
            }
            next += messages.len();
        }
        Reply::After(delay, executed(outcomes, Stop::Complete))
    }
}

fn result(payload: &[u8], data: &mut Vec<u8>) -> Outcome {
    let start = data.len() as u32;
    data.extend_from_slice(payload);
    Outcome::Record(Record {
        payload: start..data.len() as u32,
        tombstone: false,
        overrides: None,
    })
}

fn executed(outcomes: Outcomes, stop: Stop) -> Box<Executed> {
    Box::new(Executed {
        outcomes,
        stop,
        memory: 1,
        took: Duration::ZERO,
        cpu_seconds: 0.0,
        costs: Vec::new(),
        fatal_cpu_seconds: 0.0,
    })
}
