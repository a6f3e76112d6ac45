//! Problems that guests find in scripts, with places in the user's own files.

use super::scripts;
use crate::config::modules::missing;
use crate::config::{Config, Diagnostic, Diagnostics, Severity, Stage};
use crate::guest::error::{ScriptProblem, StartError};

/// Explains why guests cannot start with the scripts of `config`.
pub(crate) fn of_start(config: &Config, error: &StartError) -> Diagnostics {
    let StartError::Scripts(problems) = error else {
        return Diagnostic::error(format!("guests cannot start: {error}")).into();
    };
    script_problems(config, problems, Severity::Error)
}

/// Shows what a guest has found that could be better in the scripts of `config`.
pub(crate) fn warnings(config: &Config, found: &[ScriptProblem]) -> Diagnostics {
    script_problems(config, found, Severity::Warning)
}

/// Logs what a guest has found that could be better in the scripts of `config`.
pub(crate) fn log(config: &Config, found: &[ScriptProblem]) {
    for warning in warnings(config, found).iter() {
        let at = warning.location.as_ref().map(ToString::to_string);
        tracing::warn!(at, help = warning.help.as_deref(), "{}", warning.message);
    }
}

fn script_problems(config: &Config, found: &[ScriptProblem], severity: Severity) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for problem in found {
        diagnostics.push(script_problem(config, problem, severity));
    }
    diagnostics
}

fn script_problem(config: &Config, problem: &ScriptProblem, severity: Severity) -> Diagnostic {
    let ScriptProblem {
        stage,
        kind,
        message,
        line,
        column,
        import,
        setup,
        module,
        missing,
        traceback,
        help,
    } = problem;
    let mut diagnostic = match severity {
        Severity::Error => Diagnostic::error(format!("{kind}: {message}")),
        Severity::Warning => Diagnostic::warning(message),
    };
    diagnostic.note = traceback.as_deref().map(|text| text.trim_end().into());
    diagnostic.help = help.as_deref().map(Into::into);
    let mut scripts = scripts::all(&config.input, &config.pipeline.stages);
    let Some(stage) = stage.and_then(|stage| scripts.nth(stage)) else {
        return diagnostic;
    };
    let origin = match &stage.setup {
        Some(of_setup) if *setup => &of_setup.origin,
        _ => &stage.origin,
    };
    let column = column.unwrap_or(1) as usize;
    let file = module.as_deref();
    let every =
        scripts::all(&config.input, &config.pipeline.stages).flat_map(|stage| &stage.modules);
    let module = every.into_iter().find(|one| Some(one.file()) == file);
    let at = match (module, line, import) {
        (Some(module), Some(line), _) => module.position(*line as usize, column),
        (_, Some(line), _) => origin.position(*line as usize, column),
        (_, None, Some(import)) => stage.import_position(import),
        (_, None, None) => origin.position(1, 1),
    };
    let diagnostic = diagnostic.at(at);
    match kind.as_str() {
        "ModuleNotFoundError" => diagnostic.help(where_modules_are(
            &config.guests.runtime,
            stage,
            missing.as_deref(),
        )),
        _ => diagnostic,
    }
}

/// Returns the help for a module that is not found.
fn where_modules_are(runtime: &str, stage: &Stage, name: Option<&str>) -> String {
    let places = format!(
        "guests import from the standard library of {runtime}, from `packages` (a requirements file)"
    );
    match (stage.origin.folder(), name) {
        (Some(folder), Some(name)) => {
            format!(
                "{places}, and from files beside the script: {}",
                missing(folder, name)
            )
        }
        _ => format!(
            "{places}, and from files beside the script if that is in a file: `file: script.py`"
        ),
    }
}
