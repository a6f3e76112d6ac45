//! Handling of records that were not written.
//!
//! A broker refuses a batch because of one record in it. An idempotent producer then normally continues with the next
//! batch, and the records of the first batch could only be written after it. So it is configured to give up instead
//! (`enable.gapless.guarantee`): nothing of a partition is written after a record that was not. When all records are
//! reported, those that the brokers refused are taken out, and a new producer gets the rest, in the original order.

use std::collections::BTreeMap;
use std::mem;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{Producer as _, PurgeConfig};

use super::client::Batches;
use super::explain::explain;
use super::report::DeliveryReport;
use super::sent::{Only, Returned, Returns};
use super::verdict::{self, Fault, Sending, Verdict, can_be_mended};
use super::writer::Writer;
use super::{KafkaOutput, Producer};
use crate::control::{Notice, OutputError};
use crate::message::{Failure, Processed};

/// Interval of checks whether all records are reported.
pub(super) const LOOK: Duration = Duration::from_millis(2);
/// Time after a refusal during which there is only one request in flight at a time.
const QUIET: Duration = Duration::from_secs(60);

impl KafkaOutput {
    /// Handles records that were not written, if there are any.
    pub(super) fn recover(&mut self) {
        // Slices after those whose records are sent alone.
        let mut held = Vec::new();
        // Whether to wait until everything that was given to the producer is reported.
        let mut one_at_a_time = false;
        while !self.over {
            let mut returned = self.returns.take();
            // Asked after the returned slices were taken: a producer gives up before it reports the reason.
            let mut gave_up = GaveUp::of(&self.producer);
            // Without idempotence the order is not guaranteed, but no record may be with two producers.
            let unordered = !self.config.idempotent_write && !returned.is_empty();
            if gave_up.is_some() || self.batches.alone || unordered || mem::take(&mut one_at_a_time)
            {
                await_reports(&self.producer, &self.returns);
                returned = self.returns.take_more(returned);
                gave_up = GaveUp::of(&self.producer); // it may have given up during the wait
            }
            let stopped = matches!(gave_up, Some(GaveUp::Refused | GaveUp::Stranded));
            let is_done = returned.is_empty() && held.is_empty() && !stopped;
            if is_done && !self.batches.alone && !self.sizing {
                return;
            }
            let sending = Sending {
                own: &self.config.topic,
                stopped,
                alone: self.batches.alone,
                batch_bytes: self.batches.bytes,
            };
            let mut judged = judge(returned, sending);
            if let Some(end) = judged.iter().find_map(end) {
                self.end(end);
                return;
            }
            judged.append(&mut held);
            let batches = self.next(&judged);
            if stopped || batches != self.batches {
                let batches = Batches {
                    one_by_one: true,
                    ..batches
                };
                if !self.replace(batches) {
                    return;
                }
                self.refused_at = Some(Instant::now());
            }
            let mut judged = judged.into_iter();
            for (returned, verdicts) in judged.by_ref() {
                self.write_again(returned, verdicts);
                one_at_a_time = self.batches.mended;
                // Records that are sent alone take long, and their partition may go to another member meanwhile. A
                // producer writes everything that it was given, so it gets only one slice at a time, or one dead
                // letter.
                if self.batches.alone || self.batches.mended {
                    break;
                }
            }
            held.extend(judged.map(|(returned, verdicts)| (returned, held_back(verdicts))));
        }
    }

    /// Returns how batches are to be made from now on.
    fn next(&mut self, judged: &[(Returned, Vec<Verdict>)]) -> Batches {
        let any = |wanted| has(judged, &wanted);
        let smaller = any(Verdict::Smaller);
        self.sizing |= any(Verdict::AloneForSize);
        self.sizing &= !smaller && !any(Verdict::Refused(Fault::Size));
        let alone = any(Verdict::Alone) || any(Verdict::AloneForSize);
        // Dead letters are written one at a time anyway, and those that wait for an earlier one are returned.
        let waits =
            |report: &DeliveryReport| report.code == RDKafkaErrorCode::InvalidDifferentRecord;
        let mut returned = judged.iter().map(|(returned, _)| returned);
        let undecided =
            alone || (self.batches.mended && returned.any(|one| one.reports.iter().any(waits)));
        // Each record was sent alone, and none was too large.
        let all_found_good = self.sizing && !undecided;
        self.sizing &= undecided;
        let batches = if all_found_good || smaller {
            self.batches.halved(&self.config.topic)
        } else {
            self.batches
        };
        Batches { alone, ..batches }
    }

    fn end(&mut self, (report, place): (DeliveryReport, String)) {
        let complaint = self.producer.client().context().link().complaint();
        let reason = explain(report.code, &report.topic, self.config.partition, complaint);
        self.over = true;
        self.engine
            .do_send(Notice::OutputEnded(OutputError::Failed(format!(
                "{reason} ({place})"
            ))));
    }

    /// Returns to a producer with several requests in flight, if nothing was refused for some time.
    pub(super) fn relax(&mut self) {
        if self.refused_at.is_none_or(|at| at.elapsed() < QUIET) {
            return;
        }
        await_reports(&self.producer, &self.returns);
        self.recover();
        if self.over || self.refused_at.is_none_or(|at| at.elapsed() < QUIET) {
            return; // something has just been refused
        }
        let batches = Batches {
            one_by_one: false,
            ..self.batches
        };
        if self.replace(batches) {
            self.refused_at = None;
        }
    }

    /// Replaces the producer. The old one has no records left.
    fn replace(&mut self, batches: Batches) -> bool {
        tracing::debug!(?batches, "a new producer takes over");
        let metrics = &self.writer.metrics;
        match super::connect(self.name, &self.config, batches, metrics, &self.returns) {
            Ok(producer) => {
                let old = mem::replace(&mut self.producer, producer);
                self.batches = batches;
                // It takes a moment to end the producer's threads.
                let ending = thread::Builder::new().name("kafka-end".into());
                drop(ending.spawn(move || drop(old)));
                true
            }
            Err(error) => {
                self.over = true;
                self.engine
                    .do_send(Notice::OutputEnded(OutputError::Failed(format!(
                        "{error:#}"
                    ))));
                false
            }
        }
    }

    fn write_again(&mut self, returned: Returned, verdicts: Vec<Verdict>) {
        let Returned {
            processed,
            ack,
            reports,
            ..
        } = returned;
        let lane = &processed.batch.lane;
        if lane.is_abandoned() || self.ended.contains(&lane.id) {
            self.sizing = false; // these records will not decide it
            return; // they are read again
        }
        let mut only = Only::new();
        let mut refused = BTreeMap::new();
        for (report, verdict) in reports.iter().zip(verdicts) {
            let failure = match verdict {
                Verdict::Refused(fault) => learn(&mut self.writer, &processed, report, &fault),
                _ => None,
            };
            match failure {
                Some(failure) => {
                    refused.entry(report.message).or_insert(failure);
                }
                None => {
                    only.insert((report.message, report.record), report.partition);
                }
            }
        }
        only.retain(|(message, _), _| !refused.contains_key(message));
        if let (true, Some((&first, _))) = (self.refusals.are_the_end(), refused.first_key_value())
        {
            only.retain(|&(message, _), _| message < first);
        }
        let mut later = Vec::new();
        if self.batches.mended
            && let Some((&first, _)) = only.first_key_value()
        {
            // A dead letter may be refused again in its changed form. By then librdkafka would have made the next
            // request, and brokers do not notice a gap after the first batch of a producer: so each waits for the one
            // before it.
            only.retain(|&place, _| place == first);
            for mut report in reports {
                if (report.message, report.record) > first && !refused.contains_key(&report.message)
                {
                    report.code = RDKafkaErrorCode::InvalidDifferentRecord; // so that the record is sent again
                    later.push(report);
                }
            }
        }
        self.write(
            processed,
            ack,
            Some(&only),
            refused.into_iter().collect(),
            later,
        );
    }
}

/// Reason why a producer writes nothing any more.
enum GaveUp {
    /// A batch was refused: the next producer writes the records after it.
    Refused,
    /// librdkafka has left the producer without any broker.
    Stranded,
    /// The producer cannot continue for another reason.
    Fatal,
}

impl GaveUp {
    fn of(producer: &Producer) -> Option<Self> {
        match producer.client().fatal_error() {
            Some((RDKafkaErrorCode::GaplessGuarantee, _)) => Some(Self::Refused),
            Some(_) => Some(Self::Fatal),
            None if producer.context().link().is_stranded() => Some(Self::Stranded),
            None => None,
        }
    }
}

/// Decides about each record of the returned slices.
pub(super) fn judge(
    returned: Vec<Returned>,
    sending: Sending<'_>,
) -> Vec<(Returned, Vec<Verdict>)> {
    let reports: Vec<&DeliveryReport> = returned.iter().flat_map(|one| &one.reports).collect();
    let mut verdicts = verdict::judge(&reports, sending).into_iter();
    let with_its_own = |one: Returned| {
        let count = one.reports.len();
        let verdicts = verdicts.by_ref().take(count).collect();
        (one, verdicts)
    };
    returned.into_iter().map(with_its_own).collect()
}

/// Returns whether any of the records has this verdict.
pub(super) fn has(judged: &[(Returned, Vec<Verdict>)], wanted: &Verdict) -> bool {
    judged.iter().any(|(_, verdicts)| verdicts.contains(wanted))
}

/// Changes verdicts of slices that wait for earlier ones: what they say about sizes has already been taken into
/// account.
fn held_back(mut verdicts: Vec<Verdict>) -> Vec<Verdict> {
    for verdict in &mut verdicts {
        match verdict {
            Verdict::AloneForSize => *verdict = Verdict::Alone,
            Verdict::Smaller => *verdict = Verdict::Again,
            _ => {}
        }
    }
    verdicts
}

/// Returns the first record that ends the output, and the place of its message.
pub(super) fn end(
    (returned, verdicts): &(Returned, Vec<Verdict>),
) -> Option<(DeliveryReport, String)> {
    let mut reports = returned.reports.iter().zip(verdicts);
    let (report, _) = reports.find(|(_, verdict)| **verdict == Verdict::End)?;
    Some((report.clone(), returned.processed.place(report.message)))
}

/// Notes that a record of `processed` was refused because of `fault`. Returns the failure of its message, unless the
/// record is a dead letter that can be written in another form.
pub(super) fn learn(
    writer: &mut Writer,
    processed: &Processed,
    report: &DeliveryReport,
    fault: &Fault,
) -> Option<Failure> {
    writer.learn(report, fault);
    if !processed.is_letter(report.message) || !can_be_mended(fault, report) {
        return Some(verdict::failure(fault, report));
    }
    let offset = processed.message(report.message).offset;
    writer
        .known
        .refuse_letter(&processed.batch.lane, offset, fault, report.bytes);
    None
}

/// Waits until all records are reported. A producer that has given up does not write the records that it still has.
///
/// librdkafka's own count of records in flight is 0 a moment before the producer's thread has handled the last report,
/// and a producer that is dropped then never handles it.
fn await_reports(producer: &Producer, returns: &Returns) {
    while !returns.are_all_here() {
        if producer.context().link().is_stranded() {
            // Requests in flight have lost their broker, so they also wait for one.
            producer.purge(PurgeConfig::default().queue().inflight());
        } else if producer.client().fatal_error().is_some() {
            producer.purge(PurgeConfig::default().queue());
        }
        thread::sleep(LOOK);
    }
}

#[cfg(test)]
#[path = "again_tests.rs"]
mod tests;
