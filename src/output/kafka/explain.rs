//! Explanations, for people, why an output cannot continue: what was refused, for which topic, and what to do.

use rdkafka::error::RDKafkaErrorCode as Code;

use crate::kafka::link::Complaint;

/// Explains why `topic` cannot be written to. `partition` is the one that the config names, and `complaint` the
/// client's last complaint.
pub fn explain(
    code: Code,
    topic: &str,
    partition: Option<i32>,
    complaint: Option<Complaint>,
) -> String {
    let cannot = format!("cannot write to the topic `{topic}`");
    // An idempotent producer that is refused is of no use any more, and gives the reason only in words.
    let refused = |complaint: &Complaint| complaint.reason.contains("Cluster authorization failed");
    let code = match code {
        Code::Fatal | Code::PurgeQueue | Code::PurgeInflight
            if complaint.as_ref().is_some_and(refused) =>
        {
            Code::ClusterAuthorizationFailed
        }
        code => code,
    };
    match (code, partition) {
        (Code::UnknownPartition, Some(partition)) => format!(
            "{cannot}: it has no partition {partition}, or does not exist. Correct the output's `partition`, or create \
             the topic"
        ),
        (Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition, _) => {
            format!("{cannot}: it does not exist. Create it, or correct its name")
        }
        (Code::TopicAuthorizationFailed, _) => {
            format!(
                "{cannot}: the user may not. Give that user the permission to write it, or correct `sasl`"
            )
        }
        (Code::ClusterAuthorizationFailed, _) => format!(
            "{cannot}: the user may not write idempotently. Give that user the permission to write so, or set the output's \
             `idempotent_write: false`"
        ),
        (Code::Fatal | Code::PurgeQueue | Code::PurgeInflight, _) => {
            let reason = complaint.map_or_else(|| code.to_string(), |complaint| complaint.reason);
            format!("{cannot}: the Kafka producer cannot go on: {reason}")
        }
        (code, _) => format!("{cannot}: {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_is_gone_is_not_a_wrong_partition() {
        let gone = explain(Code::UnknownPartition, "out", None, None);
        assert_eq!(
            gone,
            "cannot write to the topic `out`: it does not exist. Create it, or correct its name"
        );
        let wrong = explain(Code::UnknownPartition, "out", Some(7), None);
        assert!(wrong.contains("it has no partition 7"), "{wrong}");
    }

    #[test]
    fn a_fatal_error_says_what_the_client_said() {
        let complaint = |reason: &str| {
            let (code, reason) = (Code::Fatal, reason.to_owned());
            Some(Complaint { code, reason })
        };
        let fatal = explain(Code::Fatal, "out", None, complaint("it broke"));
        assert!(
            fatal.ends_with("the Kafka producer cannot go on: it broke"),
            "{fatal}"
        );
        let refused = complaint("Fatal error: Cluster authorization failed");
        let refused = explain(Code::PurgeQueue, "out", None, refused);
        assert!(refused.contains("may not write idempotently"), "{refused}");
    }
}
