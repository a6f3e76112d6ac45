//! What the tests share: the built program, run with input, limits and a deadline of its own.

#![expect(dead_code, reason = "each test target uses its own part of this")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Both runtimes; every promise holds for each.
pub const RUNTIMES: [&str; 2] = ["cpython-3.14", "cpython-3.12"];

/// No test waits longer for the program. It is no measure of speed: a hang is what it finds.
const HANG: Duration = Duration::from_secs(240);

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A run of the program that is being put together.
pub struct Nerodia {
    command: Command,
    input: Vec<u8>,
}

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
    /// Most memory it had resident, in KiB.
    pub peak_rss: u64,
    /// Time of processors that it used, to a hundredth of a second: no other process adds to it.
    pub cpu: Duration,
    pub took: Duration,
}

/// `nerodia ARGS…`, in the repository.
pub fn nerodia<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Nerodia {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nerodia"));
    command
        .args(args)
        .current_dir(root())
        .env("NERODIA_RUNTIME_DIR", root().join("runtime"))
        .env_remove("NERODIA_LOG");
    Nerodia {
        command,
        input: Vec::new(),
    }
}

/// `nerodia eval SCRIPT` in a guest of `runtime`.
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
    pub fn arg(mut self, arg: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// `--set PATH=VALUE`
    pub fn set(self, assignment: impl AsRef<std::ffi::OsStr>) -> Self {
        self.arg("--set").arg(assignment)
    }

    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn dir(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Starts it, with pipes on all three streams.
    pub fn spawn(mut self) -> Child {
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        self.command.spawn().expect("the program is built")
    }

    /// Starts it without input and output, with its log in a file.
    pub fn spawn_logging_to(mut self, log: &Path) -> Child {
        let log = std::fs::File::create(log).expect("a file to log to");
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.command.spawn().expect("the program is built")
    }

    /// Runs it to its end. Fails the test if it hangs.
    pub fn run(mut self) -> Ran {
        let input = std::mem::take(&mut self.input);
        let shown = format!("{:?}", self.command);
        let began = Instant::now();
        let mut child = self.spawn();
        let mut stdin = child.stdin.take().expect("piped");
        // It may end before it has read everything.
        let writer = thread::spawn(move || drop(stdin.write_all(&input)));
        let stdout = drain(child.stdout.take().expect("piped"));
        let stderr = drain(child.stderr.take().expect("piped"));
        let (code, peak_rss, cpu) = wait(&mut child, began, &shown, &stderr);
        writer.join().expect("writing does not panic");
        Ran {
            code,
            stdout: stdout
                .1
                .join()
                .map(|()| stdout.0.lock().unwrap().clone())
                .expect("reading"),
            stderr: stderr
                .1
                .join()
                .map(|()| String::from_utf8_lossy(&stderr.0.lock().unwrap()).into_owned())
                .expect("reading"),
            peak_rss,
            cpu,
            took: began.elapsed(),
        }
    }
}

type Drained = (Arc<Mutex<Vec<u8>>>, thread::JoinHandle<()>);

fn drain(mut from: impl Read + Send + 'static) -> Drained {
    let into = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&into);
    let reading = thread::spawn(move || {
        let mut chunk = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from.read(&mut chunk) {
            shared.lock().unwrap().extend_from_slice(&chunk[..read]);
        }
    });
    (into, reading)
}

fn wait(
    child: &mut Child,
    began: Instant,
    shown: &str,
    stderr: &Drained,
) -> (Option<i32>, u64, Duration) {
    let (mut peak, mut cpu) = (0, Duration::ZERO);
    loop {
        peak = resident(child.id(), "VmHWM:").unwrap_or(0).max(peak);
        cpu = processor_time(child.id()).unwrap_or_default().max(cpu);
        if let Some(status) = child.try_wait().expect("it is our child") {
            return (status.code(), peak, cpu);
        }
        if began.elapsed() > HANG {
            child.kill().expect("it is our child");
            let log = String::from_utf8_lossy(&stderr.0.lock().unwrap()).into_owned();
            panic!("hangs: {shown}\nstandard error:\n{}", tail(&log));
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// `VmRSS:` or `VmHWM:` of a process, in KiB.
pub fn resident(pid: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The time of processors that a process used so far, its own and the system's for it.
fn processor_time(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Behind the name, which can hold anything: the state is the third field, the times are the 14th and 15th.
    let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.map(|field| field.parse().unwrap_or(0)).sum();
    Some(Duration::from_secs_f64(
        ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
    ))
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

impl Ran {
    /// Standard output as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("UTF-8")
    }

    /// Standard output's lines.
    pub fn lines(&self) -> Vec<&str> {
        self.text().lines().collect()
    }

    /// The dead letters among the lines of standard error.
    pub fn dead_letters(&self) -> Vec<serde_json::Value> {
        let objects = self
            .stderr
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        objects
            .filter(|line: &serde_json::Value| line["error"].is_object())
            .collect()
    }

    /// The log lines with this message.
    pub fn logged(&self, message: &str) -> Vec<serde_json::Value> {
        let objects = self
            .stderr
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        objects
            .filter(|line: &serde_json::Value| {
                line["message"]
                    .as_str()
                    .is_some_and(|text| text.contains(message))
            })
            .collect()
    }

    /// Fails the test, showing what was said, unless it ended with `code`.
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

/// Where cargo builds, and scripts put what tests use.
pub fn target() -> PathBuf {
    std::env::var("CARGO_TARGET_DIR").map_or(root().join("target"), Into::into)
}

/// A process that ends with the test.
pub struct Ending(pub Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder with these files in it.
pub fn written(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

/// A port that is free now.
pub fn port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

/// The status and the body of `GET path`; `None` if nobody listens.
pub fn get(port: u16, path: &str) -> Option<(u16, String)> {
    request(port, "GET", path, "")
}

/// The status and the body of a request with these header lines, each with its end; `None` if nobody listens.
pub fn request(port: u16, method: &str, path: &str, headers: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
}
