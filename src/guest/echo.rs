//! Test hook: guests without an interpreter, which answer each message with its own bytes at once.
//!
//! `scripts/bench.sh --scale` measures with them what a message costs outside of guests. No config can ask for them:
//! only the environment can (`NERODIA_TEST_ECHO_GUESTS`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Handler, MessageResult, SyncContext};

use super::error::StartError;
use super::handshake;
use super::link::{self, Execute, Executed, Link, MakeGuests, Start, Started, Stop, Thread};
use super::log::LineRate;
use super::spec::Limits;
use super::{YIELD_BYTES, cpu};
use crate::message::{Message, Outcome, Outcomes, Record};

/// READY of a guest without Python.
const READY: &[u8] = br#"READY {"protocol":3,"python":"none","uses_meta":false,"functions":[]}"#;

/// Maker of guests that echo.
pub(crate) struct Echoes {
    limits: Limits,
    script_hash: Arc<str>,
}

impl Echoes {
    /// Creates a maker of guests for which the supervisor waits as `limits` say.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            script_hash: "echo".into(),
        }
    }
}

impl MakeGuests for Echoes {
    fn spawn(self: Arc<Self>, number: usize, _: &LineRate) -> Result<Link, StartError> {
        let (echo, thread) = link::on_thread(number, move |thread| Echo {
            script_hash: Arc::clone(&self.script_hash),
            _thread: thread,
        })?;
        Ok(Link::new(echo, thread))
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn script_hash(&self) -> &Arc<str> {
        &self.script_hash
    }
}

/// Actor that echoes, on a thread of its own as that of a guest is.
struct Echo {
    script_hash: Arc<str>,
    /// Held by the actor: dropped when its thread ends.
    _thread: Arc<Thread>,
}

impl Echo {
    /// Answers for messages up to the size of results after which a guest passes them on too.
    fn execute(&self, Execute { slice, .. }: &Execute) -> Executed {
        let (began, cpu) = (Instant::now(), cpu::thread_seconds());
        let mut outcomes = Outcomes {
            script_hash: Arc::clone(&self.script_hash),
            ..Outcomes::default()
        };
        for message in &slice.batch.messages[slice.range.clone()] {
            if outcomes.data.len() >= YIELD_BYTES {
                break;
            }
            let outcome = answer(message, &mut outcomes.data);
            outcomes.items.push(outcome);
        }
        let stop = match outcomes.items.len() == slice.len() {
            true => Stop::Complete,
            false => Stop::Yielded,
        };
        Executed {
            outcomes,
            stop,
            memory: 0,
            took: began.elapsed(),
            cpu_seconds: cpu::thread_seconds() - cpu,
            costs: Vec::new(),
            fatal_cpu_seconds: 0.0,
        }
    }
}

/// Returns the outcome of `message`, whose bytes are added to `data`.
fn answer(message: &Message, data: &mut Vec<u8>) -> Outcome {
    if let Some(failure) = &message.rejected {
        return Outcome::Failed(failure.clone());
    }
    let start = data.len() as u32;
    data.extend_from_slice(&message.payload);
    Outcome::Record(Record {
        payload: start..data.len() as u32,
        tombstone: false,
        overrides: None,
    })
}

impl Actor for Echo {
    type Context = SyncContext<Self>;
}

impl Handler<Start> for Echo {
    type Result = Result<Started, StartError>;

    fn handle(&mut self, Start: Start, _: &mut Self::Context) -> Self::Result {
        Ok(Started {
            ready: handshake::parse(READY)?,
            took: Duration::ZERO,
            memory: 0,
        })
    }
}

impl Handler<Execute> for Echo {
    type Result = MessageResult<Execute>;

    fn handle(&mut self, work: Execute, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.execute(&work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ack::AckSink;
    use crate::message::budget::MemoryBudget;
    use crate::message::{Batch, Failure, Slice};

    fn executed(messages: Vec<Message>) -> Executed {
        let permit = MemoryBudget::new(u64::MAX).acquire(0);
        let batch = Batch::new(Arc::default(), 0, messages, permit, AckSink::unheard());
        let echo = Echo {
            script_hash: "echo".into(),
            _thread: Arc::default(),
        };
        echo.execute(&Execute {
            slice: Slice::of(Arc::new(batch)),
            solo_until: 0,
        })
    }

    #[test]
    fn each_message_is_its_own_result() {
        handshake::parse(READY).expect("it is of this version of the protocol");
        let rejected = Message {
            rejected: Some(Box::new(Failure::new("LineTooLong", ""))),
            ..Message::new("c".into(), 2)
        };
        let messages = vec![
            Message::new("a".into(), 0),
            Message::new("bb".into(), 1),
            rejected,
        ];
        let executed = executed(messages);
        assert!(executed.answers(3) && executed.stop == Stop::Complete);
        assert_eq!(executed.outcomes.data, b"abb");
        assert!(
            matches!(&executed.outcomes.items[1], Outcome::Record(record) if record.payload == (1..3))
        );
        assert!(matches!(&executed.outcomes.items[2], Outcome::Failed(_)));
    }

    #[test]
    fn much_is_passed_on_in_parts() {
        let large = vec![b'x'; YIELD_BYTES];
        let messages = (0..3).map(|offset| Message::new(large.clone().into(), offset));
        let executed = executed(messages.collect());
        assert!(executed.answers(3) && executed.stop == Stop::Yielded);
        assert_eq!(executed.outcomes.items.len(), 1);
    }
}
