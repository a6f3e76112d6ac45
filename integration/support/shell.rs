//! Shell that runs command lines as a reader of the documentation would, in a folder that looks like the repository.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::alone::enter;
use crate::{program, root, wait_for_exit};

/// Folder with links to everything in the repository, in which commands may leave files.
///
/// `scripts/nerodia` finds in it the program with which the tests were built, and takes it as up to date: a test must
/// not start a build. Plain `nerodia` works too.
pub struct Shell {
    pub folder: TempDir,
}

/// Result of a command line.
#[derive(Debug)]
pub struct Answer {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Shell {
    pub fn open() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for entry in fs::read_dir(root()).expect("the repository").flatten() {
            let name = entry.file_name();
            if name != "target" && name != ".git" {
                symlink(entry.path(), folder.path().join(&name)).expect("a link");
            }
        }
        let release = folder.path().join("target/release");
        fs::create_dir_all(&release).expect("a folder");
        symlink(program(), release.join("nerodia")).expect("a link");
        // Newer than any source.
        let stamp = File::create(release.join(".nerodia-set-up")).expect("a file");
        stamp
            .set_modified(SystemTime::now() + Duration::from_secs(86_400))
            .expect("a time");
        Self { folder }
    }

    /// Runs `command` in bash, with an empty standard input.
    pub fn run(&self, command: &str) -> Answer {
        let target = self.folder.path().join("target");
        let path = std::env::var("PATH").unwrap_or_default();
        enter();
        let mut child = Command::new("bash")
            .args(["-o", "pipefail", "-c", command])
            .current_dir(self.folder.path())
            .env(
                "PATH",
                format!("{}:{path}", target.join("release").display()),
            )
            .env("CARGO_TARGET_DIR", &target)
            .env_remove("NERODIA_LOG")
            // The shell has clusters of its own: at the end a session stops all of them.
            .env_remove("NERODIA_KAFKA_DIR")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("bash is a prerequisite");
        let stdout = reading(child.stdout.take().expect("piped"));
        let stderr = reading(child.stderr.take().expect("piped"));
        let code = wait(&mut child, command);
        Answer {
            code,
            stdout: stdout.join().expect("reading does not panic"),
            stderr: stderr.join().expect("reading does not panic"),
        }
    }
}

fn reading(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait(child: &mut Child, command: &str) -> Option<i32> {
    let Some(status) = wait_for_exit(child) else {
        // With all processes that it started; the shell may have commands for its end.
        kill_process_group(Pid::from_child(child), Signal::TERM).expect("it is our child");
        child.wait().expect("it is our child");
        panic!("hangs: {command}");
    };
    status.code()
}
