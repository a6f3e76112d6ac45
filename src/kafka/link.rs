//! A client's connections, as it tells of them: logged once when they break and once when they are back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::config::KafkaClientConfig;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::stats;

/// One client's connections.
#[derive(Debug)]
pub struct Link {
    /// `input` or `output`, for people.
    name: &'static str,
    addresses: String,
    down: AtomicBool,
    /// What the client last complained of.
    complaint: Mutex<Option<Complaint>>,
    metrics: Arc<Metrics>,
}

/// What a client complains of.
#[derive(Debug, Clone)]
pub struct Complaint {
    /// The kind.
    pub code: RDKafkaErrorCode,
    /// In librdkafka's words.
    pub reason: String,
}

impl Link {
    /// Connections of a client with this `config`, taken to be well.
    pub fn new(name: &'static str, config: &KafkaClientConfig, metrics: &Arc<Metrics>) -> Self {
        let link = stats::Link {
            up: true,
            retries: 0,
        };
        metrics.now().links.insert(name, link);
        Self {
            name,
            addresses: config.all_addresses(),
            down: AtomicBool::new(false),
            complaint: Mutex::default(),
            metrics: Arc::clone(metrics),
        }
    }

    /// The client says that something is wrong. It tries again by itself.
    pub fn complain(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        tracing::debug!(link = self.name, %code, reason, "Kafka client");
        if code == RDKafkaErrorCode::AllBrokersDown && !self.down.swap(true, Ordering::Relaxed) {
            let last = self.complaint().map(|last| last.reason);
            let reason = last.as_deref().unwrap_or(reason);
            tracing::warn!(
                link = self.name,
                addresses = self.addresses,
                reason,
                "cannot reach Kafka: trying again until it is there"
            );
            let why = format!("cannot reach Kafka at {}: {reason}", self.addresses);
            self.metrics.health.is_ill(self.name, why);
            self.change(|link| link.up = false);
        }
        if code != RDKafkaErrorCode::AllBrokersDown {
            let reason = reason.to_owned();
            *self.lock() = Some(Complaint { code, reason });
        }
    }

    /// A broker answered.
    pub fn is_well(&self) {
        if self.down.load(Ordering::Relaxed) && self.down.swap(false, Ordering::Relaxed) {
            tracing::info!(
                link = self.name,
                addresses = self.addresses,
                "Kafka is there again"
            );
            self.metrics.health.is_well(self.name);
            self.change(|link| link.up = true);
        }
    }

    /// So many requests were sent again so far.
    pub fn retried(&self, retries: u64) {
        self.change(|link| link.retries = retries);
    }

    fn change(&self, change: impl FnOnce(&mut stats::Link)) {
        change(self.metrics.now().links.entry(self.name).or_default());
    }

    /// What the client last complained of.
    pub fn complaint(&self) -> Option<Complaint> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Complaint>> {
        self.complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line of librdkafka's own log. Its warnings tell of what it mends by itself, and connections are logged by
/// [`Link`].
pub fn log(level: RDKafkaLogLevel, facility: &str, line: &str) {
    match level {
        // What the client then cannot do is told by whoever uses it, who may go on with a new one.
        _ if facility == "FATAL" => tracing::debug!(facility, "librdkafka: {line}"),
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility, "librdkafka: {line}");
        }
        // The committed offset is not there any more: what lay between is lost to us.
        RDKafkaLogLevel::Warning if facility == "OFFSET" => tracing::warn!("{line}"),
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => {
            tracing::debug!(facility, "librdkafka: {line}");
        }
        RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::trace!(facility, "librdkafka: {line}");
        }
    }
}
