//! Check for loops: files that a pipeline both reads and writes, so that what it writes comes in again, for ever.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::Check;
use crate::config::diagnostics::Diagnostic;
use crate::config::model::{Config, InputConfig, OutputConfig};
use crate::config::tree::FieldPath;

/// Refuses outputs that append to a file of the input, and warns if a pattern of the input matches their path.
pub(super) fn loops(check: &mut Check<'_>, config: &Config) {
    let InputConfig::File(input) = &config.input else {
        return;
    };
    let again = "each message that fails would come in again, and fail again";
    for (name, output, why) in [
        (
            "output",
            Some(&config.output),
            "each result would come in again",
        ),
        ("dead_letter", config.dead_letter.as_ref(), again),
    ] {
        let Some(OutputConfig::File(output)) = output else {
            continue;
        };
        let at = FieldPath::of(name).field("file").field("path");
        let path = &output.path;
        let is_read = |read: &&String| same(Path::new(read), Path::new(path));
        let matches = |pattern: &&String| {
            glob::Pattern::new(pattern).is_ok_and(|one| one.matches_path(&plain(Path::new(path))))
        };
        let problem = if input.paths.iter().any(|read| is_read(&read)) {
            let message = format!("`{at}` is `{path}`, which this pipeline reads: {why}");
            Diagnostic::error(message).help("write to a file of its own")
        } else if let Some(pattern) = input.paths.iter().find(matches) {
            let message = format!("`{at}` is `{path}`, which `{pattern}` matches: {why}");
            Diagnostic::warning(message).help("write to another folder, or with another ending")
        } else {
            continue;
        };
        let read = FieldPath::of("input").field("file").field("paths");
        check.clash(problem, &at, &read, "read here");
    }
}

/// Returns whether two paths lead to one file, as far as that can be seen.
fn same(one: &Path, other: &Path) -> bool {
    plain(one) == plain(other)
        || matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(one), Ok(other)) if one == other)
}

/// Returns the path without `.`.
fn plain(path: &Path) -> PathBuf {
    let parts = path.components();
    parts.filter(|part| *part != Component::CurDir).collect()
}
