//! `nerodia debug`: runs a pipeline's scripts in the debugger of a native Python.
//!
//! A guest has no terminal: its standard input and output are the protocol with the host, and a guest that waits for a person
//! is one whose time is over. So the scripts run in a Python of this machine, with the names that a guest has.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use serde_json::{Value, json};

use super::config_file::ConfigFile;
use super::{MISUSED, console, report, run};
use crate::config::{ScriptOrigin, Stage};
use crate::engine::scripts;

/// Program that runs the scripts. It finds modules beside them, and begins with `root`, as guests do.
const DRIVER: &str = concat!(
    include_str!("../../runtime/entrypoint/root.py"),
    include_str!("../../runtime/entrypoint/beside.py"),
    include_str!("debug/driver.py")
);

/// Run scripts in Python's debugger, over messages from a file
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  nerodia debug orders.yaml --from-file samples.jsonl

The scripts stop at their first line for each message: `n` runs a line, `c` continues to the next message, `p this` prints \
a value, `b 7` stops at line 7 from then on, `q` ends. An exception stops where it was raised.

They run in a Python of this machine, WITHOUT the sandbox and its limits: debug only scripts that you trust. That \
Python may lack packages, and be of another version than the guests'.")]
pub(super) struct Debug {
    #[command(flatten)]
    config: ConfigFile,
    /// File with messages, one a line
    #[arg(long, value_name = "FILE")]
    from_file: PathBuf,
    /// Begin after so many messages
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    skip: u64,
    /// Python to debug with
    #[arg(
        long,
        value_name = "PROGRAM",
        default_value = "python3",
        env = "NERODIA_PYTHON"
    )]
    python: PathBuf,
    /// Override a field of the config; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
}

impl Debug {
    pub(super) fn execute(self) -> u8 {
        let config = match run::load(self.config.path(), &self.set) {
            Ok(loaded) => loaded.config,
            Err(problems) => {
                report::diagnostics(&problems);
                return MISUSED;
            }
        };
        if let Err(error) = std::fs::File::open(&self.from_file) {
            console::complain(format_args!(
                "error: cannot read {}: {error}",
                self.from_file.display()
            ));
            return MISUSED;
        }
        let error = self.become_python(&config.pipeline.stages);
        console::complain(format_args!(
            "error: cannot start {}: {error}\n\nhelp: name a Python 3 with --python",
            self.python.display()
        ));
        MISUSED
    }

    /// Replaces this process by a Python that runs the scripts, so that the terminal and its signals are Python's. Returns only
    /// if that fails.
    fn become_python(&self, stages: &[Stage]) -> std::io::Error {
        let stages: Vec<&Stage> = stages.iter().collect();
        let folders = scripts::folders(&stages);
        let described = stages.iter().map(|stage| {
            let mut described = described(stage);
            described["folder"] = json!(scripts::folder(stage, &folders));
            described
        });
        let mut modules = scripts::hello_modules(&stages, &folders);
        for module in &mut modules {
            // An argument has less room than the modules may have: Python reads the files.
            module.script.clear();
        }
        let spec = json!({
            "stages": described.collect::<Vec<Value>>(),
            "modules": modules,
            "samples": self.from_file,
            "skip": self.skip,
        });
        let mut python = Command::new(&self.python);
        python.args(["-c", DRIVER, &spec.to_string()]).exec()
    }
}

/// Returns a script as the driver takes it.
fn described(stage: &Stage) -> Value {
    let part = |text: &str, origin: &ScriptOrigin| {
        json!({
            "text": text,
            "file": origin.display_name(),
            "line": origin.position(1, 1).line(),
        })
    };
    let mut spec = part(&stage.script, &stage.origin);
    spec["imports"] = json!(stage.imports);
    spec["setup"] = match &stage.setup {
        Some(setup) => part(&setup.script, &setup.origin),
        None => Value::Null,
    };
    spec
}
