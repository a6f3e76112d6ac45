//! Tests that need the machine for themselves.
//!
//! Tests run side by side, those of several targets too. A few judge how soon something happens: beside others that take all
//! processors they would fail without a fault of the program. Such a test calls [`alone`]; it waits until no other test
//! runs the program, and others wait for its end.
//!
//! Two locked files hold this, so that it holds between processes: a test that runs the program shares the room, a test that
//! is alone has it for itself. Each takes the turnstile first, so a test that waits to be alone lets no other one in.

use std::cell::RefCell;
use std::fs::File;
use std::thread;

thread_local! {
    /// The lock on the room, held until the thread ends, which is the test's own.
    static ROOM: RefCell<Option<File>> = const { RefCell::new(None) };
}

/// The file `name` beside the test's own program: all targets are in one folder.
fn file(name: &str) -> File {
    let program = std::env::current_exe().expect("a test knows its own program");
    let path = program.with_file_name(format!("nerodia-tests.{name}"));
    let file = File::options().create(true).append(true).open(&path);
    file.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn turnstile() -> File {
    let turnstile = file("turnstile");
    turnstile.lock().expect("a file of ours can be locked");
    turnstile
}

/// Waits while another test is alone, or waits to be; for the first program that a test runs.
pub(crate) fn enter() {
    // The harness names the threads of tests. Threads that a test starts have no name, and belong to a test that has
    // entered.
    if thread::current().name().is_none() {
        return;
    }
    ROOM.with_borrow_mut(|room| {
        room.get_or_insert_with(|| {
            let _passed = turnstile();
            let room = file("room");
            room.lock_shared().expect("a file of ours can be locked");
            room
        });
    });
}

/// A test that is alone, until this is dropped.
pub struct Alone {
    _turnstile: File,
}

/// Waits until no other test runs the program, and keeps others from it.
#[must_use]
pub fn alone() -> Alone {
    // With `--test-threads=1` the tests before it ran in this thread, and left their lock here.
    ROOM.take();
    let turnstile = turnstile();
    let room = file("room");
    room.lock().expect("a file of ours can be locked");
    ROOM.set(Some(room));
    Alone {
        _turnstile: turnstile,
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        ROOM.take();
    }
}
