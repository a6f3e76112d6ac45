//! Problems that guests find in scripts, located in the user's own files.

use super::scripts;
use crate::config::{Config, Diagnostic, Diagnostics};
use crate::guest::error::{ScriptProblem, StartError};

/// Explains why guests cannot start with the scripts of `config`.
pub fn of_start(config: &Config, error: &StartError) -> Diagnostics {
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
    let mut scripts = scripts::all(&config.input, &config.pipeline.stages);
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
            "guests import from the standard library of {runtime} and from `packages`: a requirements file"
        )),
        _ => diagnostic,
    }
}
