//! Output that discards everything, for benchmarks and for scripts that are run only for their log.

use actix::prelude::*;

use crate::output::Deliver;

/// Actor that acknowledges everything and writes nothing.
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
