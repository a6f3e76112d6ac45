//! Calls of a transactional producer, repeated until they succeed or cannot succeed any more.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::Producer as _;

use super::super::{Producer, client, delivery};
use super::{STEP, Transactions};

/// Reason why a transaction is not committed.
pub(super) enum Trouble {
    /// The transaction must be aborted; the next one may succeed.
    Abort(String),
    /// The producer is of no use any more.
    Renew(String),
}

impl From<KafkaError> for Trouble {
    fn from(error: KafkaError) -> Self {
        let fatal = match &error {
            KafkaError::Transaction(error) => error.is_fatal(),
            error => error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal),
        };
        if fatal {
            Self::Renew(error.to_string())
        } else {
            Self::Abort(error.to_string())
        }
    }
}

/// Repeats a `call` of `producer` until it succeeds or cannot succeed any more.
pub(super) fn persist(
    producer: &Producer,
    what: &str,
    mut call: impl FnMut() -> KafkaResult<()>,
) -> Result<(), Trouble> {
    let began = Instant::now();
    let mut told = false;
    loop {
        let error = match call() {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let again = match &error {
            KafkaError::Transaction(error) => error.is_retriable(),
            error => error.rdkafka_error_code() == Some(RDKafkaErrorCode::OperationTimedOut),
        };
        if !again {
            return Err(error.into());
        }
        if producer.context().link().is_stranded() {
            return Err(Trouble::Renew(format!("it has no brokers: {error}")));
        }
        if !told && began.elapsed() > STEP {
            tracing::warn!(%error, "cannot {what} yet: trying on");
            told = true;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

impl Transactions {
    /// Creates a producer. It fences all earlier producers with the same id, and ends their transactions.
    pub(super) fn connect(&self) -> anyhow::Result<Producer> {
        let cluster = &self.config.client;
        let metrics = &self.writer.metrics;
        let context = delivery::ProducerCallbacks::new("output", cluster, metrics, &self.returns);
        let producer: Producer = client::configure(&self.config, self.batches)
            .create_with_context(context)
            .context("`output.kafka` cannot be used")?;
        match persist(&producer, "begin with transactions", || {
            producer.init_transactions(STEP)
        }) {
            Ok(()) => Ok(producer),
            Err(Trouble::Abort(reason) | Trouble::Renew(reason)) => {
                let id = self.config.transactional_id.as_deref().unwrap_or_default();
                anyhow::bail!(
                    "Kafka at {} refuses transactions with the id `{id}`: {reason}",
                    cluster.all_addresses()
                )
            }
        }
    }
}
