//! Messages, failures and costs of each processor.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::guest::costs::ScriptCosts;
use crate::guest::{Executed, Stop};
use crate::message::Failure;

/// Number of processors from which on those that the pipeline does not have any more are forgotten: reloads may bring
/// other names again and again.
const KEPT: usize = 100;

/// Processor of the pipeline. Totals are since the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProcessorStats {
    /// Label of the processor, or else the place of its script.
    pub name: String,
    /// Messages that reached it. Those that are run again, because a guest died, count again; those of a request with which a
    /// guest died count only if it had one message.
    pub messages: u64,
    /// Messages that failed in its script, also by the death of a guest, if it is known that it died there.
    pub failed: u64,
    /// Processor time of guests in seconds, including transcoding. It is divided among the processors in the proportion of
    /// the times that they took for some of the messages; that of a request with which a guest died belongs to the processor
    /// in which it died, or to none if that is not known.
    pub cpu_seconds: f64,
}

impl ProcessorStats {
    /// Returns the processor time in seconds of one message; `None` before there is one.
    pub(crate) fn a_message(&self) -> Option<f64> {
        (self.messages > 0 && self.cpu_seconds > 0.0)
            .then(|| self.cpu_seconds / self.messages as f64)
    }
}

/// Totals of each processor.
#[derive(Debug, Default)]
pub(crate) struct Processors(Mutex<BTreeMap<Arc<str>, Totals>>);

#[derive(Debug, Default, Clone)]
struct Totals {
    messages: u64,
    failed: u64,
    /// Messages whose time was measured, and that time in seconds.
    measured: u64,
    spent: f64,
    cpu_seconds: f64,
}

impl Totals {
    /// Returns the measured time of one message.
    fn a_message(&self) -> f64 {
        match self.measured {
            0 => 0.0,
            measured => self.spent / measured as f64,
        }
    }
}

impl Processors {
    /// Adds what the scripts of one guest did in a run.
    pub(crate) fn executed(&self, executed: &Executed) {
        let Executed {
            stop,
            cpu_seconds,
            costs,
            fatal_cpu_seconds,
            ..
        } = executed;
        self.ran(costs, cpu_seconds - fatal_cpu_seconds);
        if let Stop::Died {
            script: Some(script),
            single,
            ..
        } = stop
            && let Some(reached) = costs.get(..=script.index)
        {
            self.died(reached, *single, *fatal_cpu_seconds);
        }
    }

    /// Adds what the scripts of one guest did in `cpu_seconds`.
    fn ran(&self, costs: &[ScriptCosts], cpu_seconds: f64) {
        if cfg!(feature = "uncounted") {
            return;
        }
        let mut totals = self.lock();
        if totals.len() >= KEPT {
            totals.retain(|name, _| costs.iter().any(|one| one.processor == *name));
        }
        for one in costs {
            let total = totals.entry(Arc::clone(&one.processor)).or_default();
            total.messages = total.messages.saturating_add(one.reached);
            total.measured = total.measured.saturating_add(one.measured);
            total.spent += one.spent.as_secs_f64();
        }
        let weight = |one: &ScriptCosts| match costs {
            [_] => 1.0,
            _ => one.reached as f64 * totals.get(&one.processor).map_or(0.0, Totals::a_message),
        };
        let weights: Vec<f64> = costs.iter().map(weight).collect();
        let all: f64 = weights.iter().sum();
        if all <= 0.0 {
            return; // nothing was measured yet
        }
        for (one, weight) in costs.iter().zip(weights) {
            if let Some(total) = totals.get_mut(&one.processor) {
                total.cpu_seconds += cpu_seconds * weight / all;
            }
        }
    }

    /// Adds what a request took in which a guest died: it died in the last of `costs`, with one message if it was a `single`
    /// one.
    fn died(&self, costs: &[ScriptCosts], single: bool, cpu_seconds: f64) {
        if cfg!(feature = "uncounted") {
            return;
        }
        let mut totals = self.lock();
        for one in costs {
            let total = totals.entry(Arc::clone(&one.processor)).or_default();
            total.messages = total.messages.saturating_add(single.into());
        }
        let last = costs.last().and_then(|one| totals.get_mut(&one.processor));
        if let Some(last) = last {
            last.cpu_seconds += cpu_seconds;
        }
    }

    /// Counts a message that failed, if it did so in the script of a processor.
    pub(crate) fn failed(&self, failure: &Failure) {
        let Some(name) = &failure.processor else {
            return;
        };
        if !cfg!(feature = "uncounted") {
            // The name is that of a processor that ran: the guest says its number, not its name.
            self.lock().entry(Arc::clone(name)).or_default().failed += 1;
        }
    }

    /// Returns the totals of the processors with these names.
    pub(crate) fn of(&self, names: &[Arc<str>]) -> Vec<ProcessorStats> {
        let totals = self.lock();
        names
            .iter()
            .map(|name| {
                let total = totals.get(name).cloned().unwrap_or_default();
                ProcessorStats {
                    name: name.to_string(),
                    messages: total.messages,
                    failed: total.failed,
                    cpu_seconds: total.cpu_seconds,
                }
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Totals>> {
        // The figures are valid even after a panic of another thread.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn costs(name: &str, reached: u64, measured: u64, millis: u64) -> ScriptCosts {
        ScriptCosts {
            processor: name.into(),
            reached,
            measured,
            spent: Duration::from_millis(millis),
        }
    }

    fn cpu(processors: &Processors, names: &[&str]) -> Vec<f64> {
        let names: Vec<Arc<str>> = names.iter().map(|&name| name.into()).collect();
        let seconds = processors.of(&names).into_iter().map(|one| one.cpu_seconds);
        seconds.map(|one| (one * 1e6).round() / 1e6).collect()
    }

    #[test]
    fn the_time_is_divided_by_what_was_measured() {
        let processors = Processors::default();
        // 1 ms and 3 ms a message; a half of the messages reaches the second.
        processors.ran(&[costs("a", 100, 100, 100), costs("b", 50, 50, 150)], 1.0);
        assert_eq!(cpu(&processors, &["a", "b"]), [0.4, 0.6]);
        // Without a measurement, what was measured before holds: 1 to 3 for the same number.
        processors.ran(&[costs("a", 10, 0, 0), costs("b", 10, 0, 0)], 1.0);
        assert_eq!(cpu(&processors, &["a", "b", "c"]), [0.65, 1.35, 0.0]);
    }

    #[test]
    fn one_processor_has_all_of_it() {
        let processors = Processors::default();
        processors.ran(&[costs("a", 100, 0, 0)], 2.0);
        processors.failed(&Failure {
            processor: Some("a".into()),
            ..Failure::new("ValueError", "no")
        });
        processors.failed(&Failure::new("Timeout", "no"));
        let [only] = &processors.of(&["a".into()])[..] else {
            panic!("one");
        };
        assert_eq!(
            (only.messages, only.failed, only.cpu_seconds),
            (100, 1, 2.0)
        );
    }

    #[test]
    fn a_death_belongs_to_where_it_was() {
        let processors = Processors::default();
        let none = |name| costs(name, 0, 0, 0);
        processors.died(&[none("a"), none("b")], true, 2.0);
        processors.died(&[none("a")], false, 0.5);
        assert_eq!(cpu(&processors, &["a", "b"]), [0.5, 2.0]);
        let names = ["a".into(), "b".into()];
        let messages = processors.of(&names).into_iter().map(|one| one.messages);
        assert_eq!(messages.collect::<Vec<_>>(), [1, 1]);
    }

    #[test]
    fn nothing_measured_and_lies() {
        let processors = Processors::default();
        processors.ran(&[costs("a", 1, 0, 0), costs("b", 0, 0, 0)], 1.0);
        assert_eq!(cpu(&processors, &["a", "b"]), [0.0, 0.0]);
        processors.ran(
            &[
                costs("a", u64::MAX, 1, 1),
                costs("b", u64::MAX, 1, u64::MAX),
            ],
            1.0,
        );
        processors.ran(
            &[
                costs("a", u64::MAX, 1, 1),
                costs("b", u64::MAX, 1, u64::MAX),
            ],
            1.0,
        );
        assert!(
            cpu(&processors, &["a", "b"])
                .iter()
                .all(|one| one.is_finite())
        );
    }

    #[test]
    fn names_of_former_configs_are_forgotten() {
        let processors = Processors::default();
        for number in 0..10_000 {
            processors.ran(&[costs(&format!("t.yaml:{number}"), 1, 0, 0)], 1.0);
        }
        assert!(processors.lock().len() <= KEPT);
    }
}
