//! `pipeline`, and scripts wherever they stand.

use super::Check;
use super::guests::MOST_GUESTS;
use crate::config::diagnostics::Diagnostic;
use crate::config::model::{MaxFailures, OnError, PipelineConfig};
use crate::config::raw;
use crate::config::script::{ScriptOrigin, Stage};
use crate::config::tree::dotted;

impl Check<'_> {
    pub(super) fn pipeline(&mut self, raw: raw::Pipeline) -> PipelineConfig {
        let raw::Pipeline {
            threads,
            processors,
            on_error,
            max_failures,
            max_in_flight,
        } = raw;
        if processors.is_empty() {
            self.error(
                "/pipeline/processors",
                "`pipeline.processors` is empty: nothing to run",
                "a message leaves only as its script's result, so write at least \
                 `- python: { script: \"root = this\" }`",
            );
        }
        PipelineConfig {
            stages: processors
                .into_iter()
                .enumerate()
                .filter_map(|(index, processor)| self.processor(index, processor))
                .collect(),
            max_guests: self.threads(threads),
            max_in_flight: self.size("/pipeline/max_in_flight", &max_in_flight),
            on_error: match on_error {
                raw::OnError::DeadLetter => OnError::DeadLetter,
                raw::OnError::Drop => OnError::Drop,
            },
            max_failures: max_failures.map(|raw| self.max_failures(&raw)),
        }
    }

    fn max_failures(&mut self, raw: &raw::MaxFailures) -> MaxFailures {
        let raw::MaxFailures { share, of } = *raw;
        if !(0.0..1.0).contains(&share) {
            self.error(
                "/pipeline/max_failures/share",
                format!("`pipeline.max_failures.share` cannot be {share}"),
                "write a share from 0 to less than 1: `0.9` for nine in ten messages",
            );
        }
        MaxFailures {
            share,
            of: usize::try_from(of).unwrap_or(usize::MAX),
        }
    }

    fn threads(&mut self, threads: i64) -> usize {
        match usize::try_from(threads) {
            Ok(threads) if (1..=MOST_GUESTS).contains(&threads) => threads,
            _ if threads == -1 => std::thread::available_parallelism().map_or(1, usize::from),
            _ => {
                let message = format!("`pipeline.threads` cannot be {threads}");
                self.error(
                    "/pipeline/threads",
                    message,
                    &format!("write -1 for as many as there are cores, or 1 to {MOST_GUESTS}"),
                );
                1
            }
        }
    }

    fn processor(&mut self, index: usize, raw: raw::Processor) -> Option<Stage> {
        let raw::Processor { label, python } = raw;
        let pointer = format!("/pipeline/processors/{index}");
        let Some(raw::Python {
            script,
            file,
            imports,
            packages,
        }) = python
        else {
            let message = format!("`{}` has no `python`", dotted(&pointer));
            self.error(
                &pointer,
                message,
                "write `- python: { script: \"root = this\" }`",
            );
            return None;
        };
        if let Some(file) = packages {
            self.packages(&format!("{pointer}/python/packages"), file);
        }
        let mut stage = self.stage(&format!("{pointer}/python"), script, file, imports)?;
        stage.label = label;
        Some(stage)
    }

    /// The requirements file that scripts have their packages from.
    fn packages(&mut self, pointer: &str, file: String) {
        match &self.packages {
            Some((other, at)) if *other != file => {
                let problem = Diagnostic::error("there are two files of packages")
                    .at(self.place(pointer))
                    .related(at.clone(), "the other one")
                    .help("all scripts run in the same guests: put the packages into one file");
                self.errors.push(problem);
            }
            Some(_) => {}
            None => self.packages = Some((file, self.place(pointer))),
        }
    }

    /// A script, from the config or from a file.
    pub(super) fn stage(
        &mut self,
        pointer: &str,
        script: Option<String>,
        file: Option<String>,
        imports: Vec<String>,
    ) -> Option<Stage> {
        let imports_at = self.imports(pointer, &imports);
        let (script, origin) = match (script, file) {
            (Some(script), None) => {
                let node = self.root.find(&format!("{pointer}/script"))?.node;
                (script, ScriptOrigin::in_config(node, node.scalar()?))
            }
            (None, Some(file)) => match ScriptOrigin::read(self.base, &file) {
                Ok(read) => read,
                Err(problem) => {
                    let at = match problem.location.clone() {
                        Some(in_script) => in_script,
                        None => self.place(&format!("{pointer}/file")),
                    };
                    self.errors.push(problem.at(at));
                    return None;
                }
            },
            (Some(_), Some(_)) => {
                let problem = Diagnostic::error(format!(
                    "`{}` has both `script` and `file`",
                    dotted(pointer)
                ))
                .at(self.place(&format!("{pointer}/file")))
                .related(self.place(&format!("{pointer}/script")), "the other one")
                .help("keep one of them");
                self.errors.push(problem);
                return None;
            }
            (None, None) => {
                self.error(
                    pointer,
                    format!("`{}` has no script", dotted(pointer)),
                    "write `script: |` with Python on the lines below, or `file: transform.py`",
                );
                return None;
            }
        };
        if script.trim().is_empty() {
            // It would drop every message: `root` stays `None`.
            self.errors.push(
                Diagnostic::error("the script is empty")
                    .at(origin.position(1, 1))
                    .help("`root = this` lets every message through, `root = None` drops it"),
            );
        }
        Some(Stage {
            label: None,
            script,
            imports,
            origin,
            imports_at,
        })
    }

    fn imports(&mut self, pointer: &str, imports: &[String]) -> Vec<crate::config::Location> {
        let mut places = Vec::new();
        for (index, import) in imports.iter().enumerate() {
            let pointer = format!("{pointer}/imports/{index}");
            places.push(self.place(&pointer));
            let identifier = |part: &str| {
                !part.starts_with(|c: char| c.is_ascii_digit())
                    && !part.is_empty()
                    && part.chars().all(|c| c.is_alphanumeric() || c == '_')
            };
            if !import.split('.').all(identifier) {
                let message = format!("`{import}` is no name of a module");
                self.error(
                    &pointer,
                    message,
                    "write a name a Python `import` takes, as in `imports: [math, os.path]`",
                );
            }
        }
        places
    }
}
