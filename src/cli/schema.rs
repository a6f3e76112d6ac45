//! `nerodia schema`: prints the structure of configs, for editors and for readers.

use clap::Args;

use super::{WELL, console};
use crate::config;
use crate::telemetry::exposition;

/// Print the JSON Schema of configs, for editors
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nerodia schema > nerodia.schema.json
  # and as the first line of a config:
  # yaml-language-server: $schema=nerodia.schema.json")]
pub struct Schema {
    /// Print the reference page (docs/config.md) instead
    #[arg(long)]
    markdown: bool,
    /// Print the page of all metrics (docs/metrics.md) instead
    #[arg(long, conflicts_with = "markdown")]
    metrics: bool,
}

impl Schema {
    pub fn execute(self) -> u8 {
        if self.markdown {
            console::say(config::reference().trim_end());
        } else if self.metrics {
            console::say(exposition::reference().trim_end());
        } else {
            console::say(format_args!("{:#}", config::schema()));
        }
        WELL
    }
}
