//! What librdkafka can say and `rdkafka` 0.39 cannot ask: the ids of topics, all offsets that a group has committed, and
//! where a partition begins. The first two ask the brokers and block: the [scout](super::scout)'s thread does so.

use std::ffi::{CStr, CString, c_char, c_int};
use std::marker::PhantomData;
use std::ptr;
use std::slice;
use std::time::Duration;

use rdkafka::bindings::*;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};

use super::Consumer;

/// A topic's id: a topic that is deleted and made anew under its name has another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicId(i64, i64);

/// An offset that a group has committed, with its topic and partition.
pub type Committed = (String, i32, i64);

/// The ids of those of `topics` that there are.
///
/// # Errors
/// If Kafka does not answer in `patience`.
pub fn topic_ids<'a>(
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
    // returns. What the answer points to is read before the answer is dropped, and its pointers are checked.
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

/// All offsets that `group` has committed.
///
/// librdkafka asks the broker that it remembers as the group's coordinator, also when that one is gone (its issue 5511): a
/// `consumer` that was made for this question remembers none.
///
/// # Errors
/// If Kafka does not answer in `patience`, or refuses.
pub fn committed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    group: &str,
    patience: Duration,
) -> KafkaResult<Vec<Committed>> {
    let group = CString::new(group).map_err(KafkaError::Nul)?;
    let question = Question::new(
        consumer,
        rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
        patience,
    );
    // SAFETY: as above. No partitions stand for all of the group; the request is copied before the call returns.
    unsafe {
        let mut request = rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), ptr::null());
        rd_kafka_ListConsumerGroupOffsets(
            question.client,
            &raw mut request,
            1,
            question.options,
            question.queue,
        );
        rd_kafka_ListConsumerGroupOffsets_destroy(request);
        let answer = question.answer()?;
        let result = rd_kafka_event_ListConsumerGroupOffsets_result(answer.0);
        if result.is_null() {
            return Err(unexpected());
        }
        let mut count = 0;
        let groups = rd_kafka_ListConsumerGroupOffsets_result_groups(result, &raw mut count);
        let mut offsets = Vec::new();
        for &group in array(groups, count) {
            let code = rd_kafka_error_code(rd_kafka_group_result_error(group));
            if code != OK {
                return Err(KafkaError::OffsetFetch(code.into()));
            }
            let partitions = rd_kafka_group_result_partitions(group);
            if partitions.is_null() {
                continue;
            }
            for one in array((*partitions).elems, (*partitions).cnt as usize) {
                let topic = CStr::from_ptr(one.topic).to_string_lossy().into_owned();
                if one.err == OK && one.offset >= 0 {
                    offsets.push((topic, one.partition, one.offset));
                }
            }
        }
        Ok(offsets)
    }
}

/// The offset of the oldest record of a partition, as the last answer with records of it said. Does not ask.
pub fn oldest(consumer: &Consumer, topic: &str, partition: i32) -> Option<i64> {
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

/// `count` items from `first` on.
///
/// # Safety
/// They must be there for as long as the slice is used, unless there are none.
unsafe fn array<'a, T>(first: *const T, count: usize) -> &'a [T] {
    if first.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts(first, count) }
}

/// What a question needs: a queue for its answer, and options with its time limit. Lives less long than its consumer.
struct Question<'a> {
    client: *mut rd_kafka_t,
    queue: *mut rd_kafka_queue_t,
    options: *mut rd_kafka_AdminOptions_t,
    patience: Duration,
    _consumer: PhantomData<&'a ()>,
}

impl<'a> Question<'a> {
    fn new<C: ConsumerContext>(
        consumer: &'a BaseConsumer<C>,
        kind: rd_kafka_admin_op_t,
        patience: Duration,
    ) -> Self {
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
            if kind == rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS {
                // An offset that a transaction is about to commit is waited for.
                let error = rd_kafka_AdminOptions_set_require_stable_offsets(options, 1);
                if !error.is_null() {
                    rd_kafka_error_destroy(error);
                }
            }
            Self {
                client,
                queue: rd_kafka_queue_new(client),
                options,
                patience,
                _consumer: PhantomData,
            }
        }
    }

    /// Waits for the answer.
    fn answer(&self) -> KafkaResult<Answer> {
        // The request has the same limit, so its own error is the rule; this is for an answer that never comes.
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
        // SAFETY: both were made for this value and are destroyed once. An answer that comes later finds no queue, which
        // librdkafka allows.
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
