//! Records that brokers refused in a transaction that was aborted. They are remembered, so that their messages fail
//! before they are written when they are read again.
//!
//! If a batch was refused and nothing tells because of which of its records, each of these records is sent once more,
//! in a batch of its own and in a transaction that is never committed. The other records of the transaction are not
//! sent.

use std::sync::Arc;

use rdkafka::producer::Producer as _;

use super::super::lessons::Now;
use super::super::report::DeliveryReport;
use super::super::sent::{Only, Returned, Sent};
use super::super::verdict::{Fault, Sending, Verdict};
use super::super::{again, explain};
use super::Transactions;
use super::open::Open;
use crate::message::Processed;

const TOO_LARGE: Verdict = Verdict::Refused(Fault::Size);

/// Record that was refused, or that was in a batch with one.
struct Suspect {
    processed: Arc<Processed>,
    report: DeliveryReport,
}

/// Error: the output has ended, so nothing can be written any more.
struct Over;

impl Transactions {
    /// Remembers which records were refused, from all reports since the transaction began.
    pub(super) fn learn(&mut self, returned: Vec<Returned>) {
        if self.producer.is_none() {
            return; // the engine was notified
        }
        let judged = self.judge(returned, false);
        let mut verdicts = judged.iter().flat_map(|(_, verdicts)| verdicts);
        if verdicts.all(|verdict| *verdict == Verdict::Again) {
            return;
        }
        let has_too_large_batch = again::has(&judged, &Verdict::AloneForSize);
        let has_too_large_record = again::has(&judged, &TOO_LARGE);
        let mut smaller = again::has(&judged, &Verdict::Smaller);
        let suspects = suspects(&judged);
        if self.remember(judged).is_err() {
            return;
        }
        match self.try_alone(&suspects) {
            // Unless one of them was not tried: then the next try decides.
            Ok(Some(found)) => smaller |= has_too_large_batch && !has_too_large_record && !found,
            Ok(None) => {}
            Err(Over) => return,
        }
        if smaller {
            self.batches = self.batches.halved(&self.config.topic);
        }
        // The sequence numbers of refused records are missing, so brokers would refuse later ones.
        self.reconnect();
    }

    fn judge(&self, returned: Vec<Returned>, alone: bool) -> Vec<(Returned, Vec<Verdict>)> {
        let sending = Sending {
            own: &self.config.topic,
            // The rest of the transaction is written again, whatever was reported about it.
            stopped: true,
            alone,
            batch_bytes: self.batches.bytes,
        };
        again::judge(returned, sending)
    }

    /// Remembers all records that are certainly refused.
    fn remember(&mut self, judged: Vec<(Returned, Vec<Verdict>)>) -> Result<(), Over> {
        if let Some((report, place)) = judged.iter().find_map(again::end) {
            let producer = self.producer.as_ref().ok_or(Over)?;
            let complaint = producer.client().context().link().complaint();
            let (topic, partition) = (&report.topic, self.config.partition);
            let reason = explain::explain(report.code, topic, partition, complaint);
            self.give_up(&anyhow::anyhow!("{reason} ({place})"));
            return Err(Over);
        }
        for (returned, verdicts) in judged {
            for (report, verdict) in returned.reports.iter().zip(verdicts) {
                if let Verdict::Refused(fault) = verdict {
                    self.remember_one(&returned.processed, report, &fault)?;
                }
            }
        }
        Ok(())
    }

    fn remember_one(
        &mut self,
        processed: &Processed,
        report: &DeliveryReport,
        fault: &Fault,
    ) -> Result<(), Over> {
        let Some(failure) = again::learn(&mut self.writer, processed, report, fault) else {
            return Ok(()); // a dead letter, which is changed the next time
        };
        if processed.is_letter(report.message) {
            let (text, place) = (failure.message, processed.place(report.message));
            self.give_up(&anyhow::anyhow!(
                "a dead letter cannot be written: {text} ({place})"
            ));
            return Err(Over);
        }
        let offset = processed.message(report.message).offset;
        let lane = &processed.batch.lane;
        self.writer.known.refuse(lane, offset, failure);
        Ok(())
    }

    /// Sends each of these records alone, and remembers which of them are refused. Returns whether one is too large;
    /// `None` if not all of them were tried.
    fn try_alone(&mut self, suspects: &[Suspect]) -> Result<Option<bool>, Over> {
        let mut found_too_large = false;
        let mut begun = false;
        for suspect in suspects {
            let producer = self.producer.as_ref().ok_or(Over)?;
            if !begun && let Err(error) = producer.begin_transaction() {
                self.renew(Open::default(), &error.to_string());
                return self.producer.as_ref().map(|_| None).ok_or(Over);
            }
            begun = true;
            self.send_alone(suspect);
            if self.returns.is_troubled() {
                let returned = self.returns.take();
                self.roll_back();
                begun = false;
                let judged = self.judge(returned, true);
                found_too_large |= again::has(&judged, &TOO_LARGE);
                self.remember(judged)?;
            }
        }
        if begun {
            self.roll_back();
        }
        let mut lanes = suspects.iter().map(|one| &one.processed.batch.lane);
        let all_tried = !lanes.any(|lane| lane.is_abandoned());
        let found = all_tried.then_some(found_too_large);
        self.producer.as_ref().map(|_| found).ok_or(Over)
    }

    /// Sends one record, and waits until it is written or refused.
    fn send_alone(&mut self, suspect: &Suspect) {
        let Some(producer) = &self.producer else {
            return;
        };
        let Suspect { processed, report } = suspect;
        let only = Only::from([((report.message, report.record), report.partition)]);
        let sent = Sent::new(Arc::clone(processed), None, &self.returns, Vec::new());
        let refused = self.writer.write(producer, &sent, Some(&only));
        drop(sent);
        // Shorter intervals than before a commit, since there may be many suspects. `again::await_reports` would wait
        // for each record until its batch is full (`linger.ms`). A transaction has a time limit, at which all records
        // are reported.
        while !self.returns.are_all_here() {
            let _ = producer.flush(again::LOOK); // the only error is that the time is over
        }
        // These messages are like refused ones. The lesson may be forgotten when they are read again.
        for (index, failure) in refused {
            if !processed.is_letter(index) {
                let offset = processed.message(index).offset;
                let lane = &processed.batch.lane;
                self.writer.known.refuse(lane, offset, failure);
            }
        }
    }
}

/// Returns the records that were refused, or were in a batch with one. The nearest timestamp to now is first: if it is
/// refused, so are the others, and they need not be tried.
fn suspects(judged: &[(Returned, Vec<Verdict>)]) -> Vec<Suspect> {
    let now = Now::ask().millis;
    let of = |(returned, verdicts): &(Returned, Vec<Verdict>)| {
        let reports = returned.reports.iter().zip(verdicts);
        let suspected = reports
            .filter(|(_, verdict)| matches!(verdict, Verdict::Alone | Verdict::AloneForSize));
        let suspect = |(report, _): (&DeliveryReport, _)| Suspect {
            processed: Arc::clone(&returned.processed),
            report: report.clone(),
        };
        suspected.map(suspect).collect::<Vec<_>>()
    };
    let mut all: Vec<Suspect> = judged.iter().flat_map(of).collect();
    all.sort_by_key(|one| one.report.timestamp.map_or(0, |at| at.abs_diff(now)));
    all
}
