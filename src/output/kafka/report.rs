//! What a delivery report says of a record that was not written.

use rdkafka::Message as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;

use super::record::Composed;
use super::sent::Ticket;
use super::size;
use crate::kafka::header;

/// A record that was not written.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The message that it was made from, by its index in the slice.
    pub message: usize,
    /// Which of the message's records it is.
    pub record: usize,
    /// Where it was to go.
    pub topic: String,
    /// The partition, if one was chosen already.
    pub partition: Option<i32>,
    /// Whether it has a key.
    pub has_key: bool,
    /// Its timestamp; `None` for the time of writing.
    pub timestamp: Option<i64>,
    /// How large it is, as `size::alone` counts.
    pub bytes: usize,
    /// Why it was not written.
    pub code: RDKafkaErrorCode,
    /// The same in words.
    pub text: String,
}

impl Report {
    /// Of a record whose delivery failed.
    pub fn of_delivery(ticket: &Ticket, error: &KafkaError, sent: &BorrowedMessage<'_>) -> Self {
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

    /// Of a record that librdkafka did not take.
    pub fn of_sending(
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
