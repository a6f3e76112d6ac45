//! `nerodia schema`: prints the form of configs, for editors and for readers.

use std::path::PathBuf;

use clap::Args;

use super::{MISUSED, WELL, console, stubs};
use crate::config;
use crate::telemetry::exposition;

/// Print the JSON Schema of configs, for editors
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nerodia schema > nerodia.schema.json
  # and as the first line of a config:
  # yaml-language-server: $schema=nerodia.schema.json
  nerodia schema --stubs --from-file samples.jsonl > __builtins__.pyi")]
pub(super) struct Schema {
    /// Print the reference page (docs/config.md) instead
    #[arg(long)]
    markdown: bool,
    /// Print the page of all metrics (docs/metrics.md) instead
    #[arg(long, conflicts_with = "markdown")]
    metrics: bool,
    /// Print stubs of the names that scripts are given (`this`, `root`, `meta`, `emit`, …), for type checkers
    #[arg(long, conflicts_with_all = ["markdown", "metrics"])]
    stubs: bool,
    /// File with messages, one a line, whose type is that of `this` in the stubs
    #[arg(long, value_name = "FILE", requires = "stubs")]
    from_file: Option<PathBuf>,
}

impl Schema {
    pub(super) fn execute(self) -> u8 {
        if self.stubs {
            let samples = match self.from_file.map(|path| (std::fs::read(&path), path)) {
                Some((Ok(samples), _)) => Some(samples),
                Some((Err(error), path)) => {
                    console::complain(format_args!(
                        "error: cannot read {}: {error}",
                        path.display()
                    ));
                    return MISUSED;
                }
                None => None,
            };
            console::say(stubs::stubs(samples.as_deref()).trim_end());
        } else if self.markdown {
            console::say(config::reference().trim_end());
        } else if self.metrics {
            console::say(exposition::reference().trim_end());
        } else {
            console::say(format_args!("{:#}", config::schema()));
        }
        WELL
    }
}
