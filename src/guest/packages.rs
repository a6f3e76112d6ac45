//! Runtimes that contain Python packages, made by `nerodia runtime build`.
//!
//! Such a runtime is the default one with a snapshot that also holds the packages of a requirements file, imported. Its
//! name follows from its contents: a config that names a requirements file means the runtime made from exactly that
//! text and this program's own sources, and an older runtime is never taken for it.

use sha2::{Digest as _, Sha256};

use super::artifact::hex;
use super::bytecode::PARTS;

/// Sources of the build besides the guests' program, by their paths in the repository.
const SOURCES: [(&str, &str); 6] = [
    (
        "scripts/install.sh",
        include_str!("../../scripts/install.sh"),
    ),
    ("scripts/lib.sh", include_str!("../../scripts/lib.sh")),
    (
        "scripts/packages.py",
        include_str!("../../scripts/packages.py"),
    ),
    (
        "runtime/snapshot.py",
        include_str!("../../runtime/snapshot.py"),
    ),
    ("runtime/guest.wit", include_str!("../../runtime/guest.wit")),
    (
        "runtime/requirements.txt",
        include_str!("../../runtime/requirements.txt"),
    ),
];

/// Returns all sources of the build, with their paths in the repository.
pub(crate) fn sources() -> impl Iterator<Item = (&'static str, &'static str)> {
    SOURCES.into_iter().chain(PARTS)
}

/// Prefix of the names of such runtimes.
const PREFIX: &str = "packages-";

/// Returns the name of the runtime with the packages of a requirements file with the text `requirements`.
pub(crate) fn runtime_name(requirements: &str) -> String {
    let mut hasher = Sha256::new();
    let runtime = sources().filter(|(name, _)| name.starts_with("runtime/"));
    for text in runtime.map(|(_, text)| text).chain([requirements]) {
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text);
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
