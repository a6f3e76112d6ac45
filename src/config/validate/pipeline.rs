//! Checks of `pipeline`, and of scripts in any section.

use super::Check;
use super::guests::MOST_GUESTS;
use crate::config::diagnostics::Diagnostic;
use crate::config::foreign::PASS_ON;
use crate::config::model::{MaxFailures, PipelineConfig};
use crate::config::modules::{self, is_name};
use crate::config::raw;
use crate::config::script::{ScriptOrigin, Setup, Stage};
use crate::config::tree::FieldPath;

/// File with packages that scripts may import, and the field that names it.
pub(super) type Packages = (String, FieldPath);

/// Checks the scripts and their bounds. Also returns the packages that they ask for.
pub(super) fn pipeline(
    check: &mut Check<'_>,
    raw: raw::Pipeline,
) -> (PipelineConfig, Option<Packages>) {
    let at = FieldPath::of("pipeline");
    if raw.processors.is_empty() {
        check.error(
            &at.field("processors"),
            "`pipeline.processors` is empty: nothing to run",
            format!(
                "a message leaves only as its script's result, so write at least `- python: {{ script: \"root = this\" }}`, \
                 which is for JSON without tombstones; {PASS_ON}"
            ),
        );
    }
    let (mut stages, mut packages) = (Vec::new(), None);
    let mut labels: Vec<(String, FieldPath)> = Vec::new();
    for (index, raw) in raw.processors.into_iter().enumerate() {
        let at = at.field("processors").item(index);
        if let Some(label) = raw.label.clone() {
            let at = at.field("label");
            if let Some((_, other)) = labels.iter().find(|(one, _)| *one == label) {
                let problem = Diagnostic::error(format!("two processors have the label `{label}`"))
                    .help("tests, metrics and the page name a processor by its label: choose another one");
                check.clash(problem, &at, other, "the other one");
            }
            labels.push((label, at));
        }
        stages.extend(processor(check, &at, raw, &mut packages));
    }
    if let Some(MaxFailures { share, .. }) = raw.max_failures
        && !(0.0..1.0).contains(&share)
    {
        check.error(
            &at.field("max_failures").field("share"),
            format!("`pipeline.max_failures.share` cannot be {share}"),
            "write a share from 0 to less than 1: `0.9` for nine in ten messages",
        );
    }
    let pipeline = PipelineConfig {
        stages,
        max_guests: threads(check, &at.field("threads"), raw.threads),
        max_in_flight: raw.max_in_flight,
        on_error: raw.on_error,
        max_failures: raw.max_failures,
    };
    (pipeline, packages)
}

fn threads(check: &mut Check<'_>, at: &FieldPath, threads: i64) -> usize {
    match usize::try_from(threads) {
        Ok(threads) if (1..=MOST_GUESTS).contains(&threads) => threads,
        _ if threads == -1 => std::thread::available_parallelism().map_or(1, usize::from),
        _ => {
            check.error(
                at,
                format!("`{at}` cannot be {threads}"),
                format!("write -1 for as many as there are cores, or 1 to {MOST_GUESTS}"),
            );
            1
        }
    }
}

fn processor(
    check: &mut Check<'_>,
    at: &FieldPath,
    raw: raw::Processor,
    packages: &mut Option<Packages>,
) -> Option<Stage> {
    let Some(python) = raw.python else {
        let help = "write `- python: { script: \"root = this\" }`";
        check.error(at, format!("`{at}` has no `python`"), help);
        return None;
    };
    let at = at.field("python");
    if let Some(file) = python.packages {
        let at = at.field("packages");
        match packages {
            Some((other, other_at)) if *other != file => {
                let problem = Diagnostic::error("there are two files of packages")
                    .help("all scripts run in the same guests: put the packages into one file");
                check.clash(problem, &at, other_at, "the other one");
            }
            _ => *packages = Some((file, at)),
        }
    }
    let mut stage = stage(
        check,
        &at,
        python.script,
        python.setup,
        python.file,
        python.imports,
    )?;
    stage.label = raw.label;
    Some(stage)
}

/// Checks a script, from the config or from a file.
pub(super) fn stage(
    check: &mut Check<'_>,
    at: &FieldPath,
    script: Option<String>,
    setup: Option<String>,
    file: Option<String>,
    imports: Vec<String>,
) -> Option<Stage> {
    let (in_config, in_file) = (at.field("script"), at.field("file"));
    let setup_at = at.field("setup");
    let places = (0..).map(|index| at.field("imports").item(index));
    for (place, import) in places.clone().zip(&imports) {
        if !import.split('.').all(is_name) {
            check.error(
                &place,
                format!("`{import}` is no name of a module"),
                "write a name a Python `import` takes, as in `imports: [math, os.path]`",
            );
        }
    }
    if setup.is_some() && file.is_some() {
        let problem = Diagnostic::error(format!("`{at}` has both `setup` and `file`"))
            .help("put the setup into the file, above a line `# %% message`");
        check.clash(problem, &setup_at, &in_file, "the script is in a file");
        return None;
    }
    let origin = |at: &FieldPath| {
        let node = check.root.find(at)?;
        Some(ScriptOrigin::in_config(node, node.scalar()?))
    };
    let (script, mut origin, setup) = match (script, file) {
        (Some(script), None) => {
            let setup = match setup {
                Some(script) => Some(Setup {
                    script,
                    origin: origin(&setup_at)?,
                }),
                None => None,
            };
            (script, origin(&in_config)?, setup)
        }
        (None, Some(file)) => match ScriptOrigin::read(check.base, &file) {
            Ok(read) => read,
            Err(problem) => {
                let place = check.place(&in_file);
                let is_missing = problem.location.is_none();
                let problem = match place.source().is_argument() && is_missing {
                    true => problem.help(
                        "`eval -f FILE` runs the script in a file, `nerodia eval 'root = this'` one from the command line",
                    ),
                    false => problem,
                };
                let at = problem.location.clone().unwrap_or(place);
                check.problems.push(problem.at(at));
                return None;
            }
        },
        (Some(_), Some(_)) => {
            let message = format!("`{at}` has both `script` and `file`");
            check.either(message, &in_file, &in_config, "one of them");
            return None;
        }
        (None, None) => {
            check.error(
                at,
                format!("`{at}` has no script"),
                "write `script: |` with Python on the lines below, or `file: transform.py`",
            );
            return None;
        }
    };
    if script.trim().is_empty() {
        // An empty script would drop every message: `root` stays `None`.
        let problem = Diagnostic::error("the script is empty").at(origin.position(1, 1));
        let help = "`root = this` lets every message through, `root = None` drops it";
        check.problems.push(problem.help(help));
    }
    let places = places.zip(&imports).map(|(at, _)| check.place(&at));
    origin.imports = places.collect();
    let modules = match origin.folder() {
        Some(folder) => {
            let setup = setup.as_ref().map_or("", |setup| &setup.script);
            modules::beside(folder, [&*script, setup], &imports)
        }
        None => Ok(Vec::new()),
    };
    let modules = modules.unwrap_or_else(|problem| {
        let at = problem.location.clone();
        let at = at.unwrap_or_else(|| check.place(&in_file));
        check.problems.push(problem.at(at));
        Vec::new()
    });
    Some(Stage {
        label: None,
        script,
        imports,
        origin,
        // One without text has nothing to run.
        setup: setup
            .filter(|setup| !setup.script.trim().is_empty())
            .map(Box::new),
        modules,
    })
}
