//! Waiting, with one limit for all: a hang is what it finds, and no measure of speed.

use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// The longest time that a test waits for the program, or for anything to become so.
pub const HANG: Duration = Duration::from_secs(240);

/// An answer to whether something is so already: a `bool`, an `Option`, or a `Result` that says what is so instead.
pub trait Look {
    type Found;
    fn look(self) -> Result<Self::Found, String>;
}

impl Look for bool {
    type Found = ();
    fn look(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("not yet".into()) }
    }
}

impl<T> Look for Option<T> {
    type Found = T;
    fn look(self) -> Result<T, String> {
        self.ok_or_else(|| "not yet".into())
    }
}

impl<T> Look for Result<T, String> {
    type Found = T;
    fn look(self) -> Self {
        self
    }
}

/// Waits until `look` finds what it looks for, and gives it. Fails the test, with what it found instead, after [`HANG`].
#[track_caller]
pub fn eventually<L: Look>(what: &str, mut look: impl FnMut() -> L) -> L::Found {
    let began = Instant::now();
    // What comes soon is seen soon, and what takes long is not asked for all the time.
    let mut pause = Duration::from_millis(5);
    loop {
        match look().look() {
            Ok(found) => return found,
            Err(state) => assert!(began.elapsed() < HANG, "never: {what}; at the end: {state}"),
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Waits for the end of a process; `None` if it does not end within [`HANG`].
pub fn wait_for_exit(child: &mut Child) -> Option<ExitStatus> {
    let began = Instant::now();
    while began.elapsed() < HANG {
        if let Some(status) = child.try_wait().expect("it is our child") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(2));
    }
    None
}
