//! From the raw shape to the config that cannot be wrong, collecting every problem.
//!
//! Each raw struct is taken apart by name, so that a new field cannot be forgotten.

mod guests;
mod input;
mod kafka;
mod output;
mod pipeline;
mod service;
mod tests;

use std::path::Path;
use std::time::Duration;

use super::diagnostics::{Diagnostic, Diagnostics};
use super::load::Loaded;
use super::model::{Config, Extent, InputConfig};
use super::raw;
use super::source::Location;
use super::tree::{Node, dotted};
use super::units::{self, DURATION_HELP, SIZE_HELP};

/// Checks what types cannot say.
///
/// `doubtful` are the fields taken out because their shape is wrong. What follows from their
/// absence is not told: a misspelled `script` is no missing script.
pub(super) fn validate(
    raw: raw::Config,
    root: &Node,
    base: &Path,
    doubtful: &[String],
) -> Result<Loaded, Diagnostics> {
    let raw::Config {
        input,
        pipeline,
        output,
        dead_letter,
        delivery,
        guests,
        http,
        logger,
        shutdown_timeout,
        tests,
        shutdown_delay,
        metrics,
        tracer,
        buffer,
    } = raw;
    let mut check = Check {
        root,
        base,
        doubtful,
        threads_are_cores: false,
        packages: None,
        errors: Diagnostics::default(),
        warnings: Diagnostics::default(),
    };
    check.threads_are_cores = pipeline.threads == -1;
    let mut pipeline = check.pipeline(pipeline);
    let input = check.input(input, &pipeline);
    let mut output = check.output("/output", output);
    let mut dead_letter = dead_letter.map(|dead_letter| check.output("/dead_letter", dead_letter));
    let delivery = check.delivery(delivery, input.as_ref(), &mut output, dead_letter.as_mut());
    check.failures(input.as_ref(), &pipeline, dead_letter.as_ref());
    check.loops(input.as_ref(), &output, dead_letter.as_ref());
    let guests = check.guests(guests, &mut pipeline);
    let service =
        matches!(&input, Some(InputConfig::Kafka(kafka)) if kafka.extent == Extent::Endless);
    let http = check.http(http, service);
    let logger = check.logger(logger);
    let shutdown_timeout = check.duration("/shutdown_timeout", &shutdown_timeout);
    check.times(input.as_ref(), guests.timeout, shutdown_timeout);
    let tests = check.tests(tests);
    check.without_effect("/shutdown_delay", &shutdown_delay);
    check.without_effect("/metrics", &metrics);
    check.without_effect("/tracer", &tracer);
    check.no_buffer(buffer.as_ref());

    let Check {
        mut errors,
        mut warnings,
        ..
    } = check;
    match (input, errors.is_empty()) {
        (Some(input), true) => {
            warnings.sort();
            let config = Config {
                input,
                pipeline,
                output,
                dead_letter,
                delivery,
                guests,
                http,
                logger,
                shutdown_timeout,
                tests,
            };
            Ok(Loaded { config, warnings })
        }
        _ => {
            errors.sort();
            Err(errors)
        }
    }
}

/// The problems found so far, and what is needed to tell their place.
///
/// A check that fails notes it and returns something usable, so that the next can go on.
struct Check<'a> {
    root: &'a Node,
    base: &'a Path,
    doubtful: &'a [String],
    /// Whether the most guests is the machine's choice, not the user's.
    threads_are_cores: bool,
    /// The requirements file, as it is written, and where.
    packages: Option<(String, Location)>,
    errors: Diagnostics,
    warnings: Diagnostics,
}

impl Check<'_> {
    fn error(&mut self, pointer: &str, message: impl Into<String>, help: &str) {
        if self.is_doubtful(self.root.nearest(pointer)) {
            return;
        }
        let problem = Diagnostic::error(message)
            .at(self.place(pointer))
            .help(help);
        self.errors.push(problem);
    }

    /// Whether a field, or one within it, had the wrong shape.
    fn is_doubtful(&self, pointer: &str) -> bool {
        let within = |field: &String| {
            field
                .strip_prefix(pointer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.doubtful.iter().any(within)
    }

    fn place(&self, pointer: &str) -> Location {
        self.root.place(pointer)
    }

    fn is_written(&self, pointer: &str) -> bool {
        self.root
            .find(pointer)
            .is_some_and(|child| !child.node.is_null())
    }

    /// Warns that a field of Bento's does nothing here.
    fn without_effect<T>(&mut self, pointer: &str, value: &Option<T>) {
        if value.is_some() {
            let message = format!("`{}` has no effect here", dotted(pointer));
            self.warnings
                .push(Diagnostic::warning(message).at(self.place(pointer)));
        }
    }

    /// Whether at most one of the components of `pointer` is written; tells it if not.
    fn at_most_one(&mut self, pointer: &str, components: &[(&str, bool)], two: &str) -> bool {
        let mut written = components.iter().filter(|(_, written)| *written);
        let (Some((one, _)), Some((other, _))) = (written.next(), written.next()) else {
            return true;
        };
        let problem = Diagnostic::error(format!("{two}, `{one}` and `{other}`"))
            .at(self.place(&format!("{pointer}/{other}")))
            .related(self.place(&format!("{pointer}/{one}")), "the other one")
            .help("keep one of them");
        self.errors.push(problem);
        false
    }

    fn duration(&mut self, pointer: &str, text: &raw::DurationText) -> Duration {
        units::duration(&text.0).unwrap_or_else(|why| {
            self.error(
                pointer,
                format!("`{}`: {why}", dotted(pointer)),
                DURATION_HELP,
            );
            Duration::ZERO
        })
    }

    /// A time limit: with zero nothing could ever be done in time.
    fn limit(&mut self, pointer: &str, text: &raw::DurationText) -> Duration {
        let before = self.errors.len();
        let limit = self.duration(pointer, text);
        if limit.is_zero() && self.errors.len() == before {
            self.error(
                pointer,
                format!("`{}` must be more than nothing", dotted(pointer)),
                DURATION_HELP,
            );
        }
        limit
    }

    fn size(&mut self, pointer: &str, size: &raw::Size) -> u64 {
        let before = self.errors.len();
        let bytes = units::size(size).unwrap_or_else(|why| {
            self.error(pointer, format!("`{}`: {why}", dotted(pointer)), SIZE_HELP);
            0
        });
        if bytes == 0 && self.errors.len() == before {
            self.error(
                pointer,
                format!("`{}` must be more than nothing", dotted(pointer)),
                SIZE_HELP,
            );
        }
        bytes
    }

    fn no_buffer(&mut self, buffer: Option<&serde_json::Value>) {
        let none = |buffer: &serde_json::Value| {
            buffer
                .as_object()
                .is_some_and(|fields| fields.keys().all(|key| key == "none"))
        };
        if !buffer.is_none_or(none) {
            self.error(
                "/buffer",
                "this engine has no buffers",
                "remove `buffer`: a buffer acknowledges messages that are not delivered yet; \
                 `pipeline.max_in_flight` says how many may be under way",
            );
        }
    }
}
