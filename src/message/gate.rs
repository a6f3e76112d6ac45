//! The one bound on memory: every byte in flight is counted here, from before it is read until the output
//! has answered for it.
//!
//! A mailbox is no bound (actix's `do_send` ignores capacity, and each clone of an `Addr` brings a slot of
//! its own), so inputs take a [`Permit`] before they hand a batch on and stop reading when none is left.
//! Results may be larger than what they were made from: [`Permit::charge`] adds that to the count without
//! waiting, which makes the input wait instead. Not tokio's `Semaphore`: it cannot go into debt.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Counts bytes in flight against a limit. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: u64,
    state: Mutex<State>,
    /// Wakes the input's thread.
    room: Condvar,
    /// Wakes whoever waits for the gate to be empty.
    idle: Notify,
}

#[derive(Debug, Default)]
struct State {
    in_flight: u64,
}

impl Gate {
    /// A gate that lets `limit` bytes be in flight.
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Shared {
            limit,
            state: Mutex::default(),
            room: Condvar::new(),
            idle: Notify::new(),
        }))
    }

    /// Waits for `bytes` to fit and takes them; blocks the thread. What is larger than the whole limit
    /// passes alone, when nothing else is in flight.
    pub fn acquire(&self, bytes: u64) -> Permit {
        let mut state = self.lock();
        while state.in_flight > 0 && state.in_flight + bytes > self.0.limit {
            state = self
                .0
                .room
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.in_flight += bytes;
        Permit {
            gate: self.clone(),
            bytes,
        }
    }

    /// Bytes in flight now.
    pub fn in_flight(&self) -> u64 {
        self.lock().in_flight
    }

    /// Whether results have grown past the limit, so that only the oldest work should go on.
    pub fn is_over(&self) -> bool {
        self.in_flight() > self.0.limit
    }

    /// Waits until every permit has come home: the drain.
    pub async fn drained(&self) {
        loop {
            let idle = self.0.idle.notified();
            tokio::pin!(idle);
            // Registered before the check, or the last permit could come home in between.
            idle.as_mut().enable();
            if self.in_flight() == 0 {
                return;
            }
            idle.await;
        }
    }

    fn release(&self, bytes: u64) {
        let mut state = self.lock();
        state.in_flight -= bytes;
        let idle = state.in_flight == 0;
        drop(state);
        self.0.room.notify_one();
        if idle {
            self.0.idle.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is two plain values, whole whatever panicked beside it.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes taken at the gate; dropping it gives them back.
#[derive(Debug)]
pub struct Permit {
    gate: Gate,
    bytes: u64,
}

impl Permit {
    /// Takes `bytes` out of this permit into one of their own.
    pub fn split(&mut self, bytes: u64) -> Permit {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Permit {
            gate: self.gate.clone(),
            bytes,
        }
    }

    /// Sets what this permit covers to at least `bytes`, without waiting for room.
    pub fn charge(&mut self, bytes: u64) {
        let more = bytes.saturating_sub(self.bytes);
        self.gate.lock().in_flight += more;
        self.bytes += more;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.release(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn waits_for_room_and_takes_it() {
        let gate = Gate::new(100);
        let first = gate.acquire(80);
        let waiting = thread::spawn({
            let gate = gate.clone();
            move || gate.acquire(40).bytes
        });
        thread::sleep(Duration::from_millis(20));
        assert!(!waiting.is_finished(), "80 + 40 do not fit 100");
        drop(first);
        assert_eq!(waiting.join().unwrap(), 40);
        assert_eq!(gate.in_flight(), 0);
    }

    #[test]
    fn larger_than_the_limit_passes_alone() {
        let gate = Gate::new(100);
        let permit = gate.acquire(5_000);
        assert!(gate.is_over());
        drop(permit);
        assert!(!gate.is_over());
    }

    #[test]
    fn split_and_charged_permits_come_home_whole() {
        let gate = Gate::new(100);
        let mut whole = gate.acquire(60);
        let mut part = whole.split(20);
        part.charge(150);
        assert_eq!(gate.in_flight(), 190);
        drop(whole);
        assert_eq!(gate.in_flight(), 150);
        drop(part);
        assert_eq!(gate.in_flight(), 0);
    }

    #[tokio::test]
    async fn drained_when_the_last_permit_is_home() {
        let gate = Gate::new(10);
        gate.drained().await;
        let permit = gate.acquire(10);
        let drained = tokio::spawn({
            let gate = gate.clone();
            async move { gate.drained().await }
        });
        tokio::task::yield_now().await;
        assert!(!drained.is_finished());
        drop(permit);
        drained.await.unwrap();
    }
}
