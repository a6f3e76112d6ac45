//! Context of a producer: delivery reports, and the state of its connections.

use std::sync::Arc;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::producer::{DeliveryResult, ProducerContext};

use super::report::DeliveryReport;
use super::sent::{Returns, Ticket};
use crate::config::KafkaClientConfig;
use crate::kafka::link::{self, Link};
use crate::kafka::statistics;
use crate::telemetry::metrics::Metrics;

/// Context of a producer.
pub(crate) struct ProducerCallbacks {
    link: Link,
    returns: Arc<Returns>,
}

impl ProducerCallbacks {
    /// Creates the context of a producer with this `config`, called `name`. Records that it does not write go to
    /// `returns`.
    pub(crate) fn new(
        name: &'static str,
        config: &KafkaClientConfig,
        metrics: &Arc<Metrics>,
        returns: &Arc<Returns>,
    ) -> Self {
        Self {
            link: Link::new(name, config, metrics),
            returns: Arc::clone(returns),
        }
    }

    /// Returns the state of the connections.
    pub(crate) fn link(&self) -> &Link {
        &self.link
    }
}

impl ClientContext for ProducerCallbacks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        link::log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.link.complain(&error, reason);
    }

    fn stats_raw(&self, json: &[u8]) {
        if let Some(told) = statistics::read(json) {
            self.link.told(&told);
            if self.link.is_stranded() {
                self.returns.tell_actor();
            }
        }
    }
}

impl ProducerContext for ProducerCallbacks {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Self::DeliveryOpaque) {
        match result {
            Ok(_) => {}
            Err((error, message)) => {
                let report = DeliveryReport::of_delivery(&ticket, error, message);
                ticket.sent.report(report);
            }
        }
    }
}
