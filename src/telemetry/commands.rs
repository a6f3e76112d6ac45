//! Commands that people copy: to try a message again that failed, and to replay dead letters.

use shlex::try_quote;

use super::facts::PipelineFacts;
use super::failures::FailureGroup;

/// Returns the command that shows what the pipeline makes of the last message of a group. `None` if it is neither in Kafka
/// nor a line of a file nor shown in full, or the config is in no file.
pub(super) fn try_last(facts: &PipelineFacts, group: &FailureGroup) -> Option<String> {
    let config = try_quote(facts.config.as_deref()?).ok()?;
    let last = &group.last;
    if let Some(topic) = &last.topic {
        let topic = try_quote(topic).ok()?;
        let (partition, offset) = (last.partition, last.offset);
        return Some(format!(
            "nerodia try {config} --from-kafka {topic} --partition {partition} --offset {offset} --count 1"
        ));
    }
    if facts.input.kind == "generate" {
        return None; // its messages are made by a script, not read
    }
    if let (Some(file), Some(line)) = (&last.file, last.line) {
        let file = try_quote(file).ok()?;
        return Some(format!("sed -n {line}p {file} | nerodia try {config}"));
    }
    let payload = last.payload.as_deref()?;
    let is_whole = !payload.ends_with('…') && !payload.contains(['\u{fffd}', '\n', '\r']);
    let payload = try_quote(payload).ok().filter(|_| is_whole)?;
    Some(format!("echo {payload} | nerodia try {config}"))
}

/// Returns the command that shows what replaying the dead letters would do, if they are in Kafka.
pub(super) fn replay(facts: &PipelineFacts) -> Option<String> {
    let config = try_quote(facts.config.as_deref()?).ok()?;
    let in_kafka = facts.failures.kind == "kafka";
    in_kafka.then(|| format!("nerodia replay {config} --dry-run"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::failures::LastFailure;

    fn facts(config: Option<&str>) -> PipelineFacts {
        PipelineFacts {
            config: config.map(str::to_owned),
            ..PipelineFacts::default()
        }
    }

    fn group(topic: Option<&str>, payload: Option<&str>) -> FailureGroup {
        FailureGroup {
            kind: "E".into(),
            script: None,
            processor: None,
            count: 1,
            first_at_ms: 0,
            last: LastFailure {
                at_ms: 0,
                message: String::new(),
                topic: topic.map(str::to_owned),
                partition: 3,
                offset: 41,
                file: None,
                line: None,
                text: String::new(),
                traceback: String::new(),
                attempts: 1,
                payload: payload.map(str::to_owned),
            },
            command: None,
        }
    }

    #[test]
    fn a_message_in_kafka() {
        assert_eq!(
            try_last(&facts(Some("my orders.yaml")), &group(Some("orders"), None)).as_deref(),
            Some(
                "nerodia try 'my orders.yaml' --from-kafka orders --partition 3 --offset 41 --count 1"
            )
        );
    }

    #[test]
    fn a_line_of_a_file() {
        let mut group = group(None, None);
        group.last.file = Some("logs/a b.jsonl".into());
        group.last.line = Some(7);
        assert_eq!(
            try_last(&facts(Some("o.yaml")), &group).as_deref(),
            Some("sed -n 7p 'logs/a b.jsonl' | nerodia try o.yaml")
        );
    }

    #[test]
    fn a_line_that_is_shown_in_full() {
        let command =
            |payload: Option<&str>| try_last(&facts(Some("o.yaml")), &group(None, payload));
        assert_eq!(
            command(Some("it's $HOME")).as_deref(),
            Some(r#"echo "it's "'$HOME' | nerodia try o.yaml"#)
        );
        for hidden in [None, Some("{\"a\": …"), Some("\u{fffd}"), Some("a\nb")] {
            assert_eq!(command(hidden), None, "{hidden:?}");
        }
        assert_eq!(try_last(&facts(None), &group(Some("orders"), None)), None);
        let mut generated = facts(Some("o.yaml"));
        generated.input.kind = "generate".into();
        assert_eq!(try_last(&generated, &group(None, Some(""))), None);
    }

    #[test]
    fn dead_letters_in_kafka_can_be_replayed() {
        let mut facts = facts(Some("o.yaml"));
        assert_eq!(replay(&facts), None);
        facts.failures.kind = "kafka".into();
        assert_eq!(
            replay(&facts).as_deref(),
            Some("nerodia replay o.yaml --dry-run")
        );
    }
}
