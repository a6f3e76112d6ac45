//! `nerodia man`: manual pages.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use super::{Cli, FAILED, WELL, console};

/// Write the manual pages into a folder, one for each command
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  nerodia man /usr/local/share/man/man1")]
pub(super) struct Man {
    /// The folder
    folder: PathBuf,
}

impl Man {
    pub(super) fn execute(self) -> u8 {
        let written = std::fs::create_dir_all(&self.folder)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), &self.folder));
        match written {
            Ok(()) => WELL,
            Err(error) => {
                let folder = self.folder.display();
                console::complain(format_args!("error: cannot write to {folder}: {error}"));
                FAILED
            }
        }
    }
}
