//! Reload: a changed config replaces the one in use, either completely or not at all.
//!
//! Scripts and the limits of guests can change while messages flow: the supervisor replaces the guests between two
//! batches. Everything else (input, output and the settings between them) needs a new start. A config with such a
//! change is refused, including its scripts, since half of a config is not what its author wanted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix::prelude::*;
use tokio::signal::unix::{SignalKind, signal};

use super::config_files::{self, Watched};
use super::{problems, scripts};
use crate::config::{Config, Diagnostics, Loaded, PipelineConfig, Running};
use crate::control::{Reload, Reloaded};
use crate::guest::runtime::Runtime;
use crate::resequencer::FailureLimit;
use crate::supervisor::NewScripts;
use crate::telemetry::events::ReloadRefused;
use crate::telemetry::metrics::Metrics;

/// Function that reads the config again.
pub type Load = Arc<dyn Fn() -> Result<Loaded, Diagnostics> + Send + Sync>;

/// How a config is reloaded.
pub struct Reloading {
    /// Function that reads the config again.
    pub load: Load,
    /// Path of the config file.
    pub file: PathBuf,
    /// Whether a changed file is enough for a reload.
    pub watch: bool,
}

/// Actors that a reload changes.
#[derive(Clone)]
pub struct Targets {
    /// Supervisor, which starts guests with the new scripts.
    pub supervisor: Recipient<NewScripts>,
    /// Resequencer, which counts the failures of the new scripts.
    pub resequencer: Recipient<FailureLimit>,
}

/// Actor that reloads the config, one reload at a time.
pub struct Reloader {
    load: Load,
    file: PathBuf,
    running: Running,
    runtime: Arc<Runtime>,
    targets: Targets,
    metrics: Arc<Metrics>,
    watched: Watched,
    /// Reason of the last refusal, if the last reload was refused.
    refusal: Option<String>,
}

impl Reloader {
    /// Starts the actor. It reloads the config at SIGHUP, and watches the files if `reloading` says so. Must be called
    /// inside an actix system.
    ///
    /// # Errors
    /// If the system does not allow the signal to be caught, or no thread can be started.
    pub fn start(
        reloading: Reloading,
        running: Running,
        runtime: Arc<Runtime>,
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

    /// Records the result of a reload.
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
                self.refusal = None;
                if asked == Reload::Signal {
                    tracing::info!("the config is as it was: nothing to reload");
                }
                Reloaded::Unchanged
            }
            Err(reason) => {
                self.watched.refused();
                // A watched file that is refused is tried again and again; the same reason is logged only once.
                if asked != Reload::Change || self.refusal.as_ref() != Some(&reason) {
                    ReloadRefused { reason: &reason }.emit(&self.metrics);
                }
                self.refusal = Some(reason.clone());
                Reloaded::Refused(reason)
            }
        }
    }
}

/// Returns the files of a config: a change of one of them is a change of the config.
fn files(file: &Path, config: &Config) -> Vec<PathBuf> {
    let stages = scripts::all(&config.input, &config.pipeline.stages);
    let scripts = stages.map(|stage| PathBuf::from(stage.origin.display_name()));
    let mut files: Vec<PathBuf> = scripts.chain([file.to_owned()]).collect();
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
            self.targets.clone(),
        );
        let settled = reload
            .into_actor(self)
            .map(move |result, reloader, _| reloader.settle(asked, result));
        AtomicResponse::new(Box::pin(settled))
    }
}

/// Reloads the config. Returns the config that is now in use; `None` if nothing has changed.
async fn reload(
    load: Load,
    old: Arc<Config>,
    runtime: Arc<Runtime>,
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
    let plan = scripts::plan(&config, runtime);
    let limit = scripts::failure_limit(&config, &plan);
    match targets.supervisor.send(NewScripts(plan)).await {
        Ok(Ok(())) => {
            targets.resequencer.do_send(limit);
            Ok(Some(config))
        }
        Ok(Err(error)) => Err(problems::of_start(&config, &error).render(false)),
        Err(error) => Err(format!("the pipeline has ended: {error}")),
    }
}

/// Whether a setting that can change at a reload is different.
fn differs(old: &Config, new: &Config) -> bool {
    old.pipeline != new.pipeline || old.guests != new.guests
}

/// Returns the changed fields that cannot change at a reload, by their names in the config.
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
        (
            "shutdown_timeout",
            *shutdown_timeout == new.shutdown_timeout,
        ),
    ]
    .into_iter()
    .filter_map(|(name, same)| (!same).then_some(name))
    .collect()
}
