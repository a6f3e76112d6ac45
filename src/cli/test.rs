//! `nerodia test`: runs the unit tests that configs contain, in real guests.

mod given;
mod junit;
mod printed;
mod verdict;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use self::given::Given;
use self::printed::Printed;
use self::verdict::{Got, judge};
use super::tryout::{self, Refused, TryOut};
use super::{FAILED, MISUSED, WELL, console, of_bento, report, run};
use crate::config::{Config, Diagnostics, InputConfig, StreamInput, TestCase};
use crate::engine::formats;

/// Suffix of a file with the tests of another config: `orders.test.yaml` for `orders.yaml`.
const BESIDE: &str = ".test.yaml";

/// Run the unit tests of configs, in real guests
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nerodia test configs/*.yaml
  nerodia test pipeline.yaml --junit report.xml

Tests are under `tests:` in the config, or in a file of their own: pipeline.test.yaml for pipeline.yaml.

  tests:
    - name: adds them up
      input: [11, 6, 20, 5]
      output: 42

Instead of `output`: `outputs` (several, with key, topic, headers), `error: ValueError`, or `dropped: true`. \
`processor: LABEL` in a test runs one processor alone.
Exit codes: 0 all passed, 1 some failed, 2 usage or config.")]
pub(super) struct Test {
    /// Config files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Override a field of every config; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Also write a JUnit report
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// Test that was run.
pub(super) struct Done {
    test: TestCase,
    /// Reason why the test failed, for people.
    failure: Option<String>,
    /// Lines that the scripts printed.
    printed: Vec<String>,
    took: Duration,
}

impl Test {
    pub(super) fn execute(self) -> u8 {
        let mut suites = Vec::new();
        // A glob also finds the files with tests of another config: they are run once, with that config.
        let configs: BTreeSet<PathBuf> = self.files.iter().map(|file| config_of(file)).collect();
        for path in configs {
            let suite = load(&path, &self.set).and_then(|(config, tests)| {
                if tests.is_empty() {
                    if let Some(problem) = of_bento::tests_beside(&path) {
                        report::diagnostics(&problem.into());
                    }
                    console::say(format_args!("        {}: no tests", path.display()));
                }
                run_all(&config, tests)
            });
            match suite {
                Ok(done) => suites.push((path.display().to_string(), done)),
                Err(Refused) => return MISUSED,
            }
        }
        if let Some(file) = &self.junit
            && let Err(error) = junit::write(file, &suites)
        {
            console::complain(format_args!(
                "error: cannot write {}: {error:#}",
                file.display()
            ));
            return MISUSED;
        }
        let done = suites.iter().flat_map(|(_, done)| done);
        let (passed, failed): (Vec<&Done>, Vec<&Done>) =
            done.partition(|done| done.failure.is_none());
        console::say(format_args!(
            "{} passed, {} failed",
            passed.len(),
            failed.len()
        ));
        if failed.is_empty() { WELL } else { FAILED }
    }
}

fn config_of(file: &Path) -> PathBuf {
    match file.to_str().and_then(|name| name.strip_suffix(BESIDE)) {
        Some(stem) => format!("{stem}.yaml").into(),
        None => file.to_owned(),
    }
}

/// Returns what is wrong with the messages of the tests in a config.
pub(super) fn problems(config: &Config) -> Diagnostics {
    given::all(config, &config.tests).err().unwrap_or_default()
}

/// Loads a config, with its own tests and those from its test file.
fn load(path: &Path, set: &[String]) -> Result<(Config, Vec<TestCase>), Refused> {
    let read = |path: PathBuf, set: &[String]| {
        run::load(path, set).map_err(|problems| {
            report::diagnostics(&problems);
            Refused
        })
    };
    let mut config = read(path.to_owned(), set)?.config;
    let mut tests = std::mem::take(&mut config.tests);
    let beside = path.with_extension("test.yaml");
    if beside.exists() {
        // A test file is loaded as a config, which must have a script.
        let script = "pipeline.processors.0.python.script=root = this".to_owned();
        tests.extend(read(beside, &[script])?.config.tests);
    }
    Ok((config, tests))
}

fn run_all(config: &Config, tests: Vec<TestCase>) -> Result<Vec<Done>, Refused> {
    if tests.is_empty() {
        return Ok(Vec::new());
    }
    let formats = formats::offline(config).map_err(|error| {
        console::complain(format_args!("error: {error:#}"));
        Refused
    })?;
    let given = given::all(config, &tests).map_err(|problems| {
        report::diagnostics(&problems);
        Refused
    })?;
    let printed = Printed::start();
    let mut done = Vec::new();
    let mut cases = tests.into_iter().zip(given).peekable();
    // Tests of the same processors share a guest, as long as they follow each other.
    while let Some((_, Given { processor, .. })) = cases.peek() {
        let processor = *processor;
        let config = match processor {
            Some(index) => &alone(config, index),
            None => config,
        };
        tryout::with(config, &formats, async |tryout| {
            while let Some((test, given)) = cases.next_if(|(_, given)| given.processor == processor)
            {
                let one = run_one(tryout, test, given, &printed).await?;
                tell(&one);
                done.push(one);
            }
            Ok(())
        })?;
    }
    Ok(done)
}

/// Returns `config` with one of its processors alone.
fn alone(config: &Config, index: usize) -> Config {
    let mut alone = config.clone();
    alone.pipeline.stages = vec![alone.pipeline.stages.swap_remove(index)];
    if alone.input.script().is_some() {
        // It comes before the processors.
        alone.input = InputConfig::Stdin(StreamInput::lines(usize::MAX, alone.input.formats().0));
    }
    alone
}

/// Note on a test that failed although perhaps only its schema is missing.
const NO_SCHEMA: &str = "\
note: the test names no schema, so the script got the `input` as the JSON that it is, and not the types of production: add \
`schema: FILE` to the test\n";

async fn run_one(
    tryout: &mut TryOut<'_>,
    test: TestCase,
    given: Given,
    printed: &Printed,
) -> anyhow::Result<Done> {
    let Given {
        lane,
        message,
        schemas,
        is_bare,
        ..
    } = given;
    let (batch, executed) = tryout.run_with(Arc::new(lane), message, schemas).await?;
    let got = Got::new(&executed, &batch.messages[0], test.meta.key.as_deref());
    Ok(Done {
        failure: judge(&test.expected, &got).err().map(|difference| {
            let note = if is_bare { NO_SCHEMA } else { "" };
            difference + note
        }),
        test,
        printed: printed.take(),
        took: executed.took,
    })
}

fn tell(done: &Done) {
    let Done {
        test,
        failure,
        printed,
        ..
    } = done;
    match failure {
        None => console::say(format_args!("ok      {}: {}", test.place, test.name)),
        Some(failure) => {
            console::say(format_args!("FAILED  {}: {}", test.place, test.name));
            for line in failure.lines() {
                console::say(format_args!("        {line}"));
            }
            if !printed.is_empty() {
                console::say("        printed:");
            }
            for line in printed {
                console::say(format_args!("          {line}"));
            }
        }
    }
}
