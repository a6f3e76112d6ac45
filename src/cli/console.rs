//! Text for people on the two output streams, which may be closed at any time.
//!
//! The standard library's `println!` and `eprintln!` panic then. What cannot be told to anybody is no reason
//! to fail, and a reader who has seen enough (`| head -1`) is none either.

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
