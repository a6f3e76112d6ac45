//! `nerodia lint`: checks configs without running them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::{MISUSED, WELL, console, progress, report, run, test};
use crate::config::{Config, Loaded};
use crate::engine::{problems, scripts};
use crate::format::Formats;
use crate::guest::Guest;
use crate::guest::runtime::Runtime;

/// Check configs: fields, values, and the scripts in a real guest
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nerodia lint configs/*.yaml
  nerodia lint -c pipeline.yaml
  nerodia lint --print pipeline.yaml --set guests.min=0 | nerodia run -c -

All problems of all files are reported, each with file, line and column.
Exit codes: 0 no problems (there may be warnings), 2 problems.")]
pub(super) struct Lint {
    /// Config files
    #[arg(value_name = "FILE", required_unless_present = "config")]
    files: Vec<PathBuf>,
    /// A config file, as for `run`
    #[arg(short, long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Override a field of every config; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Print each config without problems as it takes effect, with all defaults, variables and --set
    #[arg(long)]
    print: bool,
}

impl Lint {
    pub(super) fn execute(self) -> u8 {
        let mut runtimes = HashMap::new();
        let mut sound = true;
        for path in self.files.into_iter().chain(self.config) {
            let loaded = run::source(path).and_then(|source| {
                let loaded = Config::load(source.clone(), &self.set, &run::variable)?;
                Ok((source, loaded))
            });
            match loaded {
                Ok((source, Loaded { config, warnings })) => {
                    report::diagnostics(&warnings);
                    if self.print
                        && let Ok(yaml) = Config::print(source, &self.set, &run::variable)
                    {
                        console::say(yaml.trim_end());
                    }
                    let problems = test::problems(&config);
                    report::diagnostics(&problems);
                    sound &= !problems.has_errors();
                    sound &= scripts_start(&config, &mut runtimes);
                }
                Err(problems) => {
                    report::diagnostics(&problems);
                    sound = false;
                }
            }
        }
        if sound { WELL } else { MISUSED }
    }
}

/// Starts a guest with the config's scripts, and reports what is wrong with them.
fn scripts_start(config: &Config, runtimes: &mut HashMap<String, Option<Arc<Runtime>>>) -> bool {
    let name = &config.guests.runtime;
    let runtime =
        runtimes
            .entry(name.clone())
            .or_insert_with(|| match progress::open_runtime(name) {
                Ok(runtime) => Some(Arc::new(runtime)),
                Err(error) => {
                    report::diagnostics(&report::runtime_problem(&error));
                    None
                }
            });
    let Some(runtime) = runtime else { return false };
    let spec = scripts::spec(config, Arc::clone(runtime), &Formats::default());
    match Guest::new(0, spec).start() {
        Ok(started) => {
            report::diagnostics(&problems::warnings(config, &started.ready.warnings));
            true
        }
        Err(error) => {
            report::diagnostics(&problems::of_start(config, &error));
            false
        }
    }
}
