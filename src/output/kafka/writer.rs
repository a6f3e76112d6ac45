//! Writer: makes the records of a slice and gives them to a producer.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::BaseRecord;

use super::Producer;
use super::known::Known;
use super::lessons::{Lessons, Now};
use super::letter::{Dead, Letters};
use super::record::{Composed, Composer};
use super::report::DeliveryReport;
use super::sent::{Only, Sent, Ticket};
use super::topics::Topics;
use super::verdict::{self, Fault};
use crate::config::{Compression, KafkaOutputConfig};
use crate::message::{Failure, Outcome};
use crate::telemetry::metrics::Metrics;

/// Writer of results and dead letters of one output.
pub(crate) struct Writer {
    results: Composer,
    letters: Letters,
    topics: Topics,
    /// What topics have refused recently.
    lessons: Lessons,
    /// Messages for which brokers have refused a record.
    pub(super) known: Known,
    /// Whether to write no more of a slice after a message of it was refused.
    pub(super) until_refused: bool,
    /// Counters of the pipeline.
    pub(super) metrics: Arc<Metrics>,
}

/// Messages with a record that cannot be written, by index, and their failures.
pub(crate) type Refused = Vec<(usize, Failure)>;

impl Writer {
    /// Creates a writer for results that `results` describes, and for failures that `letters` describes.
    pub(crate) fn new(
        results: &KafkaOutputConfig,
        letters: &KafkaOutputConfig,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            topics: Topics::new(results),
            lessons: Lessons::new(results.compression != Compression::None),
            known: Known::default(),
            results: Composer::new(results),
            letters: Letters::new(letters),
            until_refused: false,
            metrics,
        }
    }

    /// Notes that a broker refused a record: similar records are not sent for some time.
    pub(crate) fn learn(&mut self, report: &DeliveryReport, fault: &Fault) {
        match fault {
            Fault::NoTopic | Fault::NotAllowed => {
                let failure = verdict::failure(fault, report);
                self.topics.refuse(&report.topic, &failure);
            }
            fault => self.lessons.learn(report, fault, Now::ask()),
        }
    }

    /// Writes all records of a slice, or `only` some. Records that the producer does not accept are reported. A request
    /// for a topic takes time: if the lane is given up meanwhile, the rest is not written, and the slice is withheld.
    pub(crate) fn write(
        &mut self,
        producer: &Producer,
        sent: &Arc<Sent>,
        only: Option<&Only>,
    ) -> Refused {
        let Self {
            results,
            letters,
            topics,
            lessons,
            known,
            until_refused,
            metrics,
        } = self;
        let processed = &*sent.processed;
        let (batch, outcomes) = (&*processed.batch, &processed.outcomes);
        let mut refused = Vec::new();
        let mut records = Vec::new();
        let messages = batch.messages[processed.start..].iter();
        for (index, (message, outcome)) in messages.zip(&outcomes.items).enumerate() {
            if batch.lane.is_abandoned() {
                sent.withhold();
                break;
            }
            // The records of a message are written all together or not at all, so all are made before the first is
            // sent.
            records.clear();
            let mut compose = |(place, record)| {
                let Some(partition) = chosen(only, index, place) else {
                    return Ok(()); // it was written before
                };
                let payload = outcomes.payload(record);
                let composed = results.compose(message, payload, record)?;
                topics.check(composed.topic, producer)?;
                if !lessons.is_empty()
                    && let Some(fault) = lessons.against(&composed, Now::ask())
                {
                    return Err(refusal(&fault, &composed));
                }
                records.push((place, pinned(composed, partition)));
                Ok(())
            };
            let composed = match outcome {
                Outcome::Dropped => continue,
                Outcome::Failed(failure) => match chosen(only, index, 0) {
                    None => Ok(()),
                    Some(partition) => {
                        let dead = Dead {
                            batch,
                            message,
                            failure,
                            script_hash: &outcomes.script_hash,
                        };
                        let mending = known.mending(&batch.lane, message.offset);
                        let letter = letters.letter(dead, lessons, mending);
                        letter.map(|letter| records.push((0, pinned(letter, partition))))
                    }
                },
                _ if let Some(failure) = known.refused(&batch.lane, message.offset) => Err(failure),
                Outcome::Record(record) => compose((0, record)),
                Outcome::Records(several) => several.iter().enumerate().try_for_each(compose),
            };
            match composed {
                Ok(()) => {
                    for (place, record) in records.drain(..) {
                        let ticket = Box::new(Ticket {
                            sent: Arc::clone(sent),
                            message: index as u32, // a batch has at most some thousand
                            record: place as u32,
                            timestamp: record.timestamp,
                        });
                        send(producer, metrics, record, ticket);
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
        refused
    }
}

/// Returns whether a record is to be sent, and the partition that it must have.
fn chosen(only: Option<&Only>, message: usize, record: usize) -> Option<Option<i32>> {
    match only {
        None => Some(None),
        Some(only) => only.get(&(message, record)).copied(),
    }
}

fn pinned(mut composed: Composed<'_>, partition: Option<i32>) -> Composed<'_> {
    composed.partition = partition.or(composed.partition);
    composed
}

/// Returns the failure of a message that is not sent because similar ones were refused.
fn refusal(fault: &Fault, composed: &Composed<'_>) -> Failure {
    let error = KafkaError::MessageProduction(RDKafkaErrorCode::InvalidRecord);
    let mut report = DeliveryReport::of_sending(0, 0, &error, composed);
    report.text = "it has refused others like it".into();
    verdict::failure(fault, &report)
}

fn send(producer: &Producer, metrics: &Metrics, mut composed: Composed<'_>, ticket: Box<Ticket>) {
    let bytes = composed.payload.map_or(0, <[u8]>::len);
    let headers = composed.headers.take();
    let mut record = BaseRecord::with_opaque_to(composed.topic, ticket);
    record.payload = composed.payload;
    record.key = composed.key.as_deref();
    record.headers = headers;
    record.timestamp = composed.timestamp;
    record.partition = composed.partition;
    while let Err((error, back)) = producer.send(record) {
        if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
            let ticket = &back.delivery_opaque;
            let (message, place) = (ticket.message as usize, ticket.record as usize);
            let report = DeliveryReport::of_sending(message, place, &error, &composed);
            ticket.sent.report(report);
            return;
        }
        // Happens only if the user has set a limit of their own: otherwise the budget is the limit.
        thread::sleep(Duration::from_millis(1));
        record = back;
    }
    Metrics::add(&metrics.bytes_written, bytes as u64);
}
