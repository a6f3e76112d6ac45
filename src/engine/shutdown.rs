//! End of the engine: the signals that ask for it, and the [`End`] that results.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use actix::prelude::*;
use tokio::signal::unix::{SignalKind, signal};

use crate::guest::error::StartError;

/// How a pipeline ended.
#[derive(Debug)]
pub enum End {
    /// All messages were handled.
    Well,
    /// All messages were handled, but some of them became dead letters.
    SomeMessagesFailed,
    /// The engine could not continue.
    Failed(anyhow::Error),
    /// Guests cannot start, because of the scripts or of the runtime.
    CannotStart(StartError),
}

/// Cell in which the engine stores its end for the code that runs it.
#[derive(Debug, Clone, Default)]
pub struct EndCell(Arc<Mutex<Option<End>>>);

impl EndCell {
    /// Sets the end. Returns `false` if it was already set; it then keeps its value.
    pub fn set(&self, end: End) -> bool {
        let mut cell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = cell.is_none();
        cell.get_or_insert(end);
        first
    }

    /// Takes the end. It is `Failed` if none was set, which is a bug.
    pub fn take(&self) -> End {
        let end = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        end.unwrap_or_else(|| End::Failed(anyhow::anyhow!("the engine stopped without an end")))
    }
}

/// Signal that asks the engine to end.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub enum Signal {
    /// SIGINT, from Ctrl-C.
    Interrupt,
    /// SIGTERM, with which services are ended.
    Terminate,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signal::Interrupt => "SIGINT",
            Signal::Terminate => "SIGTERM",
        })
    }
}

/// Passes every SIGINT and SIGTERM to `engine` from now on. Must be called inside an actix system.
///
/// # Errors
/// If the system does not allow signals to be caught.
pub fn listen(engine: &Recipient<Signal>) -> std::io::Result<()> {
    for (kind, name) in [
        (SignalKind::interrupt(), Signal::Interrupt),
        (SignalKind::terminate(), Signal::Terminate),
    ] {
        let mut signals = signal(kind)?;
        let engine = engine.clone();
        actix_rt::spawn(async move {
            while signals.recv().await.is_some() {
                engine.do_send(name);
            }
        });
    }
    Ok(())
}
