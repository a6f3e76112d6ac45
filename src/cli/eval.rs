//! `nerodia eval`: runs a script from the command line, as people use jq.

use std::time::Duration;

use clap::Args;

use super::run;
use crate::config::Config;

/// Run a script over the lines of standard input
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  echo '[11, 6, 20, 5]' | nerodia eval 'root = sum(this)'
  nerodia eval 'root = this if this[\"status\"] == \"active\" else None' < users.jsonl
  nerodia eval -i math 'root = math.sqrt(this)' <<< 2

`this` is the line's JSON value (or its text, if it is not JSON), `root` the result; `None` drops the line.
Exit codes: 0 all well, 1 some lines failed, 2 the script cannot start.")]
pub(super) struct Eval {
    /// The Python script
    script: String,
    /// Python that runs once, before the first line: classes, functions, tables
    #[arg(long, value_name = "SCRIPT")]
    setup: Option<String>,
    /// Make a module available by name; may be repeated
    #[arg(short, long = "import", value_name = "MODULE")]
    imports: Vec<String>,
    /// Override a field of the config, such as guests.timeout=5s; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
}

impl Eval {
    pub(super) fn execute(self) -> u8 {
        match Config::for_script(
            &self.script,
            self.setup.as_deref(),
            &self.imports,
            &self.set,
        ) {
            Ok(loaded) => run::run(loaded.config, Duration::ZERO),
            Err(problems) => {
                super::report::diagnostics(&problems);
                super::MISUSED
            }
        }
    }
}
