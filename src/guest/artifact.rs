//! Artifacts that `scripts/install.sh` installs: a runtime's WebAssembly, and a file with its SHA-256.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::runtime::RuntimeError;

/// Installed artifact and its expected checksum.
pub(crate) struct Artifact {
    path: PathBuf,
    sha256: String,
}

impl Artifact {
    /// Finds runtime `name` in `directory` and reads its checksum.
    ///
    /// # Errors
    /// If either file is missing.
    pub(crate) fn find(directory: &Path, name: &str) -> Result<Self, RuntimeError> {
        let path = directory.join(format!("{name}.wasm"));
        if !path.is_file() {
            let name = name.to_owned();
            return Err(RuntimeError::Missing { name, path });
        }
        let checksum = directory.join(format!("{name}.wasm.sha256sum"));
        let text = match fs::read_to_string(&checksum) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(RuntimeError::NoChecksum {
                    name: name.to_owned(),
                    path: checksum,
                });
            }
            Err(source) => {
                return Err(RuntimeError::Io {
                    path: checksum,
                    source,
                });
            }
        };
        let sha256 = text
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_lowercase();
        Ok(Self { path, sha256 })
    }

    /// Compares the file with its checksum.
    ///
    /// # Errors
    /// [`RuntimeError::Corrupt`] with both sums.
    pub(crate) fn verify(&self) -> Result<(), RuntimeError> {
        let found = sha256_of(&self.path).map_err(|source| self.io(source))?;
        if found == self.sha256 {
            return Ok(());
        }
        Err(RuntimeError::Corrupt {
            path: self.path.clone(),
            expected: self.sha256.clone(),
            found,
        })
    }

    /// Returns the path of the artifact.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the expected checksum.
    pub(crate) fn sha256(&self) -> &str {
        &self.sha256
    }

    pub(super) fn read(&self) -> Result<Vec<u8>, RuntimeError> {
        fs::read(&self.path).map_err(|source| self.io(source))
    }

    /// Returns whether the artifact is a component and not a core module, from the layer field after magic and version.
    pub(super) fn is_component(&self) -> Result<bool, RuntimeError> {
        use std::io::Read;
        let mut header = Vec::new();
        fs::File::open(&self.path)
            .and_then(|file| file.take(8).read_to_end(&mut header))
            .map_err(|source| self.io(source))?;
        Ok(header.get(6) == Some(&1))
    }

    fn io(&self, source: std::io::Error) -> RuntimeError {
        RuntimeError::Io {
            path: self.path.clone(),
            source,
        }
    }

    pub(super) fn unusable(&self, error: &wasmtime::Error) -> RuntimeError {
        RuntimeError::Unusable {
            path: self.path.clone(),
            reason: format!("{error:#}"),
        }
    }
}

/// Returns the SHA-256 of a file in lowercase hexadecimal. The file is read in pieces.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    std::io::copy(
        &mut std::io::BufReader::with_capacity(1 << 18, fs::File::open(path)?),
        &mut Hashing(&mut hash),
    )?;
    Ok(hex(&hash.finalize()))
}

/// Returns `bytes` in lowercase hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Hashing<'a>(&'a mut Sha256);

impl std::io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
