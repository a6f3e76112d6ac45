//! From a config to running actors, from the output back to the input: nothing exists without its
//! downstream.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use anyhow::Context as _;

use super::reload::{Reloader, Reloading};
use super::shutdown::{self, End, EndCell};
use super::{Engine, Watch};
use crate::clock::Clock;
use crate::config::{
    Config, DeliveryGuarantee, Extent, GenerateConfig, GenerateSource, GuestsConfig, HttpConfig,
    InputConfig, OnError, OutputConfig, Running, Stage,
};
use crate::guest::handshake::HelloStage;
use crate::guest::runtime::Runtime;
use crate::guest::{GuestSpec, Limits};
use crate::input::Input;
use crate::kafka::session::Session;
use crate::message::gate::Gate;
use crate::output::Outputs;
use crate::processor::error_policy::ErrorPolicy;
use crate::processor::{Judge, Processor, ToEngine};
use crate::supervisor::scaling::Bounds;
use crate::supervisor::{Parts, Recycle, Successor, Supervisor};
use crate::telemetry::health::Progress;
use crate::telemetry::http;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::stats::Observed;

/// What ran, for the exit code and the summary.
pub struct Finished {
    /// The config that ran last.
    pub config: Arc<Config>,
    /// How it ended.
    pub end: End,
    /// What was counted.
    pub metrics: Arc<Metrics>,
}

/// Runs the pipeline of `config` in guests of `runtime` until its end, and loads it again when `reloading` says so.
/// Blocks the thread.
///
/// # Errors
/// If the system refuses what the actors need.
pub fn run(
    config: Config,
    runtime: Arc<Runtime>,
    reloading: Option<Reloading>,
) -> anyhow::Result<Finished> {
    let end = EndCell::default();
    let metrics = Arc::new(Metrics::default());
    if config.http.show_payloads {
        metrics.failures.keep_payloads();
    }
    let system = System::new();
    let running = Running::new(config);
    system.block_on(start(
        &running,
        runtime,
        reloading,
        end.clone(),
        Arc::clone(&metrics),
    ))?;
    system.run()?;
    Ok(Finished {
        config: running.get(),
        end: end.take(),
        metrics,
    })
}

async fn start(
    running: &Running,
    runtime: Arc<Runtime>,
    reloading: Option<Reloading>,
    end: EndCell,
    metrics: Arc<Metrics>,
) -> anyhow::Result<()> {
    let config = &*running.get();
    // Before anything is started for nothing.
    let listeners = bind(&config.http)?;
    // Not `Engine::create`: the engine's parts need its address, and may refuse.
    let context = Context::<Engine>::new();
    let address = context.address();
    let (engine, actors) = engine(
        config,
        Arc::clone(&runtime),
        end,
        Arc::clone(&metrics),
        &address,
    )?;
    let gate = engine.gate.clone();
    let started = context.run(engine);
    shutdown::listen(&started.recipient())?;
    watch(Arc::clone(&metrics), gate.clone());
    let reload = match reloading {
        Some(reloading) => {
            let metrics = Arc::clone(&metrics);
            let reloader = Reloader::start(reloading, running.clone(), runtime, actors, metrics)?;
            Some(reloader.recipient())
        }
        None => None,
    };
    if let Some(listeners) = listeners {
        let running = running.clone();
        let observed = Observed {
            metrics,
            gate,
            running,
        };
        http::start(listeners, &config.http, observed, reload).context("no web server")?;
    }
    Ok(())
}

/// Takes the address of the web server, if there is to be one. A port that nobody asked for by name is none to end for.
fn bind(config: &HttpConfig) -> anyhow::Result<Option<Vec<TcpListener>>> {
    if !config.enabled {
        return Ok(None);
    }
    match http::bind(config) {
        Err(error) if !config.asked => {
            let address = &config.address;
            tracing::warn!(address, %error, "no web server: set `http.address` to another one, or `http.enabled: false`");
            Ok(None)
        }
        result => result.map(Some).with_context(|| {
            format!("cannot listen at `http.address` {}: choose another one, or set `http.enabled: false`", config.address)
        }),
    }
}

/// Looks from time to time whether anything gets on.
fn watch(metrics: Arc<Metrics>, gate: Gate) {
    const LOOK: Duration = Duration::from_secs(1);
    actix_rt::spawn(async move {
        let mut progress = Progress::new(Instant::now());
        loop {
            tokio::time::sleep(LOOK).await;
            let answered = Metrics::get(&metrics.delivered);
            match progress.look(answered, gate.in_flight(), Instant::now()) {
                Some(still) => {
                    let why = format!(
                        "nothing was delivered for {} s, with messages under way",
                        still.as_secs()
                    );
                    metrics.health.is_ill("progress", why);
                }
                None => metrics.health.is_well("progress"),
            }
        }
    });
}

/// The actors that a reload concerns.
type Reloaded = (Addr<Processor>, Addr<Supervisor>);

/// The engine whose address is `engine`, with all actors but the input started; and those among them that a reload
/// concerns.
fn engine(
    config: &Config,
    runtime: Arc<Runtime>,
    end: EndCell,
    metrics: Arc<Metrics>,
    engine: &Addr<Engine>,
) -> anyhow::Result<(Engine, Reloaded)> {
    let Config {
        input,
        pipeline,
        output,
        dead_letter,
        delivery,
        guests: _,
        http: _,
        logger: _,
        shutdown_timeout,
        tests: _,
    } = config;
    let gate = Gate::new(pipeline.max_in_flight);
    let outputs = Outputs {
        engine,
        metrics: &metrics,
    };
    let session = match (delivery, input) {
        (DeliveryGuarantee::ExactlyOnce, InputConfig::Kafka(input)) => Some(Session::new(input)),
        _ => None,
    };
    let error_policy = match (pipeline.on_error, dead_letter, input) {
        (OnError::Drop, _, _) => ErrorPolicy::Drop,
        (OnError::DeadLetter, Some(_), _) if session.is_some() => ErrorPolicy::WithResults,
        (OnError::DeadLetter, Some(output), _) => {
            ErrorPolicy::DeadLetter(outputs.dead_letters(output)?)
        }
        // Nobody watches the standard error of a service, and the message can be read again.
        (OnError::DeadLetter, None, InputConfig::Kafka(kafka))
            if kafka.extent == Extent::Endless =>
        {
            ErrorPolicy::Stop
        }
        (OnError::DeadLetter, None, _) => ErrorPolicy::DeadLetter(outputs.dead_letters_to_stderr()),
    };
    let results = match (&session, input, output) {
        (Some(session), InputConfig::Kafka(input), OutputConfig::Kafka(output)) => {
            let letters = match dead_letter {
                Some(OutputConfig::Kafka(letters)) => Some(&**letters),
                _ => None,
            };
            let (policy, session) = (error_policy.clone(), session.clone());
            outputs.transactions(output, letters, policy, session, &gate, input.commit_period)
        }
        _ => outputs.results(output, &error_policy)?,
    };
    let first = scripts_of(config, runtime);
    let judge = Judge {
        max_failures: pipeline.max_failures,
        script_hash: Arc::clone(first.spec.script_hash()),
    };
    let parts = Parts {
        first,
        gate: gate.clone(),
        metrics: Arc::clone(&metrics),
        ready: engine.clone().recipient(),
        fatal: engine.clone().recipient(),
        clock: Clock::of_process(),
    };
    // They know each other, so the one's address is there before it is.
    let context = Context::<Processor>::new();
    let supervisor = Supervisor::new(parts, context.address().recipient()).start();
    let processor = context.run(Processor::new(
        supervisor.clone().recipient(),
        results,
        error_policy,
        judge,
        Arc::clone(&metrics),
        ToEngine {
            failed: engine.clone().recipient(),
            too_many: engine.clone().recipient(),
        },
        Watch::over("processor", engine),
    ));
    let engine = Engine {
        gate: gate.clone(),
        metrics: Arc::clone(&metrics),
        shutdown_timeout: *shutdown_timeout,
        start_input: Some(Box::new({
            let (input, engine, metrics) = (input.clone(), engine.clone(), Arc::clone(&metrics));
            let processor = processor.clone();
            move || Input::start(&input, gate, processor, engine, &metrics, session.as_ref())
        })),
        input: None,
        end,
        draining: false,
        finished: false,
        error: None,
        leaving: None,
    };
    Ok((engine, (processor, supervisor)))
}

/// What guests of `runtime` that run the scripts of `config` are made from.
pub fn spec(config: &Config, runtime: Arc<Runtime>) -> Arc<GuestSpec> {
    let stages = scripts(&config.input, &config.pipeline.stages);
    let stages = stages.map(hello_stage).collect();
    Arc::new(GuestSpec::new(runtime, stages, limits(&config.guests)))
}

/// What guests of `runtime` are made from, and how many there may be: what a reload can change.
pub fn scripts_of(config: &Config, runtime: Arc<Runtime>) -> Successor {
    let Config {
        pipeline, guests, ..
    } = config;
    Successor {
        spec: spec(config, runtime),
        bounds: Bounds {
            min: guests.min,
            max: pipeline.max_guests,
            idle_timeout: guests.idle_timeout,
        },
        recycle: Recycle {
            messages: guests.recycle.after_messages,
            memory: guests.recycle.memory,
        },
    }
}

/// All scripts, in the order in which guests number them: that of a `generate` input is the first.
pub fn scripts<'a>(input: &'a InputConfig, stages: &'a [Stage]) -> impl Iterator<Item = &'a Stage> {
    let generator = match input {
        InputConfig::Generate(GenerateConfig {
            source: GenerateSource::Script(stage),
            ..
        }) => Some(stage),
        InputConfig::Generate(_) | InputConfig::Stdin(_) | InputConfig::Kafka(_) => None,
    };
    generator.into_iter().chain(stages)
}

fn hello_stage(stage: &Stage) -> HelloStage {
    let first_line = stage.origin.position(1, 1).line();
    HelloStage {
        script: stage.script.clone(),
        imports: stage.imports.clone(),
        name: stage.origin.display_name().to_owned(),
        line_offset: u32::try_from(first_line.saturating_sub(1)).unwrap_or(0),
    }
}

/// The limits that `config` sets, and the test hook that ends guests at random.
fn limits(config: &GuestsConfig) -> Limits {
    let kill_after = std::env::var("NERODIA_TEST_KILL_GUESTS_AFTER").ok();
    Limits {
        timeout: config.timeout,
        start_timeout: config.start_timeout,
        memory: config.memory,
        max_output: usize::try_from(config.max_output).unwrap_or(usize::MAX),
        max_log: config.max_log,
        kill_after: kill_after.and_then(|mean| humantime::parse_duration(&mean).ok()),
    }
}
