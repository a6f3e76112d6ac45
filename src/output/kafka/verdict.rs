//! What becomes of records that were not written, by what was reported of them.
//!
//! A broker takes a batch or refuses it as a whole. Since Kafka 2.4 it names the records that it refused it for, and
//! librdkafka reports of the others that they were in bad company (`InvalidDifferentRecord`). Of a single bad one it
//! gives the broker's code. Of several in a batch it gives `InvalidRecord`, whatever they are refused for, and keeps the
//! broker's words; but it frees these before the report is read (`rd_kafka_message_produce_errstr`, librdkafka 2.12), so
//! nobody may look at them. Brokers look at two things of a record alone, its key and its timestamp: where there is a
//! key, it is the timestamp, and where there is none, the record is sent again alone, which tells. For a batch that is
//! too large, and from older brokers, nothing tells the records apart.

use std::collections::HashSet;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::report::Report;
use crate::message::Failure;

/// What a broker has against one record.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// A compacted topic, and the record has no key.
    Keyless,
    /// The timestamp is too old, or lies too far ahead.
    Timestamp,
    /// The record is too large.
    Size,
    /// What the broker alone knows.
    Other,
    /// The topic, chosen by the script, is not there any more.
    NoTopic,
    /// The user may not write to the topic that the script has chosen.
    NotAllowed,
}

/// What becomes of a record that was not written.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The message fails that it was made from.
    Refused(Fault),
    /// It is sent again: it was in bad company, or behind a record that was refused.
    Again,
    /// It is sent again, alone: it or one beside it was refused.
    Alone,
    /// It is sent again, alone: it or one beside it was too large, or all of them together. If none is too large alone,
    /// batches are smaller from then on.
    AloneForSize,
    /// It is sent again, in smaller batches: it was refused with so many others that to send each alone would take long.
    Smaller,
    /// Nothing can be written any more.
    End,
}

/// How the records were sent.
#[derive(Debug, Clone, Copy)]
pub struct Sending<'a> {
    /// The output's own topic.
    pub own: &'a str,
    /// The producer gave up because a batch was refused: what comes behind it is to be sent again.
    pub stopped: bool,
    /// Each record had a batch of its own.
    pub alone: bool,
    /// Batches with several records were at most as large as this.
    pub batch_bytes: usize,
}

/// So many records of a batch that was too large are sent alone. With more, it is rather the batch than one of them.
const FEW: usize = 32;

/// What becomes of each of these records, all that were reported since the last time.
pub fn judge(reports: &[&Report], sending: Sending<'_>) -> Vec<Verdict> {
    let place = |report: &Report| (report.topic.clone(), report.partition);
    let told_apart: HashSet<_> = reports
        .iter()
        .filter(|report| report.code == Code::InvalidDifferentRecord)
        .map(|report| place(report))
        .collect();
    let are_at_most = |most: usize, one: &Report| {
        let same = |other: &&&Report| {
            (other.code, &other.topic, other.partition) == (one.code, &one.topic, one.partition)
        };
        reports.iter().filter(same).nth(most).is_none()
    };
    let is_only = |one: &Report| are_at_most(1, one);
    let verdict = |report: &&Report| match report.code {
        // A topic that is deleted takes its queue along, with the records in it (`rd_kafka_toppar_destroy_final`, librdkafka
        // 2.12). None of them was sent. Sent again, they meet the topic that is gone, and that is what counts.
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

/// What stays wrong however often it is tried, whatever is written.
pub fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
    )
}

/// What a broker has against a record. It is a `single` one if no other of its batch was refused. `None` if that cannot
/// be told.
fn fault(report: &Report, single: bool) -> Option<Fault> {
    match (report.code, report.has_key) {
        (Code::InvalidTimestamp, _) => Some(Fault::Timestamp),
        (_, false) if single => Some(Fault::Keyless),
        (_, true) if single => Some(Fault::Other),
        (_, true) => Some(Fault::Timestamp),
        (_, false) => None,
    }
}

/// Whether a dead letter that was refused can be made so that its topic takes it.
pub fn can_be_mended(fault: &Fault, report: &Report) -> bool {
    match fault {
        Fault::Size => true,
        Fault::Keyless => !report.has_key,
        // In its place comes the time of writing.
        Fault::Timestamp => report.timestamp.is_some(),
        Fault::Other | Fault::NoTopic | Fault::NotAllowed => false,
    }
}

/// The failure of a message one of whose records was refused.
pub fn failure(fault: &Fault, report: &Report) -> Failure {
    let Report {
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

    fn report(code: Code) -> Report {
        Report {
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
    fn assert(reports: &[Report], sending: Sending<'_>, expected: &[Verdict]) {
        let reports: Vec<&Report> = reports.iter().collect();
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

    /// librdkafka calls all of them `InvalidRecord`.
    #[test]
    fn of_several_bad_records_of_a_batch_those_without_a_key_are_sent_alone() {
        let keyless = Report {
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

    /// All of a batch are refused, or the broker is an old one: nobody is refused for what another may be to blame for.
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
        // In another partition there is another batch.
        let other = Report {
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
        let large = Report {
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

    /// A batch of thousands is rather too large itself, and to send each alone would take a while.
    #[test]
    fn of_a_batch_of_many_records_nobody_looks_for_one_that_is_too_large() {
        let many = vec![report(Code::MessageSizeTooLarge); FEW + 1];
        assert(&many, SENDING, &vec![Verdict::Smaller; FEW + 1]);
        assert(&many[..FEW], SENDING, &vec![Verdict::AloneForSize; FEW]);
        // In another partition there is another batch.
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
            let chosen = Report {
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
