//! Machine code for any processor of this architecture, which build.rs takes into a program with the feature `embedded`.
//!
//! It is `embedded/<name>.cwasm` in the directory of runtimes. `<name>.txt` beside it has the facts that build.rs compares
//! before it takes the code: one on a line, a name and a value.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::artifact::{Artifact, hex};
use super::embedded::TARGET;
use super::rewrite;
use super::runtime::{self, RuntimeError};
use super::store;

/// Version of Wasmtime in Cargo.lock.
const WASMTIME: &str = env!("NERODIA_WASMTIME");

/// Compiles runtime `name` of `directory` for any processor, unless that is done, and returns the path of the machine
/// code.
///
/// # Errors
/// If the runtime cannot be used, or the files cannot be written.
pub(crate) fn compile(directory: &Path, name: &str) -> Result<PathBuf, RuntimeError> {
    let artifact = Artifact::find(directory, name)?;
    artifact.verify()?;
    let folder = directory.join("embedded");
    let path = folder.join(format!("{name}.cwasm"));
    let about = folder.join(format!("{name}.txt"));
    if is_made(&path, &about, artifact.sha256()) {
        return Ok(path);
    }
    let (wasm, is_component) = (artifact.read()?, artifact.is_component()?);
    let code = store::portable_engine()
        .and_then(|engine| runtime::compile(&engine, &wasm, is_component))
        .map_err(|error| artifact.unusable(&error))?;

    // The facts last: code without them is not taken.
    let written = fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&about, ""))
        .and_then(|()| fs::write(&path, &code))
        .and_then(|()| fs::write(&about, facts(artifact.sha256(), &code)));
    match written {
        Ok(()) => Ok(path),
        Err(source) => Err(RuntimeError::Unwritable { path, source }),
    }
}

/// Returns whether this program, or one like it, has already compiled the artifact.
fn is_made(path: &Path, about: &Path, artifact_sha256: &str) -> bool {
    match (fs::read(path), fs::read_to_string(about)) {
        (Ok(code), Ok(facts_of_it)) => facts_of_it == facts(artifact_sha256, &code),
        _ => false,
    }
}

fn facts(artifact_sha256: &str, code: &[u8]) -> String {
    format!(
        "runtime {artifact_sha256}\ntarget {TARGET}\nwasmtime {WASMTIME}\nrewrite {}\nbytes {}\nsha256 {}\n",
        rewrite::VERSION,
        code.len(),
        hex(&Sha256::digest(code))
    )
}
