//! How the engine ends: signals in, an [`End`] out.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use actix::prelude::*;
use tokio::signal::unix::{SignalKind, signal};

use crate::guest::error::StartError;

/// How a pipeline ended.
#[derive(Debug)]
pub enum End {
    /// All messages were dealt with.
    Well,
    /// So they were, but some became dead letters.
    SomeMessagesFailed,
    /// The engine could not go on.
    Failed(anyhow::Error),
    /// Guests cannot start, because of the scripts or of the runtime.
    CannotStart(StartError),
}

/// Where the engine leaves its end for who runs it.
#[derive(Debug, Clone, Default)]
pub struct EndCell(Arc<Mutex<Option<End>>>);

impl EndCell {
    /// Sets the end; `false` if it was set already, and stays as it was.
    pub fn set(&self, end: End) -> bool {
        let mut cell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = cell.is_none();
        cell.get_or_insert(end);
        first
    }

    /// The end. `Failed` if there is none, which is a bug.
    pub fn take(&self) -> End {
        let end = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        end.unwrap_or_else(|| End::Failed(anyhow::anyhow!("the engine stopped without an end")))
    }
}

/// Asked to end.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// The way services are ended.
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

/// Tells `engine` of every SIGINT and SIGTERM from now on. Must be called inside an actix system.
///
/// # Errors
/// If the system does not let signals be caught.
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
