//! Cache of compiled files: a runtime's machine code, which takes seconds to compile, and the bytecode of the guests'
//! program.
//!
//! An entry is `<key>.cwasm` (machine code) or `<key>.marshal` (bytecode), with its SHA-256 in `<key>.sha256`. The key
//! has the runtime's name and a hash of the artifact's checksum, the Wasmtime version, the engine's settings and the
//! version of the [`rewrite`], and for bytecode also of the program's text, so an entry that does not fit is never even
//! looked at. Both files are written under other names and renamed, the checksum last: an entry without one was never
//! finished, and is made again.

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
use super::bytecode::{COMPILER, entrypoint};
use super::rewrite;

/// Name of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    runtime: String,
    hash: String,
    kind: Kind,
}

/// Kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Machine code, which is loaded into this process.
    MachineCode,
    /// Bytecode, which is loaded into guests.
    Bytecode,
}

/// Directories in which compiled runtimes are kept.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    directories: Vec<PathBuf>,
}

/// Reason why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    /// The entry is not what was written.
    #[error("the compiled runtime {} is corrupt: its SHA-256 is {found}, not {expected}", path.display())]
    Corrupt {
        /// Path of the compiled file.
        path: PathBuf,
        /// SHA-256 from the checksum file.
        expected: String,
        /// SHA-256 of the compiled file.
        found: String,
    },
    /// No directory accepts the entry.
    #[error("cannot keep the compiled runtime in {}: {source}", path.display())]
    Unwritable {
        /// Last directory that was tried.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
}

impl CacheError {
    /// Returns what the user can do about the error.
    pub(crate) fn help(&self) -> String {
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

impl Key {
    /// Creates the key for the machine code of runtime `name`, whose artifact has this checksum, under this engine.
    pub(crate) fn of_machine_code(name: &str, artifact_sha256: &str, engine: &Engine) -> Self {
        Self::new(Kind::MachineCode, name, artifact_sha256, engine, &[])
    }

    /// Creates the key for the bytecode of the guests' program, for the same runtime and engine.
    pub(crate) fn of_bytecode(name: &str, artifact_sha256: &str, engine: &Engine) -> Self {
        let texts = [COMPILER, &entrypoint()];
        Self::new(Kind::Bytecode, name, artifact_sha256, engine, &texts)
    }

    fn new(kind: Kind, name: &str, artifact_sha256: &str, engine: &Engine, texts: &[&str]) -> Self {
        let mut settings = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut settings);
        let mut hash = Sha256::new();
        hash.update(artifact_sha256);
        hash.update(settings.finish().to_le_bytes());
        hash.update(rewrite::VERSION.to_le_bytes());
        for text in texts {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        Self {
            runtime: name.to_owned(),
            hash: hex(&hash.finalize()[..16]),
            kind,
        }
    }

    /// Returns the path of the entry in `directory`.
    fn path(&self, directory: &Path) -> PathBuf {
        let Self {
            runtime,
            hash,
            kind,
        } = self;
        directory.join(format!("{runtime}-{hash}.{}", kind.extension()))
    }
}

impl Kind {
    fn extension(self) -> &'static str {
        match self {
            Kind::MachineCode => "cwasm",
            Kind::Bytecode => "marshal",
        }
    }

    /// Returns the reason why no other user may write an entry.
    fn danger(self) -> &'static str {
        match self {
            Kind::MachineCode => "it is run without a sandbox",
            Kind::Bytecode => "it decides all results",
        }
    }
}

impl Cache {
    /// Creates a cache that searches all of `directories` and writes to the first one that is writable.
    pub(crate) fn new(directories: Vec<PathBuf>) -> Self {
        Self { directories }
    }

    /// Returns the compiled file for `key`, if it exists.
    ///
    /// # Errors
    /// [`CacheError::Corrupt`] if the file exists and is not what was written.
    pub(crate) fn find(&self, key: &Key) -> Result<Option<PathBuf>, CacheError> {
        let entry = self.entry(key, |path| Ok(((), sha256_of(path)?)))?;
        Ok(entry.map(|(path, ())| path))
    }

    /// Returns the contents of the entry for `key`, if it exists.
    ///
    /// # Errors
    /// [`CacheError::Corrupt`] if the entry is not what was written.
    pub(crate) fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, CacheError> {
        let entry = self.entry(key, |path| {
            let bytes = fs::read(path)?;
            let sum = hex(&Sha256::digest(&bytes));
            Ok((bytes, sum))
        })?;
        Ok(entry.map(|(_, bytes)| bytes))
    }

    /// Finds the first complete entry for `key`. `read` returns the result for a file, and the file's SHA-256.
    fn entry<T>(
        &self,
        key: &Key,
        read: impl Fn(&Path) -> std::io::Result<(T, String)>,
    ) -> Result<Option<(PathBuf, T)>, CacheError> {
        for directory in &self.directories {
            let path = key.path(directory);
            let Ok(expected) = fs::read_to_string(path.with_extension("sha256")) else {
                continue;
            };
            let Ok((content, found)) = read(&path) else {
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
            for path in [directory, &path] {
                warn_of_other_writers(path, key.kind);
            }
            return Ok(Some((path, content)));
        }
        Ok(None)
    }

    /// Stores `code` under `key` and returns the path of its file.
    ///
    /// # Errors
    /// If no directory is writable.
    pub(crate) fn store(&self, key: &Key, code: &[u8]) -> Result<PathBuf, CacheError> {
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

    /// Removes the entry for `key` from all directories.
    pub(crate) fn forget(&self, key: &Key) {
        for directory in &self.directories {
            let path = key.path(directory);
            // Best effort: a file that does not exist need not be removed.
            let _ = fs::remove_file(path.with_extension("sha256"));
            let _ = fs::remove_file(path);
        }
    }
}

/// Warns if another user may write the entry: that user would decide what the engine or its guests do.
fn warn_of_other_writers(path: &Path, kind: Kind) {
    let Ok(about) = fs::metadata(path) else {
        return;
    };
    let own = rustix::process::geteuid().as_raw();
    if let Some(who) = other_writers(about.mode(), about.uid(), own) {
        tracing::warn!(
            path = %path.display(),
            "the compiled runtime can be replaced by {who}: {}, so remove that permission",
            kind.danger()
        );
    }
}

/// Returns who may write a file with this mode and owner, apart from user `own` and root.
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

fn write_entry(directory: &Path, key: &Key, code: &[u8]) -> std::io::Result<PathBuf> {
    fs::create_dir_all(directory)?;
    let path = key.path(directory);
    write_atomically(directory, &path, code)?;
    let sum = hex(&Sha256::digest(code));
    write_atomically(directory, &path.with_extension("sha256"), sum.as_bytes())?;
    remove_old(directory, key);
    Ok(path)
}

/// Removes entries of the same runtime and kind that another artifact or engine made, except the newest ones: two
/// versions of the engine may share a cache. Best effort.
fn remove_old(directory: &Path, key: &Key) {
    const KEPT: usize = 3;
    let is_one = |path: &Path| {
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let of = stem.and_then(|stem| stem.rsplit_once('-'));
        path.extension()
            .is_some_and(|end| end == key.kind.extension())
            && of.is_some_and(|(of, _)| of == key.runtime)
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
mod tests;
