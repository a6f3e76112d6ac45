//! `nerodia lint`: checks configs without running them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::{FAILED, MISUSED, WELL, console, progress, report, run, test};
use crate::config::{Config, Diagnostic, Diagnostics};
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
Exit codes: 0 no problems (there may be warnings), 1 only warnings, with --strict, 2 problems.")]
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
    /// Exit with code 1 if there are warnings
    #[arg(long)]
    strict: bool,
}

impl Lint {
    pub(super) fn execute(self) -> u8 {
        let mut runtimes = HashMap::new();
        let mut found = Found::default();
        for path in self.files.iter().chain(&self.config) {
            let source = match run::source(path.clone()) {
                Ok(source) => source,
                Err(problems) => {
                    found.report(&problems);
                    continue;
                }
            };
            let (config, problems) = Config::examine(source.clone(), &self.set, &run::variable);
            found.report(&problems);
            let Some(config) = config else { continue };
            if !problems.has_errors() {
                if self.print
                    && let Ok(yaml) = Config::print(source, &self.set, &run::variable)
                {
                    console::say(yaml.trim_end());
                }
                found.report(&test::problems(&config));
            }
            // What is wrong with scripts is told at once, whatever is wrong besides.
            if !config.pipeline.stages.is_empty() {
                found.report(&in_scripts(&config, &mut runtimes));
            }
        }
        match found {
            Found { errors: true, .. } => MISUSED,
            Found { warnings: true, .. } if self.strict => FAILED,
            _ => WELL,
        }
    }
}

/// What was reported so far.
#[derive(Default)]
struct Found {
    errors: bool,
    warnings: bool,
}

impl Found {
    fn report(&mut self, problems: &Diagnostics) {
        report::diagnostics(problems);
        self.errors |= problems.has_errors();
        self.warnings |= !problems.is_empty();
    }
}

/// Starts a guest with the config's scripts. Returns what is wrong with them.
fn in_scripts(
    config: &Config,
    runtimes: &mut HashMap<String, Option<Arc<Runtime>>>,
) -> Diagnostics {
    let name = &config.guests.runtime;
    let opened = match runtimes.get(name) {
        Some(runtime) => runtime.clone(),
        None => match progress::open_runtime(name) {
            Ok(runtime) => Some(Arc::new(runtime)),
            Err(error) => {
                runtimes.insert(name.clone(), None);
                return report::runtime_problem(&error);
            }
        },
    };
    runtimes.insert(name.clone(), opened.clone());
    let Some(runtime) = opened else {
        // The reason was reported with the config before.
        return Diagnostic::error(format!("the scripts are not checked: there is no {name}"))
            .into();
    };
    let spec = scripts::spec(config, runtime, &Formats::default());
    match Guest::new(0, spec).start() {
        Ok(started) => problems::warnings(config, &started.ready.warnings),
        Err(error) => problems::of_start(config, &error),
    }
}
