//! The built program, run with input, limits and a deadline.

use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use crate::alone::enter;
use crate::log::{dead_letters, logged, tail};
use crate::running::Running;
use crate::wait::HANG;
use crate::{port, processor_time, resident, root};

/// Returns the path of the built program.
pub fn program() -> PathBuf {
    // Cargo passes the path to the tests that it runs. If a test is run by hand, the program is in the folder above it.
    env::var_os("CARGO_BIN_EXE_nerodia").map_or_else(
        || {
            let test = env::current_exe().expect("a test");
            let release = test.ancestors().nth(2);
            release.expect("it is in release/deps").join("nerodia")
        },
        Into::into,
    )
}

/// Description of a run of the program.
pub struct Nerodia {
    command: Command,
    input: Vec<u8>,
    port: Option<u16>,
    config: Option<NamedTempFile>,
}

/// Result of a run.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
    /// Most resident memory, in KiB.
    pub peak_rss: u64,
    /// Processor time, to a hundredth of a second: no other process adds to it.
    pub cpu: Duration,
    pub took: Duration,
}

/// Describes a run of `nerodia ARGS…` in the repository.
pub fn nerodia<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Nerodia {
    let mut command = Command::new(program());
    command
        .args(args)
        .current_dir(root())
        .env("NERODIA_RUNTIME_DIR", root().join("runtime"))
        .env_remove("NERODIA_LOG");
    Nerodia {
        command,
        input: Vec::new(),
        port: None,
        config: None,
    }
}

/// Describes a run of `nerodia run -c FILE`, where the file has this config.
pub fn pipeline(config: &str) -> Nerodia {
    let file = NamedTempFile::with_suffix(".yaml").expect("a file");
    std::fs::write(file.path(), config).expect("written");
    nerodia(["run", "-c"]).arg(file.path()).keeps(file)
}

/// Describes a run of `nerodia eval SCRIPT` in a guest of `runtime`.
pub fn eval(runtime: &str, script: &str) -> Nerodia {
    nerodia([
        "eval",
        "--set",
        &format!("guests.runtime={runtime}"),
        "--set",
        "logger.level=info",
        script,
    ])
}

impl Nerodia {
    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds `--set PATH=VALUE`.
    pub fn set(self, assignment: impl AsRef<OsStr>) -> Self {
        self.arg("--set").arg(assignment)
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets another folder than the repository.
    pub fn dir(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Sets the standard input.
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Adds a web server with `/ready`, `/metrics`, `/stats` and the page, at a free port: see [`Running::web`].
    pub fn listening(mut self) -> Self {
        let port = port();
        self.port = Some(port);
        self.set(format!("http.address=127.0.0.1:{port}"))
    }

    /// Notes the port at which its own config makes it listen: see [`Running::web`].
    pub fn listens_at(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Keeps the file for as long as the program runs.
    pub(crate) fn keeps(mut self, config: NamedTempFile) -> Self {
        self.config = Some(config);
        self
    }

    /// Starts the program with its log in a file, and without input and output.
    pub fn spawn_logging_to(mut self, log: &Path) -> Child {
        let log = File::create(log).expect("a file to log to");
        enter();
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.command.spawn().expect("the program is built")
    }

    /// Starts the program. All of its output is read at once; its input stays open after the bytes of [`Self::stdin`].
    pub fn start(self) -> Running {
        let (mut running, output) = self.start_unread();
        running.collect(output);
        running
    }

    /// Starts the program with an output that the test reads, or does not read.
    pub fn start_unread(mut self) -> (Running, ChildStdout) {
        let child = self.spawn(Stdio::piped());
        let (mut running, output) = Running::new(child, self.port, self.config);
        running.feed(self.input);
        (running, output)
    }

    fn spawn(&mut self, output: Stdio) -> Child {
        enter();
        self.command
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(Stdio::piped());
        self.command.spawn().expect("the program is built")
    }

    /// Runs the program to its end. Fails the test if it hangs.
    pub fn run(self) -> Ran {
        self.run_with(Stdio::piped())
    }

    /// Runs the program to its end, with its standard output in a file.
    pub fn run_writing_to(self, output: File) -> Ran {
        self.run_with(output.into())
    }

    fn run_with(mut self, output: Stdio) -> Ran {
        let input = std::mem::take(&mut self.input);
        let shown = format!("{:?}", self.command);
        let began = Instant::now();
        let mut child = self.spawn(output);
        let mut stdin = child.stdin.take().expect("piped");
        // The program may end before it has read everything.
        let writer = thread::spawn(move || drop(stdin.write_all(&input)));
        let stdout = child.stdout.take().map(reading);
        let stderr = reading(child.stderr.take().expect("piped"));
        let watched = watch(&mut child, began);
        if !watched.ended {
            child.kill().expect("it is our child");
        }
        let status = child.wait().expect("it is our child");
        let read = |reader: JoinHandle<Vec<u8>>| reader.join().expect("reading does not panic");
        let (stdout, stderr) = (stdout.map(read).unwrap_or_default(), read(stderr));
        writer.join().expect("writing does not panic");
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        assert!(
            watched.ended,
            "hangs: {shown}\nstandard error:\n{}",
            tail(&stderr)
        );
        Ran {
            code: status.code(),
            stdout,
            stderr,
            peak_rss: watched.peak_rss,
            cpu: watched.cpu,
            took: began.elapsed(),
        }
    }
}

fn reading(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("a pipe can be read");
        bytes
    })
}

/// Observations of a process until its end.
#[derive(Default)]
struct Watched {
    ended: bool,
    peak_rss: u64,
    cpu: Duration,
}

fn watch(child: &mut Child, began: Instant) -> Watched {
    let mut watched = Watched::default();
    while !watched.ended && began.elapsed() < HANG {
        watched.peak_rss = watched
            .peak_rss
            .max(resident(child.id(), "VmHWM:").unwrap_or(0));
        watched.cpu = watched
            .cpu
            .max(processor_time(child.id()).unwrap_or_default());
        watched.ended = child.try_wait().expect("it is our child").is_some();
        if !watched.ended {
            thread::sleep(Duration::from_millis(2));
        }
    }
    watched
}

impl Ran {
    /// Returns standard output as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("UTF-8")
    }

    /// Returns the lines of standard output.
    pub fn lines(&self) -> Vec<&str> {
        self.text().lines().collect()
    }

    /// Returns the dead letters among the lines of standard error.
    pub fn dead_letters(&self) -> Vec<serde_json::Value> {
        dead_letters(&self.stderr)
    }

    /// Returns the log lines with this message.
    pub fn logged(&self, message: &str) -> Vec<serde_json::Value> {
        logged(&self.stderr, message)
    }

    /// Fails the test, and prints standard error, unless the program ended with `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "standard error:\n{}",
            tail(&self.stderr)
        );
        self
    }
}
