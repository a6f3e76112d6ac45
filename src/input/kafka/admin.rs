//! Requests that librdkafka supports and `rdkafka` 0.39 does not expose: the ids of topics, which block until a broker
//! answers (the [scout](super::scout)'s thread asks), and the beginning of a partition.
//!
//! No request here goes to a group's coordinator. If such a request gets no answer because brokers are away, it leaves
//! an internal request of librdkafka 2.12 (`rd_kafka_coord_req`) without time limit, for which the end of its client
//! may wait for ever.

use std::ffi::{CStr, CString, c_char, c_int};
use std::slice;
use std::time::Duration;

use rdkafka::bindings::*;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, KafkaResult};

use crate::kafka::consumer::Consumer;

/// Id of a topic. A topic that is deleted and created again under the same name has another id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TopicId(i64, i64);

/// Returns the ids of those of `topics` that exist.
///
/// # Errors
/// If Kafka does not answer within `patience`.
pub(super) fn topic_ids<'a>(
    consumer: &Consumer,
    topics: impl Iterator<Item = &'a str>,
    patience: Duration,
) -> KafkaResult<Vec<(String, TopicId)>> {
    let names: Vec<CString> = topics.filter_map(|name| CString::new(name).ok()).collect();
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let question = Question::new(
        consumer,
        rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        patience,
    );
    // SAFETY: librdkafka copies the names into the collection, and the collection into the request, before each call
    // returns. The answer's data is read before the answer is dropped, and its pointers are checked.
    unsafe {
        let collection =
            rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        rd_kafka_DescribeTopics(
            question.client,
            collection,
            question.options,
            question.queue,
        );
        rd_kafka_TopicCollection_destroy(collection);
        let answer = question.answer()?;
        let result = rd_kafka_event_DescribeTopics_result(answer.0);
        if result.is_null() {
            return Err(unexpected());
        }
        let mut count = 0;
        let topics = rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        let mut ids = Vec::new();
        for &topic in array(topics, count) {
            let id = rd_kafka_TopicDescription_topic_id(topic);
            if rd_kafka_error_code(rd_kafka_TopicDescription_error(topic)) != OK || id.is_null() {
                continue;
            }
            let name = CStr::from_ptr(rd_kafka_TopicDescription_name(topic));
            ids.push((
                name.to_string_lossy().into_owned(),
                TopicId(
                    rd_kafka_Uuid_most_significant_bits(id),
                    rd_kafka_Uuid_least_significant_bits(id),
                ),
            ));
        }
        Ok(ids)
    }
}

/// Returns the offset of a partition's oldest record according to the last fetch response that contained records. Sends
/// no request.
pub(super) fn oldest(consumer: &Consumer, topic: &str, partition: i32) -> Option<i64> {
    let topic = CString::new(topic).ok()?;
    let (mut low, mut high) = (-1, -1);
    // SAFETY: the client lives as long as the consumer; the text and both numbers outlive the call.
    let error = unsafe {
        rd_kafka_get_watermark_offsets(
            consumer.client().native_ptr(),
            topic.as_ptr(),
            partition,
            &raw mut low,
            &raw mut high,
        )
    };
    (error == OK && low >= 0).then_some(low)
}

const OK: rd_kafka_resp_err_t = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;

fn unexpected() -> KafkaError {
    KafkaError::AdminOp(rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__FAIL.into())
}

/// Returns a slice of `count` items from `first` on.
///
/// # Safety
/// The items must be valid for as long as the slice is used, unless `count` is 0.
unsafe fn array<'a, T>(first: *const T, count: usize) -> &'a [T] {
    if first.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts(first, count) }
}

/// Resources of one request: a queue for its answer, and options with its time limit. Must not outlive its consumer.
struct Question<'a> {
    client: *mut rd_kafka_t,
    queue: *mut rd_kafka_queue_t,
    options: *mut rd_kafka_AdminOptions_t,
    patience: Duration,
    _consumer: &'a Consumer,
}

impl<'a> Question<'a> {
    fn new(consumer: &'a Consumer, kind: rd_kafka_admin_op_t, patience: Duration) -> Self {
        let client = consumer.client().native_ptr();
        let mut text = [0; 128];
        // SAFETY: the client lives as long as the consumer, which is borrowed. Queue and options belong to this value.
        // The text has the length that is given.
        unsafe {
            let options = rd_kafka_AdminOptions_new(client, kind);
            rd_kafka_AdminOptions_set_request_timeout(
                options,
                milliseconds(patience),
                text.as_mut_ptr(),
                text.len(),
            );
            Self {
                client,
                queue: rd_kafka_queue_new(client),
                options,
                patience,
                _consumer: consumer,
            }
        }
    }

    /// Waits for the answer.
    fn answer(&self) -> KafkaResult<Answer> {
        // The request has the same limit and normally fails by itself; this wait is for an answer that never comes.
        let patience = milliseconds(self.patience + Duration::from_secs(1));
        // SAFETY: the queue is this value's. The event belongs to the answer, which destroys it.
        let (answer, error) = unsafe {
            let event = rd_kafka_queue_poll(self.queue, patience);
            if event.is_null() {
                let late = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__TIMED_OUT;
                return Err(KafkaError::AdminOp(late.into()));
            }
            (Answer(event), rd_kafka_event_error(event))
        };
        if error == OK {
            Ok(answer)
        } else {
            Err(KafkaError::AdminOp(error.into()))
        }
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        // SAFETY: both were made for this value and are destroyed once. If an answer comes later, its queue is gone,
        // which librdkafka allows.
        unsafe {
            rd_kafka_AdminOptions_destroy(self.options);
            rd_kafka_queue_destroy(self.queue);
        }
    }
}

struct Answer(*mut rd_kafka_event_t);

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: the event belongs to this value.
        unsafe { rd_kafka_event_destroy(self.0) }
    }
}

fn milliseconds(time: Duration) -> c_int {
    time.as_millis().try_into().unwrap_or(c_int::MAX)
}
