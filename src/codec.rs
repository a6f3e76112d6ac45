//! Codec: JSON on the host, Python's `marshal` in the guest.
//!
//! ```text
//! payload ─ Encoder ─▶ marshal bytes ─▶ guest: marshal.loads, script, marshal.dumps ─▶ Reader ─▶ JSON
//! ```
//!
//! Parsing JSON inside the sandbox costs more than running most scripts, so the host does it: it turns JSON directly
//! into the bytes that CPython's C loader reads fastest, and back, without building a tree in either direction.
//!
//! The format is that of `Python/marshal.c`, version 4, which CPython 3.4 to 3.13 write by default and which 3.14
//! reads, and writes on request (its own version 5 adds slices, which the decoder knows so that it can refuse them by
//! name). The encoder never writes an interned string: since CPython 3.13 the loader makes interned strings immortal,
//! and a guest would keep every key it ever saw.
//!
//! Bytes from a guest are not trusted: [`Reader`] never panics, never reads outside the frame and bounds its depth, its
//! output and its work, whatever the bytes are.

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

/// Limit on the decimal digits of one integer, in both directions.
///
/// Converting between binary and decimal takes quadratic time. At this length it costs about 30 ns for each digit, so a
/// payload that consists only of such integers still converts at 30 MB/s. Python's own `json` stops at 4300 digits.
pub const MAX_INT_DIGITS: usize = 10_000;
