//! `nerodia run`: runs a pipeline.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::config_file::ConfigFile;
use super::{FAILED, MISUSED, WELL, console, progress, report};
use crate::config::{Config, Diagnostic, Diagnostics, Loaded, Source};
use crate::engine::formats;
use crate::engine::preparation::Preparation;
use crate::engine::reload::Reloading;
use crate::engine::shutdown::End;
use crate::engine::{assemble, problems};
use crate::kafka::connect;
use crate::telemetry::logs;
use crate::telemetry::metrics::{ByName, Metrics};

/// Run a pipeline until its input ends, or until SIGINT or SIGTERM
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  echo '[11, 6, 20, 5]' | nerodia run configs/sum.yaml
  nerodia run pipeline.yaml --set pipeline.threads=4 --set logger.level=warn

A signal stops the input and waits for messages in flight, at most for shutdown_timeout; a second one ends \
at once. Messages that fail become dead letters: JSON lines on standard error, unless the config names another \
destination.

SIGHUP, or a change with --watch, lets new scripts and limits take over between two batches. A config with problems \
is refused, and the old one stays in use.

Exit codes: 0 all well, 1 some messages failed or the engine did, 2 usage or config.")]
pub(super) struct Run {
    #[command(flatten)]
    config: ConfigFile,
    /// Override a field of the config, such as logger.level=warn; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Reload the config when it or a script changes, as after SIGHUP
    #[arg(long)]
    watch: bool,
    /// How long to try to reach Kafka at the start; a running pipeline tries for ever
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    connect_timeout: Duration,
}

impl Run {
    pub(super) fn execute(self) -> u8 {
        let file = self.config.path();
        let reloading = if file.as_os_str() != "-" {
            Some(reloading(&file, &self.set, self.watch))
        } else if self.watch {
            let problem = Diagnostic::error("a config from standard input cannot be watched");
            report::diagnostics(&problem.help("give it as a file").into());
            return MISUSED;
        } else {
            None
        };
        match load(file, &self.set) {
            Ok(Loaded { config, warnings }) => {
                report::diagnostics(&warnings);
                run_and(config, self.connect_timeout, reloading, |_| {})
            }
            Err(problems) => {
                report::diagnostics(&problems);
                MISUSED
            }
        }
    }
}

fn reloading(file: &Path, set: &[String], watch: bool) -> Reloading {
    let (path, set) = (file.to_owned(), set.to_owned());
    Reloading {
        file: file.to_owned(),
        load: Arc::new(move || load(path.clone(), &set)),
        watch,
    }
}

/// Loads a config file.
pub(super) fn load(path: PathBuf, set: &[String]) -> Result<Loaded, Diagnostics> {
    Config::load(source(path)?, set, &variable)
}

/// A variable of the environment.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A config file, or standard input for `-`.
pub(super) fn source(path: PathBuf) -> Result<Source, Diagnostics> {
    if path.as_os_str() == "-" {
        let mut text = String::new();
        if let Err(error) = std::io::stdin().read_to_string(&mut text) {
            let problem = format!("cannot read the config from standard input: {error}");
            return Err(Diagnostic::error(problem).into());
        }
        Ok(Source::Stdin(text))
    } else {
        Ok(Source::File(path))
    }
}

/// Runs a pipeline, passes its counters to `then`, and returns the exit code.
pub(super) fn run_and(
    config: Config,
    connect_timeout: Duration,
    reloading: Option<Reloading>,
    then: impl FnOnce(&Metrics),
) -> u8 {
    logs::start(&config.logger);
    let file = reloading
        .as_ref()
        .map(|reloading| reloading.file.display().to_string());
    let preparation = match Preparation::new(config, file) {
        Ok(preparation) => preparation,
        Err(error) => {
            console::complain(format_args!("error: {error:#}"));
            return FAILED;
        }
    };
    if let Err(error) =
        preparation.does(move |config, health| connect::check(config, connect_timeout, health))
    {
        console::complain(format_args!("error: {error:#}"));
        return FAILED;
    }
    let runtime = match preparation.does(|config, _| progress::open_runtime(&config.guests.runtime))
    {
        Ok(runtime) => Arc::new(runtime),
        Err(error) => {
            report::diagnostics(&report::runtime_problem(&error));
            return MISUSED;
        }
    };
    let formats = match preparation
        .does(move |config, health| formats::open(config, connect_timeout, health))
    {
        Ok(formats) => formats,
        Err(error) => {
            console::complain(format_args!("error: {error:#}"));
            return FAILED;
        }
    };
    match assemble::run(preparation, runtime, formats, reloading) {
        Ok(finished) => {
            summarize(&finished.metrics);
            then(&finished.metrics);
            exit_code(&finished.config, &finished.end)
        }
        Err(error) => {
            console::complain(format_args!("error: {error:#}"));
            FAILED
        }
    }
}

fn summarize(metrics: &Metrics) {
    tracing::info!(
        received = Metrics::get(&metrics.received),
        records = Metrics::get(&metrics.records),
        dropped = Metrics::get(&metrics.dropped),
        failed = metrics.all_failed(),
        refused_by_output = Some(Metrics::get(&metrics.refused)).filter(|refused| *refused > 0),
        guest_starts = Metrics::get(&metrics.starts),
        guest_deaths = metrics.deaths.total(),
        deaths = by_name(&metrics.deaths),
        scalings = by_name(&metrics.scalings),
        "pipeline ended"
    );
}

/// Returns the totals in the form `Exit=1 Timeout=3`; `None` if there are none.
fn by_name(totals: &ByName) -> Option<String> {
    let totals = totals.totals();
    let shown = totals.iter().map(|(name, total)| format!("{name}={total}"));
    (!totals.is_empty()).then(|| shown.collect::<Vec<_>>().join(" "))
}

fn exit_code(config: &Config, end: &End) -> u8 {
    match end {
        End::Well => WELL,
        End::SomeMessagesFailed => FAILED,
        End::Failed(error) => {
            console::complain(format_args!("error: {error:#}"));
            FAILED
        }
        End::CannotStart(error) => {
            report::diagnostics(&problems::of_start(config, error));
            if error.is_retriable() {
                FAILED
            } else {
                MISUSED
            }
        }
    }
}
