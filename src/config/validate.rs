//! Conversion of the written config to the checked one. It collects every problem.
//!
//! Each section is checked where it is converted; [`RULES`] check two sections against each other.

mod cases;
mod files;
mod foreign_texts;
mod format;
mod guests;
mod idle;
mod input;
mod kafka;
mod output;
mod pipeline;
mod registry;
mod service;
mod written;

use std::path::Path;

use super::diagnostics::{Diagnostic, Diagnostics};
use super::model::Config;
use super::raw;
use super::source::Location;
use super::tree::{FieldPath, Node};
use super::walk::Walked;

/// Checks of two sections against each other.
const RULES: [fn(&mut Check<'_>, &Config); 7] = [
    files::loops,
    foreign_texts::bloblang,
    kafka::failures,
    kafka::loops,
    kafka::times,
    format::schemas,
    idle::registry,
];

/// Checks what types cannot express. The config can be used if there are no errors among the problems.
pub(super) fn validate(
    raw: raw::Config,
    root: &Node,
    base: &Path,
    walked: Walked,
    problems: &mut Diagnostics,
) -> Config {
    let check = &mut Check {
        root,
        base,
        walked,
        problems,
    };
    let threads = raw.pipeline.threads;
    let (pipeline, packages) = pipeline::pipeline(check, raw.pipeline);
    let input = input::input(check, raw.input, pipeline.max_in_flight);
    let service = input.is_service();
    let of = FieldPath::of;
    let mut config = Config {
        output: output::output(check, &of("output"), raw.output),
        dead_letter: raw
            .dead_letter
            .map(|dead_letter| output::output(check, &of("dead_letter"), dead_letter)),
        delivery: raw.delivery,
        guests: guests::guests(check, raw.guests, packages),
        http: service::http(check, raw.http, service),
        logger: raw.logger,
        shutdown_timeout: raw.shutdown_timeout,
        schema_registry: raw
            .schema_registry
            .and_then(|raw| registry::registry(check, raw)),
        tests: cases::tests(check, raw.tests),
        input,
        pipeline,
    };
    service::buffer(check, raw.buffer);
    guests::min(check, &mut config, threads == -1);
    kafka::delivery(check, &mut config);
    for rule in RULES {
        rule(check, &config);
    }
    config
}

/// Problems found so far, and what is needed to find their places.
///
/// A check that fails adds its problem and returns a usable value, so that the next check can go on.
struct Check<'a> {
    root: &'a Node,
    base: &'a Path,
    walked: Walked,
    problems: &'a mut Diagnostics,
}

impl Check<'_> {
    /// Reports what is wrong with a field, unless the field or one within it was left out, because then a problem has
    /// already been reported.
    fn error(&mut self, at: &FieldPath, message: impl Into<String>, help: impl Into<String>) {
        let (nearest, place) = self.root.nearest(at);
        if !self.is_misread(&nearest) && !self.is_unset(at) {
            self.problems
                .push(Diagnostic::error(message).at(place).help(help));
        }
    }

    fn warn(&mut self, at: &FieldPath, message: impl Into<String>, help: impl Into<String>) {
        let problem = Diagnostic::warning(message).at(self.place(at));
        self.problems.push(problem.help(help));
    }

    /// Reports a problem between a field and another one, which is also shown if it is written.
    fn clash(&mut self, problem: Diagnostic, at: &FieldPath, other: &FieldPath, label: &str) {
        let mut problem = problem.at(self.place(at));
        if self.is_written(other) {
            problem = problem.related(self.place(other), label);
        }
        self.problems.push(problem);
    }

    /// Reports two fields that are both written although one is enough.
    fn either(
        &mut self,
        message: impl Into<String>,
        at: &FieldPath,
        other: &FieldPath,
        keep: &str,
    ) {
        let problem = Diagnostic::error(message).help(format!("keep {keep}"));
        self.clash(problem, at, other, "the other one");
    }

    /// Reports that a mandatory field is missing or empty.
    fn missing(&mut self, within: &FieldPath, field: &str, help: &str) {
        let message = format!("`{within}` has no `{field}`");
        self.error(&within.field(field), message, help);
    }

    /// Returns whether a field was left out because its text cannot be read, or because it, or a field within it, has
    /// the wrong shape.
    fn is_doubtful(&self, at: &FieldPath) -> bool {
        self.is_misread(at) || self.is_unset(at)
    }

    /// Returns whether a field, or a field within it, was left out because a variable is not set.
    fn is_unset(&self, at: &FieldPath) -> bool {
        self.walked.unset.iter().any(|one| one.is_within(at))
    }

    fn is_misread(&self, at: &FieldPath) -> bool {
        let Walked {
            misshapen, unread, ..
        } = &self.walked;
        unread.contains(at) || misshapen.iter().any(|one| one.is_within(at))
    }

    fn place(&self, at: &FieldPath) -> Location {
        self.root.nearest(at).1
    }

    fn is_written(&self, at: &FieldPath) -> bool {
        self.root.find(at).is_some_and(|node| !node.is_null())
    }

    /// Returns the path of a field that may be written under Bento's name for it.
    fn written_as(&self, within: &FieldPath, field: &str, bentos: &str) -> FieldPath {
        let bentos = within.field(bentos);
        let ours = within.field(field);
        match self.is_written(&bentos) && !self.is_written(&ours) {
            true => bentos,
            false => ours,
        }
    }

    /// Returns the component of a section that is written, if there is one. If two are written, they are reported, and
    /// none is returned.
    fn chosen<T>(
        &mut self,
        at: &FieldPath,
        components: impl IntoIterator<Item = (&'static str, Option<T>)>,
        two: &str,
    ) -> Option<T> {
        let mut written = components
            .into_iter()
            .filter_map(|(name, raw)| Some((name, raw?)));
        let (one, raw) = written.next()?;
        if let Some((other, _)) = written.next() {
            let message = format!("{two}, `{one}` and `{other}`");
            let (mut other, mut one) = (other, one);
            // `--set` adds to what the file has.
            let is_set = |name| self.place(&at.field(name)).source().is_argument();
            let help = match (is_set(one), is_set(other)) {
                (false, false) | (true, true) => "keep one of them".to_owned(),
                (one_is_set, _) => {
                    if one_is_set {
                        (other, one) = (one, other);
                    }
                    let body = if other == "drop" { "{}" } else { "{ … }" };
                    format!(
                        "`--set` adds to the config: replace `{one}` with `--set '{at}={{ {other}: {body} }}'`"
                    )
                }
            };
            let problem = Diagnostic::error(message).help(help);
            self.clash(problem, &at.field(other), &at.field(one), "the other one");
            // The section counts as misshapen, because it is not known which component was meant.
            self.walked.misshapen.push(at.clone());
            return None;
        }
        Some(raw)
    }
}
