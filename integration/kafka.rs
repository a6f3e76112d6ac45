//! Kafka to Kafka, against a real broker: every promise that needs no fault from outside.

mod broker;
mod support;

use std::collections::HashMap;
use std::process::Child;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use broker::{Cluster, Record, eventually, unique};
use serde_json::json;
use support::nerodia;

/// A pipeline from one topic to another, with dead letters to a third.
struct Pipeline {
    group: String,
    input: String,
    output: String,
    dead: Option<String>,
    script: String,
    more: String,
}

impl Pipeline {
    fn new(cluster: &Cluster, name: &str, partitions: i32, script: &str) -> Self {
        Self {
            group: unique(name),
            input: cluster.topic(&format!("{name}-in"), partitions),
            output: cluster.topic(&format!("{name}-out"), partitions),
            dead: Some(cluster.topic(&format!("{name}-dead"), 1)),
            script: script.into(),
            more: String::new(),
        }
    }

    fn without_dead_letters(mut self) -> Self {
        self.dead = None;
        self
    }

    fn more(mut self, yaml: &str) -> Self {
        self.more = yaml.into();
        self
    }

    fn config(&self, cluster: &Cluster) -> tempfile::NamedTempFile {
        let addresses = cluster.addresses();
        let mut config = json!({
            "input": { "kafka": {
                "addresses": [addresses], "topics": [self.input], "consumer_group": self.group,
                "commit_period": "200ms", "group": { "session_timeout": "6s", "heartbeat_interval": "1s" },
            } },
            "pipeline": { "processors": [{ "python": { "script": self.script } }] },
            "output": { "kafka": { "addresses": [addresses], "topic": self.output } },
        });
        if let Some(dead) = &self.dead {
            config["dead_letter"] = json!({ "kafka": { "addresses": [addresses], "topic": dead } });
        }
        let file = tempfile::Builder::new()
            .suffix(".yaml")
            .tempfile()
            .expect("a file");
        // JSON is YAML.
        std::fs::write(file.path(), config.to_string()).expect("written");
        file
    }

    /// Starts the program; what it logs goes to the test's own standard error.
    fn start(&self, cluster: &Cluster, sets: &[&str]) -> Running {
        let config = self.config(cluster);
        let mut command = nerodia(["run", "-c"]).arg(config.path());
        for set in sets {
            command = command.set(set);
        }
        let log = tempfile::NamedTempFile::new().expect("a file");
        let child = command.spawn_logging_to(log.path());
        Running {
            child,
            log,
            _config: config,
        }
    }
}

struct Running {
    child: Child,
    log: tempfile::NamedTempFile,
    _config: tempfile::NamedTempFile,
}

impl Running {
    fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).expect("the log")
    }

    /// Ends it as a service is ended; gives the exit code and the log.
    fn terminate(mut self) -> (Option<i32>, String) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
        let status = self.child.wait().expect("it is our child");
        (status.code(), self.log())
    }

    fn wait(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("it is our child");
        (status.code(), self.log())
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

fn await_all_committed(cluster: &Cluster, pipeline: &Pipeline, running: &mut Running) {
    let ends = cluster.ends(&pipeline.input);
    let what = format!("all of {} is committed: {ends:?}", pipeline.input);
    eventually(&what, || {
        if let Some(status) = running.child.try_wait().expect("it is our child") {
            panic!("it ended by itself: {status}\n{}", running.log());
        }
        let committed = cluster.committed(&pipeline.group, &pipeline.input);
        (committed == ends)
            .then_some(())
            .ok_or(format!("{committed:?}"))
    });
}

const MILLION: u64 = 1_000_000;
const PARTITIONS: i32 = 12;

/// Timestamps of long ago would have the broker delete the messages.
static START: LazyLock<i64> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_millis() as i64 - 10_000_000
});

fn numbered(n: u64) -> Record {
    Record::json(&json!({ "n": n, "text": "what an order may say of itself" }))
        .partition((n % PARTITIONS as u64) as i32)
        .key(format!("key-{}", n % 4096))
        .timestamp(*START + n as i64)
        .header("number", Some(n.to_string().as_bytes()))
        .header("number", Some(&[0xff, 0x00, n as u8]))
        .header("none", None)
        .header("empty", Some(b""))
}

/// "Each result once, in order within its partition, headers and keys exact."
fn a_million_come_through(guests: &str) {
    let cluster = Cluster::shared();
    let pipeline = Pipeline::new(
        cluster,
        &format!("million-{guests}"),
        PARTITIONS,
        "root = {\"n\": this[\"n\"], \"twice\": 2 * this[\"n\"]}",
    );
    cluster.produce(&pipeline.input, (0..MILLION).map(numbered));
    let mut running = pipeline.start(cluster, &[&format!("pipeline.threads={guests}")]);
    await_all_committed(cluster, &pipeline, &mut running);
    let (code, log) = running.terminate();
    assert_eq!(code, Some(0), "{log}");

    let mut seen = vec![false; MILLION as usize];
    let mut last: HashMap<(i32, u64), u64> = HashMap::new();
    cluster.for_each(&pipeline.output, |record| {
        let value = record.value();
        let n = value["n"].as_u64().expect("a number");
        assert_eq!(value, json!({ "n": n, "twice": 2 * n }));
        assert!(
            !std::mem::replace(&mut seen[n as usize], true),
            "{n} came twice"
        );
        let sent = numbered(n);
        assert_eq!(
            (&record.key, &record.headers, record.timestamp),
            (&sent.key, &sent.headers, sent.timestamp)
        );
        // Of one input partition, in one output partition.
        let lane = (record.partition, n % PARTITIONS as u64);
        if let Some(before) = last.insert(lane, n) {
            assert!(before < n, "{n} came after {before}");
        }
    });
    let missing = seen.iter().filter(|&&seen| !seen).count();
    assert_eq!(missing, 0, "lost");
    assert_eq!(cluster.count(pipeline.dead.as_deref().unwrap()), 0);
}

#[test]
fn a_million_come_through_one_guest() {
    a_million_come_through("1");
}

#[test]
fn a_million_come_through_four_guests() {
    a_million_come_through("4");
}
