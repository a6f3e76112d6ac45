//! Specification of guests: the scripts of a config and the limits that it sets.

use std::sync::Arc;

use crate::config::{Config, GuestsConfig, InputConfig, Projection, ScriptOrigin, Stage};
use crate::format::Formats;
use crate::guest::echo::Echoes;
use crate::guest::handshake::{HelloSetup, HelloStage};
use crate::guest::runtime::Runtime;
use crate::guest::{GuestSpec, Limits, MakeGuests};
use crate::resequencer::FailureLimit;
use crate::supervisor::scaling::Bounds;
use crate::supervisor::{GuestPlan, Recycle};

/// Returns the specification of guests of `runtime` that run the scripts of `config`.
pub(crate) fn spec(config: &Config, runtime: Arc<Runtime>, formats: &Formats) -> Arc<GuestSpec> {
    let stages = all(&config.input, &config.pipeline.stages);
    let stages = stages
        .zip(config.processor_names())
        .map(hello_stage)
        .collect();
    Arc::new(GuestSpec::new(
        runtime,
        stages,
        limits(&config.guests),
        formats.clone(),
    ))
}

/// Returns the plan of guests of `runtime`, with the limits on their number: what a reload can change.
pub(crate) fn plan(config: &Config, runtime: Arc<Runtime>, formats: &Formats) -> GuestPlan {
    let Config {
        pipeline, guests, ..
    } = config;
    GuestPlan {
        spec: makers(config, runtime, formats),
        bounds: Bounds {
            min: guests.min,
            max: pipeline.max_guests,
            idle_timeout: guests.idle_timeout,
        },
        recycle: Recycle {
            messages: guests.recycle.after_messages,
            memory: guests.recycle_above(),
        },
    }
}

/// Returns what makes the guests: the scripts, or the test hook whose guests only echo.
fn makers(config: &Config, runtime: Arc<Runtime>, formats: &Formats) -> Arc<dyn MakeGuests> {
    if std::env::var_os("NERODIA_TEST_ECHO_GUESTS").is_none() {
        return spec(config, runtime, formats);
    }
    tracing::warn!(
        "NERODIA_TEST_ECHO_GUESTS is set: no script runs, each message is its own result"
    );
    Arc::new(Echoes::new(limits(&config.guests)))
}

/// Returns the limit on failed messages of the scripts in `plan`.
pub(crate) fn failure_limit(config: &Config, plan: &GuestPlan) -> FailureLimit {
    FailureLimit {
        max_failures: config.pipeline.max_failures,
        script_hash: Arc::clone(plan.spec.script_hash()),
    }
}

/// Returns all scripts, in the order in which guests number them: that of a `generate` input is the first.
pub(crate) fn all<'a>(
    input: &'a InputConfig,
    stages: &'a [Stage],
) -> impl Iterator<Item = &'a Stage> {
    input.script().into_iter().chain(stages)
}

fn hello_stage((stage, processor): (&Stage, Arc<str>)) -> HelloStage {
    HelloStage {
        processor,
        script: stage.script.clone(),
        imports: stage.imports.clone(),
        name: stage.origin.display_name().to_owned(),
        line_offset: line_offset(&stage.origin),
        setup: stage.setup.as_ref().map(|setup| HelloSetup {
            script: setup.script.clone(),
            name: setup.origin.display_name().to_owned(),
            line_offset: line_offset(&setup.origin),
        }),
    }
}

/// Returns the number of lines above a script.
fn line_offset(origin: &ScriptOrigin) -> u32 {
    let first = origin.position(1, 1).line();
    u32::try_from(first.saturating_sub(1)).unwrap_or(0)
}

/// Returns the limits that `config` sets, and the test hook that ends guests at random moments.
fn limits(config: &GuestsConfig) -> Limits {
    let kill_after = std::env::var("NERODIA_TEST_KILL_GUESTS_AFTER").ok();
    Limits {
        timeout: config.timeout,
        start_timeout: config.start_timeout,
        memory: config.memory,
        max_output: usize::try_from(config.max_output).unwrap_or(usize::MAX),
        max_log: config.max_log,
        projection: config.projection == Projection::Auto,
        kill_after: kill_after.and_then(|mean| humantime::parse_duration(&mean).ok()),
    }
}
