//! Assembly of a pipeline from its config, in one pass from the output back to the input: each actor is given the one
//! after it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::Engine;
use super::preparation::Preparation;
use super::problems;
use super::reload::{Reloader, Reloading, Targets};
use super::scripts;
use super::shutdown::{self, End, EndCell};
use crate::clock::Clock;
use crate::config::{Config, DeliveryGuarantee, FailurePolicy, OutputConfig, Running};
use crate::control::Reload;
use crate::format::{Formats, Registry};
use crate::guest::runtime::Runtime;
use crate::input::schemas::SchemaGate;
use crate::input::{Downstream, Input};
use crate::kafka::session::Session;
use crate::message::budget::MemoryBudget;
use crate::output::{Deliver, FailureRoute, Outputs};
use crate::resequencer::Resequencer;
use crate::supervisor::{Parts, Supervisor};
use crate::telemetry::health::{Progress, SCHEMA_REGISTRY};
use crate::telemetry::metrics::Metrics;

/// Time between two looks at the counters.
const LOOK: Duration = Duration::from_secs(1);

/// Result of a pipeline, for the exit code and the summary.
pub(crate) struct Finished {
    /// Config that was in use at the end.
    pub config: Arc<Config>,
    /// End of the pipeline.
    pub end: End,
    /// Counters of the pipeline.
    pub metrics: Arc<Metrics>,
}

/// Runs the prepared pipeline in guests of `runtime` until its end, and reloads the config when `reloading` says so.
/// Blocks the thread.
///
/// # Errors
/// If the system refuses what the actors need.
pub(crate) fn run(
    preparation: Preparation,
    runtime: Arc<Runtime>,
    formats: Formats,
    reloading: Option<Reloading>,
) -> anyhow::Result<Finished> {
    let end = EndCell::default();
    let Preparation {
        system,
        running,
        metrics,
        budget,
        reload,
    } = preparation;
    let reloader = system.block_on(assemble(
        &running,
        runtime,
        formats,
        reloading,
        end.clone(),
        Arc::clone(&metrics),
        budget,
    ))?;
    if let Some(reloader) = reloader {
        // Empty: this is the only reloader.
        let _ = reload.set(reloader);
    }
    let ran = system.run();
    metrics.failures.log.settle();
    ran?;
    Ok(Finished {
        config: running.get(),
        end: end.take(),
        metrics,
    })
}

/// Starts the actors. Returns the recipient of reloads, if the config can be loaded again.
async fn assemble(
    running: &Running,
    runtime: Arc<Runtime>,
    formats: Formats,
    reloading: Option<Reloading>,
    end: EndCell,
    metrics: Arc<Metrics>,
    budget: MemoryBudget,
) -> anyhow::Result<Option<Recipient<Reload>>> {
    let config = &*running.get();
    // The engine outlives all other actors, so they need its address before it can be given what it needs from them.
    let context = Context::<Engine>::new();
    let engine = context.address().recipient();

    let mut outputs = Outputs {
        engine: &engine,
        metrics: &metrics,
        lines: Vec::new(),
    };
    let session = match config.delivery {
        DeliveryGuarantee::ExactlyOnce => config.input.as_kafka().map(Session::new),
        DeliveryGuarantee::AtLeastOnce => None,
    };
    let failures = failure_route(config, &mut outputs)?;
    let results = results(config, &mut outputs, &failures, session.as_ref(), &budget)?;
    let lines = outputs.lines;

    let plan = scripts::plan(config, Arc::clone(&runtime), &formats);
    let limit = scripts::failure_limit(config, &plan);
    let resequencer = Resequencer::new(
        results,
        failures,
        limit,
        Arc::clone(&metrics),
        engine.clone(),
    )
    .start();
    let parts = Parts {
        first: plan,
        budget: budget.clone(),
        metrics: Arc::clone(&metrics),
        engine: engine.clone(),
        clock: Clock::of_process(),
    };
    let supervisor = Supervisor::new(parts, resequencer.clone().recipient()).start();

    let work = match &formats.registry {
        Some(registry) if formats.reads.name_schemas() => {
            let supervisor = supervisor.clone().recipient();
            let gate = SchemaGate::new(formats.reads.clone(), registry.clone(), supervisor);
            gate.start().recipient()
        }
        _ => supervisor.clone().recipient(),
    };
    let downstream = Downstream {
        budget: budget.clone(),
        work,
        lane_ended: resequencer.clone().recipient(),
        engine,
        metrics: Arc::clone(&metrics),
    };
    let first = running.get();
    let engine = context.run(Engine::new(
        budget.clone(),
        Arc::clone(&metrics),
        config.shutdown_timeout,
        Box::new(move |found| {
            problems::log(&first, found);
            Input::start(&first.input, downstream, session.as_ref())
        }),
        lines,
        end,
    ));
    shutdown::listen(&engine.recipient())?;
    report_stalls(Arc::clone(&metrics), budget.clone());
    settle_log(Arc::clone(&metrics));
    if let Some(registry) = &formats.registry {
        // Empty: the metrics are new.
        let _ = metrics.registry.set(registry.clone());
        report_trouble(Arc::clone(&metrics), registry.clone());
    }
    match reloading {
        Some(reloading) => {
            let targets = Targets {
                supervisor: supervisor.recipient(),
                resequencer: resequencer.recipient(),
            };
            let metrics = Arc::clone(&metrics);
            let reloader = Reloader::start(
                reloading,
                running.clone(),
                runtime,
                formats.clone(),
                targets,
                metrics,
            )?;
            Ok(Some(reloader.recipient()))
        }
        None => Ok(None),
    }
}

/// Starts the output for dead letters, if there is one, and returns the route of failed messages.
fn failure_route(config: &Config, outputs: &mut Outputs) -> anyhow::Result<FailureRoute> {
    Ok(match config.failure_policy() {
        FailurePolicy::Drop => FailureRoute::Drop,
        FailurePolicy::DeadLettersInTransaction(_) => FailureRoute::WithResults,
        FailurePolicy::DeadLetters(output) => {
            FailureRoute::DeadLetters(outputs.dead_letters(output)?)
        }
        FailurePolicy::Stderr => {
            FailureRoute::StandardError(outputs.dead_letters_to_stderr(config.logger.format))
        }
        FailurePolicy::Stop => FailureRoute::Stop,
    })
}

/// Starts the output for results.
fn results(
    config: &Config,
    outputs: &mut Outputs,
    failures: &FailureRoute,
    session: Option<&Session>,
    budget: &MemoryBudget,
) -> anyhow::Result<Recipient<Deliver>> {
    match (session, config.input.as_kafka(), &config.output) {
        (Some(session), Some(input), OutputConfig::Kafka(output)) => {
            let letters = match &config.dead_letter {
                Some(OutputConfig::Kafka(letters)) => Some(&**letters),
                _ => None,
            };
            let (failures, session) = (failures.clone(), session.clone());
            let period = input.commit_period;
            Ok(outputs.transactions(output, letters, failures, session, budget, period))
        }
        _ => outputs.results(&config.output, failures),
    }
}

/// Marks the pipeline as not ready while messages wait for the schema registry.
fn report_trouble(metrics: Arc<Metrics>, registry: Registry) {
    report(metrics, SCHEMA_REGISTRY, move |_| registry.trouble());
}

/// Marks the pipeline as not ready while messages are in flight and none is delivered.
fn report_stalls(metrics: Arc<Metrics>, budget: MemoryBudget) {
    let mut progress = Progress::new(Instant::now());
    report(metrics, "progress", move |metrics| {
        let answered = Metrics::get(&metrics.delivered);
        let still = progress.look(answered, budget.in_flight(), Instant::now())?;
        Some(format!(
            "nothing was delivered for {} s, with messages in flight",
            still.as_secs()
        ))
    });
}

/// Logs once a second how many failures were left out of the log.
fn settle_log(metrics: Arc<Metrics>) {
    actix_rt::spawn(async move {
        loop {
            tokio::time::sleep(LOOK).await;
            metrics.failures.log.settle();
        }
    });
}

/// Calls `look` once a second, which returns what is wrong with the part `name`, if something is.
fn report(
    metrics: Arc<Metrics>,
    name: &'static str,
    mut look: impl FnMut(&Metrics) -> Option<String> + 'static,
) {
    actix_rt::spawn(async move {
        loop {
            tokio::time::sleep(LOOK).await;
            match look(&metrics) {
                Some(why) => metrics.health.set_ill(name, why),
                None => metrics.health.set_well(name),
            }
        }
    });
}
