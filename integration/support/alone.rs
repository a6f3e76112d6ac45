//! Tests that need the machine for themselves.
//!
//! The tests of a target run at the same time. A few check how soon something happens: while others take all processors
//! they would fail without an error of the program. Such a test calls [`alone`]; it waits until no other test of its
//! process runs the program, and others wait until it ends.

use std::cell::Cell;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;

#[derive(Default)]
struct Tests {
    /// Number of tests that run the program.
    running: usize,
    /// Number of tests that wait to be alone. No other test begins meanwhile, or there would always be one.
    waiting: usize,
    /// Whether a test is alone.
    alone: bool,
}

static TESTS: Mutex<Tests> = Mutex::new(Tests {
    running: 0,
    waiting: 0,
    alone: false,
});
static CHANGED: Condvar = Condvar::new();

fn tests() -> MutexGuard<'static, Tests> {
    TESTS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn wait_while(mut busy: impl FnMut(&Tests) -> bool) -> MutexGuard<'static, Tests> {
    CHANGED
        .wait_while(tests(), |tests| busy(tests))
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// State of the test in this thread.
#[derive(Clone, Copy, PartialEq)]
enum Entered {
    Not,
    Beside,
    Alone,
}

/// State that ends with the thread, which belongs to the test.
struct Here(Cell<Entered>);

impl Here {
    fn leave(&self) {
        match self.0.replace(Entered::Not) {
            Entered::Not => {}
            Entered::Beside => tests().running -= 1,
            Entered::Alone => tests().alone = false,
        }
        CHANGED.notify_all();
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.leave();
    }
}

thread_local! {
    static HERE: Here = const { Here(Cell::new(Entered::Not)) };
}

/// Waits while another test is alone, or waits to be; for the first program that a test runs.
pub(crate) fn enter() {
    // The harness names the threads of tests. Threads that a test starts have no name, and belong to a test that has
    // entered.
    if thread::current().name().is_none() {
        return;
    }
    HERE.with(|here| {
        if here.0.get() == Entered::Not {
            wait_while(|tests| tests.alone || tests.waiting > 0).running += 1;
            here.0.set(Entered::Beside);
        }
    });
}

/// Guard of a test that is alone, until it is dropped.
pub struct Alone(());

/// Waits until no other test of this process runs the program, and keeps others from doing so.
#[must_use]
pub fn alone() -> Alone {
    HERE.with(|here| {
        // With `--test-threads=1` the tests before this one ran in this thread.
        here.leave();
        tests().waiting += 1;
        let mut tests = wait_while(|tests| tests.alone || tests.running > 0);
        tests.waiting -= 1;
        tests.alone = true;
        here.0.set(Entered::Alone);
    });
    Alone(())
}

impl Drop for Alone {
    fn drop(&mut self) {
        HERE.with(Here::leave);
    }
}
