//! `input.kafka`.

use std::time::Duration;

use super::topics::Regex;
use super::{Check, Client, Side, filled};
use crate::config::diagnostics::Diagnostic;
use crate::config::model::{Extent, GroupProtocol, KafkaClientConfig, KafkaInputConfig, Named};
use crate::config::raw;
use crate::config::tree::dotted;
use crate::message::MAX_BATCH;

const POINTER: &str = "/input/kafka";

/// librdkafka's `max.poll.interval.ms`.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(300);

impl Check<'_> {
    pub(in crate::config::validate) fn kafka_input(
        &mut self,
        raw: raw::KafkaInput,
    ) -> KafkaInputConfig {
        let raw::KafkaInput {
            addresses,
            topics,
            consumer_group,
            client_id,
            instance_id,
            start_from_oldest,
            tls,
            sasl,
            commit_period,
            checkpoint_limit,
            batching,
            group,
            properties,
            target_version,
            rack_id,
            auto_replay_nacks,
            timely_nacks_maximum_wait,
            max_processing_period,
            fetch_buffer_cap,
            multi_header,
            extract_tracing_map,
        } = raw;
        self.idle(POINTER, "target_version", &target_version);
        self.idle(POINTER, "rack_id", &rack_id);
        self.idle(POINTER, "auto_replay_nacks", &auto_replay_nacks);
        self.idle(
            POINTER,
            "timely_nacks_maximum_wait",
            &timely_nacks_maximum_wait,
        );
        self.idle(POINTER, "max_processing_period", &max_processing_period);
        self.idle(POINTER, "fetch_buffer_cap", &fetch_buffer_cap);
        self.idle(POINTER, "multi_header", &multi_header);
        self.idle(POINTER, "extract_tracing_map", &extract_tracing_map);
        let client = Client {
            addresses,
            client_id,
            tls,
            sasl,
            properties,
        };
        let client = self.client(POINTER, Side::Consumer, client);
        let topics = self.topics("/input/kafka/topics", &topics, Regex::Posix);
        if topics.is_empty() {
            self.missing(
                POINTER,
                "topics",
                "write what to read, for example `topics: [orders]`",
            );
        }
        if consumer_group.trim().is_empty() {
            self.missing(
                POINTER,
                "consumer_group",
                "write a name for all processes of this pipeline, for example `consumer_group: nerodia-orders`: \
                 under it Kafka keeps how far they have read, and shares the partitions among them",
            );
        }
        let (batch_count, batch_period) = self.batching(batching);
        let protocol = match group.protocol {
            raw::GroupProtocol::Classic => GroupProtocol::Classic,
            raw::GroupProtocol::Consumer => GroupProtocol::Consumer,
        };
        let [session_timeout, heartbeat_interval, rebalance_timeout] = self.group(group, &client);
        KafkaInputConfig {
            client,
            topics,
            consumer_group,
            instance_id: filled(instance_id),
            start_from_oldest,
            commit_period: self.limit("/input/kafka/commit_period", &commit_period),
            checkpoint_limit: usize::try_from(checkpoint_limit).unwrap_or(usize::MAX),
            batch_count,
            batch_period,
            session_timeout,
            heartbeat_interval,
            rebalance_timeout,
            protocol,
            extent: Extent::Endless,
            letters: false,
            named: Named::default(),
        }
    }

    fn batching(&mut self, raw: raw::Batching) -> (usize, Duration) {
        let raw::Batching {
            count,
            period,
            byte_size,
            check,
            processors,
        } = raw;
        let pointer = "/input/kafka/batching";
        self.idle(pointer, "byte_size", &byte_size);
        self.idle(pointer, "check", &check);
        self.idle(pointer, "processors", &processors);
        let count = match usize::try_from(count) {
            // Bento's way to say "no limit".
            Ok(0) | Err(_) => MAX_BATCH,
            Ok(count) => count,
        };
        let period = if period.0.trim().is_empty() {
            Duration::ZERO
        } else {
            self.duration("/input/kafka/batching/period", &period)
        };
        (count, period)
    }

    /// Session timeout, heartbeat interval and rebalance timeout, which bound one another.
    fn group(&mut self, raw: raw::Group, client: &KafkaClientConfig) -> [Duration; 3] {
        let raw::Group {
            protocol,
            session_timeout,
            heartbeat_interval,
            rebalance_timeout,
        } = raw;
        let [session_at, heartbeat_at, rebalance_at] =
            ["session_timeout", "heartbeat_interval", "rebalance_timeout"]
                .map(|field| format!("{POINTER}/group/{field}"));
        if protocol == raw::GroupProtocol::Consumer {
            for at in [&session_at, &heartbeat_at] {
                self.without_effect(at, &self.is_written(at).then_some(()));
            }
        }
        let before = self.errors.len();
        let session = self.limit(&session_at, &session_timeout);
        let heartbeat = self.limit(&heartbeat_at, &heartbeat_interval);
        let rebalance = self.limit(&rebalance_at, &rebalance_timeout);
        if self.errors.len() > before {
            return [session, heartbeat, rebalance];
        }
        for (at, time) in [
            (&session_at, session),
            (&heartbeat_at, heartbeat),
            (&rebalance_at, rebalance),
        ] {
            if time < Duration::from_millis(1) {
                let message = format!("`{}` must be at least `1ms`", dotted(at));
                self.error(at, message, "Kafka counts in milliseconds");
            }
        }
        if heartbeat.saturating_mul(3) > session {
            let message = format!(
                "a heartbeat every {} is too rare for a session timeout of {}",
                humantime::format_duration(heartbeat),
                humantime::format_duration(session)
            );
            let (at, other) = match self.is_written(&heartbeat_at) {
                true => (&heartbeat_at, &session_at),
                false => (&session_at, &heartbeat_at),
            };
            let mut problem = Diagnostic::error(message).at(self.place(at)).help(
                "write at most a third of `session_timeout` as `heartbeat_interval`, so that one or two may be lost",
            );
            if self.is_written(other) {
                problem = problem.related(self.place(other), "the other one");
            }
            self.errors.push(problem);
        }
        let longest = max_poll_interval(client);
        for (at, time) in [(&session_at, session), (&rebalance_at, rebalance)] {
            if time > longest {
                let message = format!(
                    "`{}` is longer than `max.poll.interval.ms`, which is {}",
                    dotted(at),
                    humantime::format_duration(longest)
                );
                self.error(
                    at,
                    message,
                    "write less, or more as `max.poll.interval.ms` in `properties`: after that time the group \
                     goes on without this member",
                );
            }
        }
        [session, heartbeat, rebalance]
    }

    /// [`Check::without_effect`] for a field of `pointer`.
    pub(super) fn idle<T>(&mut self, pointer: &str, field: &str, value: &Option<T>) {
        self.without_effect(&format!("{pointer}/{field}"), value);
    }
}

fn max_poll_interval(client: &KafkaClientConfig) -> Duration {
    client
        .properties
        .iter()
        .find(|(name, _)| name == "max.poll.interval.ms")
        .and_then(|(_, value)| value.0.parse().ok())
        .map_or(MAX_POLL_INTERVAL, Duration::from_millis)
}
