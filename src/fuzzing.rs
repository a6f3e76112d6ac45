//! What fuzzers check. Each function takes any bytes, makes of them what its part of the engine may be given, and
//! panics if a promise is broken.
//!
//! The programs in `fuzz/` hand them what libFuzzer comes up with (`scripts/fuzz.sh`). `cargo test` hands them the
//! corpus that those left behind, and mutations of it. No other build has this module.

mod config;
mod handshake;
mod json;
mod lines;
mod marshal;
mod response;
mod tokens;

#[cfg(test)]
mod tests;

pub use config::config;
pub use handshake::handshake;
pub use json::json;
pub use lines::lines;
pub use marshal::marshal;
pub use response::response;

#[cfg(test)]
pub(crate) use {lines::check as check_lines, marshal::read_all};

/// Takes the first byte off, 0 if there is none: a parameter.
fn parameter(data: &mut &[u8]) -> usize {
    match data.split_first() {
        Some((&first, rest)) => {
            *data = rest;
            usize::from(first)
        }
        None => 0,
    }
}
