//! `nerodia replay`: runs dead letters through the script again.

use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::config_file::ConfigFile;
use super::{MISUSED, console, report, run};
use crate::config::{
    Config, DatetimeText, DecimalText, DeliveryGuarantee, Diagnostic, Extent, InputConfig,
    KafkaInputConfig, KafkaOutputConfig, Loaded, Named, OnError, OutputConfig, OutputFormat,
    StdoutCodec, StreamOutput,
};
use crate::telemetry::metrics::Metrics;

/// Run dead letters through the corrected script again
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Show the results, without writing or committing anything:
    nerodia replay pipeline.yaml --from orders.dead --dry-run
  Run the replay:
    nerodia replay pipeline.yaml --from orders.dead

Reads the dead letters that exist at the start and that no replay has read before, runs them as the pipeline would, \
and ends. Results go to the pipeline's output; a message that fails again becomes a new dead letter, with all of its \
attempts. A replay has no web server, so the pipeline may run at the same time. The position of replays is stored under \
the pipeline's consumer group with the suffix `-replay`.

Exit codes: 0 all came through, 1 some failed again or the engine did, 2 usage or config.")]
pub(super) struct Replay {
    #[command(flatten)]
    config: ConfigFile,
    /// The topic of dead letters [default: that of `dead_letter.kafka`]
    #[arg(long, value_name = "TOPIC")]
    from: Option<String>,
    /// Show results on standard output and failures on standard error; write nothing to Kafka
    #[arg(long)]
    dry_run: bool,
    /// Override a field of the config, such as logger.level=warn; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// How long to try to reach Kafka at the start
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    connect_timeout: Duration,
}

impl Replay {
    pub(super) fn execute(self) -> u8 {
        let mut config = match run::load(self.config.path(), &self.set) {
            Ok(Loaded { config, .. }) => config,
            Err(problems) => {
                report::diagnostics(&problems);
                return MISUSED;
            }
        };
        let Some(OutputConfig::Kafka(letters)) = &config.dead_letter else {
            let problem =
                Diagnostic::error("the config has no `dead_letter.kafka` to replay from").help(
                    without_topic(&self.config.path(), config.dead_letter.as_ref()),
                );
            report::diagnostics(&problem.into());
            return MISUSED;
        };
        let named = Named {
            client: "dead_letter.kafka",
            topics: match &self.from {
                Some(_) => "--from",
                None => "dead_letter.kafka.topic",
            },
        };
        let from = self.from.unwrap_or_else(|| letters.topic.clone());
        if let Some(input) = config.input.as_kafka()
            && input.topics.contains(&from)
            && input.client.addresses == letters.client.addresses
        {
            let message = format!("`--from` is `{from}`, which the pipeline itself reads");
            let problem = Diagnostic::error(message)
                .help("its messages are no dead letters: each would be processed a second time");
            report::diagnostics(&problem.into());
            return MISUSED;
        }
        let mut input = letters_of(&config, letters, &from, self.dry_run);
        input.named = named;
        config.input = InputConfig::Kafka(Box::new(input));
        config.delivery = DeliveryGuarantee::AtLeastOnce;
        if self.dry_run {
            config.output = OutputConfig::Stdout(StreamOutput {
                codec: StdoutCodec::Lines,
                format: shown(config.output.formats().0),
            });
            config.dead_letter = None;
        }
        for output in [Some(&mut config.output), config.dead_letter.as_mut()] {
            if let Some(OutputConfig::Kafka(output)) = output {
                output.transactional_id = None;
            }
        }
        // A dead letter that is dropped would be lost.
        config.pipeline.on_error = OnError::DeadLetter;
        // The pipeline with this config may be running, and has the address.
        config.http.enabled = false;
        let dry_run = self.dry_run;
        run::run_and(config, self.connect_timeout, None, |metrics| {
            summarize(metrics, &from, dry_run);
        })
    }
}

/// Returns what to do with dead letters that are lines of JSON: run their payloads as a file.
fn without_topic(config: &Path, letters: Option<&OutputConfig>) -> String {
    let file = match letters {
        Some(OutputConfig::File(file)) => &file.path,
        _ => "dead.jsonl",
    };
    let config = config.display();
    format!(
        "dead letters in a file or on standard error are lines of JSON. Run their payloads again, without their keys and \
         headers:\n    nerodia eval 'root = this[\"payload\"].encode()' < {file} > again.jsonl\n    \
         nerodia run {config} --set 'input={{ file: {{ paths: [again.jsonl] }} }}'"
    )
}

/// Returns the input that reads the topic `from` to its end.
fn letters_of(
    config: &Config,
    letters: &KafkaOutputConfig,
    from: &str,
    dry_run: bool,
) -> KafkaInputConfig {
    let input = config.input.as_kafka();
    let group = input.map_or("nerodia", |input| &input.consumer_group);
    let defaults = KafkaInputConfig::new(
        letters.client.clone(),
        vec![from.to_owned()],
        format!("{group}-replay"),
    );
    let (format, key_format) = config.input.formats();
    KafkaInputConfig {
        extent: Extent::ToEnd { commit: !dry_run },
        letters: true,
        // A dead letter has the payload and the key of its message.
        format,
        key_format,
        ..defaults
    }
}

/// Returns the format in which a dry run shows results. What has a schema is shown as JSON: a line cannot hold its bytes.
fn shown(format: OutputFormat) -> OutputFormat {
    if !format.kind.has_schema() {
        return format;
    }
    OutputFormat {
        decimal: Some(DecimalText::String),
        datetime: Some(DatetimeText::Iso),
        ..OutputFormat::default()
    }
}

fn summarize(metrics: &Metrics, from: &str, dry_run: bool) {
    let [read, records, dropped, failed] = [
        &metrics.received,
        &metrics.records,
        &metrics.dropped,
        &metrics.failed,
    ]
    .map(Metrics::get);
    let (came, again) = if dry_run {
        ("would come out", "would fail again")
    } else {
        ("came out", "failed again and went back")
    };
    // The reader of the output may have closed it, as `head` does.
    let early = if Metrics::get(&metrics.delivered) < read {
        "; it ended before all of that was written"
    } else {
        ""
    };
    console::complain(format_args!(
        "replay of `{from}`: {read} dead letters read, {records} results {came}, {dropped} dropped by the script, {failed} \
         {again}{early}"
    ));
}
