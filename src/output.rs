//! Where results go.
//!
//! An output takes [`Deliver`] messages in order, writes their records, and ends
//! each ack when the records are where they should be. It has an arbiter of its own, so that it may block.

pub mod drop;
pub mod lines;

use std::sync::Arc;

use actix::prelude::*;

use self::drop::Drop;
use self::lines::Lines;
use crate::config::OutputConfig;
use crate::engine::OutputEnded;
use crate::message::Deliver;
use crate::telemetry::counters::Counters;

/// Starts the output that `config` describes, on an arbiter of its own. It tells `engine` when it cannot go
/// on.
pub fn start(
    config: &OutputConfig,
    engine: Recipient<OutputEnded>,
    counters: Arc<Counters>,
) -> Recipient<Deliver> {
    let arbiter = Arbiter::new().handle();
    match config {
        OutputConfig::Stdout(config) => {
            let lines = Lines::new(std::io::stdout(), config.codec.clone(), engine, counters);
            Lines::start_in_arbiter(&arbiter, |_| lines).recipient()
        }
        OutputConfig::Drop => Drop::start_in_arbiter(&arbiter, |_| Drop).recipient(),
    }
}

/// Starts the dead-letter output that is used where the config names none: JSON lines on standard error.
pub fn start_stderr(engine: Recipient<OutputEnded>, counters: Arc<Counters>) -> Recipient<Deliver> {
    let arbiter = Arbiter::new().handle();
    let lines = Lines::new(
        std::io::stderr(),
        crate::config::StdoutCodec::Lines,
        engine,
        counters,
    );
    Lines::start_in_arbiter(&arbiter, |_| lines).recipient()
}
