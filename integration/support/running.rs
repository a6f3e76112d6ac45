//! The running program.

use std::fmt::Display;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::http::Web;
use crate::log::{logged, tail};
use crate::wait::{Look, eventually, wait_for_exit};
use crate::{resident, send_signal};

/// Running program, which is killed when this value is dropped.
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    results: Lines,
    log: Lines,
    port: Option<u16>,
    _config: Option<NamedTempFile>,
}

impl Running {
    /// Reads the log of `child`; its output is for the caller.
    pub(crate) fn new(
        mut child: Child,
        port: Option<u16>,
        config: Option<NamedTempFile>,
    ) -> (Self, ChildStdout) {
        let stdin = child.stdin.take();
        let output = child.stdout.take().expect("piped");
        let log = Lines::of(child.stderr.take().expect("piped"));
        let running = Self {
            child,
            stdin,
            results: Lines::default(),
            log,
            port,
            _config: config,
        };
        (running, output)
    }

    /// Reads all results as they come.
    pub(crate) fn collect(&mut self, output: ChildStdout) {
        self.results = Lines::of(output);
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the current resident memory, in KiB.
    pub fn resident(&self) -> u64 {
        resident(self.pid(), "VmRSS:").expect("it runs")
    }

    /// Writes to the program's standard input, which stays open.
    pub fn feed(&mut self, input: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("its input is open");
        stdin.write_all(input.as_ref()).expect("it reads");
    }

    /// Writes a line for each item.
    pub fn feed_lines(&mut self, items: impl IntoIterator<Item = impl Display>) {
        let lines: String = items.into_iter().map(|item| format!("{item}\n")).collect();
        self.feed(lines);
    }

    /// Ends the program's standard input.
    pub fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Takes the program's standard input, for a thread of the test.
    pub fn take_input(&mut self) -> ChildStdin {
        self.stdin.take().expect("its input is open")
    }

    /// Returns the lines of standard output so far.
    pub fn results(&self) -> Vec<String> {
        self.results.get().clone()
    }

    /// Returns the number of lines of standard output so far.
    pub fn count(&self) -> usize {
        self.results.get().len()
    }

    /// Returns the last line of standard output.
    pub fn last(&self) -> Option<String> {
        self.results.get().last().cloned()
    }

    /// Waits until standard output has this number of lines, and returns all of them.
    #[track_caller]
    pub fn await_results(&mut self, count: usize) -> Vec<String> {
        self.until(&format!("{count} results"), |running| {
            let now = running.count();
            (now >= count).then_some(()).ok_or(format!("{now}"))
        });
        self.results()
    }

    /// Returns all of standard error so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Returns the lines of the log with this message.
    pub fn logged(&self, message: &str) -> Vec<Value> {
        logged(&self.log(), message)
    }

    /// Returns the number of lines of the log that contain this text.
    pub fn said(&self, text: &str) -> usize {
        let log = self.log.get();
        log.iter().filter(|line| line.contains(text)).count()
    }

    /// Waits until `look` finds what it looks for; fails the test if the program ends before that.
    #[track_caller]
    pub fn eventually<L: Look>(&mut self, what: &str, mut look: impl FnMut() -> L) -> L::Found {
        self.until(what, |_| look())
    }

    /// Waits until `look` finds what it looks for in what the program wrote; fails the test if the program ends before
    /// that.
    #[track_caller]
    pub fn until<L: Look>(&mut self, what: &str, mut look: impl FnMut(&Self) -> L) -> L::Found {
        eventually(what, || {
            // In this order, so that what the program writes last is found.
            let ended = self.child.try_wait().expect("it is our child");
            let found = look(self).look();
            if let (Err(state), Some(status)) = (&found, ended) {
                panic!("it ended by itself: {status}; expected: {what}, but {state}");
            }
            found
        })
    }

    /// Waits until there are `count` lines with this message in the log.
    #[track_caller]
    pub fn await_logged(&mut self, message: &str, count: usize) {
        self.until(
            &format!("{count} times {message:?} in the log"),
            |running| {
                let found = running.logged(message).len();
                (found >= count).then_some(()).ok_or(format!("{found}"))
            },
        );
    }

    /// Waits until there are `count` lines that contain this text in the log.
    #[track_caller]
    pub fn await_said(&mut self, text: &str, count: usize) {
        self.until(&format!("{count} times {text:?} in the log"), |running| {
            let found = running.said(text);
            (found >= count).then_some(()).ok_or(format!("{found}"))
        });
    }

    /// Returns the web server of a program that was started [`listening`](crate::Nerodia::listening).
    pub fn web(&self) -> Web {
        let port = self.port.expect("it was started `listening`");
        Web { port }
    }

    /// Waits until `/ready` reports that the pipeline is ready.
    #[track_caller]
    pub fn await_ready(&mut self) {
        let web = self.web();
        self.eventually("it is ready", || match web.get("/ready") {
            Some((200, _)) => Ok(()),
            answer => Err(format!("{answer:?}")),
        });
    }

    /// Returns the answer of `/stats`.
    pub fn stats(&self) -> Value {
        self.web().stats().expect("it listens")
    }

    pub fn signal(&self, signal: Signal) {
        send_signal(&self.child, signal);
    }

    /// Ends the program as a service is ended. Returns the exit code and the log.
    #[track_caller]
    pub fn terminate(self) -> (Option<i32>, String) {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Kills the program (`kill -9`).
    pub fn kill(mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }

    /// Ends the program's input and waits for its end. Returns the exit code, the results and the log.
    #[track_caller]
    pub fn finish(mut self) -> (Option<i32>, Vec<String>, String) {
        self.end_input();
        let code = self.await_end();
        (code, self.results(), self.log())
    }

    /// Waits for the program's end. Returns the exit code and the log.
    #[track_caller]
    pub fn wait(mut self) -> (Option<i32>, String) {
        let code = self.await_end();
        (code, self.log())
    }

    #[track_caller]
    fn await_end(&mut self) -> Option<i32> {
        let status = wait_for_exit(&mut self.child).expect("it ends");
        self.log.end();
        self.results.end();
        status.code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the program's log ends:\n{}", tail(&self.log()));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines of a pipe so far, which a thread reads.
#[derive(Default)]
struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let read = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&read);
        let reader = thread::spawn(move || {
            let (mut pipe, mut bytes) = (BufReader::new(pipe), Vec::new());
            while let Ok(1..) = pipe.read_until(b'\n', &mut bytes) {
                let line = String::from_utf8_lossy(&bytes);
                let line = line.strip_suffix('\n').unwrap_or(&line).to_owned();
                lock(&lines).push(line);
                bytes.clear();
            }
        });
        Self {
            lines: read,
            reader: Some(reader),
        }
    }

    fn get(&self) -> MutexGuard<'_, Vec<String>> {
        lock(&self.lines)
    }

    fn text(&self) -> String {
        self.get().join("\n")
    }

    /// Waits until everything is read; the process must have ended.
    fn end(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("reading does not panic");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
