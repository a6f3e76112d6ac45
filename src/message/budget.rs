//! The bound on memory: it counts every byte in flight, from before the input passes it on until the output has
//! acknowledged it.
//!
//! A mailbox is no bound (actix's `do_send` ignores capacity, and each clone of an `Addr` brings a slot of its own), so
//! inputs take a [`Permit`] before they pass a batch on, and stop reading when there is no room. Results may be larger
//! than the messages they were made from: [`Permit::charge`] adds them to the count without waiting. When results take
//! as much as the limit again, [`MemoryBudget::may_work`] holds back all work except the oldest, so at most one piece
//! of work exceeds the bound. Not tokio's `Semaphore`: its count cannot become negative.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use tokio::sync::Notify;

/// Counts bytes in flight against a limit. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct MemoryBudget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: u64,
    state: Mutex<State>,
    /// Wakes the input's thread.
    room: Condvar,
    /// Wakes tasks that wait for bytes to be released.
    released: Notify,
}

#[derive(Debug, Default)]
struct State {
    in_flight: u64,
    /// Bytes in flight that an output has, or that are on their way to one.
    leaving: u64,
    /// Thread that was refused a permit. It is unparked when bytes are released.
    refused: Option<Thread>,
}

impl State {
    fn fits(&self, limit: u64, bytes: u64) -> bool {
        self.in_flight == 0 || self.in_flight + bytes <= limit
    }

    fn may_work(&self, limit: u64, any_busy: bool) -> bool {
        self.in_flight <= limit.saturating_mul(2) || (!any_busy && self.leaving == 0)
    }
}

impl MemoryBudget {
    /// Creates a budget with `limit` bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Self(Arc::new(Shared {
            limit,
            state: Mutex::default(),
            room: Condvar::new(),
            released: Notify::new(),
        }))
    }

    /// Blocks the thread until `bytes` fit, and takes them. A request for more than the whole limit is granted when
    /// nothing else is in flight.
    pub(crate) fn acquire(&self, bytes: u64) -> Permit {
        let mut state = self.lock();
        while !state.fits(self.0.limit, bytes) {
            state = self
                .0
                .room
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.in_flight += bytes;
        Permit::new(self, bytes)
    }

    /// Takes `bytes` if they fit, by the rule of [`acquire`](Self::acquire). If not, the calling thread is unparked the
    /// next time bytes are released; one thread at a time can wait like this.
    pub(crate) fn try_acquire(&self, bytes: u64) -> Option<Permit> {
        let mut state = self.lock();
        if state.fits(self.0.limit, bytes) {
            state.in_flight += bytes;
            return Some(Permit::new(self, bytes));
        }
        state.refused = Some(thread::current());
        None
    }

    /// Returns how many bytes may be in flight.
    pub(crate) fn limit(&self) -> u64 {
        self.0.limit
    }

    /// Returns how many bytes are in flight.
    pub(crate) fn in_flight(&self) -> u64 {
        self.lock().in_flight
    }

    /// Returns whether the oldest queued work may start. `any_busy` says whether a guest is busy.
    ///
    /// If results exceed the budget, work may start only when no guest is busy and no result is on its way to an
    /// output: then everything before the oldest work is done, so its own results are the next to leave.
    pub(crate) fn may_work(&self, any_busy: bool) -> bool {
        self.lock().may_work(self.0.limit, any_busy)
    }

    /// Waits until [`may_work`](Self::may_work) with the same `any_busy` returns true.
    pub(crate) async fn until_may_work(self, any_busy: bool) {
        let limit = self.0.limit;
        self.until(|state| state.may_work(limit, any_busy)).await;
    }

    /// Waits until every permit is released: the drain.
    pub(crate) async fn drained(&self) {
        self.until(|state| state.in_flight == 0).await;
    }

    async fn until(&self, reached: impl Fn(&State) -> bool) {
        loop {
            let released = self.0.released.notified();
            tokio::pin!(released);
            // Registered before the check, or the last permit could be released in between.
            released.as_mut().enable();
            if reached(&self.lock()) {
                return;
            }
            released.await;
        }
    }

    fn release(&self, bytes: u64, was_leaving: bool) {
        let mut state = self.lock();
        state.in_flight -= bytes;
        if was_leaving {
            state.leaving -= bytes;
        }
        let refused = state.refused.take();
        drop(state);
        if let Some(thread) = refused {
            thread.unpark();
        }
        self.0.room.notify_one();
        self.0.released.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is plain values, each valid even after a panic of another thread.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number of bytes of the memory budget, released when this value is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    budget: MemoryBudget,
    bytes: u64,
    leaving: AtomicBool,
}

impl Permit {
    fn new(budget: &MemoryBudget, bytes: u64) -> Self {
        Self {
            budget: budget.clone(),
            bytes,
            leaving: AtomicBool::new(false),
        }
    }

    /// Returns how many bytes the permit covers.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes `bytes` out of this permit into a permit of their own.
    pub(crate) fn split(&mut self, bytes: u64) -> Permit {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Permit::new(&self.budget, bytes)
    }

    /// Adds the bytes that `other` covers.
    pub(crate) fn join(&mut self, mut other: Permit) {
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Adds `bytes` without waiting for room.
    pub(crate) fn charge(&mut self, bytes: u64) {
        self.budget.lock().in_flight += bytes;
        self.bytes += bytes;
    }

    /// Makes the permit cover exactly `bytes`: releases the surplus, or takes the missing bytes without waiting.
    pub(crate) fn fit(&mut self, bytes: u64) {
        drop(self.split(self.bytes.saturating_sub(bytes)));
        self.charge(bytes.saturating_sub(self.bytes));
    }

    /// Notes that the bytes are now passed to an output.
    pub(crate) fn leave(&self) {
        if !self.leaving.swap(true, Ordering::Relaxed) {
            self.budget.lock().leaving += self.bytes;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.release(self.bytes, *self.leaving.get_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn waits_for_room_and_takes_it() {
        let budget = MemoryBudget::new(100);
        let first = budget.acquire(80);
        let waiting = thread::spawn({
            let budget = budget.clone();
            move || budget.acquire(40).bytes
        });
        thread::sleep(Duration::from_millis(20));
        assert!(!waiting.is_finished(), "80 + 40 do not fit 100");
        drop(first);
        assert_eq!(waiting.join().unwrap(), 40);
        assert_eq!(budget.in_flight(), 0);
    }

    #[test]
    fn who_was_refused_is_unparked_when_bytes_come_home() {
        let budget = MemoryBudget::new(100);
        let first = budget.acquire(80);
        let waiting = thread::spawn({
            let budget = budget.clone();
            move || {
                loop {
                    if let Some(mut permit) = budget.try_acquire(40) {
                        permit.fit(110);
                        permit.fit(10);
                        return (permit.bytes, budget.in_flight());
                    }
                    thread::park();
                }
            }
        });
        thread::sleep(Duration::from_millis(20));
        drop(first);
        assert_eq!(waiting.join().unwrap(), (10, 10));
        assert_eq!(budget.in_flight(), 0);
    }

    #[test]
    fn larger_than_the_limit_passes_alone() {
        let budget = MemoryBudget::new(100);
        let permit = budget.acquire(5_000);
        assert!(budget.may_work(false));
        assert!(!budget.may_work(true));
        drop(permit);
        assert!(budget.may_work(true));
    }

    #[test]
    fn results_may_take_as_much_again() {
        let budget = MemoryBudget::new(100);
        let mut permit = budget.acquire(100);
        permit.charge(100);
        assert!(budget.may_work(true));
        permit.charge(1);
        assert!(
            !budget.may_work(true),
            "others are run: their results come first"
        );
        assert!(budget.may_work(false), "the oldest work, alone");
        permit.leave();
        permit.leave();
        assert!(
            !budget.may_work(false),
            "the output has not taken the last results"
        );
        drop(permit);
        assert!(budget.may_work(true));
        assert_eq!(budget.lock().leaving, 0);
    }

    #[test]
    fn split_and_charged_permits_come_home_whole() {
        let budget = MemoryBudget::new(100);
        let mut whole = budget.acquire(60);
        let mut part = whole.split(20);
        part.charge(130);
        assert_eq!(budget.in_flight(), 190);
        drop(whole);
        assert_eq!(budget.in_flight(), 150);
        drop(part);
        assert_eq!(budget.in_flight(), 0);
    }

    #[tokio::test]
    async fn drained_when_the_last_permit_is_home() {
        let budget = MemoryBudget::new(10);
        budget.drained().await;
        let permit = budget.acquire(10);
        let drained = tokio::spawn({
            let budget = budget.clone();
            async move { budget.drained().await }
        });
        tokio::task::yield_now().await;
        assert!(!drained.is_finished());
        drop(permit);
        drained.await.unwrap();
    }
}
