//! The machine-code cache: compiling a runtime takes seconds, so its result is kept.
//!
//! An entry is `<key>.cwasm` with its SHA-256 in `<key>.sha256` beside it. The key has the runtime's name and a
//! hash of the artifact's checksum, the Wasmtime version, the engine's settings and the version of the
//! [`meter`], so an entry that does not fit is never even looked at. Both files are written under other names and
//! renamed, the checksum last: an entry without one was never finished, and is made anew.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use wasmtime::Engine;

use super::artifact::{hex, sha256_of};
use super::meter;

/// Where compiled runtimes are kept.
#[derive(Debug, Clone)]
pub struct Cache {
    directories: Vec<PathBuf>,
}

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The entry is not what was written.
    #[error("the compiled runtime {} is corrupt: its SHA-256 is {found}, not {expected}", path.display())]
    Corrupt {
        /// The compiled file.
        path: PathBuf,
        /// From the file beside it.
        expected: String,
        /// Of the compiled file.
        found: String,
    },
    /// No directory takes the entry.
    #[error("cannot keep the compiled runtime in {}: {source}", path.display())]
    Unwritable {
        /// The last directory tried.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl CacheError {
    /// What the user can do about it.
    pub fn help(&self) -> String {
        match self {
            CacheError::Corrupt { path, .. } => format!(
                "delete {} (it is made again in some seconds), or run `nerodia runtime compile --force`",
                path.display()
            ),
            CacheError::Unwritable { .. } => {
                "set NERODIA_CACHE_DIR to a directory that may be written".into()
            }
        }
    }
}

/// The name of the entry for runtime `name`, whose artifact has this checksum, under this engine.
pub fn key(name: &str, artifact_sha256: &str, engine: &Engine) -> String {
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    let mut hash = Sha256::new();
    hash.update(artifact_sha256);
    hash.update(settings.finish().to_le_bytes());
    hash.update(meter::VERSION.to_le_bytes());
    format!("{name}-{}", hex(&hash.finalize()[..16]))
}

impl Cache {
    /// A cache that looks in all of `directories` and writes to the first that can be written.
    pub fn new(directories: Vec<PathBuf>) -> Self {
        Self { directories }
    }

    /// The compiled file for `key`, if there is one.
    ///
    /// # Errors
    /// [`CacheError::Corrupt`] if it is there and not what was written.
    pub fn find(&self, key: &str) -> Result<Option<PathBuf>, CacheError> {
        for directory in &self.directories {
            let path = directory.join(format!("{key}.cwasm"));
            let Ok(expected) = fs::read_to_string(path.with_extension("sha256")) else {
                continue;
            };
            let Ok(found) = sha256_of(&path) else {
                continue;
            };
            let expected = expected.trim().to_owned();
            if found != expected {
                return Err(CacheError::Corrupt {
                    path,
                    expected,
                    found,
                });
            }
            warn_of_other_writers(directory);
            warn_of_other_writers(&path);
            return Ok(Some(path));
        }
        Ok(None)
    }

    /// Keeps `code` under `key`; returns its file.
    ///
    /// # Errors
    /// If no directory can be written.
    pub fn store(&self, key: &str, code: &[u8]) -> Result<PathBuf, CacheError> {
        let mut last = None;
        for directory in &self.directories {
            match write_entry(directory, key, code) {
                Ok(path) => return Ok(path),
                Err(source) => {
                    last = Some(CacheError::Unwritable {
                        path: directory.clone(),
                        source,
                    });
                }
            }
        }
        Err(last.unwrap_or_else(|| CacheError::Unwritable {
            path: PathBuf::new(),
            source: std::io::ErrorKind::NotFound.into(),
        }))
    }

    /// Forgets the entry for `key`, wherever it is.
    pub fn forget(&self, key: &str) {
        for directory in &self.directories {
            let path = directory.join(format!("{key}.cwasm"));
            // Best effort: what is not there need not be removed.
            let _ = fs::remove_file(path.with_extension("sha256"));
            let _ = fs::remove_file(path);
        }
    }
}

/// What is there is run as native code: who else may write there decides what the engine does.
fn warn_of_other_writers(path: &Path) {
    let Ok(about) = fs::metadata(path) else {
        return;
    };
    let own = rustix::process::geteuid().as_raw();
    if let Some(who) = other_writers(about.mode(), about.uid(), own) {
        tracing::warn!(
            path = %path.display(),
            "the compiled runtime can be replaced by {who}: it is run without a sandbox, so take that right away"
        );
    }
}

/// Who else than user `own` and root may write what has this mode and owner.
fn other_writers(mode: u32, owner: u32, own: u32) -> Option<&'static str> {
    if mode & 0o002 != 0 {
        Some("everybody on this machine")
    } else if mode & 0o020 != 0 {
        Some("its group")
    } else if owner != own && owner != 0 {
        Some("its owner, who is another user")
    } else {
        None
    }
}

fn write_entry(directory: &Path, key: &str, code: &[u8]) -> std::io::Result<PathBuf> {
    fs::create_dir_all(directory)?;
    let path = directory.join(format!("{key}.cwasm"));
    write_atomically(directory, &path, code)?;
    let sum = hex(&Sha256::digest(code));
    write_atomically(directory, &path.with_extension("sha256"), sum.as_bytes())?;
    remove_old(directory, key);
    Ok(path)
}

/// Removes entries of the same runtime that another artifact or engine made, but for the newest ones: two
/// versions of the engine may share a cache. Best effort.
fn remove_old(directory: &Path, key: &str) {
    const KEPT: usize = 3;
    let runtime = key.rsplit_once('-').map_or(key, |(runtime, _)| runtime);
    let is_one = |path: &Path| {
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let of = stem.and_then(|stem| stem.rsplit_once('-'));
        path.extension().is_some_and(|end| end == "cwasm")
            && of.is_some_and(|(of, _)| of == runtime)
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut entries: Vec<(SystemTime, PathBuf)> = entries
        .filter(|entry| is_one(&entry.path()))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    entries.sort();
    let old = entries.len().saturating_sub(KEPT);
    for (_, path) in entries.drain(..old) {
        let _ = fs::remove_file(path.with_extension("sha256"));
        let _ = fs::remove_file(path);
    }
}

fn write_atomically(directory: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_who_may_write_are_named() {
        const OWN: u32 = 1000;
        for (mode, owner, expected) in [
            (0o40755, OWN, None),
            (0o100600, OWN, None),
            (0o40755, 0, None),
            (0o40777, OWN, Some("everybody on this machine")),
            (0o41777, 0, Some("everybody on this machine")),
            (0o40775, OWN, Some("its group")),
            (0o40755, 1001, Some("its owner, who is another user")),
        ] {
            assert_eq!(
                other_writers(mode, owner, OWN),
                expected,
                "{mode:o} {owner}"
            );
        }
    }
}
