//! The output that keeps nothing, for benchmarks and for scripts run for their log.

use actix::prelude::*;

use crate::output::Deliver;

/// The actor.
pub struct Discard;

impl Actor for Discard {
    type Context = Context<Self>;
}

impl Handler<Deliver> for Discard {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, _: &mut Self::Context) {
        deliver.ack.done();
    }
}
