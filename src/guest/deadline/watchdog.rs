//! Watchdog: one thread that ends guests whose deadline has passed.
//!
//! A guest that computes holds its own thread, so another one has to look at the clock. It sleeps until the earliest
//! deadline that it knows. Requests end long before their deadlines as a rule, and new ones have later deadlines; so
//! the thread finds nothing to do when it wakes, and sleeps until the earliest deadline of that moment. It wakes about
//! once for each timeout, not once for each request, and setting a deadline costs two atomic operations.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::{NEVER, Shared};

/// Time until a page that could not be taken is tried again.
pub(super) const AGAIN: Duration = Duration::from_millis(10);

/// State that the thread shares with the guests.
struct Watchdog {
    watched: Mutex<Watched>,
    /// Signalled when there is an earlier deadline than the thread knows.
    changed: Condvar,
    start: Instant,
    /// Time at which the thread wakes by itself, in nanoseconds since `start`. `NEVER` while it looks at the deadlines,
    /// and if there are none.
    wakes_at: AtomicU64,
}

#[derive(Default)]
struct Watched {
    guests: Vec<Weak<Shared>>,
    /// Whether the thread runs.
    runs: bool,
}

static WATCHDOG: LazyLock<Watchdog> = LazyLock::new(|| Watchdog {
    watched: Mutex::default(),
    changed: Condvar::new(),
    start: Instant::now(),
    wakes_at: AtomicU64::new(NEVER),
});

/// Watches the deadline of one more guest, until its last reference is dropped. Starts the thread the first time.
///
/// # Errors
/// If the system gives no thread.
pub(super) fn guard(guest: Weak<Shared>) -> io::Result<()> {
    let mut watched = WATCHDOG.lock();
    if !watched.runs {
        let thread = thread::Builder::new().name("watchdog".into());
        thread.spawn(|| WATCHDOG.watch())?;
        watched.runs = true;
    }
    watched.guests.push(guest);
    drop(watched);
    WATCHDOG.changed.notify_one();
    Ok(())
}

/// Wakes the thread if it sleeps for longer than `limit`. To be called after a deadline was set.
///
/// The thread sets `wakes_at` to `NEVER` before it reads the deadlines. So it reads the new one, or this function reads
/// `NEVER`, whatever their order: all four accesses are sequentially consistent.
pub(super) fn hurry(limit: Duration) {
    if WATCHDOG.at(limit) < WATCHDOG.wakes_at.load(Ordering::SeqCst) {
        // With the lock, the thread sleeps already, and does not miss the signal.
        drop(WATCHDOG.lock());
        WATCHDOG.changed.notify_one();
    }
}

impl Watchdog {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the time after `wait`, in nanoseconds since `start`.
    fn at(&self, wait: Duration) -> u64 {
        let at = self.start.elapsed().saturating_add(wait).as_nanos();
        u64::try_from(at).unwrap_or(NEVER)
    }

    fn watch(&self) {
        let mut watched = self.lock();
        loop {
            self.wakes_at.store(NEVER, Ordering::SeqCst);
            let mut next = None;
            watched.guests.retain(|guest| {
                let Some(guest) = guest.upgrade() else {
                    return false;
                };
                let left = guest.enforce();
                next = next.into_iter().chain(left).min();
                true
            });
            watched = match next {
                None => (self.changed.wait(watched)).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    self.wakes_at.store(self.at(left), Ordering::SeqCst);
                    let waited = self.changed.wait_timeout(watched, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}
