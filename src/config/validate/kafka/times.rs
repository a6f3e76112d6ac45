//! Times that wait for one another: a longer one within a shorter one is never waited for.

use std::time::Duration;

use super::Check;
use crate::config::diagnostics::Diagnostic;
use crate::config::model::{InputConfig, KafkaInputConfig};
use crate::config::tree::dotted;

impl Check<'_> {
    /// Warns of times that end before what they wait for can.
    pub(in crate::config::validate) fn times(
        &mut self,
        input: Option<&InputConfig>,
        guests_timeout: Duration,
        shutdown_timeout: Duration,
    ) {
        let Some(InputConfig::Kafka(input)) = input else {
            return;
        };
        let KafkaInputConfig {
            rebalance_timeout,
            commit_period,
            ..
        } = **input;
        self.longer(
            ("/guests/timeout", guests_timeout),
            ("/input/kafka/group/rebalance_timeout", rebalance_timeout),
            "a partition may be given away while a message of it is still run, which another member then runs as well: \
             allow a message less time, or a rebalance more",
        );
        self.longer(
            ("/input/kafka/commit_period", commit_period),
            ("/shutdown_timeout", shutdown_timeout),
            "an orderly end may have to wait for the next commit, and be over before it: commit more often, or allow \
             the end more time",
        );
    }

    fn longer(&mut self, one: (&str, Duration), other: (&str, Duration), help: &str) {
        let ((at, time), (other_at, most)) = (one, other);
        // A time of nothing is wrong by itself, which has been told.
        if time <= most || most.is_zero() || self.is_doubtful(at) || self.is_doubtful(other_at) {
            return;
        }
        let message = format!(
            "`{}` ({}) is longer than `{}` ({})",
            dotted(at),
            humantime::format_duration(time),
            dotted(other_at),
            humantime::format_duration(most)
        );
        let (place, related) = match self.is_written(at) {
            true => (at, other_at),
            false => (other_at, at),
        };
        let mut problem = Diagnostic::warning(message)
            .at(self.place(place))
            .help(help);
        if self.is_written(related) {
            problem = problem.related(self.place(related), "the other one");
        }
        self.warnings.push(problem);
    }
}
