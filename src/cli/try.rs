//! `nerodia try`: shows some messages before and after processing, without running a pipeline.

mod samples;
mod shown;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use self::samples::Samples;
use self::shown::{Shown, Style};
use super::config_file::ConfigFile;
use super::tryout::{self, Refused};
use super::{FAILED, MISUSED, WELL, console, report, run};
use crate::config::{
    Config, Diagnostic, InputConfig, KafkaInputConfig, Loaded, OutputConfig, StreamInput,
};
use crate::engine::formats;
use crate::guest::Stop;
use crate::input::kafka::sample::Choice;
use crate::kafka::connect;
use crate::message::Outcome;
use crate::telemetry::health::Health;
use crate::telemetry::logs;
use crate::telemetry::processors::{ProcessorStats, Processors};

/// Show what a pipeline makes of some messages, and write nothing
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nerodia try pipeline.yaml --from-file samples.jsonl
  nerodia try pipeline.yaml --from-kafka --count 20
  nerodia try pipeline.yaml --from-kafka orders.dead --json
  nerodia try pipeline.yaml --from-kafka --partition 3 --offset 41000 --count 1
  echo '{\"price\": 12}' | nerodia try pipeline.yaml

Shows each message with its outcome in a real guest: its results, `dropped`, or the failure. Lines are cut as the \
config's `input.stdin` or `input.file` says. From Kafka it reads the last messages, evenly from all partitions, joins no group and \
commits nothing.
Exit codes: 0 all succeeded or were dropped, 1 some failed or cannot be read, 2 usage or config.")]
pub(super) struct Try {
    #[command(flatten)]
    config: ConfigFile,
    /// Read messages from a file, one per line; without --from-file and --from-kafka, from standard input
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// Read the last messages of a topic, or of the topics of the config's own Kafka input
    #[arg(long, value_name = "TOPIC", num_args = 0..=1, conflicts_with = "from_file")]
    from_kafka: Option<Option<String>>,
    /// Read only this partition of --from-kafka
    #[arg(long, value_name = "N", requires = "from_kafka", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// Begin with the message at this offset of --partition, not with the last messages
    #[arg(long, value_name = "N", requires = "partition", value_parser = clap::value_parser!(i64).range(0..))]
    offset: Option<i64>,
    /// Limit on the number of messages
    #[arg(long, value_name = "N", default_value_t = 10)]
    count: u64,
    /// Show each message as a line of JSON, with payloads in full
    #[arg(long)]
    json: bool,
    /// Override a field of the config, such as guests.timeout=5s; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// How long to try to reach Kafka
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    connect_timeout: Duration,
}

/// Number of messages of each kind.
#[derive(Debug, Default)]
struct Totals {
    all: u64,
    dropped: u64,
    failed: u64,
    /// Whether there may have been more messages, which could not be read.
    broken: bool,
    /// Messages, failures and costs of each processor.
    processors: Vec<ProcessorStats>,
}

/// Returns a line for each processor.
fn costs(processors: &[ProcessorStats]) -> String {
    let widest = processors.iter().map(|one| one.name.chars().count()).max();
    let widest = widest.unwrap_or_default();
    let line = |one: &ProcessorStats| {
        let ProcessorStats {
            name,
            messages,
            failed,
            ..
        } = one;
        let cost = match one.a_message() {
            Some(seconds) => format!("{:.0} µs of CPU a message", seconds * 1e6),
            None => "no message reached it".to_owned(),
        };
        format!("  {name:<widest$}  {messages} in, {failed} failed, {cost}\n")
    };
    let lines: String = processors.iter().map(line).collect();
    format!("{lines}  (each message alone; a pipeline runs many together, which costs less)")
}

impl Try {
    pub(super) fn execute(self) -> u8 {
        let style = if self.json {
            Style::Json
        } else {
            let refused = std::env::var_os("NO_COLOR").is_some();
            Style::Text {
                colour: std::io::stdout().is_terminal() && !refused,
            }
        };
        match self.show(style) {
            Ok(Totals {
                all,
                dropped,
                failed,
                broken,
                processors,
            }) => {
                if !self.json {
                    let came = all - dropped - failed;
                    console::say(format_args!(
                        "{all} message{}: {came} came through, {dropped} dropped, {failed} failed",
                        if all == 1 { "" } else { "s" }
                    ));
                    if all > 0 {
                        console::complain(format_args!("{}", costs(&processors)));
                    }
                }
                if failed == 0 && !broken { WELL } else { FAILED }
            }
            Err(code) => code,
        }
    }

    /// Shows all messages. Returns the exit code if there was an error, which has been reported.
    fn show(&self, style: Style) -> Result<Totals, u8> {
        let told = |problems| {
            report::diagnostics(&problems);
            MISUSED
        };
        let Loaded {
            mut config,
            warnings,
        } = run::load(self.config.path(), &self.set).map_err(told)?;
        report::diagnostics(&warnings);
        logs::start(&config.logger);
        config.input = self
            .input(&config)
            .map_err(|problem| told(problem.into()))?;
        let complained =
            |error: &anyhow::Error| console::complain(format_args!("error: {error:#}"));
        // Nothing is written, so the outputs are not checked.
        let checked = Config {
            output: OutputConfig::Drop,
            dead_letter: None,
            ..config.clone()
        };
        let unseen = Health::default();
        connect::check(&checked, self.connect_timeout, &unseen).map_err(|error| {
            complained(&error);
            FAILED
        })?;
        let formats = formats::open(&config, self.connect_timeout, &unseen).map_err(|error| {
            complained(&error);
            FAILED
        })?;
        let formats = formats.shown();
        let choice = Choice {
            partition: self.partition,
            offset: self.offset,
            count: self.count,
        };
        let samples = Samples::open(&config.input, self.from_file.as_deref(), choice);
        let mut samples = samples.map_err(|error| {
            complained(&error);
            if self.from_kafka.is_some() {
                FAILED
            } else {
                MISUSED
            }
        })?;
        let shown = tryout::with(&config, &formats, async |tryout| {
            // First, so that a script that cannot start is reported before anything is read.
            tryout.guest().await?;
            let mut totals = Totals::default();
            let processors = Processors::default();
            loop {
                let (lane, message) = match samples.next() {
                    Ok(Some(sample)) => sample,
                    Ok(None) => break,
                    Err(error) => {
                        complained(&error);
                        totals.broken = true;
                        break;
                    }
                };
                let (batch, executed) = tryout.run(Arc::clone(&lane), message).await?;
                let read = formats
                    .reads
                    .show(&batch.messages[0].bytes(), batch.named_schemas());
                let shown = Shown::new(&lane, &batch.messages[0], &executed, read);
                processors.executed(&executed);
                if let Stop::Died { death, script, .. } = &executed.stop {
                    processors.failed(&death.failure(script.as_ref()));
                }
                for outcome in &executed.outcomes.items {
                    if let Outcome::Failed(failure) = outcome {
                        processors.failed(failure);
                    }
                }
                totals.all += 1;
                totals.dropped += u64::from(shown.is_dropped());
                totals.failed += u64::from(shown.is_failed());
                console::say(shown.text(style));
            }
            totals.processors = processors.of(&config.processor_names());
            Ok(totals)
        });
        shown.map_err(|Refused| MISUSED)
    }

    /// Returns the source of the messages as an input.
    fn input(&self, config: &Config) -> Result<InputConfig, Diagnostic> {
        let Some(topic) = &self.from_kafka else {
            let given = || {
                let most = usize::try_from(config.pipeline.max_in_flight).unwrap_or(usize::MAX);
                StreamInput::lines(most, config.input.formats().0)
            };
            let stream = config.input.stream().cloned();
            return Ok(InputConfig::Stdin(stream.unwrap_or_else(given)));
        };
        let mut kafka = match config.input.as_kafka() {
            Some(kafka) => kafka.clone(),
            None => {
                let outputs = [
                    ("output.kafka", Some(&config.output)),
                    ("dead_letter.kafka", config.dead_letter.as_ref()),
                ];
                let found = outputs
                    .into_iter()
                    .find_map(|(field, output)| match output {
                        Some(OutputConfig::Kafka(kafka)) => Some((field, kafka.client.clone())),
                        Some(
                            OutputConfig::Stdout(_) | OutputConfig::File(_) | OutputConfig::Drop,
                        )
                        | None => None,
                    });
                let (Some((field, client)), true) = (found, topic.is_some()) else {
                    let problem = Diagnostic::error("the config has no `input.kafka` to read from");
                    return Err(
                        problem.help("give messages with --from-file, or on standard input")
                    );
                };
                let mut kafka = KafkaInputConfig::new(client, Vec::new(), "nerodia".to_owned());
                kafka.named.client = field;
                kafka
            }
        };
        if let Some(topic) = topic {
            // The topic to which the config writes dead letters is read as dead letters, as in `nerodia replay`.
            kafka.letters = matches!(&config.dead_letter,
                Some(OutputConfig::Kafka(letters)) if letters.topic == *topic);
            kafka.topics = vec![topic.clone()];
            kafka.named.topics = "--from-kafka";
        }
        Ok(InputConfig::Kafka(Box::new(kafka)))
    }
}
