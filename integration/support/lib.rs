//! Common part of the integration tests: the built program, a running pipeline, a Kafka of their own, and waits.
//!
//! A test describes a run with [`nerodia`] (or [`eval`], or [`Pipeline`] for Kafka). [`Nerodia::run`] runs it to its
//! end and returns the result, a [`Ran`]. [`Nerodia::start`] returns a [`Running`]: a test writes to its input, waits
//! for a line of its log or a result, asks its web server for statistics, and ends it.
//!
//! It is a crate of its own and not a module, so that each target of `integration/` uses the part that it needs, and is
//! linked with what was built once.

mod alone;
mod cluster;
mod files;
mod http;
mod log;
mod pipeline;
mod process;
mod program;
mod random;
mod record;
mod registry;
mod running;
mod runtimes;
mod shell;
mod wait;

pub use alone::{Alone, alone};
pub use cluster::{Cluster, PATIENCE, kafka_sh};
pub use files::{put, root, target, unique, written};
pub use http::{Web, get, port, request};
pub use log::{errors, logged, tail};
pub use pipeline::Pipeline;
pub use process::{processor_time, resident, send_signal};
pub use program::{Nerodia, Ran, eval, nerodia, pipeline, program};
pub use random::Random;
pub use record::{Record, counts, numbered, numbers, recently, send};
pub use registry::{FakeRegistry, RealRegistry};
pub use running::Running;
pub use runtimes::RUNTIMES;
pub use rustix::process::Signal;
pub use shell::{Answer, Shell};
pub use wait::{HANG, Look, eventually, wait_for_exit};
