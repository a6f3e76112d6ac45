//! Guest that runs single messages outside of any pipeline.

use std::sync::Arc;

use actix::prelude::*;
use anyhow::Context as _;

use super::{console, progress, report};
use crate::config::Config;
use crate::engine::{problems, scripts};
use crate::guest::error::StartError;
use crate::guest::log::LineRate;
use crate::guest::{Execute, Executed, Guest, GuestSpec, Start, Stop};
use crate::message::ack::AckSink;
use crate::message::budget::MemoryBudget;
use crate::message::{Batch, Lane, Message, Slice};

/// Sign that a problem was found and has been reported.
#[derive(Debug)]
pub struct Refused;

/// Guest that runs one message at a time.
pub struct TryOut {
    spec: Arc<GuestSpec>,
    guest: Option<Addr<Guest>>,
}

/// Runs `work` with a guest for the scripts of `config`, and reports problems.
///
/// # Errors
/// If the runtime cannot be used, or `work` fails.
pub fn with<T>(
    config: &Config,
    work: impl AsyncFnOnce(&mut TryOut) -> anyhow::Result<T>,
) -> Result<T, Refused> {
    let runtime = progress::open_runtime(&config.guests.runtime).map_err(|error| {
        report::diagnostics(&report::runtime_problem(&error));
        Refused
    })?;
    let spec = scripts::spec(config, Arc::new(runtime));
    // Guests are actors, which need an actix system.
    let done = System::new().block_on(async {
        let mut tryout = TryOut { spec, guest: None };
        work(&mut tryout).await
    });
    done.map_err(|error| {
        match error.downcast_ref::<StartError>() {
            Some(error) => report::diagnostics(&problems::of_start(config, error)),
            None => console::complain(format_args!("error: {error:#}")),
        }
        Refused
    })
}

impl TryOut {
    /// Runs `message`, in a fresh guest if the last one died. Returns its batch and the outcome.
    ///
    /// # Errors
    /// If no guest can start.
    pub async fn run(
        &mut self,
        lane: Arc<Lane>,
        message: Message,
    ) -> anyhow::Result<(Arc<Batch>, Executed)> {
        let guest = self.guest().await?;
        let permit = MemoryBudget::new(u64::MAX).acquire(message.cost());
        let batch = Batch::new(lane, 0, vec![message], permit, AckSink::unheard());
        let batch = Arc::new(batch);
        let executed = guest
            .send(Execute {
                slice: Slice::of(Arc::clone(&batch)),
                solo_until: 1,
            })
            .await
            .context("the guest's thread ended")?;
        if let Stop::Died { .. } = executed.stop {
            self.guest = None;
        }
        Ok((batch, executed))
    }

    /// Returns the guest, which is started if there is none. Called before any message, it shows whether the scripts
    /// can start.
    ///
    /// # Errors
    /// If the guest cannot start.
    pub async fn guest(&mut self) -> anyhow::Result<Addr<Guest>> {
        if let Some(guest) = &self.guest {
            return Ok(guest.clone());
        }
        let (guest, _) = Guest::spawn(1, Arc::clone(&self.spec), LineRate::default())?;
        guest
            .send(Start)
            .await
            .context("the guest's thread ended")??;
        Ok(self.guest.insert(guest).clone())
    }
}
