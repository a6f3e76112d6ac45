//! A commit whose answer comes as an event.

use std::ptr;

use rdkafka::bindings::{
    rd_kafka_commit_queue, rd_kafka_queue_destroy, rd_kafka_queue_get_consumer,
    rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::Consumer;

/// Commits `offsets` without waiting. The answer comes to the context's `commit_callback` when the consumer is
/// polled.
///
/// `rdkafka`'s own asynchronous commit (0.39) never calls it: librdkafka answers such a commit only to a
/// callback in its configuration, and `rdkafka` sets none since it uses events. So this one names the
/// queue that is to have the answer.
pub fn commit(consumer: &Consumer, offsets: &TopicPartitionList) -> KafkaResult<()> {
    let client = consumer.client().native_ptr();
    // SAFETY: the client lives as long as the consumer. The queue is counted: this reference is given back,
    // and librdkafka keeps one of its own for the answer. The offsets are copied before the call returns.
    let error = unsafe {
        let queue = rd_kafka_queue_get_consumer(client);
        let error = rd_kafka_commit_queue(client, offsets.ptr(), queue, None, ptr::null_mut());
        rd_kafka_queue_destroy(queue);
        error
    };
    if error == RD_KAFKA_RESP_ERR_NO_ERROR {
        Ok(())
    } else {
        Err(KafkaError::ConsumerCommit(error.into()))
    }
}
