//! Topics that a pipeline both reads and writes: what it writes comes in again, for ever.
//!
//! Topics that only a script chooses (`topics_allowed`) are not looked at: a message that is sent back for a later
//! try is a loop that ends.

use super::Check;
use crate::config::diagnostics::Diagnostic;
use crate::config::model::{InputConfig, KafkaInputConfig, OutputConfig};
use crate::config::tree::dotted;

impl Check<'_> {
    /// Refuses outputs that write to a topic of the input, and warns where an expression of the input matches theirs.
    pub(in crate::config::validate) fn loops(
        &mut self,
        input: Option<&InputConfig>,
        output: &OutputConfig,
        dead_letter: Option<&OutputConfig>,
    ) {
        let Some(InputConfig::Kafka(input)) = input else {
            return;
        };
        self.loop_of(
            input,
            "/output",
            Some(output),
            "each result would come in again",
        );
        self.loop_of(
            input,
            "/dead_letter",
            dead_letter,
            "each message that fails would come in again, and fail again",
        );
    }

    fn loop_of(
        &mut self,
        input: &KafkaInputConfig,
        pointer: &str,
        output: Option<&OutputConfig>,
        why: &str,
    ) {
        let Some(OutputConfig::Kafka(output)) = output else {
            return;
        };
        if !share_a_broker(&input.client.addresses, &output.client.addresses) {
            return;
        }
        let pointer = format!("{pointer}/kafka/topic");
        let (name, topic) = (dotted(&pointer), &output.topic);
        if input.topics.contains(topic) {
            let message = format!("`{name}` is `{topic}`, which this pipeline reads: {why}");
            let problem = Diagnostic::error(message)
                .at(self.place(&pointer))
                .related(self.place(&self.item(topic)), "read here")
                .help("write to a topic of its own");
            self.errors.push(problem);
            return;
        }
        let matches = |pattern: &&String| {
            pattern.starts_with('^')
                && regex::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(topic))
        };
        if let Some(pattern) = input.topics.iter().find(matches) {
            let message = format!("`{name}` is `{topic}`, which `{pattern}` matches: {why}");
            let problem = Diagnostic::warning(message)
                .at(self.place(&pointer))
                .related(self.place(&self.item(pattern)), "read here")
                .help(
                    "write an expression that does not match it, such as one that ends in `$`, or another topic",
                );
            self.warnings.push(problem);
        }
    }

    /// Where `topic` is among those of the input.
    pub(super) fn item(&self, topic: &str) -> String {
        let all = "/input/kafka/topics";
        let at = |index: usize| format!("{all}/{index}");
        let item = |pointer: &String| self.root.find(pointer).map(|child| child.node);
        (0..)
            .map(at)
            .take_while(|pointer| item(pointer).is_some())
            .find(|pointer| {
                let text = item(pointer).and_then(|node| node.scalar());
                text.is_some_and(|scalar| {
                    scalar.text == topic || scalar.text.split(',').any(|one| one.trim() == topic)
                })
            })
            .unwrap_or_else(|| all.to_owned())
    }
}

/// Whether one broker is in both lists, so that they are of one cluster. That it is one is not always seen: a name and
/// its address may be written.
fn share_a_broker(ours: &[String], theirs: &[String]) -> bool {
    let theirs: Vec<String> = theirs.iter().map(|one| broker(one)).collect();
    let known = |one: &String| !one.is_empty() && theirs.contains(&broker(one));
    ours.iter().any(known)
}

/// `host:port` in one spelling.
fn broker(address: &str) -> String {
    let address = address.to_ascii_lowercase();
    let Some((host, port)) = address.rsplit_once(':') else {
        return address;
    };
    let host = match host.trim_end_matches('.') {
        "127.0.0.1" | "[::1]" => "localhost",
        host => host,
    };
    format!("{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::share_a_broker;

    #[test]
    fn one_broker_in_both_is_one_cluster() {
        let share = |ours: &[&str], theirs: &[&str]| {
            let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
            share_a_broker(&owned(ours), &owned(theirs))
        };
        assert!(share(&["a:1", "b:1"], &["c:1", "b:1"]));
        assert!(share(&["Kafka.Example.:9092"], &["kafka.example:9092"]));
        assert!(share(&["localhost:9092"], &["127.0.0.1:9092"]));
        assert!(share(&["[::1]:9092"], &["localhost:9092"]));
        assert!(!share(&["a:1"], &["a:2"]));
        // Each is wrong by itself, which has been told.
        assert!(!share(&[""], &[""]));
    }
}
