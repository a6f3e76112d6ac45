//! Nerodia: a stream engine that runs Python in a sandbox.
//!
//! ```text
//! Input ──▶ Processor ──▶ Supervisor ──▶ Guest ⨯ N ──▶ Processor ──▶ Output
//!   ▲ permit from the gate   queue, scaling,   sandboxed      back in      │
//!   │                        restarts          CPython        order        │
//!   └───────────────────────────── acks: permits home, commit point ◀──────┘
//! ```
//!
//! # Layout
//!
//! In the order in which a message meets them:
//!
//! * [`config`]: YAML in, a config that cannot be wrong out.
//! * [`engine`]: starts the actors from the output back to the input, and ends them.
//! * [`message`]: what flows; [`message::gate`] bounds it, [`message::ack`] answers for it.
//! * [`input`]: Kafka, standard input and generated messages, cut into batches.
//! * [`processor`]: hands batches on, puts results back in order, applies the error policy.
//! * [`supervisor`]: the queue of work; scaling, restart and replay of guests.
//! * [`guest`]: one interpreter in its sandbox, and the protocol spoken with it.
//! * [`codec`]: JSON to Python's marshal format and back.
//! * [`output`], [`dead_letter`]: where results and failures go.
//! * [`kafka`]: what Kafka inputs and outputs share.
//! * [`telemetry`]: metrics and logs.
//! * [`clock`]: time that counts, by which deadlines are kept.
//! * [`cli`]: the commands.

#![warn(missing_docs)]

pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod message;

pub mod input;
pub mod processor;
pub mod supervisor;

pub mod codec;
pub mod guest;

pub mod kafka;

pub mod dead_letter;
pub mod output;

pub mod telemetry;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
