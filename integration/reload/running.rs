//! A pipeline that runs while its config changes, and what it is given.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::Nerodia;

const PATIENCE: Duration = Duration::from_secs(60);

/// A pipeline that runs, with what it wrote and said so far.
pub struct Running {
    pub child: Child,
    /// Lines of standard output.
    pub results: Arc<Mutex<Vec<String>>>,
    /// Lines of standard error.
    log: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    pub fn start(nerodia: Nerodia) -> Self {
        let mut child = nerodia.spawn();
        let (results, stdout) = collect(child.stdout.take().expect("piped"));
        let (log, stderr) = collect(child.stderr.take().expect("piped"));
        Self {
            child,
            results,
            log,
            readers: vec![stdout, stderr],
        }
    }

    pub fn stdin(&mut self) -> ChildStdin {
        self.child
            .stdin
            .take()
            .expect("piped, and not taken before")
    }

    pub fn hang_up(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-HUP", &pid]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// How often this was logged.
    pub fn logged(&self, text: &str) -> usize {
        let log = self.log.lock().unwrap();
        log.iter().filter(|line| line.contains(text)).count()
    }

    #[track_caller]
    pub fn wait(&self, what: &str, until: impl Fn() -> bool) {
        let began = Instant::now();
        while !until() {
            if began.elapsed() > PATIENCE {
                let log = self.log.lock().unwrap();
                panic!(
                    "{what}: not so\n{}",
                    log[log.len().saturating_sub(30)..].join("\n")
                );
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[track_caller]
    pub fn wait_logged(&self, text: &str, times: usize) {
        self.wait(&format!("{text:?} logged {times} times"), || {
            self.logged(text) >= times
        });
    }

    /// The last result.
    pub fn last(&self) -> Option<Value> {
        let results = self.results.lock().unwrap();
        results
            .last()
            .map(|line| serde_json::from_str(line).expect("JSON"))
    }

    /// Waits for its end; exit code, results, log.
    pub fn end(mut self) -> (Option<i32>, Vec<String>, String) {
        let began = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().expect("our child") {
                break status.code();
            }
            assert!(
                began.elapsed() < PATIENCE,
                "hangs:\n{}",
                self.log.lock().unwrap().join("\n")
            );
            thread::sleep(Duration::from_millis(5));
        };
        for reader in self.readers {
            reader.join().expect("reading does not panic");
        }
        let log = self.log.lock().unwrap().join("\n");
        let results = std::mem::take(&mut *self.results.lock().unwrap());
        (code, results, log)
    }
}

fn collect(from: impl std::io::Read + Send + 'static) -> (Arc<Mutex<Vec<String>>>, JoinHandle<()>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&lines);
    let reader = thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            into.lock().unwrap().push(line.expect("UTF-8"));
        }
    });
    (lines, reader)
}

/// Numbers, as fast as they are taken, until told to end.
pub struct Load {
    enough: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    writer: JoinHandle<()>,
}

impl Load {
    pub fn start(mut stdin: ChildStdin) -> Self {
        let (enough, written) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let writer = thread::spawn({
            let (enough, written) = (Arc::clone(&enough), Arc::clone(&written));
            move || {
                let mut next = 0;
                while !enough.load(Ordering::Relaxed) {
                    let lines: String = (next..next + 50)
                        .map(|number| format!("{number}\n"))
                        .collect();
                    stdin.write_all(lines.as_bytes()).expect("it reads");
                    next += 50;
                    written.store(next, Ordering::Relaxed);
                    // Some ten thousand a second: batches, and what is written can be kept here.
                    thread::sleep(Duration::from_millis(4));
                }
            }
        });
        Self {
            enough,
            written,
            writer,
        }
    }

    pub fn end(self) -> u64 {
        self.enough.store(true, Ordering::Relaxed);
        self.writer.join().expect("it reads to the end");
        self.written.load(Ordering::Relaxed)
    }
}
