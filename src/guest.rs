//! Guest: one sandboxed CPython, and the actor that runs batches in it.
//!
//! The actor has a thread of its own (`SyncArbiter` with one thread), because a script uses that thread's time; JSON is
//! transcoded there too, so that this is done in parallel. The actor holds a current-thread tokio runtime, since the
//! sandbox waits (for input, for `time.sleep`) asynchronously.

mod alive;
pub(crate) mod artifact;
pub(crate) mod bytecode;
pub(crate) mod cache;
pub(crate) mod command;
pub(crate) mod costs;
pub(crate) mod deadline;
pub(crate) mod echo;
pub(crate) mod embedded;
pub(crate) mod error;
pub(crate) mod handshake;
pub(crate) mod instance;
pub(crate) mod link;
pub(crate) mod log;
pub(crate) mod pace;
pub(crate) mod packages;
pub(crate) mod paths;
pub(crate) mod portable;
pub(crate) mod protocol;
pub(crate) mod rewrite;
pub(crate) mod runtime;
pub(crate) mod spec;
pub(crate) mod stdio;
pub(crate) mod store;

use std::ops::Range;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Handler, MessageResult, SyncContext};

use self::alive::{Alive, Answer};
use self::costs::ScriptCosts;
use self::error::{Death, StartError};
use self::handshake::Hello;
use self::instance::Instance;
pub(crate) use self::link::{Execute, Executed, Link, MakeGuests, Start, Started, Stop};
use self::link::{FatalScript, Thread};
use self::log::{GuestLog, LineRate};
use self::protocol::request::encode_request;
pub(crate) use self::spec::{GuestSpec, Limits};
use crate::clock::cpu;
use crate::format::{ReadFormat, Reads, begins_like_json};
use crate::message::{Batch, Message, Outcome, Outcomes, Slice};
use nerodia_codec::{Encoder, Scratch};

/// Bytes of results after which a guest passes them on, although its work is not done.
const YIELD_BYTES: usize = 256 << 10;
/// Time after which a guest passes its results on, although its work is not done.
pub(crate) const YIELD_AFTER: Duration = Duration::from_millis(100);

/// Actor that runs batches in one guest. See the module's documentation.
pub(crate) struct Guest {
    number: usize,
    spec: Arc<GuestSpec>,
    /// Rate of log lines, for all instances of this guest.
    lines: LineRate,
    /// Held by the actor: dropped when its thread ends.
    _thread: Arc<Thread>,
    waiting: tokio::runtime::Runtime,
    encoder: Encoder,
    scratch: Scratch,
    alive: Option<Alive>,
}

impl Guest {
    /// Starts the actor of guest `number` on a thread of its own. [`Start`] then starts the interpreter.
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub(crate) fn spawn(
        number: usize,
        spec: Arc<GuestSpec>,
        lines: LineRate,
    ) -> Result<(Addr<Self>, Weak<Thread>), StartError> {
        link::on_thread(number, move |thread| Self {
            _thread: thread,
            lines: lines.clone(),
            ..Self::new(number, spec.clone())
        })
    }

    /// Creates a guest without a running interpreter and without an actor.
    pub(crate) fn new(number: usize, spec: Arc<GuestSpec>) -> Self {
        let waiting = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime with timers alone needs nothing from the system");
        Self {
            number,
            encoder: Encoder::new(protocol::MAX_DEPTH).exact(spec.formats.reads.exact),
            spec,
            lines: LineRate::default(),
            _thread: Arc::default(),
            waiting,
            scratch: Scratch::default(),
            alive: None,
        }
    }

    /// Starts the interpreter; blocks until READY.
    ///
    /// # Errors
    /// The reason why it did not reach READY.
    pub(crate) fn start(&mut self) -> Result<Started, StartError> {
        let began = Instant::now();
        // Frees the old instance's memory before the new one takes its own.
        self.alive = None;
        let Limits {
            start_timeout,
            memory,
            max_log,
            ..
        } = self.spec.limits;
        let max_frame = self.spec.limits.max_frame();
        let reply = protocol::costs::room(self.spec.stages.len()) + max_frame + 5;
        let log = GuestLog::new(self.number, max_log, self.lines.clone());
        let mut instance = Instance::new(&self.spec.runtime, memory, reply, log);
        let compiled = self.spec.compiled.get().cloned();
        let spec = &self.spec;
        let (stages, modules) = (spec.stages.clone(), spec.modules.clone());
        let hello = Hello::new(stages, modules, compiled, &spec.limits, &spec.formats);
        let greeting = handshake::greet(&mut instance, &hello, start_timeout);
        let mut ready = self.waiting.block_on(greeting)?;
        if let Some(death) = instance.over() {
            return Err(StartError::Died(death.clone()));
        }
        let compiled = std::mem::take(&mut ready.compiled);
        if compiled.len() == spec.stages.len() + usize::from(!spec.modules.is_empty()) {
            // Another guest may have set this earlier; both values are the same.
            let _ = self.spec.compiled.set(compiled);
        }
        let memory = instance.memory().bytes();
        self.alive = Some(Alive::new(
            instance,
            ready.request_form(),
            &self.spec.limits,
        ));
        let took = began.elapsed();
        Ok(Started {
            ready,
            took,
            memory,
        })
    }

    fn execute(&mut self, work: Execute) -> Executed {
        let Execute { slice, solo_until } = work;
        let Slice { batch, range } = slice;
        let Range {
            start: mut next,
            end,
        } = range;
        let mut outcomes = Outcomes {
            script_hash: Arc::clone(&self.spec.script_hash),
            ..Outcomes::default()
        };
        let mut costs = costs::none(&self.spec.stages);
        let (first, mut cost) = (next, 0);
        let (began, cpu) = (Instant::now(), cpu::thread_seconds());
        let mut fatal = Duration::ZERO;
        let stop = loop {
            if next == end {
                break Stop::Complete;
            }
            // After at least one request, so that a thread that had to wait for its core also has something to pass on.
            if next > first && (cost >= YIELD_BYTES || began.elapsed() >= YIELD_AFTER) {
                break Stop::Yielded;
            }
            let limit = if next < solo_until { next + 1 } else { end };
            let data = outcomes.data.len();
            match self.request(&batch, next, limit, &mut outcomes, &mut costs) {
                Ok(answered) => {
                    let new = &outcomes.items[outcomes.items.len() - answered..];
                    cost += new.iter().map(Outcome::cost).sum::<usize>();
                    cost += outcomes.data.len() - data;
                    next += answered;
                    if let Some(death) = self.alive.as_ref().and_then(Alive::over).cloned() {
                        // The guest ended between two requests, so no later message is to blame.
                        self.alive = None;
                        break Stop::Died {
                            death,
                            suspects: 0,
                            single: false,
                            fresh: false,
                            script: None,
                        };
                    }
                }
                Err(stop) => {
                    let alive = self.alive.take();
                    fatal = alive.map_or(Duration::ZERO, |alive| alive.since_request());
                    break stop;
                }
            }
        };
        let alive = self.alive.as_ref();
        let memory = alive.map_or(0, Alive::memory);
        let cpu_seconds = cpu::thread_seconds() - cpu;
        Executed {
            outcomes,
            stop,
            memory,
            took: began.elapsed(),
            cpu_seconds,
            costs,
            fatal_cpu_seconds: cpu_seconds.min(fatal.as_secs_f64()),
        }
    }

    /// Runs some messages of `batch` from `next` on, at most up to `limit`. Returns how many.
    fn request(
        &mut self,
        batch: &Batch,
        next: usize,
        limit: usize,
        outcomes: &mut Outcomes,
        costs: &mut [ScriptCosts],
    ) -> Result<usize, Stop> {
        let Some(alive) = &mut self.alive else {
            return Err(Stop::Died {
                death: Death::Killed("it was not started"),
                suspects: limit - next,
                single: false,
                fresh: false,
                script: None,
            });
        };
        let limit = limit.min(next + alive.pace());
        let fresh = alive.is_fresh();
        let had = outcomes.items.len();
        let id = alive.next_id();
        let encoded = encode_request(
            &mut self.encoder,
            id,
            batch,
            next..limit,
            alive.form(),
            &self.spec.formats.reads,
        );
        let count = encoded.count;
        if count > 0 {
            let answer = alive.answer(
                self.encoder.as_bytes(),
                &batch.messages[next..next + count],
                &self.spec,
                &self.waiting,
                &mut self.scratch,
                outcomes,
            );
            let Answer {
                answered,
                costs: spent,
            } = answer.map_err(|death| Stop::Died {
                death,
                // Messages that were answered before the fatal one are not suspects.
                suspects: count - (outcomes.items.len() - had),
                single: count == 1,
                fresh,
                script: alive.stage().and_then(|index| {
                    let stage = self.spec.stages.get(index)?;
                    Some(FatalScript {
                        index,
                        processor: Arc::clone(&stage.processor),
                        at: stage.first_line(),
                    })
                }),
            })?;
            costs::add(costs, spent.as_deref(), answered);
            for (message, outcome) in batch.messages[next..]
                .iter()
                .zip(&mut outcomes.items[had..])
            {
                explain(&self.spec.formats.reads, message, outcome);
            }
            if answered < count {
                return Ok(answered);
            }
        }
        let Some(failure) = encoded.refused else {
            return Ok(count);
        };
        outcomes.items.push(Outcome::Failed(Box::new(failure)));
        Ok(count + 1)
    }
}

/// Says of a failed message that it is broken JSON, if the script got it as text for that reason.
fn explain(reads: &Reads, message: &Message, outcome: &mut Outcome) {
    if let Outcome::Failed(failure) = outcome
        && matches!(reads.value, ReadFormat::Auto)
        && let Some(why) = begins_like_json(&message.payload)
    {
        failure.message = format!(
            "{why}; so the script got it as text, and failed: {}: {}",
            failure.kind, failure.message
        );
        failure.kind = "NotJson".into();
    }
}

impl Actor for Guest {
    type Context = SyncContext<Self>;
}

impl Handler<Start> for Guest {
    type Result = Result<Started, StartError>;

    fn handle(&mut self, Start: Start, _: &mut Self::Context) -> Self::Result {
        self.start()
    }
}

impl Handler<Execute> for Guest {
    type Result = MessageResult<Execute>;

    fn handle(&mut self, work: Execute, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.execute(work))
    }
}
