//! State of a client's connections, from what the client reports: logged once when they break and once when they are
//! back, and kept for `/ready`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::reach::{Change, Reach};
use super::statistics::Statistics;
use super::stranded::Stranded;
use crate::config::KafkaClientConfig;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::stats;

/// Errors of connections, as opposed to errors of requests.
const OF_CONNECTIONS: [RDKafkaErrorCode; 6] = [
    RDKafkaErrorCode::BrokerTransportFailure,
    RDKafkaErrorCode::Resolve,
    RDKafkaErrorCode::OperationTimedOut,
    RDKafkaErrorCode::SSL,
    RDKafkaErrorCode::Authentication,
    RDKafkaErrorCode::SaslAuthenticationFailed,
];

/// Connections of one client.
#[derive(Debug)]
pub(crate) struct Link {
    /// Name for people: `input` or `output`.
    name: &'static str,
    addresses: String,
    state: Mutex<State>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct State {
    reach: Reach,
    stranded: Stranded,
    /// Last error that the client reported.
    complaint: Option<Complaint>,
}

/// Error that a client reported.
#[derive(Debug, Clone)]
pub(crate) struct Complaint {
    /// Code of the error.
    pub code: RDKafkaErrorCode,
    /// Text of librdkafka.
    pub reason: String,
}

impl Link {
    /// Creates the state for a client with this `config`. The connections count as intact, unless those of the previous
    /// client with the same `name` were not.
    pub(crate) fn new(
        name: &'static str,
        config: &KafkaClientConfig,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let well = stats::LinkStats {
            up: true,
            retries: 0,
        };
        let up = metrics.now().links.entry(name).or_insert(well).up;
        let state = State {
            reach: Reach::new(up),
            stranded: Stranded::default(),
            complaint: None,
        };
        Self {
            name,
            addresses: config.all_addresses(),
            state: Mutex::new(state),
            metrics: Arc::clone(metrics),
        }
    }

    /// Takes in an error that the client reported. The client tries again by itself.
    pub(crate) fn complain(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        tracing::debug!(link = self.name, %code, reason, "Kafka client");
        // Also reported when idle connections are closed. The statistics show whether it is an outage.
        if code == RDKafkaErrorCode::AllBrokersDown {
            return;
        }
        let mut state = self.lock();
        if OF_CONNECTIONS.contains(&code) {
            state.reach.failed(reason);
        }
        let reason = reason.to_owned();
        state.complaint = Some(Complaint { code, reason });
    }

    /// Takes in the client's statistics about its brokers.
    pub(crate) fn told(&self, told: &Statistics) {
        self.told_at(told, Instant::now());
    }

    fn told_at(&self, told: &Statistics, now: Instant) {
        let connected = told.is_connected();
        let (change, is_stranded) = {
            let mut state = self.lock();
            let change = state.reach.look(connected, now);
            (change, state.stranded.look(told.has_brokers(), now))
        };
        if is_stranded {
            tracing::warn!(
                link = self.name,
                "librdkafka has left its client without any broker: making a new one"
            );
        }
        {
            let mut now = self.metrics.now();
            let link = now.links.entry(self.name).or_default();
            link.retries = told.retries();
            match &change {
                Some(Change::Lost(_)) => link.up = false,
                // Also without a change: the previous client may have reported an outage last.
                _ if connected => link.up = true,
                _ => {}
            }
        }
        match change {
            Some(Change::Lost(reason)) => {
                tracing::warn!(
                    link = self.name,
                    addresses = self.addresses,
                    reason,
                    "cannot reach Kafka: trying again until it is there"
                );
                let why = format!("cannot reach Kafka at {}: {reason}", self.addresses);
                self.metrics.health.set_ill(self.name, why);
            }
            Some(Change::Back) => {
                tracing::info!(
                    link = self.name,
                    addresses = self.addresses,
                    "Kafka is there again"
                );
            }
            None => {}
        }
        if connected {
            self.metrics.health.set_well(self.name);
        }
    }

    /// Returns whether librdkafka has left the client without any broker, so that the client is of no use any more.
    pub(crate) fn is_stranded(&self) -> bool {
        self.lock().stranded.is_over()
    }

    /// Simulates that librdkafka has left the client without any broker for long enough.
    #[cfg(test)]
    pub(crate) fn strand(&self) {
        let told = super::statistics::read(b"{}").expect("statistics without a broker");
        let now = Instant::now();
        self.told_at(&told, now);
        self.told_at(&told, now + std::time::Duration::from_secs(120));
        assert!(self.is_stranded());
    }

    /// Returns the last error that the client reported.
    pub(crate) fn complaint(&self) -> Option<Complaint> {
        self.lock().complaint.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs a line of librdkafka's own log. Its warnings concern what it repairs by itself, and [`Link`] logs connections.
pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, line: &str) {
    match level {
        // The user of the client reports what it cannot do then, and may continue with a new client.
        _ if ["FATAL", "TXNERR"].contains(&facility) => {
            tracing::debug!(facility, "librdkafka: {line}")
        }
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility, "librdkafka: {line}");
        }
        // The committed offset does not exist any more: the records in between are lost to this pipeline.
        RDKafkaLogLevel::Warning if facility == "OFFSET" => tracing::warn!("{line}"),
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => {
            tracing::debug!(facility, "librdkafka: {line}");
        }
        RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::trace!(facility, "librdkafka: {line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::statistics;

    const UP: &[u8] =
        br#"{ "brokers": { "a": { "source": "learned", "state": "UP", "txretries": 3 } } }"#;
    const DOWN: &[u8] =
        br#"{ "brokers": { "a": { "source": "learned", "state": "TRY_CONNECT" } } }"#;

    fn link(metrics: &Arc<Metrics>) -> Link {
        let config = KafkaClientConfig::at("a:9092");
        Link::new("output", &config, metrics)
    }

    fn tell(link: &Link, text: &[u8]) {
        link.told(&statistics::read(text).unwrap());
    }

    /// Returns whether the link is up, and what `/ready` says about it.
    fn seen(metrics: &Metrics) -> (bool, Option<String>) {
        let up = metrics.now().links["output"].up;
        (up, metrics.health.ills().remove("output"))
    }

    #[test]
    fn it_is_well_again_without_a_message() {
        let metrics = Arc::default();
        let link = link(&metrics);
        let refused = KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure);
        let gone = KafkaError::Global(RDKafkaErrorCode::AllBrokersDown);
        link.complain(&refused, "Connection refused");
        link.complain(&gone, "0/1 brokers are down");
        tell(&link, DOWN);
        let why = "cannot reach Kafka at a:9092: Connection refused";
        assert_eq!(seen(&metrics), (false, Some(why.to_owned())));
        tell(&link, UP);
        assert_eq!(seen(&metrics), (true, None));
        assert_eq!(metrics.now().links["output"].retries, 3);
    }

    #[test]
    fn all_brokers_down_alone_is_no_outage() {
        let metrics = Arc::default();
        let link = link(&metrics);
        let gone = KafkaError::Global(RDKafkaErrorCode::AllBrokersDown);
        link.complain(&gone, "1/1 brokers are down");
        tell(&link, DOWN);
        assert_eq!(seen(&metrics), (true, None));
    }

    #[test]
    fn a_new_client_clears_what_the_one_before_it_left() {
        let metrics = Arc::default();
        let old = link(&metrics);
        let refused = KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure);
        old.complain(&refused, "Connection refused");
        tell(&old, DOWN);
        let new = link(&metrics);
        assert!(!seen(&metrics).0, "it is not known to be well yet");
        // The last report of the old client comes later.
        tell(&new, UP);
        old.complain(&refused, "Connection refused");
        tell(&old, UP);
        old.complain(&refused, "Connection refused");
        tell(&old, DOWN);
        assert!(!seen(&metrics).0);
        tell(&new, UP);
        assert_eq!(seen(&metrics), (true, None));
    }
}
