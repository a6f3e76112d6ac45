//! Text for people on the two output streams, which may be closed at any time.
//!
//! In that case the standard library's `println!` and `eprintln!` panic. A closed stream is no reason to fail, and
//! neither is a reader that has seen enough (`| head -1`).

use std::fmt::Display;
use std::io::Write;

/// Writes a line to standard output.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Writes a line to standard error.
pub(super) fn complain(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
