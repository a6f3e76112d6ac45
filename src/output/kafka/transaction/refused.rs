//! Records that brokers refused in a transaction that was aborted. They are remembered, so that their messages fail
//! before anything is written when they are read again.
//!
//! If a batch was refused and nothing tells for which of its records, each of them is sent once more, in its own batch
//! and in a transaction that is never committed. Other records of the aborted transaction are not sent for this.

use std::sync::Arc;

use rdkafka::producer::Producer as _;

use super::super::lessons::Now;
use super::super::report::Report;
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
    report: Report,
}

/// Sign that the output has ended: nothing can be written any more.
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
            // If a suspect was not tried, the decision waits for the next time.
            Ok(Some(found)) => smaller |= has_too_large_batch && !has_too_large_record && !found,
            Ok(None) => {}
            Err(Over) => return,
        }
        if smaller {
            self.batches = self.batches.halved(&self.config.topic);
        }
        // The sequence numbers of the refused records are missing, and brokers would refuse everything after them.
        self.reconnect();
    }

    fn judge(&self, returned: Vec<Returned>, alone: bool) -> Vec<(Returned, Vec<Verdict>)> {
        let sending = Sending {
            own: &self.config.topic,
            // The rest of the transaction is written again, whatever its reports say.
            stopped: true,
            alone,
            batch_bytes: self.batches.bytes,
        };
        again::judge(returned, sending)
    }

    /// Remembers all records that were certainly refused.
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
        report: &Report,
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

    /// Sends each suspect alone, and remembers which of them are refused. Returns whether one is too large; `None` if
    /// not all of them were tried.
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
        // The wait before a commit is not used here: its checks are less frequent, and there may be many suspects. Nor
        // is `again::await_reports`, with which each suspect would wait for its batch to fill (`linger.ms`). At the
        // transaction's time limit everything is reported.
        while !self.returns.are_all_here() {
            let _ = producer.flush(again::LOOK); // the only error is a timeout
        }
        // These records are like ones that were refused before. Those lessons may be forgotten when they are read
        // again.
        for (index, failure) in refused {
            if !processed.is_letter(index) {
                let offset = processed.message(index).offset;
                let lane = &processed.batch.lane;
                self.writer.known.refuse(lane, offset, failure);
            }
        }
    }
}

/// Returns the records that were refused, or were in a batch with one. Those with timestamps near to now come first: if
/// such a timestamp is refused, so are the others, and their records need not be tried.
fn suspects(judged: &[(Returned, Vec<Verdict>)]) -> Vec<Suspect> {
    let now = Now::ask().millis;
    let of = |(returned, verdicts): &(Returned, Vec<Verdict>)| {
        let reports = returned.reports.iter().zip(verdicts);
        let suspected = reports
            .filter(|(_, verdict)| matches!(verdict, Verdict::Alone | Verdict::AloneForSize));
        let suspect = |(report, _): (&Report, _)| Suspect {
            processed: Arc::clone(&returned.processed),
            report: report.clone(),
        };
        suspected.map(suspect).collect::<Vec<_>>()
    };
    let mut all: Vec<Suspect> = judged.iter().flat_map(of).collect();
    all.sort_by_key(|one| one.report.timestamp.map_or(0, |at| at.abs_diff(now)));
    all
}
