//! What brokers refused of a transaction that was aborted. It is known when it is read again: it fails then before it is
//! written.
//!
//! Where a batch was refused and nothing tells for which of its records, each of these is sent once more, in a batch of
//! its own and in a transaction that is never committed. Only these: what else the transaction had is not sent for it.

use std::sync::Arc;
use std::thread;

use rdkafka::producer::Producer as _;

use super::super::report::Report;
use super::super::sent::{Only, Returned, Sent, Stretch};
use super::super::verdict::{Fault, Sending, Verdict};
use super::super::{again, explain};
use super::{Open, Transactions, Trouble};

/// A record that was refused, or one beside it.
struct Suspect {
    stretch: Arc<Stretch>,
    report: Report,
}

/// The output has ended: nothing can be written any more.
struct Over;

impl Transactions {
    /// Takes what was reported, and remembers what was refused.
    pub(super) fn learn(&mut self) {
        if self.producer.is_none() {
            return; // the engine was told
        }
        let judged = self.judge(false);
        let mut suspects = Vec::new();
        let (mut batch_too_large, mut smaller) = (false, false);
        for (returned, verdicts) in &judged {
            for (report, verdict) in returned.reports.iter().zip(verdicts) {
                batch_too_large |= *verdict == Verdict::AloneForSize;
                smaller |= *verdict == Verdict::Smaller;
                if let Verdict::Alone | Verdict::AloneForSize = verdict {
                    suspects.push(Suspect {
                        stretch: Arc::clone(&returned.stretch),
                        report: report.clone(),
                    });
                }
            }
        }
        let mut record_too_large = has_too_large(&judged);
        if self.remember(judged).is_err() {
            return;
        }
        match self.try_alone(&suspects) {
            Ok(found) => record_too_large |= found,
            Err(Over) => return,
        }
        if smaller || (batch_too_large && !record_too_large) {
            self.batches = self.batches.halved(&self.config.topic);
            self.reconnect();
        }
    }

    fn judge(&self, alone: bool) -> Vec<(Returned, Vec<Verdict>)> {
        let sending = Sending {
            own: &self.config.topic,
            // The rest of the transaction is written again, whatever was reported of it.
            stopped: true,
            alone,
            batch_bytes: self.batches.bytes,
        };
        again::judge(self.returns.take(), sending)
    }

    /// Remembers all that is refused for sure.
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
                    self.remember_one(&returned.stretch, report, &fault)?;
                }
            }
        }
        Ok(())
    }

    fn remember_one(
        &mut self,
        stretch: &Stretch,
        report: &Report,
        fault: &Fault,
    ) -> Result<(), Over> {
        let Some(failure) = again::learn(&mut self.writer, stretch, report, fault) else {
            return Ok(()); // a dead letter, which is made otherwise the next time
        };
        if stretch.is_letter(report.message) {
            let (text, place) = (failure.message, stretch.place(report.message));
            self.give_up(&anyhow::anyhow!(
                "a dead letter cannot be written: {text} ({place})"
            ));
            return Err(Over);
        }
        let message = &stretch.batch.messages[stretch.start + report.message];
        let origin = &stretch.batch.origin;
        self.writer.known.refuse(origin, message.offset, failure);
        Ok(())
    }

    /// Sends each of these alone, and remembers which of them are refused. Whether one is too large.
    fn try_alone(&mut self, suspects: &[Suspect]) -> Result<bool, Over> {
        let mut record_too_large = false;
        let mut begun = false;
        for suspect in suspects {
            let producer = self.producer.as_ref().ok_or(Over)?;
            if !begun && let Err(error) = producer.begin_transaction() {
                self.renew(Open::default(), &error.to_string());
                break; // what is not found out now is refused again
            }
            begun = true;
            if self.send_alone(suspect).is_err() {
                break;
            }
            if self.returns.is_troubled() {
                self.roll_back();
                begun = false;
                let judged = self.judge(true);
                record_too_large |= has_too_large(&judged);
                self.remember(judged)?;
            }
        }
        if begun {
            self.roll_back();
        }
        Ok(record_too_large)
    }

    /// Sends one record, and waits until it is written or refused.
    fn send_alone(&mut self, suspect: &Suspect) -> Result<(), Trouble> {
        let Some(producer) = &self.producer else {
            return Ok(());
        };
        let Suspect { stretch, report } = suspect;
        let only = Only::from([((report.message, report.record), report.partition)]);
        let sent = Sent::new(Arc::clone(stretch), None, &self.returns, Vec::new());
        // What is refused before it is sent is like what was found out of another.
        self.writer.write(producer, &sent, Some(&only));
        drop(sent);
        self.flush(producer)?;
        // librdkafka's own count is 0 a moment before the last report is dealt with.
        while !self.returns.are_all_here() {
            thread::sleep(again::LOOK);
        }
        Ok(())
    }
}

fn has_too_large(judged: &[(Returned, Vec<Verdict>)]) -> bool {
    let mut verdicts = judged.iter().flat_map(|(_, verdicts)| verdicts);
    verdicts.any(|verdict| *verdict == Verdict::Refused(Fault::Size))
}
