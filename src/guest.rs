//! A guest: one sandboxed CPython, and the actor that runs batches in it.
//!
//! The actor has a thread of its own (`SyncArbiter` with one thread), because a script burns that thread's
//! time; JSON is transcoded there too, so that it is done in parallel. It holds a current-thread tokio
//! runtime, since the sandbox waits (for input, for `time.sleep`) asynchronously.

mod alive;
pub mod artifact;
pub mod cache;
pub mod deadline;
pub mod error;
pub mod handshake;
pub mod instance;
pub mod log;
pub mod meter;
pub mod pace;
pub mod packages;
pub mod protocol;
pub mod runtime;
pub mod stdio;
pub mod store;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Handler, MessageResult, SyncArbiter, SyncContext};
use sha2::{Digest as _, Sha256};

use self::alive::Alive;
use self::artifact::hex;
use self::error::{Death, StartError};
use self::handshake::{Hello, HelloStage, Ready};
use self::instance::Instance;
use self::log::GuestLog;
use self::protocol::request::encode_request;
use self::runtime::Runtime;
use crate::codec::{Encoder, Scratch};
use crate::message::{Batch, Outcome, Outcomes};
use crate::telemetry::process;

/// A reply may be this much longer than the largest result, for what is written around it.
const FRAME_SLACK: usize = 4 << 20;
/// Results that a guest keeps before it hands them on, although its work is not at its end.
const YIELD_BYTES: usize = 256 << 10;
/// Time after which it does so.
pub const YIELD_AFTER: Duration = Duration::from_millis(100);

/// What every guest of a pipeline is made from.
pub struct GuestSpec {
    /// The interpreter.
    pub runtime: Arc<Runtime>,
    /// The scripts.
    pub stages: Vec<HelloStage>,
    /// What a guest may not exceed.
    pub limits: Limits,
    /// Says which scripts made something: the beginning of a SHA-256 of them all, in hexadecimal.
    pub script_hash: Arc<str>,
    /// The scripts as the first guest compiled them, for the others.
    compiled: OnceLock<Vec<String>>,
}

impl GuestSpec {
    /// Guests of `runtime` that run `stages` within `limits`.
    pub fn new(runtime: Arc<Runtime>, stages: Vec<HelloStage>, limits: Limits) -> Self {
        Self {
            runtime,
            script_hash: script_hash(&stages),
            stages,
            limits,
            compiled: OnceLock::new(),
        }
    }
}

fn script_hash(stages: &[HelloStage]) -> Arc<str> {
    let mut hasher = Sha256::new();
    for stage in stages {
        hasher.update((stage.script.len() as u64).to_be_bytes());
        hasher.update(&stage.script);
    }
    hex(&hasher.finalize()[..8]).into()
}

/// What a guest may not exceed.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Time for one message.
    pub timeout: Duration,
    /// Time from instantiation to READY.
    pub start_timeout: Duration,
    /// Bytes of WebAssembly memory.
    pub memory: u64,
    /// Bytes one message's results may have.
    pub max_output: usize,
    /// Bytes one message may print.
    pub max_log: u64,
    /// For tests: each guest is ended at a random moment, about this long after READY.
    pub kill_after: Option<Duration>,
}

impl Limits {
    fn max_frame(&self) -> usize {
        self.max_output.saturating_add(FRAME_SLACK)
    }
}

/// Makes the guest live, from nothing or after it died.
#[derive(Debug, actix::Message)]
#[rtype(result = "Result<Started, StartError>")]
pub struct Start;

/// A guest is ready.
#[derive(Debug, Clone)]
pub struct Started {
    /// What it said.
    pub ready: Ready,
    /// Time from instantiation to READY.
    pub took: Duration,
    /// Bytes of memory it has.
    pub memory: u64,
}

/// A stretch of a batch for a guest to run.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// The batch; shared, since it is run again if the guest dies.
    pub batch: Arc<Batch>,
    /// Index of the first message to run.
    pub next: usize,
    /// Index after the last one.
    pub end: usize,
    /// Messages before this index run one to a request, since a request with them killed a guest.
    pub solo_until: usize,
}

/// Runs a stretch, or its beginning.
#[derive(Debug, actix::Message)]
#[rtype(result = "Executed")]
pub struct Execute(pub Stretch);

/// What came of it.
#[derive(Debug)]
pub struct Executed {
    /// For the first messages of the stretch, as far as it got.
    pub outcomes: Outcomes,
    /// Why it got no further.
    pub stop: Stop,
    /// Bytes of memory the guest has.
    pub memory: u64,
    /// How long it took.
    pub took: Duration,
    /// Processor time it took.
    pub cpu_seconds: f64,
}

/// Where a guest stopped in its stretch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// At the end.
    Complete,
    /// Before the end, to hand on what it has.
    Yielded,
    /// It died.
    Died {
        /// How.
        death: Death,
        /// How many messages of the fatal request are without outcome.
        suspects: usize,
        /// Whether that request was the guest's first and had one message: nobody else can have done it.
        alone: bool,
    },
}

/// The actor. See the module's documentation.
pub struct Guest {
    number: usize,
    spec: Arc<GuestSpec>,
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
    pub fn spawn(number: usize, spec: Arc<GuestSpec>) -> Result<Addr<Self>, StartError> {
        let thread = move || thread::Builder::new().name(format!("guest-{number}"));
        // `SyncArbiter` panics where a thread cannot be had.
        catch_unwind(AssertUnwindSafe(|| {
            SyncArbiter::start_with_thread_builder(1, thread, move || {
                Self::new(number, spec.clone())
            })
        }))
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
        let log = GuestLog::new(self.number, max_log);
        let mut instance = Instance::new(&self.spec.runtime, memory, max_frame + 5, log);
        let compiled = self.spec.compiled.get().cloned();
        let hello = Hello::new(self.spec.stages.clone(), compiled, max_frame);
        let greeting = handshake::greet(&mut instance, &hello, start_timeout);
        let mut ready = self.waiting.block_on(greeting)?;
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

    fn execute(&mut self, stretch: Stretch) -> Executed {
        let Stretch {
            batch,
            mut next,
            end,
            solo_until,
        } = stretch;
        let mut outcomes = Outcomes {
            script_hash: Arc::clone(&self.spec.script_hash),
            ..Outcomes::default()
        };
        let mut cost = 0;
        let (began, cpu) = (Instant::now(), process::thread_seconds());
        let stop = loop {
            if next == end {
                break Stop::Complete;
            }
            if cost >= YIELD_BYTES || began.elapsed() >= YIELD_AFTER {
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
            cpu_seconds: process::thread_seconds() - cpu,
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
                alone: false,
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
                alone: fresh && count == 1,
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

    fn handle(&mut self, Execute(stretch): Execute, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.execute(stretch))
    }
}
