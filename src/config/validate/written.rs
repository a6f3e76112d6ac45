//! What a pipeline writes, for the checks that it does not come in again.

use crate::config::diagnostics::Diagnostic;
use crate::config::model::{Config, OutputConfig};
use crate::config::tree::FieldPath;

/// Place to which a pipeline writes.
pub(super) struct Written<'a> {
    /// Name of its section.
    pub section: &'static str,
    /// Its output.
    pub output: &'a OutputConfig,
    /// What happens if the pipeline reads it.
    again: &'static str,
}

/// Returns the places to which the pipeline of `config` writes.
pub(super) fn all(config: &Config) -> impl Iterator<Item = Written<'_>> {
    let results = Written {
        section: "output",
        output: &config.output,
        again: "each result would come in again",
    };
    let letters = config.dead_letter.as_ref().map(|output| Written {
        section: "dead_letter",
        output,
        again: "each message that fails would come in again, and fail again",
    });
    std::iter::once(results).chain(letters)
}

impl Written<'_> {
    /// Returns the problem that the pipeline reads what the field `at` names.
    pub(super) fn is_read(&self, at: &FieldPath, name: &str) -> Diagnostic {
        let again = self.again;
        Diagnostic::error(format!(
            "`{at}` is `{name}`, which this pipeline reads: {again}"
        ))
    }

    /// Returns the problem that a pattern of the input matches what the field `at` names.
    pub(super) fn is_matched(&self, at: &FieldPath, name: &str, pattern: &str) -> Diagnostic {
        let again = self.again;
        Diagnostic::warning(format!(
            "`{at}` is `{name}`, which `{pattern}` matches: {again}"
        ))
    }
}
