//! Reload: a changed config replaces the one in use, completely or not at all.
//!
//! Scripts and limits of guests can change while messages flow; the supervisor lets guests with the new ones take over
//! between two batches. Everything else (input, output and the parts in between) needs a new start: a config in which
//! it changed is refused completely, including its scripts, since the result would be a mixture of two configs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix::prelude::*;
use tokio::signal::unix::{SignalKind, signal};

use super::config_files::{self, Watched};
use super::{problems, scripts};
use crate::config::modules::Module;
use crate::config::{Config, Diagnostics, Loaded, PipelineConfig, Running};
use crate::control::{Reload, Reloaded};
use crate::format::Formats;
use crate::guest::runtime::Runtime;
use crate::resequencer::FailureLimit;
use crate::supervisor::NewScripts;
use crate::telemetry::events::ReloadRefused;
use crate::telemetry::metrics::Metrics;

/// Function that loads the config again.
pub(crate) type Load = Arc<dyn Fn() -> Result<Loaded, Diagnostics> + Send + Sync>;

/// Settings of the reload.
pub(crate) struct Reloading {
    /// Function that loads the config again.
    pub load: Load,
    /// Path of the config file.
    pub file: PathBuf,
    /// Whether a change of the file is enough for a reload.
    pub watch: bool,
}

/// Actors that a reload changes.
#[derive(Clone)]
pub(crate) struct Targets {
    /// Supervisor, which lets guests with the new scripts take over.
    pub supervisor: Recipient<NewScripts>,
    /// Resequencer, which counts the failures of the new scripts.
    pub resequencer: Recipient<FailureLimit>,
}

/// Actor that reloads the config, one time after the other.
pub(crate) struct Reloader {
    load: Load,
    file: PathBuf,
    running: Running,
    runtime: Arc<Runtime>,
    formats: Formats,
    targets: Targets,
    metrics: Arc<Metrics>,
    watched: Watched,
    /// Reason why the last reload was refused, if it was.
    refusal: Option<String>,
}

impl Reloader {
    /// Starts the actor. It reacts to SIGHUP, and watches the files if `reloading` says so. Must be called inside an
    /// actix system.
    ///
    /// # Errors
    /// If the system does not allow a handler for the signal, or cannot start a thread for the watch.
    pub(crate) fn start(
        reloading: Reloading,
        running: Running,
        runtime: Arc<Runtime>,
        formats: Formats,
        targets: Targets,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Addr<Self>> {
        let Reloading { load, file, watch } = reloading;
        let watched = Watched::default();
        watched.files(files(&file, &running.get()));
        let reloader = Actor::start(Self {
            load,
            file,
            running,
            runtime,
            formats,
            targets,
            metrics,
            watched: watched.clone(),
            refusal: None,
        });
        listen(reloader.clone())?;
        if watch {
            config_files::start(watched, reloader.clone().recipient())?;
        }
        Ok(reloader)
    }

    /// Handles the result of a reload.
    fn settle(&mut self, asked: Reload, result: Result<Option<Config>, String>) -> Reloaded {
        match result {
            Ok(Some(config)) => {
                self.watched.files(files(&self.file, &config));
                self.running.replace(config);
                self.refusal = None;
                Reloaded::Taken
            }
            Ok(None) => {
                self.watched.files(files(&self.file, &self.running.get()));
                if self.refusal.take().is_some() {
                    tracing::info!("the config is again the one in use: nothing to reload");
                } else if asked == Reload::Signal {
                    tracing::info!("the config is unchanged: nothing to reload");
                }
                Reloaded::Unchanged
            }
            Err(reason) => {
                self.watched.refused();
                // A watched config is tried again and again, so the same refusal is not repeated.
                if asked != Reload::Change || self.refusal.as_ref() != Some(&reason) {
                    ReloadRefused { reason: &reason }.emit(&self.metrics);
                }
                self.refusal = Some(reason.clone());
                Reloaded::Refused(reason)
            }
        }
    }
}

/// Returns the files of which a change is a change of the config.
fn files(file: &Path, config: &Config) -> Vec<PathBuf> {
    let stages = scripts::all(&config.input, &config.pipeline.stages);
    let names = stages.flat_map(|stage| {
        let modules = stage.modules.iter().map(Module::file);
        modules.chain([stage.origin.display_name()])
    });
    let files = names.map(PathBuf::from).chain([file.to_owned()]);
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    files.dedup();
    files
}

fn listen(reloader: Addr<Reloader>) -> std::io::Result<()> {
    let mut signals = signal(SignalKind::hangup())?;
    actix_rt::spawn(async move {
        while signals.recv().await.is_some() {
            reloader.do_send(Reload::Signal);
        }
    });
    Ok(())
}

impl Actor for Reloader {
    type Context = Context<Self>;
}

impl Handler<Reload> for Reloader {
    type Result = AtomicResponse<Self, Reloaded>;

    fn handle(&mut self, asked: Reload, _: &mut Self::Context) -> Self::Result {
        let reload = reload(
            Arc::clone(&self.load),
            self.running.get(),
            Arc::clone(&self.runtime),
            self.formats.clone(),
            self.targets.clone(),
        );
        let settled = reload
            .into_actor(self)
            .map(move |result, reloader, _| reloader.settle(asked, result));
        AtomicResponse::new(Box::pin(settled))
    }
}

/// Loads the config and returns it after it has taken over; `None` if it contains no change.
async fn reload(
    load: Load,
    old: Arc<Config>,
    runtime: Arc<Runtime>,
    formats: Formats,
    targets: Targets,
) -> Result<Option<Config>, String> {
    let loaded = actix_rt::task::spawn_blocking(move || load()).await;
    let loaded = loaded.map_err(|error| format!("reading it failed: {error}"))?;
    let Loaded { config, warnings } = loaded.map_err(|problems| problems.render(false))?;
    let fixed = fixed(&old, &config);
    if !fixed.is_empty() {
        let fixed = fixed.join("`, `");
        return Err(format!(
            "`{fixed}` cannot change while the pipeline runs: start it again for that"
        ));
    }
    if !differs(&old, &config) {
        return Ok(None);
    }
    if !warnings.is_empty() {
        tracing::warn!("{}", warnings.render(false));
    }
    let plan = scripts::plan(&config, runtime, &formats);
    let limit = scripts::failure_limit(&config, &plan);
    match targets.supervisor.send(NewScripts(plan)).await {
        Ok(Ok(warnings)) => {
            problems::log(&config, &warnings);
            targets.resequencer.do_send(limit);
            Ok(Some(config))
        }
        Ok(Err(error)) => Err(problems::of_start(&config, &error).render(false)),
        Err(error) => Err(format!("the pipeline has ended: {error}")),
    }
}

/// Returns whether there is a change in the parts that can change.
fn differs(old: &Config, new: &Config) -> bool {
    old.pipeline != new.pipeline || old.guests != new.guests
}

/// Returns the names of the changed parts that cannot change, as in the config.
fn fixed(old: &Config, new: &Config) -> Vec<&'static str> {
    let Config {
        input,
        pipeline,
        output,
        dead_letter,
        delivery,
        guests,
        http,
        logger,
        shutdown_timeout,
        schema_registry,
        tests: _,
    } = old;
    let PipelineConfig {
        stages: _,
        max_guests: _,
        max_in_flight,
        on_error,
        max_failures: _,
    } = pipeline;
    [
        ("input", *input == new.input),
        ("output", *output == new.output),
        ("dead_letter", *dead_letter == new.dead_letter),
        ("delivery", *delivery == new.delivery),
        (
            "pipeline.max_in_flight",
            *max_in_flight == new.pipeline.max_in_flight,
        ),
        ("pipeline.on_error", *on_error == new.pipeline.on_error),
        ("guests.runtime", guests.runtime == new.guests.runtime),
        ("http", *http == new.http),
        ("logger", *logger == new.logger),
        ("schema_registry", *schema_registry == new.schema_registry),
        (
            "shutdown_timeout",
            *shutdown_timeout == new.shutdown_timeout,
        ),
    ]
    .into_iter()
    .filter_map(|(name, same)| (!same).then_some(name))
    .collect()
}
