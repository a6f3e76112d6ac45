//! Samples of topics: some messages to look at, read without joining a group and without committing.

mod plan;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::Message as _;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use self::plan::Span;
use super::batch::Draft;
use super::configure;
use super::topics::Topics;
use crate::config::{Extent, KafkaInputConfig};
use crate::kafka::{link, offsets};
use crate::message::{Lane, LaneId, Message};

/// Time without any message after which reading fails.
const PATIENCE: Duration = Duration::from_secs(15);

/// Last messages of topics, taken evenly from their partitions.
pub(crate) struct Sample {
    found: VecDeque<(Arc<Lane>, Message)>,
    /// Reason why there are fewer messages than requested.
    trouble: Option<anyhow::Error>,
}

/// Choice of messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    /// Partition to read; all if `None`.
    pub partition: Option<i32>,
    /// Offset of the first message; the last messages are read if `None`.
    pub offset: Option<i64>,
    /// Limit on the number of messages.
    pub count: u64,
}

/// Partition with the last messages that were found in it, in order.
struct Part {
    lane: Arc<Lane>,
    topic: String,
    partition: i32,
    found: VecDeque<Message>,
}

impl Choice {
    /// Returns the offsets in which to look for messages of a partition with these ends.
    fn span(&self, low: i64, end: i64) -> Span {
        let Some(offset) = self.offset else {
            return Span::new(low, end);
        };
        let count = i64::try_from(self.count).unwrap_or(i64::MAX);
        let past = offset.saturating_add(count);
        Span::new(offset.clamp(low, end), past.clamp(low, end))
    }

    /// Checks that a partition with these ends has the first message.
    fn check(&self, part: &Part, low: i64, end: i64) -> anyhow::Result<()> {
        let Some(offset) = self.offset else {
            return Ok(());
        };
        let Part {
            topic, partition, ..
        } = part;
        anyhow::ensure!(
            low < end,
            "partition {partition} of `{topic}` is empty: there is no offset {offset}"
        );
        anyhow::ensure!(
            (low..end).contains(&offset),
            "partition {partition} of `{topic}` has the offsets {low} to {}: there is no {offset}",
            end - 1
        );
        Ok(())
    }
}

impl Sample {
    /// Reads messages of the topics of `config`, with consumers of its own. These assign partitions and offsets to
    /// themselves: they join no group, so no group is disturbed, and store no position.
    ///
    /// # Errors
    /// If Kafka does not report what is in the topics, or there is no such partition or offset.
    pub(crate) fn open(config: &KafkaInputConfig, choice: Choice) -> anyhow::Result<Self> {
        let count = choice.count;
        let config = KafkaInputConfig {
            // librdkafka requires a group name, although nothing is done with it.
            consumer_group: format!("{}-try", config.consumer_group),
            instance_id: None,
            extent: Extent::ToEnd { commit: false },
            ..config.clone()
        };
        let consumer = connect(&config)?;
        let (mut parts, mut spans) = (Vec::new(), Vec::new());
        let topics = Topics::new(&config.topics).context("name a topic with --from-kafka TOPIC")?;
        let partitions = topics
            .partitions(&consumer, PATIENCE)
            .context("Kafka does not tell its topics")?;
        let chosen = |partition: i32| choice.partition.is_none_or(|only| only == partition);
        for (topic, partition) in partitions.into_iter().filter(|one| chosen(one.1)) {
            let (low, end) = consumer
                .fetch_watermarks(&topic, partition, PATIENCE)
                .with_context(|| format!("partition {partition} of `{topic}` cannot be read"))?;
            let lane = LaneId(parts.len() as u64);
            let lane = Lane::of_partition(lane, topic.as_str().into(), partition);
            spans.push(choice.span(low, end));
            let part = Part {
                lane: Arc::new(lane),
                topic,
                partition,
                found: VecDeque::new(),
            };
            choice.check(&part, low, end)?;
            parts.push(part);
        }
        if let (Some(partition), true) = (choice.partition, parts.is_empty()) {
            let topics = config.topics.join("`, `");
            anyhow::bail!("`{topics}` has no partition {partition}");
        }
        let mut trouble = None;
        loop {
            let missing = count.saturating_sub(found(&parts).iter().sum());
            let stretches = plan::next(&mut spans, missing);
            if stretches.iter().all(Option::is_none) {
                break;
            }
            if let Err(error) = read(&config, &mut parts, stretches, count) {
                trouble = Some(error);
                break;
            }
        }
        let shares = plan::shares(&found(&parts), count);
        let last = |(part, share): (Part, u64)| {
            let more = part.found.len() - share as usize;
            let mut messages = part.found;
            messages.drain(..more);
            let letters = config.letters;
            messages.into_iter().map(move |mut message| {
                if letters {
                    message.reopen();
                }
                (Arc::clone(&part.lane), message)
            })
        };
        let found = parts.into_iter().zip(shares).flat_map(last).collect();
        Ok(Self { found, trouble })
    }

    /// Returns the next message and its lane; `None` after the last message.
    ///
    /// # Errors
    /// After the last message, if Kafka could not be read to the end.
    pub(crate) fn next_message(&mut self) -> anyhow::Result<Option<(Arc<Lane>, Message)>> {
        match (self.found.pop_front(), self.trouble.take()) {
            (Some(found), trouble) => {
                self.trouble = trouble;
                Ok(Some(found))
            }
            (None, Some(trouble)) => Err(trouble),
            (None, None) => Ok(None),
        }
    }
}

/// Returns the number of messages that were found in each partition.
fn found(parts: &[Part]) -> Vec<u64> {
    parts.iter().map(|part| part.found.len() as u64).collect()
}

fn connect(config: &KafkaInputConfig) -> anyhow::Result<Arc<BaseConsumer<Quiet>>> {
    let consumer = configure(config).create_with_context(Quiet);
    Ok(Arc::new(consumer.context("Kafka cannot be read")?))
}

/// Partition that is being read, from its assignment until the end of its range.
struct Reading<'a> {
    queue: PartitionQueue<Quiet>,
    part: &'a mut Part,
    end: i64,
    /// Messages that came, to be put before those that were found after them.
    came: VecDeque<Message>,
    ended: bool,
}

/// Reads a range of some of `parts`, and puts the last `most` messages of each range before those that the part has.
fn read(
    config: &KafkaInputConfig,
    parts: &mut [Part],
    stretches: Vec<Option<Range<i64>>>,
    most: u64,
) -> anyhow::Result<()> {
    // A new consumer each time, so that its queues hold nothing of the range before.
    let consumer = connect(config)?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut assignment = TopicPartitionList::new();
    let mut readings = Vec::new();
    for (part, stretch) in parts.iter_mut().zip(stretches) {
        let Some(Range { start, end }) = stretch else {
            continue;
        };
        offsets::add(
            &mut assignment,
            &part.topic,
            part.partition,
            Offset::Offset(start),
        )?;
        let queue = consumer.split_partition_queue(&part.topic, part.partition);
        readings.push(Reading {
            queue: queue.context("Kafka cannot be read")?,
            part,
            end,
            came: VecDeque::new(),
            ended: false,
        });
    }
    consumer
        .assign(&assignment)
        .context("Kafka cannot be read")?;
    let result = Reading::all(&mut readings, &consumer, most);
    for Reading { part, mut came, .. } in readings {
        came.append(&mut part.found);
        part.found = came;
    }
    result
}

impl Reading<'_> {
    fn all(
        readings: &mut [Self],
        consumer: &BaseConsumer<Quiet>,
        most: usize,
    ) -> anyhow::Result<()> {
        let mut since = Instant::now();
        let mut trouble = None;
        while !readings.iter().all(|reading| reading.ended) {
            // Messages come by the queues of their partitions; this queue has only what concerns the whole consumer.
            if let Some(Err(error)) = consumer.poll(Duration::from_millis(10)) {
                trouble = Some(error);
            }
            for reading in readings.iter_mut() {
                let came = reading.take(most, &mut trouble);
                if came {
                    since = Instant::now();
                }
            }
            if since.elapsed() > PATIENCE {
                let trouble = trouble.map_or_else(String::new, |error| format!(": {error}"));
                anyhow::bail!(
                    "nothing came from Kafka for {} s{trouble}",
                    PATIENCE.as_secs()
                );
            }
        }
        Ok(())
    }

    /// Takes available messages of the range. Returns whether there were any.
    fn take(&mut self, most: usize, trouble: &mut Option<KafkaError>) -> bool {
        let mut any = false;
        while !self.ended {
            match self.queue.poll(Duration::ZERO) {
                Some(Ok(message)) if message.offset() < self.end => {
                    any = true;
                    self.ended = message.offset() + 1 == self.end;
                    let mut draft = Draft::default();
                    draft.push(&message);
                    self.came.extend(draft.finish());
                    if self.came.len() > most {
                        self.came.pop_front();
                    }
                }
                // The next message is after the range, or there is none: the rest of the range holds markers of
                // transactions, or messages of a transaction that is still open.
                Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => self.ended = true,
                // Clients restore their connections by themselves, if that is possible.
                Some(Err(error)) => {
                    *trouble = Some(error);
                    break;
                }
                None => break,
            }
        }
        any
    }
}

/// Context of consumers that only take samples. Errors are reported only if no message comes: to librdkafka even the
/// end of a partition is an error.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        link::log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("librdkafka: {error}: {reason}");
    }
}

impl ConsumerContext for Quiet {}
