//! `output.kafka` and `dead_letter.kafka`.

use std::time::Duration;

use super::topics::Regex;
use super::{Check, Client, Side, filled};
use crate::config::diagnostics::Diagnostic;
use crate::config::model::{Compression, ENVELOPE, KafkaOutputConfig, Partitioner};
use crate::config::raw;
use crate::config::tree::dotted;
use crate::config::units::show_size;
use crate::message::earlier::{ERROR_PREFIX, is_of_error};

/// With more requests under way, librdkafka cannot keep idempotent writes in order.
const MOST_IDEMPOTENT: u64 = 5;
const MOST_IN_FLIGHT: u64 = 1000;

/// Bounds of librdkafka's `message.max.bytes`, which is set a little above ours.
const MESSAGE_BYTES: std::ops::RangeInclusive<u64> = 1000..=1_000_000_000 - ENVELOPE as u64;
/// What Kafka's topics take by default.
const MAX_MESSAGE_BYTES: u64 = 1_048_588;

/// Bounds of librdkafka's `request.timeout.ms`.
const TIMEOUT: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(900);

/// The output that writes dead letters.
const LETTERS: &str = "/dead_letter/kafka";

impl Check<'_> {
    pub(in crate::config::validate) fn kafka_output(
        &mut self,
        pointer: &str,
        raw: raw::KafkaOutput,
    ) -> KafkaOutputConfig {
        let raw::KafkaOutput {
            addresses,
            topic,
            topics_allowed,
            client_id,
            key,
            headers,
            partition,
            partitioner,
            compression,
            ack_replicas,
            idempotent_write,
            max_in_flight,
            timeout,
            max_message_bytes,
            max_msg_bytes,
            transactional_id,
            tls,
            sasl,
            properties,
            static_headers,
            target_version,
            rack_id,
            metadata,
            inject_tracing_map,
            backoff,
            max_retries,
            retry_as_batch,
            batching,
            custom_topic_creation,
        } = raw;
        self.idle(pointer, "target_version", &target_version);
        self.idle(pointer, "rack_id", &rack_id);
        self.idle(pointer, "metadata", &metadata);
        self.idle(pointer, "inject_tracing_map", &inject_tracing_map);
        self.idle(pointer, "backoff", &backoff);
        self.idle(pointer, "max_retries", &max_retries);
        self.idle(pointer, "retry_as_batch", &retry_as_batch);
        self.idle(pointer, "batching", &batching);
        self.idle(pointer, "custom_topic_creation", &custom_topic_creation);
        let client = Client {
            addresses,
            client_id,
            tls,
            sasl,
            properties,
        };
        let at = |field: &str| format!("{pointer}/{field}");
        if pointer == LETTERS {
            for (field, written) in [
                ("key", key.is_some()),
                ("headers", headers.is_some()),
                ("static_headers", static_headers.is_some()),
                ("topics_allowed", !topics_allowed.is_empty()),
            ] {
                if written {
                    self.not_of_letters(&at(field));
                }
            }
        }
        if topic.trim().is_empty() {
            let help = "write where messages go, for example `topic: orders.priced`";
            self.missing(pointer, "topic", help);
        } else {
            self.topic(&at("topic"), &topic);
        }
        if idempotent_write && !ack_replicas {
            self.not_idempotent(pointer);
        }
        KafkaOutputConfig {
            client: self.client(pointer, Side::Producer, client),
            topic,
            topics_allowed: self.topics(&at("topics_allowed"), &topics_allowed, Regex::Ours),
            key: self.key(&at("key"), key),
            headers: self.headers(pointer, headers, static_headers),
            partition: partition.and_then(|one| self.partition(&at("partition"), one)),
            partitioner: match partitioner {
                raw::Partitioner::Murmur2 => Partitioner::Murmur2,
                raw::Partitioner::Fnv1a => Partitioner::Fnv1a,
                raw::Partitioner::Crc32 => Partitioner::Crc32,
                raw::Partitioner::Random => Partitioner::Random,
            },
            compression: match compression {
                raw::Compression::None => Compression::None,
                raw::Compression::Gzip => Compression::Gzip,
                raw::Compression::Snappy => Compression::Snappy,
                raw::Compression::Lz4 => Compression::Lz4,
                raw::Compression::Zstd => Compression::Zstd,
            },
            ack_replicas,
            idempotent_write,
            max_in_flight: self.max_in_flight(
                &at("max_in_flight"),
                max_in_flight,
                idempotent_write,
            ),
            timeout: self.timeout(&at("timeout"), &timeout),
            max_message_bytes: self.max_message_bytes(pointer, max_message_bytes, max_msg_bytes),
            // Whether it may have one, the delivery says.
            transactional_id: filled(transactional_id),
        }
    }

    /// A dead letter is the message as it came, so that it can be run again.
    fn not_of_letters(&mut self, pointer: &str) {
        let message = format!("`{}` has no meaning for dead letters", dotted(pointer));
        self.error(
            pointer,
            message,
            "leave it out: a dead letter keeps the key and the headers that its message came with, and goes to `topic`",
        );
    }

    fn not_idempotent(&mut self, pointer: &str) {
        let message = format!(
            "`{}` needs `ack_replicas`",
            dotted(&format!("{pointer}/idempotent_write"))
        );
        self.error(
            &format!("{pointer}/ack_replicas"),
            message,
            "write `ack_replicas: true`; or `idempotent_write: false`, and messages that are tried again may be \
             written twice or out of order",
        );
    }

    fn key(&mut self, pointer: &str, key: Option<String>) -> Option<String> {
        let key = key.filter(|key| !key.is_empty())?;
        self.is_bloblang(pointer, &key, "set `meta[\"key\"]` in the script");
        Some(key)
    }

    fn headers(
        &mut self,
        pointer: &str,
        headers: Option<raw::Texts>,
        static_headers: Option<raw::Texts>,
    ) -> Option<Vec<(String, String)>> {
        let at = format!("{pointer}/headers");
        let static_at = format!("{pointer}/static_headers");
        if headers.is_some() && static_headers.is_some() {
            let problem = Diagnostic::error("`static_headers` and `headers` say the same")
                .at(self.place(&static_at))
                .related(self.place(&at), "the other one")
                .help("keep `headers`");
            self.errors.push(problem);
        }
        let (at, headers) = match headers {
            Some(headers) => (at, headers),
            None => {
                let headers = static_headers?;
                let warning =
                    "`static_headers` stand in the place of those that the message came with";
                self.warnings.push(
                    Diagnostic::warning(warning)
                        .at(self.place(&static_at))
                        .help("to add to them, set `meta[\"headers\"]` in the script"),
                );
                (static_at, headers)
            }
        };
        let mut texts = Vec::new();
        for (name, value) in headers.0 {
            let text = value.as_str().unwrap_or_default().to_owned();
            let escaped = name.replace('~', "~0").replace('/', "~1");
            if is_of_error(&name) {
                self.error(
                    &format!("{at}/{escaped}"),
                    format!("a header of a result cannot begin with `{ERROR_PREFIX}`"),
                    "choose another name: such headers tell what became of a dead letter",
                );
            }
            self.is_bloblang(
                &format!("{at}/{escaped}"),
                &text,
                "set `meta[\"headers\"]` in the script",
            );
            texts.push((name, text));
        }
        Some(texts)
    }

    fn partition(&mut self, pointer: &str, raw: raw::Partition) -> Option<i32> {
        match raw {
            raw::Partition::Number(number) => i32::try_from(number).ok(),
            raw::Partition::Text(text) if text.trim().is_empty() => None,
            raw::Partition::Text(text) => {
                let help = "write its number, or leave it out: then the key decides";
                if self.is_bloblang(pointer, &text, help) {
                    return None;
                }
                let number = text.trim().parse().ok().filter(|number| *number >= 0);
                if number.is_none() {
                    self.error(pointer, format!("`{text}` is no partition"), help);
                }
                number
            }
        }
    }

    fn max_in_flight(&mut self, pointer: &str, written: u64, idempotent: bool) -> usize {
        let (most, help) = match idempotent {
            true => (
                MOST_IDEMPOTENT,
                "write at most 5, for with more Kafka cannot keep idempotent writes in order; or \
                 `idempotent_write: false`",
            ),
            false => (MOST_IN_FLIGHT, "write at most 1000"),
        };
        if written > most {
            let message = format!("`{}` cannot be {written}", dotted(pointer));
            self.error(pointer, message, help);
        }
        usize::try_from(written).unwrap_or(usize::MAX)
    }

    fn timeout(&mut self, pointer: &str, text: &raw::DurationText) -> Duration {
        let timeout = self.limit(pointer, text);
        if !timeout.is_zero() && !TIMEOUT.contains(&timeout) {
            let message = format!("`{}` cannot be {}", dotted(pointer), text.0.trim());
            self.error(pointer, message, "write `1ms` to `15m`");
        }
        timeout
    }

    fn max_message_bytes(
        &mut self,
        pointer: &str,
        ours: Option<raw::Size>,
        bentos: Option<raw::Size>,
    ) -> usize {
        let at = format!("{pointer}/max_message_bytes");
        let bentos_at = format!("{pointer}/max_msg_bytes");
        if ours.is_some() && bentos.is_some() {
            let problem = Diagnostic::error("`max_msg_bytes` and `max_message_bytes` say the same")
                .at(self.place(&bentos_at))
                .related(self.place(&at), "the other one")
                .help("keep `max_message_bytes`");
            self.errors.push(problem);
        }
        let (at, size) = match ours {
            None if bentos.is_some() => (bentos_at, bentos),
            ours => (at, ours),
        };
        let bytes = size.map_or(MAX_MESSAGE_BYTES, |size| self.size(&at, &size));
        if bytes > 0 && !MESSAGE_BYTES.contains(&bytes) {
            let message = format!("`{}` cannot be {}", dotted(&at), show_size(bytes));
            self.error(&at, message, "write `1kB` to `999MB`");
        }
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }
}
