//! Config file of a command.

use std::path::PathBuf;

use clap::Args;

/// Config file, given as an argument or, as Bento has it, with `-c`.
#[derive(Debug, Clone, Args)]
pub(super) struct ConfigFile {
    /// The pipeline's config file; `-` reads it from standard input
    #[arg(value_name = "FILE", required_unless_present = "config")]
    file: Option<PathBuf>,
    /// The same, as an option
    #[arg(short, long, value_name = "FILE", conflicts_with = "file")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// Returns the path.
    pub(super) fn path(&self) -> PathBuf {
        // Clap requires one of the two.
        let path = self.file.as_ref().or(self.config.as_ref());
        path.cloned().unwrap_or_default()
    }
}
