//! Reasons why a runtime cannot be used, and what the user can do about them.

use std::path::PathBuf;

use super::KNOWN;
use crate::guest::bytecode::BytecodeError;
use crate::guest::cache::CacheError;
use crate::guest::{embedded, packages};

/// Reason why a runtime cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RuntimeError {
    /// The artifact does not exist.
    #[error("runtime {name} is not installed: {} does not exist", path.display())]
    Missing {
        /// Name in the config.
        name: String,
        /// Path at which it should be.
        path: PathBuf,
    },
    /// The artifact exists, but its checksum file does not.
    #[error("runtime {name} has no checksum: {} does not exist", path.display())]
    NoChecksum {
        /// Name in the config.
        name: String,
        /// Path at which the checksum file should be.
        path: PathBuf,
    },
    /// The artifact is not what was installed.
    #[error("{} is corrupt: its SHA-256 is {found}, not {expected}", path.display())]
    Corrupt {
        /// Path of the artifact.
        path: PathBuf,
        /// SHA-256 from the checksum file.
        expected: String,
        /// SHA-256 of the artifact.
        found: String,
    },
    /// The cache of machine code cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// The machine code is as it was written, but Wasmtime does not load it.
    #[error("cannot load the compiled runtime {}: {reason}", path.display())]
    NotLoaded {
        /// Path of the compiled file.
        path: PathBuf,
        /// Error of Wasmtime.
        reason: String,
    },
    /// The machine code in the program cannot be loaded.
    #[error("cannot load the runtime {name} that is in this program: {reason}")]
    NotEmbedded {
        /// Name in the config.
        name: String,
        /// Error of Wasmtime.
        reason: String,
    },
    /// The machine code in the program is not what was taken in.
    #[error("the runtime {name} in this program is corrupt: its SHA-256 is {found}")]
    Altered {
        /// Name in the config.
        name: String,
        /// SHA-256 of the machine code.
        found: String,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// Path of the file.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
    /// Wasmtime refuses the artifact.
    #[error("{} is no runtime: {reason}", path.display())]
    Unusable {
        /// Path of the artifact.
        path: PathBuf,
        /// Error of Wasmtime or of the rewriting.
        reason: String,
    },
    /// The artifact did not compile the guests' program.
    #[error("{} does not compile the program that guests run: {source}", path.display())]
    NoBytecode {
        /// Path of the artifact.
        path: PathBuf,
        /// Reason why there is no bytecode.
        source: BytecodeError,
    },
}

impl RuntimeError {
    /// Returns what the user can do about the error.
    pub(crate) fn help(&self) -> String {
        match self {
            RuntimeError::Missing { name, .. } if KNOWN.contains(&name.as_str()) => {
                embedded::how_to_install(name)
            }
            RuntimeError::Missing { name, .. } if packages::is_one(name) => {
                "build it: `nerodia runtime build -r` with the requirements file that the config names"
                    .into()
            }
            RuntimeError::Missing { .. } => {
                format!("set `guests.runtime` to one of {}", KNOWN.join(", "))
            }
            RuntimeError::NoChecksum { name, .. } => {
                format!("run `scripts/install.sh {name}` again")
            }
            RuntimeError::Corrupt { path, .. } | RuntimeError::Unusable { path, .. } => {
                format!("delete {} and install it again (scripts/install.sh of the repository)", path.display())
            }
            RuntimeError::NoBytecode { path, .. } => format!(
                "try again; if it stays so, delete {} and install it again (scripts/install.sh of the repository)",
                path.display()
            ),
            RuntimeError::Cache(error) => error.help(),
            RuntimeError::NotLoaded { reason, .. } | RuntimeError::NotEmbedded { reason, .. }
                if reason.contains("memory executable") =>
            {
                "something forbids memory that is executable, such as systemd's MemoryDenyWriteExecute or SELinux: allow it for this program"
                    .into()
            }
            RuntimeError::NotLoaded { .. } => "run `nerodia runtime compile --force`".into(),
            RuntimeError::NotEmbedded { name, .. } => format!(
                "set NERODIA_RUNTIME_DIR to a folder with {name}.wasm, which is compiled for this processor"
            ),
            RuntimeError::Altered { .. } => "install the program again".into(),
            RuntimeError::Unwritable { .. } => "check that the file may be written".into(),
            RuntimeError::Io { .. } => "check that the file may be read".into(),
        }
    }
}
