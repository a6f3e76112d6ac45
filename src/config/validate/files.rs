//! Check for loops: files that a pipeline both reads and writes, so that what it writes comes in again, for ever.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::{Check, written};
use crate::config::model::{Config, InputConfig, OutputConfig};
use crate::config::tree::FieldPath;

/// Refuses outputs that append to a file of the input, and warns if a pattern of the input matches their path.
pub(super) fn loops(check: &mut Check<'_>, config: &Config) {
    let InputConfig::File(input) = &config.input else {
        return;
    };
    for written in written::all(config) {
        let OutputConfig::File(output) = written.output else {
            continue;
        };
        let at = FieldPath::of(written.section).field("file").field("path");
        let path = &output.path;
        let is_read = |read: &&String| same(Path::new(read), Path::new(path));
        let matches = |pattern: &&String| {
            glob::Pattern::new(pattern).is_ok_and(|one| one.matches_path(&plain(Path::new(path))))
        };
        let problem = if input.paths.iter().any(|read| is_read(&read)) {
            written
                .is_read(&at, path)
                .help("write to a file of its own")
        } else if let Some(pattern) = input.paths.iter().find(matches) {
            written
                .is_matched(&at, path, pattern)
                .help("write to another folder, or with another ending")
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
