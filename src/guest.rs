//! A guest: one sandboxed CPython, and the actor that runs batches in it.
//!
//! The actor has a thread of its own (`SyncArbiter` with one thread), because a script burns that thread's
//! time; JSON is transcoded there too, so that it is done in parallel. It holds a current-thread tokio
//! runtime, since the sandbox waits (for input, for `time.sleep`) asynchronously.

mod alive;
pub mod artifact;
pub mod bytecode;
pub mod cache;
pub mod command;
pub mod deadline;
pub mod error;
pub mod handshake;
pub mod instance;
pub mod link;
pub mod log;
pub mod meter;
pub mod pace;
pub mod packages;
pub mod paths;
pub mod protocol;
pub mod runtime;
pub mod spec;
pub mod stdio;
pub mod store;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Handler, MessageResult, SyncArbiter, SyncContext};

use self::alive::Alive;
use self::error::{Death, StartError};
use self::handshake::Hello;
use self::instance::Instance;
use self::link::Thread;
pub use self::link::{Execute, Executed, Link, MakeGuests, Start, Started, Stop};
use self::log::{GuestLog, LineRate};
use self::protocol::request::encode_request;
pub use self::spec::{GuestSpec, Limits};
use crate::clock::cpu;
use crate::codec::{Encoder, Scratch};
use crate::message::{Batch, Outcome, Outcomes, Slice};

/// Results that a guest keeps before it hands them on, although its work is not at its end.
const YIELD_BYTES: usize = 256 << 10;
/// Time after which it does so.
pub const YIELD_AFTER: Duration = Duration::from_millis(100);

/// The actor. See the module's documentation.
pub struct Guest {
    number: usize,
    spec: Arc<GuestSpec>,
    /// How much it logs, in all its lives.
    lines: LineRate,
    /// Is gone when the thread is.
    _thread: Arc<Thread>,
    waiting: tokio::runtime::Runtime,
    encoder: Encoder,
    scratch: Scratch,
    alive: Option<Alive>,
}

impl Guest {
    /// Starts the actor of guest `number` on a thread of its own. It is made alive by [`Start`].
    ///
    /// # Errors
    /// If the system has no thread to spare.
    pub fn spawn(
        number: usize,
        spec: Arc<GuestSpec>,
        lines: LineRate,
    ) -> Result<(Addr<Self>, Weak<Thread>), StartError> {
        let builder = move || thread::Builder::new().name(format!("guest-{number}"));
        let alive = Arc::new(Thread);
        let thread = Arc::downgrade(&alive);
        // The actor has the one that counts; this one is given away with the first.
        let alive = Mutex::new(Some(alive));
        let guest = move || Self {
            _thread: alive
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()
                .unwrap_or_default(),
            lines: lines.clone(),
            ..Self::new(number, spec.clone())
        };
        // `SyncArbiter` panics where a thread cannot be had.
        catch_unwind(AssertUnwindSafe(|| {
            SyncArbiter::start_with_thread_builder(1, builder, guest)
        }))
        .map(|address| (address, thread))
        .map_err(|_| StartError::NoThread)
    }

    /// A guest that is not alive yet, without an actor around it.
    pub fn new(number: usize, spec: Arc<GuestSpec>) -> Self {
        let waiting = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime with timers alone needs nothing from the system");
        Self {
            number,
            spec,
            lines: LineRate::default(),
            _thread: Arc::default(),
            waiting,
            encoder: Encoder::new(protocol::MAX_DEPTH),
            scratch: Scratch::default(),
            alive: None,
        }
    }

    /// Makes it live; blocks until READY.
    ///
    /// # Errors
    /// Why it is not.
    pub fn start(&mut self) -> Result<Started, StartError> {
        let began = Instant::now();
        // The old instance's memory is free before the new one's is taken.
        self.alive = None;
        let Limits {
            start_timeout,
            memory,
            max_log,
            ..
        } = self.spec.limits;
        let max_frame = self.spec.limits.max_frame();
        let log = GuestLog::new(self.number, max_log, self.lines.clone());
        let mut instance = Instance::new(&self.spec.runtime, memory, max_frame + 5, log);
        let compiled = self.spec.compiled.get().cloned();
        let hello = Hello::new(self.spec.stages.clone(), compiled, max_frame);
        let greeting = handshake::greet(&mut instance, &hello, start_timeout);
        let mut ready = self.waiting.block_on(greeting)?;
        if let Some(death) = instance.over() {
            return Err(StartError::Died(death.clone()));
        }
        let compiled = std::mem::take(&mut ready.compiled);
        if compiled.len() == self.spec.stages.len() {
            // Another guest may have been quicker; both are the same.
            let _ = self.spec.compiled.set(compiled);
        }
        let memory = instance.memory().bytes();
        self.alive = Some(Alive::new(instance, ready.uses_meta, &self.spec.limits));
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
        let (first, mut cost) = (next, 0);
        let (began, cpu) = (Instant::now(), cpu::thread_seconds());
        let stop = loop {
            if next == end {
                break Stop::Complete;
            }
            // With one request at least: a thread that had to wait for its core has something to hand on, too.
            if next > first && (cost >= YIELD_BYTES || began.elapsed() >= YIELD_AFTER) {
                break Stop::Yielded;
            }
            let limit = if next < solo_until { next + 1 } else { end };
            let data = outcomes.data.len();
            match self.request(&batch, next, limit, &mut outcomes) {
                Ok(answered) => {
                    let new = &outcomes.items[outcomes.items.len() - answered..];
                    cost += new.iter().map(Outcome::cost).sum::<usize>();
                    cost += outcomes.data.len() - data;
                    next += answered;
                    if let Some(death) = self.alive.as_ref().and_then(Alive::over).cloned() {
                        // Whoever runs next had no part in it.
                        self.alive = None;
                        break Stop::Died {
                            death,
                            suspects: 0,
                            single: false,
                            fresh: false,
                        };
                    }
                }
                Err(stop) => {
                    self.alive = None;
                    break stop;
                }
            }
        };
        let alive = self.alive.as_ref();
        let memory = alive.map_or(0, Alive::memory);
        Executed {
            outcomes,
            stop,
            memory,
            took: began.elapsed(),
            cpu_seconds: cpu::thread_seconds() - cpu,
        }
    }

    /// Runs some messages of `batch` from `next` on, at most up to `limit`. Gives how many.
    fn request(
        &mut self,
        batch: &Batch,
        next: usize,
        limit: usize,
        outcomes: &mut Outcomes,
    ) -> Result<usize, Stop> {
        let Some(alive) = &mut self.alive else {
            return Err(Stop::Died {
                death: Death::Killed("it was not started"),
                suspects: limit - next,
                single: false,
                fresh: false,
            });
        };
        let limit = limit.min(next + alive.pace());
        let fresh = alive.is_fresh();
        let had = outcomes.items.len();
        let id = alive.next_id();
        let encoded = encode_request(&mut self.encoder, id, batch, next..limit, alive.uses_meta());
        let count = encoded.count;
        if count > 0 {
            let answer = alive.answer(
                self.encoder.as_bytes(),
                count,
                &self.spec,
                &self.waiting,
                &mut self.scratch,
                outcomes,
            );
            let answered = answer.map_err(|death| Stop::Died {
                death,
                // What was answered before the fatal message counts.
                suspects: count - (outcomes.items.len() - had),
                single: count == 1,
                fresh,
            })?;
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
