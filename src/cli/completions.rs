//! `nerodia completions`: completions for shells.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, WELL, console};

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  nerodia completions bash > /etc/bash_completion.d/nerodia")]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn execute(self) -> u8 {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "nerodia", &mut script);
        console::say(String::from_utf8_lossy(&script).trim_end());
        WELL
    }
}
