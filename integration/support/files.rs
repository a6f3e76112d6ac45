//! Files of the repository, files of a test, and unique names.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the repository's folder.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("this crate stands in integration/").to_owned()
}

/// Returns the folder in which cargo builds, and into which scripts put what tests use.
pub fn target() -> PathBuf {
    std::env::var("CARGO_TARGET_DIR").map_or(root().join("target"), Into::into)
}

/// Returns a folder with these files.
pub fn written(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    }
    folder
}

/// Writes a file so that a reader never sees half of it.
pub fn put(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).expect("a file");
    fs::rename(&new, file).expect("renamed");
}

/// Returns a name that no other test has.
pub fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = now.expect("after 1970").as_millis();
    format!("{name}-{millis}-{}-{count}", std::process::id())
}
