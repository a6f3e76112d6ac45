//! The output that keeps nothing, for benchmarks and for scripts run for their log.

use actix::prelude::*;

use crate::message::Deliver;

/// The actor.
pub struct Drop;

impl Actor for Drop {
    type Context = Context<Self>;
}

impl Handler<Deliver> for Drop {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, _: &mut Self::Context) {
        deliver.ack.done();
    }
}
