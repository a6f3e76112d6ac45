//! Nerodia: a stream engine that runs Python in a sandbox.
//!
//! ```text
//! Input ──▶ Supervisor ──▶ Guest ⨯ N ──▶ Resequencer ──▶ Output
//!   ▲ memory   queue, scaling,  sandboxed       back in          │
//!   │ budget   restarts         CPython         order            │
//!   └───────────── acks: memory released, offsets committed ◀────┘
//! ```
//!
//! # Layout
//!
//! The modules, in the order in which a message meets them. A module uses only modules that are below it in this list
//! and those that all of them share; a test (`layers.rs`) checks that.
//!
//! * `cli`: the commands.
//! * `engine`: assembles the actors from the output back to the input, and ends them.
//! * `input`: Kafka, files, standard input and generated messages, cut into batches.
//! * `supervisor`: the queue of work; scaling, restart and replay of guests.
//! * `resequencer`: puts results back in order and sends failures along their route.
//! * `output`: the destinations of results and dead letters.
//!
//! Shared modules, from the most specific to the most general:
//!
//! * `kafka`: what Kafka inputs and outputs have in common.
//! * `telemetry`: metrics, logs and the web server.
//! * `control`: messages between the actors and the engine.
//! * `config`: YAML in, a config that cannot be wrong out.
//! * `guest`: one interpreter in its sandbox, and the protocol between it and the host.
//! * `message`: the data that flows, the bound on its memory, and the acks.
//! * `format`: payloads and keys of each format, and what guests get of them.
//! * `registry`: a client for a schema registry.
//! * `clock`: the time for deadlines, which stands still while the process is stopped.
//!
//! Below all of them is a crate of its own, `nerodia_codec` (`crates/codec`): JSON to Python's marshal format and back.

#![warn(missing_docs)]

pub mod cli;

mod engine;

mod input;
mod output;
mod resequencer;
mod supervisor;

mod kafka;
mod telemetry;

mod config;
mod control;
mod guest;
mod message;
mod registry;

mod clock;
mod format;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

#[cfg(test)]
mod layers;
