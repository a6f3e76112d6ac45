//! Gives the records of a stretch to a producer.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::BaseRecord;

use super::Producer;
use super::delivery::Delivery;
use super::record::{Composed, Composer};
use super::topics::Topics;
use crate::config::KafkaOutputConfig;
use crate::message::{Deliver, Failure, Outcome};
use crate::telemetry::metrics::Metrics;

/// What results and dead letters of one output are made with.
pub struct Writer {
    results: Composer,
    letters: Composer,
    topics: Topics,
    /// Write no more of a stretch once a message of it was refused.
    pub(super) until_refused: bool,
    /// What is counted.
    pub(super) metrics: Arc<Metrics>,
}

/// Messages that have a record that cannot be written, by their index, and why.
pub type Refused = Vec<(usize, Failure)>;

/// The producer does not take a record for this topic.
pub type NotTaken = (KafkaError, String);

impl Writer {
    /// Writes results as `results` wants them, and failures as `letters` does.
    pub fn new(
        results: &KafkaOutputConfig,
        letters: &KafkaOutputConfig,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            topics: Topics::new(results),
            results: Composer::new(results),
            letters: Composer::new(letters),
            until_refused: false,
            metrics,
        }
    }

    /// Writes all records of a stretch.
    ///
    /// # Errors
    /// If the producer does not take one. Those before it are written.
    pub fn write(
        &mut self,
        producer: &Producer,
        deliver: &Deliver,
        delivery: &Arc<Delivery>,
    ) -> Result<Refused, NotTaken> {
        let Self {
            results,
            letters,
            topics,
            until_refused,
            metrics,
        } = self;
        let mut refused = Vec::new();
        let mut records = Vec::new();
        let messages = deliver.batch.messages[deliver.start..].iter();
        for (index, (message, outcome)) in messages.zip(&deliver.outcomes.items).enumerate() {
            // A message leaves whole or not at all, so all its records are made before the first is sent.
            records.clear();
            let mut compose = |record| {
                let payload = deliver.outcomes.payload(record);
                let composed = results.compose(message, payload, record)?;
                topics.check(composed.topic, producer)?;
                records.push(composed);
                Ok(())
            };
            let composed = match outcome {
                Outcome::Dropped => continue,
                Outcome::Record(record) => compose(record),
                Outcome::Records(several) => several.iter().try_for_each(compose),
                Outcome::Failed(failure) => {
                    let letter = letters.letter(
                        &deliver.batch,
                        message,
                        failure,
                        &deliver.outcomes.script_hash,
                    );
                    letter.map(|letter| records.push(letter))
                }
            };
            match composed {
                Ok(()) => {
                    for record in records.drain(..) {
                        send(producer, metrics, record, delivery)?;
                    }
                }
                Err(failure) => {
                    refused.push((index, failure));
                    if *until_refused {
                        break;
                    }
                }
            }
        }
        Ok(refused)
    }
}

fn send(
    producer: &Producer,
    metrics: &Metrics,
    composed: Composed<'_>,
    delivery: &Arc<Delivery>,
) -> Result<(), NotTaken> {
    let bytes = composed.payload.map_or(0, <[u8]>::len);
    let mut record = BaseRecord::with_opaque_to(composed.topic, Arc::clone(delivery));
    record.payload = composed.payload;
    record.key = composed.key;
    record.headers = composed.headers;
    record.timestamp = composed.timestamp;
    record.partition = composed.partition;
    while let Err((error, back)) = producer.send(record) {
        if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
            return Err((error, composed.topic.to_owned()));
        }
        // Only where the user has set a limit of their own: ours is the gate.
        thread::sleep(Duration::from_millis(1));
        record = back;
    }
    Metrics::add(&metrics.bytes_written, bytes as u64);
    Ok(())
}
