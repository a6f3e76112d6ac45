//! Checks for fuzzers. Each function takes any bytes, turns them into input for its part of the engine, and panics if
//! the engine breaks a promise.
//!
//! The programs in `fuzz/` call them with libFuzzer's inputs (`scripts/fuzz.sh`). `cargo test` calls them with the
//! corpus of those programs, and with mutations of it. No other build contains this module.

mod avro;
mod config;
mod handshake;
mod json;
mod lines;
mod marshal;
mod order;
mod protobuf;
mod response;
mod tokens;

#[cfg(test)]
mod tests;

pub use avro::avro;
pub use config::config;
pub use handshake::handshake;
pub use json::json;
pub use lines::lines;
pub use marshal::marshal;
pub use order::avro_order;
pub use protobuf::{Protobuf, protobuf};
pub use response::response;

#[cfg(test)]
pub(crate) use lines::check as check_lines;

/// Takes the first byte as a parameter; returns 0 if there is none.
fn parameter(data: &mut &[u8]) -> usize {
    match data.split_first() {
        Some((&first, rest)) => {
            *data = rest;
            usize::from(first)
        }
        None => 0,
    }
}
