//! Waits, with one limit for all of them: the limit only detects a hang, and is no measure of speed.

use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// Longest time that a test waits for the program, or for a condition to become true.
pub const HANG: Duration = Duration::from_secs(240);

/// Answer to whether a condition is true: a `bool`, an `Option`, or a `Result` whose error describes the current state.
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

/// Waits until `look` finds what it looks for, and returns it. After [`HANG`], fails the test with the last state.
#[track_caller]
pub fn eventually<L: Look>(what: &str, mut look: impl FnMut() -> L) -> L::Found {
    let began = Instant::now();
    // Something that comes soon is noticed soon, and something that takes long is not checked all the time.
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

/// Waits for the end of a process. Returns `None` if it does not end within [`HANG`].
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
