//! A pipeline from Kafka to Kafka as a test runs it: the program itself, with a config of its own.

#![expect(dead_code, reason = "each test target uses its own part of this")]

use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::broker::{Cluster, eventually, unique};
use crate::support::nerodia;

/// A pipeline from one topic to another, with dead letters to a third.
#[derive(Clone)]
pub struct Pipeline {
    pub group: String,
    pub input: String,
    pub output: String,
    dead: Option<String>,
    config: Value,
    args: Vec<String>,
}

impl Pipeline {
    /// With topics of its own.
    pub fn new(cluster: &Cluster, name: &str, partitions: i32, script: &str) -> Self {
        Self::between(cluster, cluster, name, partitions, script)
    }

    /// From one cluster to another, where the dead letters are as well.
    pub fn between(
        from: &Cluster,
        to: &Cluster,
        name: &str,
        partitions: i32,
        script: &str,
    ) -> Self {
        let topics = [
            from.topic(&format!("{name}-in"), partitions),
            to.topic(&format!("{name}-out"), partitions),
            to.topic(&format!("{name}-dead"), 1),
        ];
        Self::with_topics(from, to, &unique(name), topics, script)
    }

    /// With these topics: input, output, dead letters.
    pub fn with_topics(
        from: &Cluster,
        to: &Cluster,
        group: &str,
        [input, output, dead]: [String; 3],
        script: &str,
    ) -> Self {
        let (from, to) = (from.addresses(), to.addresses());
        let config = json!({
            "input": { "kafka": {
                "addresses": [from], "topics": [input], "consumer_group": group,
                "commit_period": "200ms", "group": { "session_timeout": "6s", "heartbeat_interval": "1s" },
            } },
            "pipeline": { "processors": [{ "python": { "script": script } }] },
            "output": { "kafka": { "addresses": [to], "topic": output } },
            "dead_letter": { "kafka": { "addresses": [to], "topic": dead } },
        });
        Self {
            group: group.to_owned(),
            input,
            output,
            dead: Some(dead),
            config,
            args: Vec::new(),
        }
    }

    /// With `value` at `path` of the config, as in `guests.timeout`.
    pub fn with(mut self, path: &str, value: impl Into<Value>) -> Self {
        let mut at = &mut self.config;
        for name in path.split('.') {
            at = match name.parse::<usize>() {
                Ok(index) => &mut at[index],
                Err(_) => &mut at[name],
            };
        }
        *at = value.into();
        self
    }

    pub fn script(self, script: &str) -> Self {
        self.with("pipeline.processors.0.python.script", script)
    }

    /// Reading another topic than its own.
    pub fn reading(mut self, topic: &str) -> Self {
        self.input = topic.into();
        self.with("input.kafka.topics", json!([topic]))
    }

    pub fn without_dead_letters(mut self) -> Self {
        self.dead = None;
        self.without("dead_letter")
    }

    /// Without the section of this name.
    pub fn without(mut self, section: &str) -> Self {
        self.config
            .as_object_mut()
            .expect("a config")
            .remove(section);
        self
    }

    /// With another argument for `nerodia run`.
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.into());
        self
    }

    /// The topic of the dead letters.
    pub fn dead(&self) -> &str {
        self.dead.as_deref().expect("it has dead letters")
    }

    pub fn file(&self) -> tempfile::NamedTempFile {
        let file = tempfile::Builder::new()
            .suffix(".yaml")
            .tempfile()
            .expect("a file");
        // JSON is YAML.
        std::fs::write(file.path(), self.config.to_string()).expect("written");
        file
    }

    /// Starts the program, which logs to a file.
    pub fn start(&self) -> Running {
        let config = self.file();
        let mut command = nerodia(["run", "-c"]).arg(config.path());
        for arg in &self.args {
            command = command.arg(arg);
        }
        let log = tempfile::NamedTempFile::new().expect("a file");
        let child = command.spawn_logging_to(log.path());
        Running {
            child,
            log,
            _config: config,
        }
    }

    /// Starts it and waits until it is in its group: before it listens to signals, they are its end.
    #[track_caller]
    pub fn start_and_join(&self) -> Running {
        let mut running = self.start();
        running.await_logged("partitions assigned", 1);
        running
    }

    /// Waits until all of the input is committed, as `running` should see to.
    #[track_caller]
    pub fn await_all_committed(&self, cluster: &Cluster, running: &mut Running) {
        let ends = cluster.ends(&self.input);
        let what = format!("all of {} is committed: {ends:?}", self.input);
        running.eventually(&what, || {
            let committed = cluster.committed(&self.group, &self.input);
            (committed == ends)
                .then_some(())
                .ok_or(format!("{committed:?}"))
        });
    }
}

/// The program while it runs; killed when it is dropped.
pub struct Running {
    pub child: Child,
    log: tempfile::NamedTempFile,
    _config: tempfile::NamedTempFile,
}

impl Running {
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log.path()).expect("the log")).into_owned()
    }

    /// The lines of the log with this message.
    pub fn logged(&self, message: &str) -> Vec<Value> {
        logged(&self.log(), message)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Ends it as a service is ended; gives the exit code and the log.
    pub fn terminate(self) -> (Option<i32>, String) {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// `kill -9`
    pub fn kill(mut self) {
        self.child.kill().expect("it is our child");
        self.child.wait().expect("it is our child");
    }

    /// Waits for its end; gives the exit code and the log.
    #[track_caller]
    pub fn wait(mut self) -> (Option<i32>, String) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return (status.code(), self.log());
            }
            assert!(
                began.elapsed() < Duration::from_secs(120),
                "it does not end"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until `done`; fails the test if it ends before.
    #[track_caller]
    pub fn eventually(&mut self, what: &str, mut done: impl FnMut() -> Result<(), String>) {
        eventually(what, || {
            let result = done();
            let ended = self.child.try_wait().expect("it is our child");
            match (&result, ended) {
                (Err(_), Some(status)) => {
                    panic!("it ended by itself: {status}; expected: {what}")
                }
                _ => result,
            }
        });
    }

    /// Waits until there are `count` lines with this message in the log.
    #[track_caller]
    pub fn await_logged(&mut self, message: &str, count: usize) {
        eventually(&format!("{count} times {message:?} in the log"), || {
            let ended = self.child.try_wait().expect("it is our child");
            let found = self.logged(message).len();
            assert!(
                found >= count || ended.is_none(),
                "it ended by itself: {ended:?}"
            );
            (found >= count).then_some(()).ok_or(format!("{found}"))
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the program's log:\n{}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a log with this message.
pub fn logged(log: &str, message: &str) -> Vec<Value> {
    let objects = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    objects
        .filter(|line: &Value| {
            line["message"]
                .as_str()
                .is_some_and(|text| text.contains(message))
        })
        .collect()
}

/// What is said to people, from the first error on; warnings come before.
pub fn errors(log: &str) -> Vec<&str> {
    let is_json = |line: &&str| serde_json::from_str::<Value>(line).is_ok();
    let said = log.lines().filter(|line| !is_json(line));
    said.skip_while(|line| !line.starts_with("error")).collect()
}

/// Milliseconds since 1970, some seconds ago: a broker deletes what is old.
pub fn recently() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("after 1970").as_millis() as i64 - 100_000
}
