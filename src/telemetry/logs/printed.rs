//! Lines that scripts print, apart from the log.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Layer that passes each line that scripts print to a function.
pub(crate) struct PrintedLayer<F>(pub F);

/// Returns whether an event is a line that a script has printed.
pub(super) fn is_printed(metadata: &Metadata<'_>) -> bool {
    metadata.target() == "nerodia::script" && *metadata.level() == Level::INFO
}

impl<S: Subscriber, F: Fn(&str) + 'static> Layer<S> for PrintedLayer<F> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if is_printed(event.metadata()) {
            let mut line = Line(String::new());
            event.record(&mut line);
            (self.0)(&line.0);
        }
    }
}

/// Text of an event.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // A `String` takes everything.
            let _ = write!(self.0, "{value:?}");
        }
    }
}
