//! `nerodia eval`: runs a script from the command line, as people use jq.

use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::{console, report, run};
use crate::config::{Config, FailurePolicy, OneScript, ScriptSource};
use crate::telemetry::logs;
use crate::telemetry::metrics::Metrics;

/// Run a script over the lines of standard input
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  echo '[11, 6, 20, 5]' | nerodia eval 'root = sum(this)'
  nerodia eval 'root = this if this[\"status\"] == \"active\" else None' < users.jsonl
  nerodia eval -f prices.py --errors bad.jsonl --stats < orders.jsonl > priced.jsonl

`this` is the line's JSON value (or its text, if it is not JSON), `root` the result; `None` drops the line. \
Lines that fail go to standard error with the reason, as JSON, or as text in a terminal; or to the file of --errors.
Exit codes: 0 all well, 1 some lines failed, 2 the script cannot start.")]
pub(super) struct Eval {
    /// The Python script
    #[arg(required_unless_present = "file")]
    script: Option<String>,
    /// Read the script from a file
    #[arg(short, long, value_name = "FILE")]
    file: Option<String>,
    /// What jq would take as input
    #[arg(hide = true)]
    others: Vec<String>,
    /// Python that runs once, before the first line: classes, functions, tables
    #[arg(long, value_name = "SCRIPT")]
    setup: Option<String>,
    /// Make a module available by name; may be repeated
    #[arg(short, long = "import", value_name = "MODULE")]
    imports: Vec<String>,
    /// Append the lines that fail to a file
    #[arg(long, value_name = "FILE")]
    errors: Option<String>,
    /// Count the lines on standard error at the end
    #[arg(long)]
    stats: bool,
    /// Override a field of the config, such as guests.timeout=5s; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
}

impl Eval {
    pub(super) fn execute(self) -> u8 {
        let extra = match self.file {
            Some(_) => &self.script,
            None => &None,
        };
        if let Some(input) = extra.iter().chain(&self.others).next() {
            let help = match &self.file {
                Some(_) if !Path::new(input).is_file() => {
                    "give `-f FILE` or a script, not both".to_owned()
                }
                Some(file) => format!("nerodia eval -f {file} < {input}"),
                None => format!("nerodia eval '…' < {input}"),
            };
            console::complain(format_args!(
                "error: unexpected `{input}`: `eval` reads standard input\n\nhelp: {help}"
            ));
            return super::MISUSED;
        }
        let script = match (&self.file, &self.script) {
            (Some(file), _) => ScriptSource::File(file),
            // No script is the name of a file that is there, or at least none that does anything.
            (None, Some(text)) if Path::new(text.trim()).is_file() => {
                console::complain(format_args!(
                    "error: `{text}` is a file, and `eval` expects a script\n\nhelp: nerodia eval -f {text}"
                ));
                return super::MISUSED;
            }
            (None, script) => ScriptSource::Text(script.as_deref().unwrap_or_default()),
        };
        let one = OneScript {
            script,
            setup: self.setup.as_deref(),
            imports: &self.imports,
            errors: self.errors.as_deref(),
        };
        match Config::for_script(&one, &self.set) {
            Ok(loaded) => {
                let failures = match (&self.errors, loaded.config.failure_policy()) {
                    (Some(_), FailurePolicy::DeadLetters(_)) => logs::Failures::Filed,
                    _ => logs::Failures::Logged,
                };
                logs::start_with_prints(&loaded.config.logger, failures);
                run::run_and(loaded.config, Duration::ZERO, None, |metrics| {
                    if self.stats {
                        console::complain(counts(metrics));
                    }
                })
            }
            Err(problems) => {
                report::diagnostics(&problems);
                super::MISUSED
            }
        }
    }
}

/// Returns the line of counts.
fn counts(metrics: &Metrics) -> String {
    let totals = [&metrics.received, &metrics.records, &metrics.dropped];
    let [lines, results, dropped] = totals.map(Metrics::get);
    let failed = metrics.all_failed();
    format!("lines read: {lines}, results: {results}, dropped: {dropped}, failed: {failed}")
}
