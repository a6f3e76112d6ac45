//! Check at the start: is the cluster reachable, does it accept the credentials, do the topics exist?
//!
//! While a pipeline runs, clients restore their connections by themselves, without a time limit. Before that, a wrong
//! address or password is the likely cause, and an endless wait would not show it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;

use super::client;
use super::link::{self, Complaint, Link};
use super::password;
use crate::config::{Config, KafkaClientConfig, OutputConfig};
use crate::telemetry::health::Health;

/// Time in which a new topic becomes known to all brokers.
const NEWS: Duration = Duration::from_secs(3);
/// Time limit of one request to the cluster, which is then repeated.
const PATIENCE: Duration = Duration::from_secs(2);
/// Errors that do not pass by themselves. Those about a name or a connection may (a broker that starts).
const FINAL: [RDKafkaErrorCode; 3] = [
    RDKafkaErrorCode::Authentication,
    RDKafkaErrorCode::SSL,
    RDKafkaErrorCode::SaslAuthenticationFailed,
];

/// Checks every cluster that `config` names. Blocks for at most about `timeout` for each cluster, and meanwhile reports to
/// `health` why.
///
/// # Errors
/// One line that names the address, what was tried and what to change.
pub(crate) fn check(config: &Config, timeout: Duration, health: &Health) -> anyhow::Result<()> {
    // Input, output and dead letters usually name the same cluster, which is checked once.
    let mut asked: Vec<(&KafkaClientConfig, Cluster)> = Vec::new();
    let mut missing = Vec::new();
    for place in places(config) {
        let start = Instant::now();
        let cluster = match asked.iter().position(|(client, _)| *client == place.client) {
            Some(known) => &asked[known].1,
            None => {
                let cluster = place.connect(timeout, health)?;
                &asked.push_mut((place.client, cluster)).1
            }
        };
        missing.extend(place.missing_topics(cluster, timeout.saturating_sub(start.elapsed()))?);
    }
    // All in one message, so that nobody creates one, starts again, and learns of the next.
    match missing.as_slice() {
        [] => Ok(()),
        [(topic, field, addresses)] => anyhow::bail!(
            "the topic `{topic}` of `{field}` does not exist on Kafka at {addresses}: create it, or correct its name"
        ),
        several => {
            let each = several.iter();
            let each: Vec<_> = each
                .map(|(topic, field, addresses)| {
                    format!("`{topic}` of `{field}` on Kafka at {addresses}")
                })
                .collect();
            anyhow::bail!(
                "topics do not exist: {}. Create them, or correct their names",
                each.join(", ")
            )
        }
    }
}

/// Cluster that answered.
struct Cluster {
    consumer: BaseConsumer<Context>,
    metadata: Metadata,
}

/// Part of the config that names a cluster.
struct Place<'a> {
    /// Field in the config, such as `input.kafka`.
    field: &'static str,
    client: &'a KafkaClientConfig,
    /// Configuration of the client that checks.
    asking: ClientConfig,
    /// Field that names topics, and those of the topics that must exist.
    topics: (&'static str, Vec<&'a str>),
}

fn places(config: &Config) -> Vec<Place<'_>> {
    let mut places = Vec::new();
    if let Some(kafka) = config.input.as_kafka() {
        let names = kafka.topics.iter().filter(|topic| !topic.starts_with('^'));
        let mut asking = client::configure(&kafka.client);
        // librdkafka would refuse a `max.poll.interval.ms` that is shorter than its session timeout.
        let session = kafka.group.session_timeout.as_millis().to_string();
        asking.set("session.timeout.ms", session);
        places.push(Place {
            field: kafka.named.client,
            client: &kafka.client,
            asking,
            topics: (kafka.named.topics, names.map(String::as_str).collect()),
        });
    }
    let outputs = [
        ("output.kafka", "output.kafka.topic", Some(&config.output)),
        (
            "dead_letter.kafka",
            "dead_letter.kafka.topic",
            config.dead_letter.as_ref(),
        ),
    ];
    for (field, topic, output) in outputs {
        if let Some(OutputConfig::Kafka(kafka)) = output {
            places.push(Place {
                field,
                client: &kafka.client,
                asking: client::configure(&kafka.client),
                topics: (topic, vec![&kafka.topic]),
            });
        }
    }
    places
}

/// Asks a broker for `topic` by name, and returns the error that it reports.
fn trouble_with(
    topic: &str,
    consumer: &BaseConsumer<Context>,
    timeout: Duration,
) -> Option<RDKafkaErrorCode> {
    let answer = consumer.fetch_metadata(Some(topic), timeout);
    match answer.as_ref().map(|metadata| metadata.topics().first()) {
        Ok(Some(there)) => there.error().map(RDKafkaErrorCode::from),
        Ok(None) => Some(RDKafkaErrorCode::UnknownTopicOrPartition),
        Err(error) => error.rdkafka_error_code(),
    }
}

fn is_unknown(error: Option<RDKafkaErrorCode>) -> bool {
    matches!(
        error,
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)
    )
}

impl Place<'_> {
    /// Returns the part of the pipeline, as health names it.
    fn part(&self) -> &'static str {
        self.field.split('.').next().unwrap_or(self.field)
    }

    fn connect(&self, timeout: Duration, health: &Health) -> anyhow::Result<Cluster> {
        let link = Link::new(self.field, self.client, &Arc::default());
        let consumer: BaseConsumer<Context> = self
            .asking
            .create_with_context(Context(link))
            .map_err(|error| self.refused(&error))?;
        let start = Instant::now();
        let mut tries = 0;
        let metadata = loop {
            tries += 1;
            let left = timeout.saturating_sub(start.elapsed());
            let error = match consumer.fetch_metadata(None, PATIENCE.min(left)) {
                Ok(metadata) => break metadata,
                Err(error) => error,
            };
            // The client reports its errors only while it is polled.
            let _ = consumer.poll(Duration::from_millis(50));
            let complaint = consumer.context().0.complaint();
            let finally = complaint
                .as_ref()
                .is_some_and(|one| FINAL.contains(&one.code));
            if finally || start.elapsed() >= timeout {
                let tried = humantime::format_duration(Duration::from_secs(
                    start.elapsed().as_secs().max(1),
                ));
                anyhow::bail!(
                    "{}",
                    self.unreachable(&error, complaint, &tried.to_string())
                );
            }
            let reason = complaint.map_or_else(|| error.to_string(), |complaint| complaint.reason);
            let why = format!(
                "cannot reach Kafka at {} yet: {reason}",
                self.client.all_addresses()
            );
            health.set_ill(self.part(), why);
            if tries == 1 {
                tracing::warn!(
                    addresses = self.client.all_addresses(),
                    reason,
                    "cannot reach Kafka yet: trying for {}",
                    humantime::format_duration(timeout)
                );
            }
            std::thread::sleep(Duration::from_millis(200).min(left));
        };
        health.set_well(self.part());
        Ok(Cluster { consumer, metadata })
    }

    /// Returns topics that do not exist, with the field that names each and the addresses that were asked.
    ///
    /// # Errors
    /// The reason why a topic cannot be used although it may exist.
    fn missing_topics(
        &self,
        Cluster { consumer, metadata }: &Cluster,
        left: Duration,
    ) -> anyhow::Result<Vec<(String, &'static str, String)>> {
        let (field, topics) = &self.topics;
        let addresses = self.client.all_addresses();
        let mut missing = Vec::new();
        // A new topic may be unknown for a moment. All topics share the time to become known.
        let start = Instant::now();
        for &topic in topics {
            if metadata
                .topics()
                .iter()
                .any(|there| there.name() == topic && there.error().is_none())
            {
                continue;
            }
            // The topic is not in the list that we may see. Asked by name, the broker says why.
            let mut error = trouble_with(topic, consumer, PATIENCE.max(left));
            while is_unknown(error) && start.elapsed() < NEWS.min(left) {
                std::thread::sleep(Duration::from_millis(200));
                error = trouble_with(topic, consumer, PATIENCE.max(left));
            }
            match error {
                None | Some(RDKafkaErrorCode::LeaderNotAvailable) => {}
                unknown if is_unknown(unknown) => {
                    missing.push((topic.to_owned(), *field, addresses.to_string()))
                }
                Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                    anyhow::bail!(
                        "Kafka at {addresses} does not let {} see the topic `{topic}` of `{field}`: give that \
                         user the permission to describe it, or correct `{}.sasl`",
                        self.client.who(),
                        self.field
                    );
                }
                Some(code) => anyhow::bail!(
                    "Kafka at {addresses} cannot describe the topic `{topic}` of `{field}`: {code}"
                ),
            }
        }
        Ok(missing)
    }

    /// Returns the error for a config that librdkafka does not accept.
    fn refused(&self, error: &KafkaError) -> anyhow::Error {
        let reason = match error {
            // Without the value, which may be a secret.
            KafkaError::ClientConfig(_, reason, name, _) => format!("`{name}`: {reason}"),
            error => error.to_string(),
        };
        anyhow::anyhow!("`{}` cannot be used: {reason}", self.field)
    }

    fn unreachable(&self, error: &KafkaError, complaint: Option<Complaint>, tried: &str) -> String {
        let (field, addresses) = (self.field, self.client.all_addresses());
        let Some(Complaint { code, reason }) = complaint else {
            return format!(
                "Kafka at {addresses} did not answer for {tried} ({error}): is it running, is `{field}.addresses` right, \
                 and does that listener want `{field}.tls` or `{field}.sasl`?"
            );
        };
        match code {
            RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => {
                let mechanism = self
                    .client
                    .sasl
                    .as_ref()
                    .map_or("none", |sasl| sasl.mechanism.as_str());
                let sasl = self.client.sasl.as_ref();
                let ends = sasl.and_then(|sasl| password::invisible_ends(sasl.password.expose()));
                let ends = ends.map_or_else(String::new, |ends| format!(" ({ends})"));
                format!(
                    "Kafka at {addresses} refused {} ({mechanism}): {reason}. Check `{field}.sasl`: mechanism, user and \
                     password{ends}",
                    self.client.who()
                )
            }
            RDKafkaErrorCode::SSL => format!(
                "no encrypted connection to Kafka at {addresses}: {reason}. Check `{field}.tls`: `root_cas_file` must \
                 contain the authority that signed the brokers' certificates"
            ),
            RDKafkaErrorCode::Resolve => format!(
                "no such host: {reason}. Tried for {tried}: is `{field}.addresses` ({addresses}) right?"
            ),
            _ => format!(
                "cannot reach Kafka at {addresses}: {reason}. Tried for {tried}: is it running, is `{field}.addresses` right, \
                 and does that listener want `{field}.tls` or `{field}.sasl`?"
            ),
        }
    }
}

struct Context(Link);

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        link::log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.complain(&error, reason);
    }

    /// Ignores statistics, which `rdkafka` would log.
    fn stats_raw(&self, _: &[u8]) {}
}

impl ConsumerContext for Context {}
