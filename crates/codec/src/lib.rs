//! Conversion between JSON on the host and Python's `marshal` format in the guest.
//!
//! ```text
//! payload ─ Encoder ─▶ marshal bytes ─▶ guest: marshal.loads, script, marshal.dumps ─▶ Reader ─▶ JSON
//! ```
//!
//! To parse JSON inside the sandbox costs more than running most scripts, so the host does it: it turns JSON straight
//! into the bytes that CPython's C loader reads fastest, and back, without building a tree in either direction.
//!
//! The format is that of `Python/marshal.c`, version 4, which CPython 3.4 to 3.13 write by default and 3.14 reads, and
//! writes on request (its own version 5 adds slices, which the decoder knows so that it can refuse them by name). The
//! encoder never writes an interned string: since CPython 3.13 the loader makes those immortal, and a guest would keep
//! every key that it ever saw.
//!
//! Bytes from a guest may be hostile: [`Reader`] never panics, never reads outside the frame, and bounds its depth, its
//! output and its work, whatever the bytes say.

mod build;
mod canonical;
mod cursor;
mod decode;
mod document;
mod encode;
mod error;
mod json;
mod keys;
mod number;
mod objects;
mod patch;
mod place;
mod skip;
mod text;
mod tree;
mod typed;
mod value;
mod wire;

#[cfg(test)]
mod tests;

pub use build::{Mark, OpenList};
pub use canonical::MOST_SET;
pub use decode::{Kind, Reader, Scratch};
pub use encode::{Encoder, NotJson, Payload};
pub use error::{FrameError, OutputErrorKind, ValueError};
pub use patch::{Set, write_patched};
pub use tree::Value;
pub use typed::{DatetimeForm, DecimalForm, JsonForm, Typed};
pub use value::Top;

/// Limit on the decimal digits of one integer, in both directions.
///
/// Conversion between binary and decimal takes quadratic time; at this length it costs some 30 ns per digit, so a
/// payload made of nothing else is still converted at 30 MB/s. Python's own `json` stops at 4300 digits.
pub const MAX_INT_DIGITS: usize = 10_000;
