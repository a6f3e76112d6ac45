//! Some messages of topics, to look at: read without joining a group and without committing.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::batch::Draft;
use super::configure;
use crate::config::{Extent, KafkaInputConfig};
use crate::message::{Lane, Message, Origin};

/// For so long nothing may come.
const PATIENCE: Duration = Duration::from_secs(15);

/// The last messages of topics, evenly from their partitions.
pub struct Sample {
    consumer: BaseConsumer,
    /// Partitions that are not read to their end yet: where messages end that are wanted.
    open: HashMap<(String, i32), Wanted>,
}

struct Wanted {
    origin: Arc<Origin>,
    end: i64,
}

impl Sample {
    /// The last `count` messages of the topics of `config`, by a consumer of its own. It assigns itself partitions and
    /// offsets: it joins no group, so that none is disturbed, and keeps no position.
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
        let consumer: BaseConsumer = configure(&config)
            .create()
            .context("Kafka cannot be read")?;
        let mut stretches = Vec::new();
        for (topic, partition) in partitions(&consumer, &config.topics)? {
            let (begin, end) = consumer
                .fetch_watermarks(&topic, partition, PATIENCE)
                .with_context(|| format!("partition {partition} of `{topic}` cannot be read"))?;
            if end > begin {
                stretches.push((topic, partition, begin, end));
            }
        }
        let there: Vec<u64> = stretches
            .iter()
            .map(|&(_, _, begin, end)| (end - begin) as u64)
            .collect();
        let mut assignment = TopicPartitionList::new();
        let mut open = HashMap::new();
        for ((topic, partition, _, end), share) in stretches.into_iter().zip(shares(&there, count))
        {
            if share == 0 {
                continue;
            }
            let begin = Offset::Offset(end - share as i64);
            assignment.add_partition_offset(&topic, partition, begin)?;
            let lane = Lane(open.len() as u64);
            let origin = Origin::of_partition(lane, topic.as_str().into(), partition);
            let origin = Arc::new(origin);
            open.insert((topic, partition), Wanted { origin, end });
        }
        consumer
            .assign(&assignment)
            .context("Kafka cannot be read")?;
        Ok(Self { consumer, open })
    }

    /// The next message, and where it is from; `None` after the last.
    ///
    /// # Errors
    /// If Kafka cannot be read.
    pub fn next_message(&mut self) -> anyhow::Result<Option<(Arc<Origin>, Message)>> {
        let since = Instant::now();
        let mut trouble = None;
        while !self.open.is_empty() {
            match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    let partition = (message.topic().to_owned(), message.partition());
                    let Some(Wanted { origin, end }) = self.open.get(&partition) else {
                        continue;
                    };
                    let (origin, end) = (Arc::clone(origin), *end);
                    if message.offset() + 1 >= end {
                        self.open.remove(&partition);
                    }
                    if message.offset() < end {
                        let mut draft = Draft::default();
                        draft.push(&message);
                        return Ok(draft.finish().pop().map(|message| (origin, message)));
                    }
                }
                // What is left are markers of transactions. It is not said of which topic: one that is not at its
                // end tells so again.
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.close_ended(partition);
                }
                // Connections mend by themselves, if they do.
                Some(Err(error)) => trouble = Some(error),
                None => {}
            }
            if since.elapsed() > PATIENCE {
                let trouble = trouble.map_or_else(String::new, |error| format!(": {error}"));
                anyhow::bail!(
                    "nothing came from Kafka for {} s{trouble}",
                    PATIENCE.as_secs()
                );
            }
        }
        Ok(None)
    }

    fn close_ended(&mut self, number: i32) {
        let Ok(position) = self.consumer.position() else {
            return;
        };
        self.open.retain(|(topic, partition), wanted| {
            let at = position.find_partition(topic, *partition);
            let at_end = at.is_some_and(
                |at| matches!(at.offset(), Offset::Offset(offset) if offset >= wanted.end),
            );
            *partition != number || !at_end
        });
    }
}

/// All partitions of `topics`: names, or expressions that begin with `^`.
fn partitions(consumer: &BaseConsumer, topics: &[String]) -> anyhow::Result<Vec<(String, i32)>> {
    let metadata = consumer
        .fetch_metadata(None, PATIENCE)
        .context("Kafka does not tell its topics")?;
    let expressions = topics.iter().filter(|topic| topic.starts_with('^'));
    let expressions = expressions
        .map(|topic| regex::Regex::new(topic))
        .collect::<Result<Vec<_>, _>>()
        .context("name a topic with --from-kafka TOPIC")?;
    let is_wanted = |name: &str| {
        topics.iter().any(|topic| topic == name)
            || expressions
                .iter()
                .any(|expression| expression.is_match(name))
    };
    let wanted = metadata.topics().iter().filter(|one| is_wanted(one.name()));
    let partitions = wanted.flat_map(|topic| {
        let partitions = topic.partitions().iter();
        partitions.map(|partition| (topic.name().to_owned(), partition.id()))
    });
    Ok(partitions.collect())
}

/// `count`, as evenly as can be from partitions with so many messages each.
fn shares(there: &[u64], count: u64) -> Vec<u64> {
    let mut order: VecDeque<usize> = (0..there.len()).collect();
    order.make_contiguous().sort_by_key(|&index| there[index]);
    let mut shares = vec![0; there.len()];
    let mut left = count;
    // The one with the least first: what it cannot give, the others do.
    while let Some(index) = order.pop_front() {
        let others = order.len() as u64 + 1;
        shares[index] = there[index].min(left.div_ceil(others));
        left -= shares[index];
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_shares_of_what_is_there() {
        assert_eq!(shares(&[100, 100], 10), [5, 5]);
        assert_eq!(shares(&[100, 1, 0], 10), [9, 1, 0]);
        assert_eq!(shares(&[2, 3], 10), [2, 3]);
        assert_eq!(shares(&[100, 100, 100], 10).iter().sum::<u64>(), 10);
        assert_eq!(shares(&[100; 20], 1).iter().sum::<u64>(), 1);
        assert!(shares(&[], 10).is_empty());
    }
}
