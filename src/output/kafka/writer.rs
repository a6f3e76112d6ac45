//! Writer that gives the records of a slice to a producer.

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
use super::report::Report;
use super::sent::{Only, Sent, Ticket};
use super::topics::Topics;
use super::verdict::{self, Fault};
use crate::config::{Compression, KafkaOutputConfig};
use crate::message::{Failure, Outcome};
use crate::telemetry::metrics::Metrics;

/// Writer of results and dead letters for one output.
pub struct Writer {
    results: Composer,
    letters: Letters,
    topics: Topics,
    /// Recent refusals of the topics.
    lessons: Lessons,
    /// Messages with a record that brokers have refused.
    pub(super) known: Known,
    /// Whether writing a slice stops at the first refused message.
    pub(super) until_refused: bool,
    /// Counters and histograms.
    pub(super) metrics: Arc<Metrics>,
}

/// Messages with a record that cannot be written: their indexes, and the reasons.
pub type Refused = Vec<(usize, Failure)>;

impl Writer {
    /// Creates a writer that takes the settings for results from `results` and those for dead letters from `letters`.
    pub fn new(
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

    /// Learns that a broker refused a record. Similar records are not sent for a while.
    pub fn learn(&mut self, report: &Report, fault: &Fault) {
        match fault {
            Fault::NoTopic | Fault::NotAllowed => {
                let failure = verdict::failure(fault, report);
                self.topics.refuse(&report.topic, &failure);
            }
            fault => self.lessons.learn(report, fault, Now::ask()),
        }
    }

    /// Writes all records of a slice, or `only` some. Records that the producer does not accept are reported. Looking
    /// up a topic takes time: if the lane is given up meanwhile, the rest is not written, and the slice is withheld.
    pub fn write(&mut self, producer: &Producer, sent: &Arc<Sent>, only: Option<&Only>) -> Refused {
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
            // All records of a message are made before the first is sent: either all are sent or none.
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
                            message: index as u32, // a batch has at most `MAX_BATCH` messages
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

/// Makes the failure of a message that is not sent because similar records were refused.
fn refusal(fault: &Fault, composed: &Composed<'_>) -> Failure {
    let error = KafkaError::MessageProduction(RDKafkaErrorCode::InvalidRecord);
    let mut report = Report::of_sending(0, 0, &error, composed);
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
            let report = Report::of_sending(message, place, &error, &composed);
            ticket.sent.report(report);
            return;
        }
        // This happens only if the config limits librdkafka's queue; by default only the memory budget does.
        thread::sleep(Duration::from_millis(1));
        record = back;
    }
    Metrics::add(&metrics.bytes_written, bytes as u64);
}
