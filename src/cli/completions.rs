//! `nerodia completions`: completions for shells.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, WELL};

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  nerodia completions bash > /etc/bash_completion.d/nerodia")]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub fn execute(self) -> u8 {
        clap_complete::generate(
            self.shell,
            &mut Cli::command(),
            "nerodia",
            &mut std::io::stdout(),
        );
        WELL
    }
}
