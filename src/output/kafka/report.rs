//! Reports about records that were not written.

use rdkafka::Message as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;

use super::record::Composed;
use super::sent::Ticket;
use super::size;
use crate::kafka::header;

/// Report about a record that was not written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeliveryReport {
    /// Index in the slice of the record's message.
    pub message: usize,
    /// Index of the record among the message's records.
    pub record: usize,
    /// Topic of the record.
    pub topic: String,
    /// Partition, if one was already chosen.
    pub partition: Option<i32>,
    /// Whether the record has a key.
    pub has_key: bool,
    /// Timestamp; `None` for the time of writing.
    pub timestamp: Option<i64>,
    /// Size of the record, as `size::alone` counts.
    pub bytes: usize,
    /// Reason why the record was not written.
    pub code: RDKafkaErrorCode,
    /// Text of the reason.
    pub text: String,
}

impl DeliveryReport {
    /// Creates the report about a record whose delivery failed.
    pub(crate) fn of_delivery(
        ticket: &Ticket,
        error: &KafkaError,
        sent: &BorrowedMessage<'_>,
    ) -> Self {
        let (mut count, mut headers) = (0, 0);
        header::for_each(sent, |name, value| {
            count += 1;
            headers += size::header(name.len(), value.map(<[u8]>::len));
        });
        let key = sent.key().map(<[u8]>::len);
        let payload = sent.payload().map(<[u8]>::len);
        Self {
            message: ticket.message as usize,
            record: ticket.record as usize,
            topic: sent.topic().to_owned(),
            partition: (sent.partition() >= 0).then_some(sent.partition()),
            has_key: key.is_some(),
            timestamp: ticket.timestamp,
            bytes: size::alone(key, payload, count, headers),
            code: code_of(error),
            text: code_of(error).to_string(),
        }
    }

    /// Creates the report about a record that librdkafka did not accept.
    pub(crate) fn of_sending(
        message: usize,
        record: usize,
        error: &KafkaError,
        composed: &Composed<'_>,
    ) -> Self {
        let code = code_of(error);
        Self {
            message,
            record,
            topic: composed.topic.to_owned(),
            partition: composed.partition,
            has_key: composed.key.is_some(),
            timestamp: composed.timestamp,
            bytes: composed.bytes,
            code,
            text: code.to_string(),
        }
    }
}

fn code_of(error: &KafkaError) -> RDKafkaErrorCode {
    error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)
}
