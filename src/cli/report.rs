//! What went wrong, told on standard error as people and editors expect it.

use std::io::IsTerminal;

use super::console;
use crate::config::{Config, Diagnostic, Diagnostics};
use crate::engine::build;
use crate::guest::error::{ScriptProblem, StartError};
use crate::guest::runtime::RuntimeError;

/// Prints problems; in colour on a terminal.
pub fn diagnostics(problems: &Diagnostics) {
    if !problems.is_empty() {
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        console::complain(problems.render(colour).trim_end());
    }
}

/// A runtime that cannot be used, with what to do.
pub fn runtime_problem(error: &RuntimeError) -> Diagnostics {
    Diagnostic::error(error.to_string())
        .help(error.help())
        .into()
}

/// Why guests cannot start, in places of the user's own files.
pub fn start_problems(config: &Config, error: &StartError) -> Diagnostics {
    let StartError::Scripts(problems) = error else {
        return Diagnostic::error(format!("guests cannot start: {error}")).into();
    };
    let mut diagnostics = Diagnostics::default();
    for problem in problems {
        diagnostics.push(script_problem(config, problem));
    }
    diagnostics
}

fn script_problem(config: &Config, problem: &ScriptProblem) -> Diagnostic {
    let ScriptProblem {
        stage,
        kind,
        message,
        line,
        column,
        import,
    } = problem;
    let diagnostic = Diagnostic::error(format!("{kind}: {message}"));
    let mut scripts = build::scripts(&config.input, &config.pipeline.stages);
    let Some(stage) = stage.and_then(|stage| scripts.nth(stage)) else {
        return diagnostic;
    };
    let at = match (line, import) {
        (Some(line), _) => stage
            .origin
            .position(*line as usize, column.unwrap_or(1) as usize),
        (None, Some(import)) => stage.import_position(import),
        (None, None) => stage.origin.position(1, 1),
    };
    let diagnostic = diagnostic.at(at);
    let runtime = &config.guests.runtime;
    match kind.as_str() {
        "ModuleNotFoundError" => diagnostic.help(format!(
            "guests import from the standard library of {runtime} alone"
        )),
        _ => diagnostic,
    }
}
