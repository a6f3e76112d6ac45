//! Text for people on the two output streams, which may be closed at any time.
//!
//! The standard library's `println!` and `eprintln!` panic if the stream is closed. A message that nobody can read is
//! no reason to fail, nor is a reader that has seen enough (`| head -1`).

use std::fmt::Display;
use std::io::Write;

/// Writes a line to standard output.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Writes a line to standard error.
pub fn complain(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
