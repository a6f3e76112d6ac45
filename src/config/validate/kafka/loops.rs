//! Checks for loops: topics that a pipeline both reads and writes, so that what it writes comes in again, for ever.
//!
//! Topics that only a script chooses (`topics_allowed`) are not checked: a message that is sent back for a later try is
//! a loop that ends.

use super::{Check, topics};
use crate::config::model::{Config, KafkaInputConfig, OutputConfig};
use crate::config::tree::FieldPath;
use crate::config::validate::written::{self, Written};

/// Refuses outputs that write to a topic of the input, and warns if a regular expression of the input matches the topic
/// of an output.
pub(in crate::config::validate) fn loops(check: &mut Check<'_>, config: &Config) {
    let Some(input) = config.input.as_kafka() else {
        return;
    };
    for written in written::all(config) {
        if let OutputConfig::Kafka(output) = written.output
            && share_a_broker(&input.client.addresses, &output.client.addresses)
        {
            let at = FieldPath::of(written.section).field("kafka").field("topic");
            loop_of(check, input, &written, &at, &output.topic);
        }
    }
}

fn loop_of(
    check: &mut Check<'_>,
    input: &KafkaInputConfig,
    written: &Written<'_>,
    at: &FieldPath,
    topic: &str,
) {
    let matches = |pattern: &&String| {
        pattern.starts_with('^')
            && regex::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(topic))
    };
    let is_read = input.topics.iter().any(|one| one == topic);
    let (problem, read) = if is_read {
        let problem = written.is_read(at, topic);
        (problem.help("write to a topic of its own"), topic)
    } else if let Some(pattern) = input.topics.iter().find(matches) {
        let problem = written.is_matched(at, topic, pattern);
        let help = "write an expression that does not match it, such as one that ends in `$`, or another topic";
        (problem.help(help), pattern.as_str())
    } else {
        return;
    };
    let other = topics::item_of(check, read);
    check.clash(problem, at, &other, "read here");
}

/// Returns whether one broker is in both lists, so that they belong to the same cluster. This cannot always be seen:
/// one list may have the name of a broker, the other its address.
fn share_a_broker(ours: &[String], theirs: &[String]) -> bool {
    let theirs: Vec<String> = theirs.iter().map(|one| broker(one)).collect();
    let known = |one: &String| !one.is_empty() && theirs.contains(&broker(one));
    ours.iter().any(known)
}

/// Returns `host:port` in one spelling.
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
        // Each list is wrong by itself, which has already been reported.
        assert!(!share(&[""], &[""]));
    }
}
