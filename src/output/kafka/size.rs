//! Size of a record for Kafka, as brokers compare it with a topic's `max.message.bytes`.
//!
//! Brokers measure batches as they are sent. So the size of a record is that of a batch that contains only this record,
//! before compression. librdkafka fills batches with several records up to `batch.size`, which
//! [`client`](super::client) sets to the same limit: no batch is larger than the topic allows.

/// Bytes of a batch's header.
const BATCH: usize = 61;
/// Bytes of a record's attributes and of the differences of its timestamp and offset from the batch's own. Both
/// differences are 0 if the record is alone.
const FIXED: usize = 3;

/// Returns the bytes of a number in Kafka's variable-length encoding (zigzag, seven bits in each byte).
fn varint(number: usize) -> usize {
    let bits = usize::BITS - number.leading_zeros() + 1;
    bits.div_ceil(7) as usize
}

/// Returns the bytes of a value and the length before it. An absent value has the length -1.
fn sized(bytes: Option<usize>) -> usize {
    bytes.map_or(1, |bytes| varint(bytes) + bytes)
}

/// Returns the bytes of one header.
pub fn header(name: usize, value: Option<usize>) -> usize {
    sized(Some(name)) + sized(value)
}

/// Returns the bytes of a batch that contains one record with these sizes, and with `header_count` headers that take
/// `headers` bytes.
pub fn alone(
    key: Option<usize>,
    payload: Option<usize>,
    header_count: usize,
    headers: usize,
) -> usize {
    let body = FIXED + sized(key) + sized(payload) + varint(header_count) + headers;
    BATCH + varint(body) + body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_as_many_bytes_as_kafka_gives_them() {
        for (number, bytes) in [
            (0, 1),
            (63, 1),
            (64, 2),
            (8191, 2),
            (8192, 3),
            (1_048_575, 3),
            (1_048_576, 4),
        ] {
            assert_eq!(varint(number), bytes, "{number}");
        }
        assert_eq!(header(3, None), 1 + 3 + 1);
        assert_eq!(header(3, Some(64)), 1 + 3 + 2 + 64);
    }

    /// The smallest possible record makes a batch of 68 bytes, as in a broker's log.
    #[test]
    fn a_batch_of_one_record() {
        assert_eq!(alone(None, None, 0, 0), 61 + 1 + 6);
        assert_eq!(
            alone(Some(1), Some(100), 1, header(1, Some(1))),
            61 + 2 + 3 + 2 + 102 + 1 + 4
        );
    }
}
