//! Pipeline from Kafka to Kafka as a test runs it: the program itself, with a config of its own.

use serde_json::{Value, json};

use crate::running::Running;
use crate::{Cluster, Record, nerodia, port, unique};

/// Pipeline from one topic to another, with dead letters to a third.
#[derive(Clone)]
pub struct Pipeline {
    pub group: String,
    pub input: String,
    pub output: String,
    dead: Option<String>,
    config: Value,
    args: Vec<String>,
    port: Option<u16>,
}

impl Pipeline {
    /// Creates a pipeline with topics of its own.
    pub fn new(cluster: &Cluster, name: &str, partitions: i32, script: &str) -> Self {
        Self::between(cluster, cluster, name, partitions, script)
    }

    /// Creates a pipeline from one cluster to another, which also has the dead letters.
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

    /// Creates a pipeline with these topics: input, output, dead letters.
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
            port: None,
        }
    }

    /// Sets `path` of the config, such as `guests.timeout`, to `value`.
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

    /// Sets another script.
    pub fn script(self, script: &str) -> Self {
        self.with("pipeline.processors.0.python.script", script)
    }

    /// Sets another topic to read.
    pub fn reading(mut self, topic: &str) -> Self {
        self.input = topic.into();
        self.with("input.kafka.topics", json!([topic]))
    }

    /// Removes the dead letters, so that the first failure ends the pipeline.
    pub fn without_dead_letters(mut self) -> Self {
        self.dead = None;
        self.without("dead_letter")
    }

    /// Removes the section of this name.
    pub fn without(mut self, section: &str) -> Self {
        self.config
            .as_object_mut()
            .expect("a config")
            .remove(section);
        self
    }

    /// Adds an argument for `nerodia run`.
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Returns the topic of the dead letters.
    pub fn dead(&self) -> &str {
        self.dead.as_deref().expect("it has dead letters")
    }

    /// Adds a web server at a free port: see [`Running::web`].
    pub fn listening(self) -> Self {
        let port = port();
        let mut listening = self.with("http.address", format!("127.0.0.1:{port}"));
        listening.port = Some(port);
        listening
    }

    /// Returns a file with the config.
    pub fn file(&self) -> tempfile::NamedTempFile {
        let file = tempfile::Builder::new()
            .suffix(".yaml")
            .tempfile()
            .expect("a file");
        // JSON is YAML.
        std::fs::write(file.path(), self.config.to_string()).expect("written");
        file
    }

    /// Starts the program.
    pub fn start(&self) -> Running {
        let config = self.file();
        let command = nerodia(["run", "-c"]).arg(config.path());
        let command = self
            .args
            .iter()
            .fold(command, |command, arg| command.arg(arg));
        let command = match self.port {
            Some(port) => command.listens_at(port),
            None => command,
        };
        command.keeps(config).start()
    }

    /// Starts the program and waits until it has joined its group: before it handles signals, a signal would end it.
    #[track_caller]
    pub fn start_and_join(&self) -> Running {
        let mut running = self.start();
        running.await_logged("partitions assigned", 1);
        running
    }

    /// Processes `records`, to the end of the input, and checks the exit code `code`. Returns the log.
    #[track_caller]
    pub fn run(
        &self,
        cluster: &Cluster,
        records: impl IntoIterator<Item = Record>,
        code: i32,
    ) -> String {
        cluster.produce(&self.input, records);
        let mut running = self.start();
        self.await_all_committed(cluster, &mut running);
        let (ended, log) = running.terminate();
        assert_eq!(ended, Some(code), "{log}");
        log
    }

    /// Waits until all of the input is committed, which `running` should do.
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
