//! Some messages of topics, to look at: read without joining a group and without committing.

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
use crate::kafka::link;
use crate::message::{Lane, LaneId, Message};

/// For so long nothing may come.
const PATIENCE: Duration = Duration::from_secs(15);

/// The last messages of topics, evenly from their partitions.
pub struct Sample {
    found: VecDeque<(Arc<Lane>, Message)>,
    /// Why there are not all that were wanted.
    trouble: Option<anyhow::Error>,
}

/// A partition, and the last messages that were found in it, in order.
struct Part {
    lane: Arc<Lane>,
    topic: String,
    partition: i32,
    found: VecDeque<Message>,
}

impl Sample {
    /// The last `count` messages of the topics of `config`, by consumers of its own. They assign themselves partitions
    /// and offsets: they join no group, so that none is disturbed, and keep no position.
    ///
    /// # Errors
    /// If Kafka does not tell what is in the topics.
    pub fn open(config: &KafkaInputConfig, count: u64) -> anyhow::Result<Self> {
        let config = KafkaInputConfig {
            // librdkafka wants a name, though nothing is done by it.
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
        for (topic, partition) in partitions {
            let (low, end) = consumer
                .fetch_watermarks(&topic, partition, PATIENCE)
                .with_context(|| format!("partition {partition} of `{topic}` cannot be read"))?;
            let lane = LaneId(parts.len() as u64);
            let lane = Lane::of_partition(lane, topic.as_str().into(), partition);
            spans.push(Span::new(low, end));
            parts.push(Part {
                lane: Arc::new(lane),
                topic,
                partition,
                found: VecDeque::new(),
            });
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

    /// The next message, and where it is from; `None` after the last.
    ///
    /// # Errors
    /// After the last one, if Kafka could not be read to the end.
    pub fn next_message(&mut self) -> anyhow::Result<Option<(Arc<Lane>, Message)>> {
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

/// How many messages were found in each.
fn found(parts: &[Part]) -> Vec<u64> {
    parts.iter().map(|part| part.found.len() as u64).collect()
}

fn connect(config: &KafkaInputConfig) -> anyhow::Result<Arc<BaseConsumer<Quiet>>> {
    let consumer = configure(config).create_with_context(Quiet);
    Ok(Arc::new(consumer.context("Kafka cannot be read")?))
}

/// A partition that is read, from when it is assigned until its stretch ends.
struct Reading<'a> {
    queue: PartitionQueue<Quiet>,
    part: &'a mut Part,
    end: i64,
    /// What came, to be put before what was found behind it.
    came: VecDeque<Message>,
    ended: bool,
}

/// Reads a stretch of some of `parts`, and puts the last `most` messages of each before those that it has.
fn read(
    config: &KafkaInputConfig,
    parts: &mut [Part],
    stretches: Vec<Option<Range<i64>>>,
    most: u64,
) -> anyhow::Result<()> {
    // A new one each time, so that nothing of the stretch before is in its queues.
    let consumer = connect(config)?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut assignment = TopicPartitionList::new();
    let mut readings = Vec::new();
    for (part, stretch) in parts.iter_mut().zip(stretches) {
        let Some(Range { start, end }) = stretch else {
            continue;
        };
        assignment.add_partition_offset(&part.topic, part.partition, Offset::Offset(start))?;
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
            // Messages come by the queues of their partitions; here, what is said of all.
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

    /// Takes what is there of its stretch; whether anything was.
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
                // The next message lies behind the stretch, or there is none: what is left of it are markers of
                // transactions, or messages of one that is open.
                Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => self.ended = true,
                // Connections mend by themselves, if they do.
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

/// The context of consumers that look at some messages: what they meet is told when nothing comes. The end of a
/// partition is an error to librdkafka.
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
