//! Guest in which messages are tried one by one, without a pipeline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use anyhow::Context as _;

use super::{console, progress, report};
use crate::config::{Config, OutputConfig};
use crate::engine::{problems, scripts};
use crate::format::{Formats, Resolved};
use crate::guest::error::StartError;
use crate::guest::log::LineRate;
use crate::guest::{Execute, Executed, Guest, GuestSpec, Start, Stop};
use crate::message::ack::AckSink;
use crate::message::budget::MemoryBudget;
use crate::message::{Batch, Lane, Message, Outcome, Outcomes, Slice};
use crate::output::kafka::topics::AllowedTopics;

/// Error that has already been reported.
#[derive(Debug)]
pub(super) struct Refused;

/// One guest that runs one message after the other.
pub(super) struct TryOut<'a> {
    config: &'a Config,
    spec: Arc<GuestSpec>,
    guest: Option<Addr<Guest>>,
    /// Topics that scripts may choose, if the output is Kafka.
    topics: Option<AllowedTopics>,
}

/// Runs `work` with a guest for the scripts of `config`, which reads and writes these `formats`, and reports errors.
///
/// # Errors
/// If the runtime cannot be used, or `work` fails.
pub(super) fn with<T>(
    config: &Config,
    formats: &Formats,
    work: impl AsyncFnOnce(&mut TryOut<'_>) -> anyhow::Result<T>,
) -> Result<T, Refused> {
    let runtime = progress::open_runtime(&config.guests.runtime).map_err(|error| {
        report::diagnostics(&report::runtime_problem(&error));
        Refused
    })?;
    let spec = scripts::spec(config, Arc::new(runtime), formats);
    // Guests are actors, so they need a system.
    let done = System::new().block_on(async {
        let mut tryout = TryOut {
            config,
            spec,
            guest: None,
            topics: match &config.output {
                OutputConfig::Kafka(output) => Some(AllowedTopics::new(output)),
                OutputConfig::Stdout(_) | OutputConfig::File(_) | OutputConfig::Drop => None,
            },
        };
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

impl TryOut<'_> {
    /// Runs `message`, in a fresh guest if the one before died. Returns the batch in which it ran, and its outcome.
    ///
    /// # Errors
    /// If no guest can start, or the registry does not answer.
    pub(super) async fn run(
        &mut self,
        lane: Arc<Lane>,
        message: Message,
    ) -> anyhow::Result<(Arc<Batch>, Executed)> {
        let batch = alone(lane, message);
        let schemas = self.look_up(&batch)?;
        self.execute(batch, schemas).await
    }

    /// Runs `message`, of which the `schemas` are known, as [`run`](Self::run) does.
    ///
    /// # Errors
    /// If no guest can start.
    pub(super) async fn run_with(
        &mut self,
        lane: Arc<Lane>,
        message: Message,
        schemas: Resolved,
    ) -> anyhow::Result<(Arc<Batch>, Executed)> {
        self.execute(alone(lane, message), schemas).await
    }

    async fn execute(
        &mut self,
        batch: Batch,
        schemas: Resolved,
    ) -> anyhow::Result<(Arc<Batch>, Executed)> {
        let guest = self.guest().await?;
        // It is empty: the batch is new.
        let _ = batch.schemas.set(schemas);
        let batch = Arc::new(batch);
        let mut executed = guest
            .send(Execute {
                slice: Slice::of(Arc::clone(&batch)),
                solo_until: 1,
            })
            .await
            .context("the guest's thread ended")?;
        if let Stop::Died { .. } = executed.stop {
            self.guest = None;
        }
        if let Some(topics) = &self.topics {
            refuse_topics(&mut executed.outcomes, topics);
        }
        Ok((batch, executed))
    }

    /// Asks for the schemas that the messages of `batch` name.
    ///
    /// # Errors
    /// If the registry does not answer.
    fn look_up(&self, batch: &Batch) -> anyhow::Result<Resolved> {
        const PATIENCE: Duration = Duration::from_secs(30);
        let Formats {
            reads, registry, ..
        } = &self.spec.formats;
        let Some(registry) = registry else {
            return Ok(Resolved::new());
        };
        let mut resolved = Resolved::new();
        for schema in batch.schemas_named(reads) {
            let began = Instant::now();
            let found = registry.wait(schema.question(), || began.elapsed() > PATIENCE);
            let found = found.with_context(|| {
                let why = registry.trouble();
                why.unwrap_or_else(|| "the schema registry did not answer".into())
            })?;
            resolved.push((schema, found));
        }
        Ok(resolved)
    }

    /// Returns the guest, which is started if there is none. Without any message, this shows whether the scripts can
    /// start.
    ///
    /// # Errors
    /// If the guest cannot start.
    pub(super) async fn guest(&mut self) -> anyhow::Result<Addr<Guest>> {
        if let Some(guest) = &self.guest {
            return Ok(guest.clone());
        }
        let (guest, _) = Guest::spawn(1, Arc::clone(&self.spec), LineRate::default())?;
        let started = guest
            .send(Start)
            .await
            .context("the guest's thread ended")??;
        // Those of the first guest: later ones get the scripts as it has compiled them.
        report::diagnostics(&problems::warnings(self.config, &started.ready.warnings));
        Ok(self.guest.insert(guest).clone())
    }
}

/// Returns a batch of one message.
fn alone(lane: Arc<Lane>, message: Message) -> Batch {
    let permit = MemoryBudget::new(u64::MAX).acquire(message.cost());
    Batch::new(lane, 0, vec![message], permit, AckSink::unheard())
}

/// Fails the messages with a record for a topic that the output would refuse.
fn refuse_topics(outcomes: &mut Outcomes, topics: &AllowedTopics) {
    for outcome in &mut outcomes.items {
        let records = match outcome {
            Outcome::Record(record) => std::slice::from_ref(record),
            Outcome::Records(records) => records,
            Outcome::Dropped | Outcome::Failed(_) => continue,
        };
        let chosen = records
            .iter()
            .filter_map(|record| record.overrides.as_deref()?.topic.as_ref()?.as_deref());
        let refused = chosen
            .map(|topic| topics.check(topic))
            .find_map(Result::err);
        if let Some(failure) = refused {
            *outcome = Outcome::Failed(Box::new(failure));
        }
    }
}
