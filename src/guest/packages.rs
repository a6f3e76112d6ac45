//! Runtimes that contain Python packages, made by `nerodia runtime build`.
//!
//! Such a runtime is the default one with a snapshot that also holds the packages of a requirements file, imported. Its
//! name follows from its contents: a config that names a requirements file means the runtime made from exactly that
//! text and this program's own sources, and an older runtime is never taken for it.

use sha2::{Digest as _, Sha256};

use super::artifact::hex;
use super::bytecode::PARTS;

/// Path of a source of the build in the repository, and its contents.
macro_rules! source {
    ($path:literal) => {
        ($path, include_bytes!(concat!("../../", $path)))
    };
}

/// Sources of the build besides the guests' program, by their paths in the repository.
const SOURCES: [(&str, &[u8]); 7] = [
    source!("scripts/install.sh"),
    source!("scripts/lib.sh"),
    source!("scripts/packages.py"),
    source!("runtime/snapshot.py"),
    source!("runtime/guest.wit"),
    source!("runtime/requirements.txt"),
    source!("runtime/_nerodia.abi3.so"),
];

/// Returns all sources of the build, with their paths in the repository.
pub(crate) fn sources() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    let parts = PARTS.map(|(name, text)| (name, text.as_bytes()));
    SOURCES.into_iter().chain(parts)
}

/// Prefix of the names of such runtimes.
const PREFIX: &str = "packages-";

/// Returns the name of the runtime with the packages of a requirements file with the text `requirements`.
pub(crate) fn runtime_name(requirements: &str) -> String {
    let mut hasher = Sha256::new();
    let runtime = sources().filter(|(name, _)| name.starts_with("runtime/"));
    for content in runtime
        .map(|(_, content)| content)
        .chain([requirements.as_bytes()])
    {
        hasher.update((content.len() as u64).to_be_bytes());
        hasher.update(content);
    }
    format!("{PREFIX}{}", hex(&hasher.finalize()[..6]))
}

/// Returns whether `name` is the name of such a runtime.
pub(crate) fn is_one(name: &str) -> bool {
    name.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_text_is_another_runtime() {
        let name = runtime_name("jmespath==1.0.1\n");
        assert!(is_one(&name) && !is_one("cpython-3.14"));
        assert_eq!(name, runtime_name("jmespath==1.0.1\n"));
        assert_ne!(name, runtime_name("jmespath==1.0.0\n"));
    }
}
