//! Pipeline that all processes run, and its topics.

use serde_json::json;
use support::{Cluster, unique};

use super::fleet::SHUTDOWN;
use super::order::{Choices, GONE};
use super::plan::Wanted;
use crate::{Form, PARTITIONS};

/// Partitions of the main topic to which nothing is ever written.
pub(crate) const IDLE: i32 = 2;
/// Number of partitions at the start of the topic that gets more.
pub(crate) const GROWS_FROM: i32 = 2;

/// Topics of the pipeline, and how they are read and written.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub form: Form,
    pub wanted: Wanted,
    pub addresses: String,
    pub group: String,
    /// Prefix of the names of all input topics; the names of output topics do not have it.
    pub prefix: String,
    pub main: String,
    /// Topic that gets partitions during the run.
    pub grows: String,
    /// Topic to which nothing is written.
    pub idle: String,
    pub output: String,
    pub dead: String,
    pub choices: Choices,
}

impl Pipeline {
    /// Creates a pipeline with topics of its own.
    pub(crate) fn new(cluster: &Cluster, form: Form, wanted: Wanted) -> Self {
        let run = unique("chaos");
        let safe = [("min.insync.replicas", "2")];
        // The brokers set the timestamps of records, so that the checker can tell how long they took.
        let stamped = [
            ("min.insync.replicas", "2"),
            ("message.timestamp.type", "LogAppendTime"),
        ];
        let input = |name: &str, partitions| {
            cluster.topic_with(&format!("{run}-in-{name}"), partitions, &safe)
        };
        let output = |name: &str, partitions, config: &[(&str, &str)]| {
            cluster.topic_with(&format!("{run}-out-{name}"), partitions, config)
        };
        let gone: [String; GONE] =
            std::array::from_fn(|index| output(&format!("gone-{index}"), 3, &stamped));
        Self {
            form,
            wanted,
            addresses: cluster.addresses().into(),
            group: run.clone(),
            prefix: format!("{run}-in-"),
            main: input("main", PARTITIONS + IDLE),
            grows: input("grows", GROWS_FROM),
            idle: input("idle", 3),
            output: output("results", PARTITIONS, &stamped),
            dead: output("dead", 3, &stamped),
            choices: Choices {
                chosen: output("chosen", 3, &stamped),
                gone,
                strict: output(
                    "strict",
                    3,
                    &[("message.timestamp.after.max.ms", "3600000")],
                ),
                compacted: output("compacted", 3, &[("cleanup.policy", "compact")]),
                small: output("small", 3, &[("max.message.bytes", "2000")]),
            },
        }
    }

    /// Returns the config of the process `by` in this slot. JSON is YAML.
    pub(crate) fn config(&self, slot: usize, by: &str) -> String {
        let addresses: Vec<&str> = self.addresses.split(',').collect();
        let mut group = json!({ "rebalance_timeout": "5s" });
        match self.form {
            // In this protocol the brokers decide: see `admin`.
            Form::ConsumerProtocol => group["protocol"] = "consumer".into(),
            Form::AtLeastOnce | Form::ExactlyOnce => {
                group["session_timeout"] = "6s".into();
                group["heartbeat_interval"] = "1s".into();
            }
        }
        let mut config = json!({
            "input": { "kafka": {
                "addresses": addresses, "topics": [format!("^{}", self.prefix)],
                "consumer_group": self.group, "commit_period": "500ms",
                "start_from_oldest": !self.wanted.newest, "group": group,
                "properties": { "topic.metadata.refresh.interval.ms": 3000 },
            } },
            "pipeline": { "threads": 2, "processors": [
                { "python": { "script": self.choices.script(by), "imports": ["time"] } },
            ] },
            // Longer than the slowest order takes.
            "guests": { "timeout": "15s" },
            "output": { "kafka": {
                "addresses": addresses, "topic": self.output, "topics_allowed": self.choices.all(),
            } },
            "dead_letter": { "kafka": { "addresses": addresses, "topic": self.dead } },
            "shutdown_timeout": format!("{}s", SHUTDOWN.as_secs()),
            "delivery": self.form.delivery(),
        });
        if self.form == Form::ExactlyOnce {
            // Unique for the group, since the brokers remember the id for longer than a run.
            config["input"]["kafka"]["instance_id"] = format!("{}-{slot}", self.group).into();
        }
        config.to_string()
    }
}
