//! Deadline of a guest: set by the host for each request, and enforced by the [`watchdog`], which takes away the page
//! that the guest's code [polls](super::rewrite).

pub(super) mod watchdog;

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::mm::{MprotectFlags, mprotect};

use super::rewrite::PAGE_BYTES;
use crate::clock::Clock;

/// Value of `Shared::at` while the guest does not run.
const NEVER: u64 = u64::MAX;

/// Time at which a guest must be done, by a clock that stands still while the process does. Cheap to clone; all clones
/// are the same deadline.
#[derive(Debug, Clone)]
pub(crate) struct Deadline(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    /// The deadline, in nanoseconds by the clock.
    at: AtomicU64,
    page: Mutex<Page>,
}

/// Page of memory that a guest polls.
#[derive(Debug)]
enum Page {
    /// The guest's memory does not exist yet, or not any more.
    Absent,
    /// The guest can read it.
    Readable(PagePointer),
    /// The guest cannot read it any more.
    Taken,
}

/// Address of a page that a guest polls: `PAGE_BYTES` bytes in a memory of the guest's store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PagePointer(NonNull<u8>);

// SAFETY: nobody reads or writes through the pointer. It is an address for a call of the system, which may be made from
// any thread.
unsafe impl Send for PagePointer {}

impl PagePointer {
    /// Returns the address of `page`, or `None` if it is not a whole page as the [poll](super::rewrite) defines it.
    pub(crate) fn of(page: &[u8]) -> Option<Self> {
        (page.len() == PAGE_BYTES).then_some(Self(NonNull::from_ref(page).cast()))
    }
}

/// Proof that a guest's memory exists. To be dropped before the guest's store.
#[derive(Debug)]
#[must_use]
pub(crate) struct Lent(Deadline);

impl Deadline {
    /// Creates a deadline by `clock`, for a guest that does not run yet.
    pub(crate) fn new(clock: Clock) -> Self {
        Self(Arc::new(Shared {
            clock,
            at: AtomicU64::new(NEVER),
            page: Mutex::new(Page::Absent),
        }))
    }

    /// Lets the guest run for `limit` from now on.
    pub(crate) fn set(&self, limit: Duration) {
        let at = self.0.clock.now().saturating_add(limit).as_nanos();
        let at = u64::try_from(at).unwrap_or(NEVER).min(NEVER - 1);
        // In one order with the watchdog's own number, see `watchdog::hurry`.
        self.0.at.store(at, Ordering::SeqCst);
        watchdog::hurry(limit);
    }

    /// Ends the time of the current request. Returns whether the guest was too late: then it can never run again.
    pub(crate) fn end(&self) -> bool {
        let page = self.0.lock();
        self.0.at.store(NEVER, Ordering::SeqCst);
        matches!(*page, Page::Taken)
    }

    /// Returns whether the guest lost its page, so that it traps.
    pub(crate) fn missed(&self) -> bool {
        matches!(*self.0.lock(), Page::Taken)
    }

    /// Returns the time until the deadline passes.
    pub(crate) fn left(&self) -> Duration {
        self.0.left()
    }

    /// Gives the guest's page to the watchdog, until the result is dropped.
    ///
    /// # Errors
    /// If the system gives no thread for the watchdog, so that a guest could compute for ever.
    ///
    /// # Safety
    /// The page must be a memory of a store that lives longer than the result, and only the code of that store's guest
    /// may read it, as [polls](super::rewrite).
    pub(crate) unsafe fn lend(&self, page: PagePointer) -> std::io::Result<Lent> {
        *self.0.lock() = Page::Readable(page);
        let lent = Lent(self.clone());
        watchdog::guard(Arc::downgrade(&self.0))?;
        self.0.enforce();
        Ok(lent)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut page = self.0.0.lock();
        if let Page::Readable(_) = *page {
            *page = Page::Absent;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self) -> Duration {
        Duration::from_nanos(self.at.load(Ordering::SeqCst)).saturating_sub(self.clock.now())
    }

    /// Takes the guest's page if the deadline has passed. Returns the time until it passes otherwise, if the guest runs.
    fn enforce(&self) -> Option<Duration> {
        let mut page = self.lock();
        if self.at.load(Ordering::SeqCst) == NEVER {
            return None;
        }
        let left = self.left();
        if !left.is_zero() {
            return Some(left);
        }
        if let Page::Readable(PagePointer(address)) = *page {
            // SAFETY: the address is that of a whole memory that exists, since `Lent` is dropped before the store, and
            // clears it under this lock. It is a page of its own in the system's sense too: memories begin at pages, and
            // WebAssembly's are the larger ones. No Rust code reads it (`lend` demands it); WebAssembly code that does
            // so faults within a memory of its store, which Wasmtime reports as a trap.
            let taken =
                unsafe { mprotect(address.as_ptr().cast(), PAGE_BYTES, MprotectFlags::empty()) };
            if let Err(error) = taken {
                tracing::error!(%error, "a guest whose time is over cannot be ended; it is tried again");
                return Some(watchdog::AGAIN);
            }
            *page = Page::Taken;
        }
        None
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::clock::ALLOWANCE;

    #[test]
    fn a_deadline_passes() {
        let deadline = Deadline::new(Clock::of_process());
        assert_eq!(deadline.0.enforce(), None, "it does not run yet");
        deadline.set(Duration::from_secs(3600));
        assert!(deadline.left() > Duration::from_secs(3500));
        deadline.set(Duration::ZERO);
        assert!(deadline.clone().left().is_zero());
        deadline.set(Duration::MAX);
        assert!(!deadline.left().is_zero());
    }

    #[test]
    fn a_pause_of_the_process_does_not_pass_it() {
        let clock = Clock::unkept();
        let deadline = Deadline::new(clock.clone());
        deadline.set(2 * ALLOWANCE);
        std::thread::sleep(3 * ALLOWANCE);
        assert!(deadline.left() >= ALLOWANCE);
        clock.beat();
        assert!(!deadline.left().is_zero(), "nor does the end of the pause");
    }

    /// Maps a page of its own, as a guest's memory is.
    pub(in crate::guest) fn page() -> PagePointer {
        use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
        // SAFETY: new memory, which the tests never unmap.
        let memory = unsafe {
            mmap_anonymous(
                std::ptr::null_mut(),
                PAGE_BYTES,
                ProtFlags::READ,
                MapFlags::PRIVATE,
            )
        };
        PagePointer(NonNull::new(memory.expect("a page").cast()).expect("not null"))
    }

    #[test]
    fn the_watchdog_takes_the_page_of_a_guest_that_is_late() {
        let (late, other) = (
            Deadline::new(Clock::of_process()),
            Deadline::new(Clock::of_process()),
        );
        // SAFETY: the pages are never unmapped, and nothing reads them.
        let lent = unsafe { [late.lend(page()), other.lend(page())] };
        let _lent = lent.map(|lent| lent.expect("a thread"));
        other.set(Duration::from_secs(3600));
        late.set(Duration::from_millis(20));
        while !late.missed() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(
            late.left().is_zero() && late.end() && late.end(),
            "for good"
        );
        assert!(!other.end());
    }

    #[test]
    fn a_guest_that_is_in_time_keeps_its_page() {
        let deadline = Deadline::new(Clock::of_process());
        // SAFETY: the page is never unmapped, and nothing reads it.
        let lent = unsafe { deadline.lend(page()) }.expect("a thread");
        for _ in 0..1000 {
            deadline.set(Duration::from_millis(50));
            if deadline.end() {
                assert!(deadline.missed(), "this machine stood still for 50 ms");
                return;
            }
        }
        std::thread::sleep(Duration::from_millis(60));
        assert!(!deadline.missed(), "a deadline of a request that has ended");
        drop(lent);
        deadline.set(Duration::ZERO);
        assert_eq!(deadline.0.enforce(), None);
        assert!(!deadline.missed(), "its memory may be another's by now");
    }

    #[test]
    fn a_guest_that_is_late_from_the_beginning_gets_no_page() {
        let deadline = Deadline::new(Clock::of_process());
        deadline.set(Duration::ZERO);
        // SAFETY: the page is never unmapped, and nothing reads it.
        let _lent = unsafe { deadline.lend(page()) }.expect("a thread");
        assert!(deadline.missed());
    }
}
