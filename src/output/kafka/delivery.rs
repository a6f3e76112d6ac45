//! Delivery reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::Recipient;
use rdkafka::Message as _;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{DeliveryResult, ProducerContext};

use crate::config::KafkaClientConfig;
use crate::engine::OutputEnded;
use crate::kafka::link::{self, Link};
use crate::kafka::statistics;
use crate::message::ack::Ack;
use crate::telemetry::metrics::Metrics;

/// Shared by all records of a stretch: when the last of them is reported, it ends the stretch's ack.
#[derive(Debug)]
pub struct Delivery {
    /// `None` within a transaction, whose commit ends the acks.
    ack: Option<Ack>,
    failed: AtomicBool,
}

impl Delivery {
    /// Ends `ack` when it is dropped and no record failed.
    pub fn new(ack: Ack) -> Self {
        Self {
            ack: Some(ack),
            failed: AtomicBool::new(false),
        }
    }

    /// Of records of a transaction: if one is not written, the transaction cannot be committed.
    pub fn in_transaction() -> Self {
        Self {
            ack: None,
            failed: AtomicBool::new(false),
        }
    }

    /// A record for `topic` was not written, and never will be.
    pub fn fail(&self, error: &KafkaError, topic: &str, context: &Context) {
        self.failed.store(true, Ordering::Relaxed);
        context.give_up(error, topic);
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(ack) = self.ack.take()
            && !*self.failed.get_mut()
        {
            ack.done();
        }
    }
}

/// The producer's context.
pub struct Context {
    link: Link,
    engine: Recipient<OutputEnded>,
    /// Within transactions only what no new one can mend is the end.
    transactional: bool,
    /// The engine was told.
    ended: AtomicBool,
}

impl Context {
    /// Of a producer with this `config`, called `name`, which tells `engine` when it cannot go on.
    pub fn new(
        name: &'static str,
        config: &KafkaClientConfig,
        metrics: &Arc<Metrics>,
        engine: Recipient<OutputEnded>,
    ) -> Self {
        Self {
            link: Link::new(name, config, metrics),
            engine,
            transactional: false,
            ended: AtomicBool::new(false),
        }
    }

    /// The same for a producer with transactions.
    pub fn transactional(
        config: &KafkaClientConfig,
        metrics: &Arc<Metrics>,
        engine: Recipient<OutputEnded>,
    ) -> Self {
        let mut context = Self::new("output", config, metrics, engine);
        context.transactional = true;
        context
    }

    /// The connections.
    pub fn link(&self) -> &Link {
        &self.link
    }

    fn give_up(&self, error: &KafkaError, topic: &str) {
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        let purged = matches!(
            code,
            RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight
        );
        if self.transactional && (purged || !PERMANENT.contains(&code)) {
            return;
        }
        // A producer throws away what it has when it cannot go on, or is closed: then the engine has ended already.
        let code = if purged {
            RDKafkaErrorCode::Fatal
        } else {
            code
        };
        if !self.ended.swap(true, Ordering::Relaxed) {
            let complaint = self.link.complaint();
            self.engine
                .do_send(OutputEnded::Failed(explain(code, topic, complaint)));
        }
    }
}

/// What stays wrong however often it is tried.
const PERMANENT: [RDKafkaErrorCode; 8] = [
    RDKafkaErrorCode::UnknownTopicOrPartition,
    RDKafkaErrorCode::UnknownTopic,
    RDKafkaErrorCode::UnknownPartition,
    RDKafkaErrorCode::TopicAuthorizationFailed,
    RDKafkaErrorCode::ClusterAuthorizationFailed,
    RDKafkaErrorCode::MessageSizeTooLarge,
    RDKafkaErrorCode::InvalidRecord,
    RDKafkaErrorCode::InvalidTimestamp,
];

/// Why `topic` cannot be written to, and what to do.
fn explain(code: RDKafkaErrorCode, topic: &str, complaint: Option<link::Complaint>) -> String {
    let cannot = format!("cannot write to the topic `{topic}`");
    // An idempotent producer that is refused is of no use any more, and says why only in words.
    let refused =
        |complaint: &link::Complaint| complaint.reason.contains("Cluster authorization failed");
    let code = match code {
        RDKafkaErrorCode::Fatal if complaint.as_ref().is_some_and(refused) => {
            RDKafkaErrorCode::ClusterAuthorizationFailed
        }
        code => code,
    };
    match code {
        RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic => {
            format!("{cannot}: it does not exist. Create it, or correct its name")
        }
        RDKafkaErrorCode::UnknownPartition => {
            format!("{cannot}: it has no such partition. Correct the output's `partition`")
        }
        RDKafkaErrorCode::TopicAuthorizationFailed => {
            format!(
                "{cannot}: the user may not. Give that user the permission to write it, or correct `sasl`"
            )
        }
        RDKafkaErrorCode::ClusterAuthorizationFailed => format!(
            "{cannot}: the user may not write idempotently. Give that user the permission to write so, or set the output's \
             `idempotent_write: false`"
        ),
        RDKafkaErrorCode::MessageSizeTooLarge => format!(
            "{cannot}: it takes no messages as large as these. Set the output's `max_message_bytes` to no more than \
             the topic's `max.message.bytes`; what is larger becomes a dead letter then"
        ),
        RDKafkaErrorCode::InvalidRecord => format!(
            "{cannot}: it refuses records like these. A compacted topic takes only messages with a key"
        ),
        RDKafkaErrorCode::InvalidTimestamp => format!(
            "{cannot}: it refuses the timestamp of a message. Set another one by `meta[\"timestamp\"]`, or change the \
             topic's `message.timestamp.before.max.ms` and `message.timestamp.after.max.ms`"
        ),
        RDKafkaErrorCode::Fatal => {
            let reason = complaint.map_or_else(|| code.to_string(), |complaint| complaint.reason);
            format!("{cannot}: the Kafka producer cannot go on: {reason}")
        }
        code => format!("{cannot}: {code}"),
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        link::log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.link.complain(&error, reason);
    }

    fn stats_raw(&self, json: &[u8]) {
        if let Some(told) = statistics::read(json) {
            self.link.told(&told);
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Arc<Delivery>;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Self::DeliveryOpaque) {
        match result {
            Ok(_) => {}
            Err((error, message)) => delivery.fail(error, message.topic(), self),
        }
    }
}
