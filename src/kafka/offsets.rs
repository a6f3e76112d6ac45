//! Lists of partitions with offsets.

use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

/// Adds a partition with an offset to `list`.
///
/// `rdkafka`'s own `add_partition_offset` looks for the partition that it has just added, from the beginning of the
/// list: a list of all partitions would take time that grows with their square.
///
/// # Errors
/// If no such offset can be in a list.
pub(crate) fn add(
    list: &mut TopicPartitionList,
    topic: &str,
    partition: i32,
    offset: Offset,
) -> KafkaResult<()> {
    list.add_partition(topic, partition).set_offset(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_what_was_added() {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in [
            (1, Offset::Offset(7)),
            (0, Offset::Stored),
            (2, Offset::Invalid),
        ] {
            add(&mut list, "orders", partition, offset).unwrap();
            let found = list.find_partition("orders", partition).unwrap();
            assert_eq!(found.offset(), offset);
        }
        assert_eq!(list.count(), 3);
        assert!(add(&mut list, "orders", 3, Offset::Offset(-1)).is_err());
    }
}
