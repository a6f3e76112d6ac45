//! Description of the consumer group for people: which member has which partition, and how far it is.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaResult;
use rdkafka::groups::GroupMemberInfo;
use rdkafka::topic_partition_list::Offset;

use super::scout::{self, Place};
use super::topics::Topics;
use super::unassigned::partitions_of;
use crate::config::KafkaInputConfig;
use crate::kafka::consumer::Consumer;
use crate::telemetry::group::{DescribeGroup, GroupPartition, GroupStats};

/// Time limit of one request. The end of the consumer waits for it.
const PATIENCE: Duration = Duration::from_secs(2);
/// Length of the unique end of a member's id: `-` and a UUID.
const UNIQUE: usize = 37;

/// Group of a consumer.
pub(super) struct Group {
    consumer: Weak<Consumer>,
    name: String,
    topics: Option<Topics>,
}

impl Group {
    /// Creates the description of the group in `config`.
    pub(super) fn new(config: &KafkaInputConfig, consumer: &Arc<Consumer>) -> Self {
        Self {
            consumer: Arc::downgrade(consumer),
            name: config.consumer_group.clone(),
            // An expression that only librdkafka can read: then the topics are those of the members.
            topics: Topics::new(&config.topics).ok(),
        }
    }

    /// Returns the owners of all partitions that members have, and the number of members.
    fn owners(&self) -> Option<(HashMap<Place, String>, usize)> {
        let groups = self.ask(|consumer| consumer.fetch_group_list(Some(&self.name), PATIENCE))?;
        let group = groups.groups().iter().find(|one| one.name() == self.name)?;
        let mut owners = HashMap::new();
        for member in group.members() {
            let label = label(member);
            let partitions = partitions_of(member.assignment().unwrap_or_default())?;
            for (topic, partition) in partitions {
                owners.insert((Arc::from(topic), partition), label.clone());
            }
        }
        Some((owners, group.members().len()))
    }

    fn partitions(&self, owners: &HashMap<Place, String>) -> Option<Vec<Place>> {
        let mut places: Vec<Place> = match &self.topics {
            Some(topics) => {
                let all = self.ask(|consumer| topics.partitions(consumer, PATIENCE))?;
                let place = |(topic, partition)| (Arc::from(topic), partition);
                all.into_iter().map(place).collect()
            }
            None => owners.keys().cloned().collect(),
        };
        places.sort_unstable();
        Some(places)
    }

    fn lags(&self, places: &[Place]) -> HashMap<Place, u64> {
        let committed = self.ask(|consumer| scout::committed(consumer, places, PATIENCE));
        let committed = committed.unwrap_or_default();
        let mut topics: BTreeMap<&str, Vec<&Place>> = BTreeMap::new();
        for place in places {
            topics.entry(&place.0).or_default().push(place);
        }
        let mut lags = HashMap::new();
        for of_topic in topics.into_values() {
            let ends = self.ask(|consumer| scout::ends(consumer, &of_topic, Offset::End, PATIENCE));
            for (place, end) in ends.unwrap_or_default() {
                if let Some(at) = committed.get(&place) {
                    let lag = u64::try_from(end.saturating_sub(*at)).unwrap_or_default();
                    lags.insert(place, lag);
                }
            }
        }
        lags
    }

    /// Makes one request. The consumer is held only during it: its end waits for that.
    fn ask<T>(&self, request: impl FnOnce(&Consumer) -> KafkaResult<T>) -> Option<T> {
        let consumer = self.consumer.upgrade()?;
        request(&consumer)
            .inspect_err(|error| tracing::debug!(%error, "Kafka does not describe the group"))
            .ok()
    }
}

impl DescribeGroup for Group {
    fn describe(&self) -> Option<GroupStats> {
        let (mut owners, members) = self.owners()?;
        let places = self.partitions(&owners)?;
        let lags = self.lags(&places);
        let partition = |place: Place| GroupPartition {
            owner: owners.remove(&place),
            lag: lags.get(&place).copied(),
            topic: place.0.to_string(),
            partition: place.1,
        };
        Some(GroupStats {
            name: self.name.clone(),
            members,
            partitions: places.into_iter().map(partition).collect(),
        })
    }
}

/// Returns a name of a member, with its host.
fn label(member: &GroupMemberInfo) -> String {
    let name = member_name(member.id(), member.client_id());
    let host = member.client_host().trim_start_matches('/');
    format!("{name} on {host}")
}

/// Returns the instance id of a static member, which brokers put before the unique end of the member's id. The id of
/// other members begins with the client's name, which several may have: they keep a part of the unique end.
fn member_name(id: &str, client: &str) -> String {
    let (name, unique) = match id
        .len()
        .checked_sub(UNIQUE)
        .map(|at| id.split_at_checked(at))
    {
        Some(Some((name, unique))) if unique.starts_with('-') => (name, &unique[1..]),
        _ => return id.to_owned(),
    };
    if name == client {
        let short = unique.split('-').next().unwrap_or(unique);
        return format!("{name}-{short}");
    }
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_members() {
        let unique = "-6d3f1a52-33c8-4ba4-a7b3-4bcd9b3f0c11";
        let of = |name: &str| member_name(&format!("{name}{unique}"), "nerodia");
        assert_eq!(of("pricing-1"), "pricing-1", "an instance id");
        assert_eq!(of("nerodia"), "nerodia-6d3f1a52");
        for odd in ["", "nerodia", "-", &"ä".repeat(30), &unique[1..]] {
            assert_eq!(member_name(odd, "nerodia"), odd);
        }
    }
}
