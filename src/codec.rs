//! JSON on the host, Python's `marshal` in the guest.
//!
//! ```text
//! payload ─ Encoder ─▶ marshal bytes ─▶ guest: marshal.loads, script, marshal.dumps ─▶ Reader ─▶ JSON
//! ```
//!
//! Parsing JSON inside the sandbox costs more than running most scripts, so the host does it: it
//! turns JSON straight into the bytes that CPython's C loader reads fastest, and back, without
//! building a tree on either way.
//!
//! The format is that of `Python/marshal.c`, version 4, which CPython 3.4 to 3.13 write by default
//! and 3.14 reads and writes when asked (its own version 5 adds slices, which the decoder knows so
//! that it can refuse them by name). The encoder never writes an interned string: since CPython
//! 3.13 the loader makes those immortal, and a guest would keep every key it ever saw.
//!
//! What comes from a guest is hostile: [`Reader`] never panics, never reads outside the frame and
//! bounds its depth, its output and its work, whatever the bytes say.

mod cursor;
mod decode;
mod document;
mod encode;
mod error;
mod json;
mod keys;
mod number;
mod objects;
mod skip;
mod text;
mod value;
mod wire;

#[cfg(test)]
mod tests;

pub use decode::{Kind, Reader, Scratch};
pub use encode::{Encoder, Payload};
pub use error::{FrameError, OutputError, OutputErrorKind};
pub use value::Top;

/// Most decimal digits of one integer, in both directions.
///
/// Converting between binary and decimal takes quadratic time; at this length it costs some 30 ns
/// a digit, so a payload made of nothing else still converts at 30 MB/s. Python's own `json` stops
/// at 4300 digits.
pub const MAX_INT_DIGITS: usize = 10_000;
