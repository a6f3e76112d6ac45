//! Thread that asks for the stats, so that a slow answer never delays keys.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::remote::{Remote, RemoteError};
use crate::telemetry::stats::Stats;

/// Answer, or the reason why there is none.
pub type Answer = Result<Box<Stats>, RemoteError>;

/// Asks every `interval` until the receiver is gone.
///
/// # Errors
/// If no thread can be started.
pub fn start(remote: Remote, interval: Duration) -> std::io::Result<Receiver<Answer>> {
    let (sender, receiver) = sync_channel(1);
    thread::Builder::new()
        .name("ask".to_owned())
        .spawn(move || {
            loop {
                let began = Instant::now();
                if sender.send(remote.stats().map(Box::new)).is_err() {
                    return;
                }
                thread::sleep(interval.saturating_sub(began.elapsed()));
            }
        })?;
    Ok(receiver)
}
