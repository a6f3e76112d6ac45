//! Verdicts on records that were not written, from the reports about them.
//!
//! A broker accepts or refuses a batch as a whole. Since Kafka 2.4 it names the records because of which it refused the
//! batch, and librdkafka reports of the others that another record is to blame (`InvalidDifferentRecord`). For a single
//! bad record, librdkafka reports the broker's code. For several in a batch, librdkafka reports `InvalidRecord`,
//! whatever the reasons are. It keeps the broker's text, but frees it before the report is read
//! (`rd_kafka_message_produce_errstr`, librdkafka 2.12), so that text must not be read: `DeliveryReport::text` is
//! librdkafka's own text for the code. Apart from the size, brokers check two things of each record: whether a
//! compacted topic's record has a key, and the timestamp. So a record with a key has a bad timestamp. A record without
//! one is sent again alone; the new report shows the fault. If a batch is too large, and with older brokers, nothing
//! tells the records apart.

use std::collections::HashSet;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::report::DeliveryReport;
use crate::message::Failure;

/// Fault for which a broker refuses a record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// The topic is compacted, and the record has no key.
    Keyless,
    /// The timestamp is too far in the past or in the future.
    Timestamp,
    /// The record is too large.
    Size,
    /// The reason is known only to the broker.
    Other,
    /// The topic, which the script chose, does not exist any more.
    NoTopic,
    /// The user may not write to the topic that the script chose.
    NotAllowed,
}

/// Verdict on a record that was not written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// The record's message fails.
    Refused(Fault),
    /// The record is sent again: another record of its batch is to blame, or an earlier record was refused.
    Again,
    /// The record is sent again, alone: it is not known which record of the batch was refused, or why.
    Alone,
    /// The record is sent again, alone: it or another record of its batch was too large, or all of them together. If
    /// none is too large alone, batches are smaller from then on.
    AloneForSize,
    /// The record is sent again, in smaller batches: too many others were refused with it to send each of them alone.
    Smaller,
    /// Nothing can be written any more.
    End,
}

/// Circumstances in which the records were sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending<'a> {
    /// Topic of the output itself.
    pub own: &'a str,
    /// Whether the producer gave up because a batch was refused or because it has no broker left, so that its other
    /// records are to be sent again.
    pub stopped: bool,
    /// Whether each record had a batch of its own.
    pub alone: bool,
    /// Largest size of batches with several records.
    pub batch_bytes: usize,
}

/// Largest number of records of a too large batch that are sent one by one. If there are more, probably the batch as a
/// whole was too large.
const FEW: usize = 32;

/// Decides about each of these records, which are all that were reported since the last time.
pub(super) fn judge(reports: &[&DeliveryReport], sending: Sending<'_>) -> Vec<Verdict> {
    let place = |report: &DeliveryReport| (report.topic.clone(), report.partition);
    // Partitions of whose batch the broker named the bad records.
    let told_apart: HashSet<_> = reports
        .iter()
        .filter(|report| report.code == Code::InvalidDifferentRecord)
        .map(|report| place(report))
        .collect();
    let are_at_most = |most: usize, one: &DeliveryReport| {
        let same = |other: &&&DeliveryReport| {
            (other.code, &other.topic, other.partition) == (one.code, &one.topic, one.partition)
        };
        reports.iter().filter(same).nth(most).is_none()
    };
    let is_only = |one: &DeliveryReport| are_at_most(1, one);
    let verdict = |report: &&DeliveryReport| match report.code {
        // A topic that is deleted takes its queue along, with the records in it (`rd_kafka_toppar_destroy_final`,
        // librdkafka 2.12). None of them was sent. Sent again, they meet the topic that is gone, and that is what
        // counts.
        Code::InvalidDifferentRecord | Code::BrokerDestroy => Verdict::Again,
        Code::MessageSizeTooLarge => {
            if sending.alone || report.bytes >= sending.batch_bytes || is_only(report) {
                Verdict::Refused(Fault::Size)
            } else if are_at_most(FEW, report) {
                Verdict::AloneForSize
            } else {
                Verdict::Smaller
            }
        }
        Code::InvalidRecord | Code::InvalidTimestamp => {
            let single = sending.alone || is_only(report);
            match fault(report, single) {
                Some(fault) if single || told_apart.contains(&place(report)) => {
                    Verdict::Refused(fault)
                }
                _ => Verdict::Alone,
            }
        }
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition
            if report.topic != sending.own =>
        {
            Verdict::Refused(Fault::NoTopic)
        }
        Code::TopicAuthorizationFailed if report.topic != sending.own => {
            Verdict::Refused(Fault::NotAllowed)
        }
        code if is_final(code) => Verdict::End,
        _ if sending.stopped => Verdict::Again,
        _ => Verdict::End,
    };
    reports.iter().map(verdict).collect()
}

/// Returns whether an error stays however often a write is repeated, whatever is written.
pub(super) fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
    )
}

/// Returns the fault for which a broker refused a record, or `None` if that is unknown. The record is `single` if no
/// other record of its batch was refused.
fn fault(report: &DeliveryReport, single: bool) -> Option<Fault> {
    match (report.code, report.has_key) {
        (Code::InvalidTimestamp, _) => Some(Fault::Timestamp),
        (_, false) if single => Some(Fault::Keyless),
        (_, true) if single => Some(Fault::Other),
        (_, true) => Some(Fault::Timestamp),
        (_, false) => None,
    }
}

/// Returns whether a refused dead letter can be changed so that its topic accepts it.
pub(super) fn can_be_mended(fault: &Fault, report: &DeliveryReport) -> bool {
    match fault {
        Fault::Size => true,
        Fault::Keyless => !report.has_key,
        // The time of writing replaces it.
        Fault::Timestamp => report.timestamp.is_some(),
        Fault::Other | Fault::NoTopic | Fault::NotAllowed => false,
    }
}

/// Returns the failure of a message with a refused record.
pub(super) fn failure(fault: &Fault, report: &DeliveryReport) -> Failure {
    let DeliveryReport {
        topic,
        text,
        timestamp,
        bytes,
        ..
    } = report;
    let (kind, message) = match fault {
        Fault::Keyless => (
            "InvalidRecord",
            format!("the topic `{topic}` is compacted and takes no message without a key"),
        ),
        Fault::Timestamp => {
            let timestamp = timestamp.map_or("of writing".to_owned(), |one| one.to_string());
            (
                "InvalidTimestamp",
                format!("the topic `{topic}` does not take the timestamp {timestamp}: {text}"),
            )
        }
        Fault::Size => (
            "TooLarge",
            format!("the record has {bytes} bytes, which the topic `{topic}` does not take"),
        ),
        Fault::Other => (
            "InvalidRecord",
            format!("the topic `{topic}` does not take the record: {text}"),
        ),
        Fault::NoTopic => (
            "UnknownTopic",
            format!("the script chose the topic `{topic}`, which does not exist any more"),
        ),
        Fault::NotAllowed => (
            "TopicNotAllowed",
            format!("the script chose the topic `{topic}`, which the user may not write to"),
        ),
    };
    Failure::new(kind, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDING: Sending<'_> = Sending {
        own: "out",
        stopped: true,
        alone: false,
        batch_bytes: 1000,
    };

    fn report(code: Code) -> DeliveryReport {
        DeliveryReport {
            message: 0,
            record: 0,
            topic: "out".into(),
            partition: Some(0),
            has_key: true,
            timestamp: Some(5),
            bytes: 100,
            code,
            text: "Broker: no".into(),
        }
    }

    #[track_caller]
    fn assert(reports: &[DeliveryReport], sending: Sending<'_>, expected: &[Verdict]) {
        let reports: Vec<&DeliveryReport> = reports.iter().collect();
        assert_eq!(judge(&reports, sending), expected);
    }

    #[test]
    fn one_bad_record_and_its_company() {
        let others = report(Code::InvalidDifferentRecord);
        let behind = [Code::PurgeQueue, Code::OutOfOrderSequenceNumber].map(report);
        for (code, fault) in [
            (Code::InvalidRecord, Fault::Other),
            (Code::InvalidTimestamp, Fault::Timestamp),
        ] {
            let all = [
                others.clone(),
                report(code),
                others.clone(),
                behind[0].clone(),
                behind[1].clone(),
            ];
            let again = Verdict::Again;
            let expected = [
                again.clone(),
                Verdict::Refused(fault),
                again.clone(),
                again.clone(),
                again,
            ];
            assert(&all, SENDING, &expected);
        }
    }

    /// librdkafka reports all of them as `InvalidRecord`.
    #[test]
    fn of_several_bad_records_of_a_batch_those_without_a_key_are_sent_alone() {
        let keyless = DeliveryReport {
            has_key: false,
            ..report(Code::InvalidRecord)
        };
        let all = [
            keyless.clone(),
            report(Code::InvalidRecord),
            report(Code::InvalidDifferentRecord),
        ];
        let expected = [
            Verdict::Alone,
            Verdict::Refused(Fault::Timestamp),
            Verdict::Again,
        ];
        assert(&all, SENDING, &expected);
        let refused = Verdict::Refused(Fault::Keyless);
        assert(&[keyless], SENDING, &[refused]);
    }

    /// All records of a batch are refused, or the broker is an old one: no record is refused for what another may be to
    /// blame for.
    #[test]
    fn where_nothing_tells_them_apart_each_is_sent_alone() {
        let all = [report(Code::InvalidRecord), report(Code::InvalidRecord)];
        assert(&all, SENDING, &[Verdict::Alone, Verdict::Alone]);
        let alone = Sending {
            alone: true,
            ..SENDING
        };
        let refused = Verdict::Refused(Fault::Other);
        assert(&all, alone, &[refused.clone(), refused.clone()]);
        // Another partition has another batch.
        let other = DeliveryReport {
            partition: Some(1),
            ..report(Code::InvalidRecord)
        };
        assert(
            &[report(Code::InvalidRecord), other],
            SENDING,
            &[refused.clone(), refused],
        );
    }

    #[test]
    fn too_large_a_record_or_too_large_a_batch() {
        let small = report(Code::MessageSizeTooLarge);
        let large = DeliveryReport {
            bytes: 1000,
            ..small.clone()
        };
        let refused = Verdict::Refused(Fault::Size);
        assert(
            std::slice::from_ref(&small),
            SENDING,
            std::slice::from_ref(&refused),
        );
        let all = [small.clone(), small, large];
        assert(
            &all,
            SENDING,
            &[Verdict::AloneForSize, Verdict::AloneForSize, refused],
        );
    }

    /// A batch of thousands of records is probably too large itself, and it would take long to send each alone.
    #[test]
    fn of_a_batch_of_many_records_nobody_looks_for_one_that_is_too_large() {
        let many = vec![report(Code::MessageSizeTooLarge); FEW + 1];
        assert(&many, SENDING, &vec![Verdict::Smaller; FEW + 1]);
        assert(&many[..FEW], SENDING, &vec![Verdict::AloneForSize; FEW]);
        // Another partition has another batch.
        let mut parted = many;
        parted[0].partition = Some(1);
        let mut expected = vec![Verdict::AloneForSize; FEW + 1];
        expected[0] = Verdict::Refused(Fault::Size);
        assert(&parted, SENDING, &expected);
    }

    /// Seen when a chosen topic was deleted while a record for it was being queued: the output ended.
    #[test]
    fn a_record_whose_queue_is_gone_is_sent_again() {
        for stopped in [false, true] {
            let sending = Sending { stopped, ..SENDING };
            assert(&[report(Code::BrokerDestroy)], sending, &[Verdict::Again]);
        }
    }

    #[test]
    fn topics_that_scripts_chose_cost_a_message_and_the_outputs_own_ends_it() {
        for (code, fault) in [
            (Code::UnknownTopicOrPartition, Fault::NoTopic),
            (Code::UnknownTopic, Fault::NoTopic),
            (Code::UnknownPartition, Fault::NoTopic),
            (Code::TopicAuthorizationFailed, Fault::NotAllowed),
        ] {
            let own = report(code);
            let chosen = DeliveryReport {
                topic: "chosen".into(),
                ..own.clone()
            };
            assert(
                &[own, chosen],
                SENDING,
                &[Verdict::End, Verdict::Refused(fault)],
            );
        }
        assert(
            &[report(Code::ClusterAuthorizationFailed)],
            SENDING,
            &[Verdict::End],
        );
        let going = Sending {
            stopped: false,
            ..SENDING
        };
        assert(&[report(Code::InvalidRequiredAcks)], going, &[Verdict::End]);
    }
}
