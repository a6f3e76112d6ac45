//! Running interpreter: a WebAssembly call that never returns, and that runs only while the host waits for a reply.
//!
//! The call is a future. It is polled until the guest waits for input (a frame is answered) or its time is over. A
//! script that computes too long is ended by its [`Deadline`]; one that sleeps waits in the host, where a timer ends
//! it. Dropping the future unwinds the guest's stack and frees its store, whatever it was doing.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;
use wasmtime::{Engine, Store, Trap};
use wasmtime_wasi::I32Exit;

use super::deadline::Deadline;
use super::error::{ComponentFailed, Death};
use super::log::GuestLog;
use super::runtime::Runtime;
use super::stdio::{Stdio, Streams};
use super::store::{self, Memory, StoreState};
use crate::clock::Clock;

/// Call into WebAssembly that lasts for a guest's life.
pub(crate) type Call = Pin<Box<dyn Future<Output = wasmtime::Result<()>>>>;

/// Interval of looks at the clock during a wait.
const LOOK: Duration = Duration::from_secs(1);

/// Interpreter of a guest, with its streams.
pub(crate) struct Instance {
    life: Life,
    stdio: Stdio,
    memory: Memory,
    deadline: Deadline,
}

/// Call of the guest, or its result: after the end the call must not be polled again.
enum Life {
    Runs(Call),
    Over(Death),
}

impl Instance {
    /// Creates an instance of `runtime`. It runs for the first time in [`reply`](Self::reply).
    pub(crate) fn new(runtime: &Runtime, memory: u64, outbox_limit: usize, log: GuestLog) -> Self {
        let stdio = Stdio::new(runtime.preface(), outbox_limit, log);
        let (engine, arguments) = (runtime.engine(), runtime.arguments());
        Self::of(engine, arguments, stdio, memory, |store| {
            runtime.call(store)
        })
    }

    /// Creates an instance that runs `call`, with `arguments` as its command line.
    pub(crate) fn of(
        engine: &Engine,
        arguments: &[String],
        stdio: Stdio,
        memory: u64,
        call: impl FnOnce(Store<StoreState>) -> Call,
    ) -> Self {
        let memory = Memory::new(memory);
        let deadline = Deadline::new(Clock::of_process());
        let store = store::store(engine, &stdio, &memory, &deadline, arguments);
        Self {
            life: Life::Runs(call(store)),
            stdio,
            memory,
            deadline,
        }
    }

    /// Returns the guest's streams.
    pub(crate) fn stdio(&self) -> &Stdio {
        &self.stdio
    }

    /// Returns the guest's memory.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Returns how the guest ended, if it has. A guest may end at the very moment when its last reply is complete.
    pub(crate) fn over(&self) -> Option<&Death> {
        match &self.life {
            Life::Runs(_) => None,
            Life::Over(death) => Some(death),
        }
    }

    /// Runs the guest until `take` finds a complete reply in the outbox, at most for `limit`.
    ///
    /// # Errors
    /// The way in which the guest died. The instance is then of no use any more.
    pub(crate) async fn reply<T>(
        &mut self,
        limit: Duration,
        take: impl FnMut(&mut Streams) -> Option<Result<T, Death>>,
    ) -> Result<T, Death> {
        self.memory.take_refused();
        self.deadline.set(limit);
        let reply = self.whole_reply(limit, take).await;
        let late = self.deadline.end();
        self.stdio.lock().log.settle();
        match reply {
            // The watchdog took the page while the guest wrote the reply: it cannot run again.
            Ok(_) if late => Err(Death::Timeout(limit)),
            reply => reply,
        }
    }

    async fn whole_reply<T>(
        &mut self,
        limit: Duration,
        mut take: impl FnMut(&mut Streams) -> Option<Result<T, Death>>,
    ) -> Result<T, Death> {
        let deadline = self.deadline.clone();
        let running = std::future::poll_fn(|context| {
            if let Life::Runs(call) = &mut self.life
                && let Poll::Ready(end) = call.as_mut().poll(context)
            {
                self.life = Life::Over(self.death(end, limit));
            }
            // Also after the end: FAILED is written just before the guest returns.
            if let Some(reply) = take(&mut self.stdio.lock()) {
                return Poll::Ready(reply);
            }
            match self.over() {
                Some(death) => Poll::Ready(Err(death.clone())),
                None => Poll::Pending,
            }
        });
        let mut running = std::pin::pin!(running);
        loop {
            // The timer runs while the process stands still, the deadline does not.
            match timeout(deadline.left().min(LOOK), &mut running).await {
                Ok(reply) => return reply,
                Err(_) if deadline.left().is_zero() => return Err(Death::Timeout(limit)),
                Err(_) => {}
            }
        }
    }

    fn death(&self, end: wasmtime::Result<()>, limit: Duration) -> Death {
        let streams = self.stdio.lock();
        if let Some(allowed) = streams.log.overflowed {
            return Death::Log(allowed);
        }
        if streams.outbox_overflowed {
            return Death::Protocol("more bytes than a frame may have".into());
        }
        if end.is_err() && self.deadline.missed() {
            return Death::Timeout(limit);
        }
        // Python without memory cannot even report that: it traps, or exits with an error.
        if self.memory.take_refused() {
            return Death::Memory(self.memory.limit());
        }
        let error = match end {
            Ok(()) => return Death::Exit(0),
            Err(error) => error,
        };
        if let Some(I32Exit(code)) = error.downcast_ref() {
            return Death::Exit(*code);
        }
        if error.is::<ComponentFailed>() {
            return Death::ExitFailed;
        }
        let what = error.root_cause().to_string();
        match error.downcast_ref() {
            // C's stack lies at the beginning of the memory: below it nothing can be read or written. No C code of
            // CPython is known that is out of bounds for another reason.
            Some(Trap::StackOverflow | Trap::MemoryOutOfBounds) => Death::StackOverflow(what),
            _ => Death::Trap(what),
        }
    }
}

#[cfg(test)]
mod tests;
