//! Specification of guests: the scripts of a config and the limits that it sets.

use std::path::Path;
use std::sync::Arc;

use crate::config::{Config, GuestsConfig, InputConfig, Projection, ScriptOrigin, Stage};
use crate::format::Formats;
use crate::guest::echo::Echoes;
use crate::guest::handshake::{HelloModule, HelloSetup, HelloStage};
use crate::guest::runtime::Runtime;
use crate::guest::{GuestSpec, Limits, MakeGuests};
use crate::resequencer::FailureLimit;
use crate::supervisor::scaling::Bounds;
use crate::supervisor::{GuestPlan, Recycle};

/// Returns the specification of guests of `runtime` that run the scripts of `config`.
pub(crate) fn spec(config: &Config, runtime: Arc<Runtime>, formats: &Formats) -> Arc<GuestSpec> {
    let stages: Vec<_> = all(&config.input, &config.pipeline.stages).collect();
    let folders = folders(&stages);
    let named = stages.iter().zip(config.processor_names());
    let hellos = named.map(|(stage, processor)| hello_stage(stage, processor, &folders));
    Arc::new(GuestSpec::new(
        runtime,
        hellos.collect(),
        hello_modules(&stages, &folders),
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

/// Returns the folders with modules beside scripts.
pub(crate) fn folders<'a>(stages: &[&'a Stage]) -> Vec<&'a Path> {
    let with_modules = stages.iter().filter(|stage| !stage.modules.is_empty());
    let folders = with_modules.filter_map(|stage| stage.origin.folder());
    let mut found = Vec::new();
    for folder in folders {
        if !found.contains(&folder) {
            found.push(folder);
        }
    }
    found
}

/// Returns the modules beside all scripts: those of one folder share them.
pub(crate) fn hello_modules(stages: &[&Stage], folders: &[&Path]) -> Vec<HelloModule> {
    let mut found = Vec::new();
    for stage in stages {
        let Some(folder) = folder(stage, folders) else {
            continue;
        };
        for module in &stage.modules {
            let module = HelloModule {
                folder,
                name: module.name.clone(),
                script: module.text().to_owned(),
                file: module.file().to_owned(),
                package: module.is_package,
            };
            if !found.contains(&module) {
                found.push(module);
            }
        }
    }
    found
}

/// Returns the number of the folder with the modules beside a script.
pub(crate) fn folder(stage: &Stage, folders: &[&Path]) -> Option<usize> {
    let own = stage.origin.folder()?;
    folders.iter().position(|folder| *folder == own)
}

fn hello_stage(stage: &Stage, processor: Arc<str>, folders: &[&Path]) -> HelloStage {
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
        folder: folder(stage, folders),
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
