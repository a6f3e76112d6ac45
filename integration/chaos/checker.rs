//! Checker: reads all topics as any consumer would, and knows nothing of the engine.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use support::{Cluster, Record};

use super::order::{GONE, Id, Kind, Place};
use super::owners::{Excuses, Owners};
use super::pipeline::Pipeline;
use super::topics::Deleted;
use crate::Form;

mod verdict;

#[cfg(test)]
mod tests;

/// Most examples of one kind of problem.
const EXAMPLES: usize = 5;

/// Results of all orders.
#[derive(Default)]
pub(crate) struct Checker {
    /// Orders of each input partition, by number.
    orders: Vec<Vec<Order>>,
    /// Topic and partition of each input partition, by its index in `orders`.
    streams: Vec<(String, i32)>,
    places: HashMap<(String, i32), usize>,
    /// Number of the last order whose first arrival was seen, by place, its partition, input partition and, for dead
    /// letters, kind. Only orders of one kind are in order: what a broker refuses is known later than what a script
    /// refuses.
    last: HashMap<(Place, i32, usize, Option<Kind>), i64>,
    /// Times between which a chosen topic was deleted: see [`Deleted`].
    gone: [Option<(i64, i64)>; GONE],
    pub owners: Owners,
    pub results: u64,
    pub dead_letters: u64,
    pub duplicates: u64,
    unprocessed: Problems,
    disordered: Problems,
    /// Disorder among dead letters of what brokers have refused. Outside of transactions a refusal may be known only
    /// after later messages are written, and these are in other partitions: docs/kafka.md promises no order for them.
    late_refusals: Problems,
    old: Problems,
    input: Problems,
    /// First arrivals by the second in which they were appended, since the epoch.
    pub arrivals: BTreeMap<i64, u64>,
}

struct Order {
    /// Time at which the order was made, in milliseconds since the epoch.
    at: i64,
    kind: Kind,
    /// Number of copies in the input: an idempotent producer that lost all its brokers may write the last orders again.
    copies: u32,
    arrivals: u32,
    /// Time from the order's creation to its first arrival.
    delay: i64,
}

#[derive(Default)]
struct Problems {
    count: u64,
    examples: Vec<String>,
}

impl Problems {
    fn add(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(example());
        }
    }
}

impl Checker {
    /// Reads the orders from the input, because the producer may be wrong about what was written.
    pub(crate) fn read_input(&mut self, cluster: &Cluster, topic: &str) {
        cluster.for_each(topic, |record| self.order(topic, &record));
    }

    /// Takes in the records of an input topic from before it was deleted.
    pub(crate) fn take_input(&mut self, records: &[Record]) {
        for record in records {
            let value = record.value();
            self.order(value["t"].as_str().unwrap_or_default(), record);
        }
    }

    fn order(&mut self, topic: &str, record: &Record) {
        let value = record.value();
        if value["kind"] == "old" {
            return;
        }
        let stream = self.stream(topic, record.partition);
        let orders = &mut self.orders[stream];
        let n = orders.len() as i64;
        let kind = value["kind"].as_str().and_then(Kind::named);
        let number = value["n"].as_i64().and_then(|n| usize::try_from(n).ok());
        if let Some(known) = number.and_then(|n| orders.get_mut(n))
            && value["at"] == known.at
        {
            known.copies += 1;
            return;
        }
        let is_due = value["t"] == topic && value["p"] == record.partition && value["n"] == n;
        if !is_due || kind.is_none() {
            let example = || format!("{n} was due in {topic} {}: {value}", record.partition);
            self.input.add(example);
        }
        orders.push(Order {
            at: value["at"].as_i64().expect("a number"),
            kind: kind.unwrap_or(Kind::Plain),
            copies: 1,
            arrivals: 0,
            delay: 0,
        });
    }

    fn stream(&mut self, topic: &str, partition: i32) -> usize {
        let key = (topic.to_owned(), partition);
        *self.places.entry(key).or_insert_with_key(|key| {
            self.streams.push(key.clone());
            self.orders.push(Vec::new());
            self.orders.len() - 1
        })
    }

    /// Checks everything that was written: results in their topics, dead letters, and nothing in a topic that refuses
    /// everything.
    pub(crate) fn read_output(
        &mut self,
        cluster: &Cluster,
        pipeline: &Pipeline,
        deleted: &[Option<Deleted>; GONE],
    ) {
        let choices = &pipeline.choices;
        for (index, gone) in deleted.iter().enumerate() {
            let place = Place::Gone(index);
            match gone {
                Some(gone) => {
                    self.gone[index] = Some((gone.from, gone.at));
                    gone.records.iter().for_each(|one| self.arrive(place, one));
                }
                None => self.read(cluster, place, &choices.gone[index]),
            }
        }
        self.read(cluster, Place::Output, &pipeline.output);
        self.read(cluster, Place::Chosen, &choices.chosen);
        for topic in [&choices.strict, &choices.compacted, &choices.small] {
            self.read(cluster, Place::Nowhere, topic);
        }
        self.read(cluster, Place::Dead, &pipeline.dead);
    }

    fn read(&mut self, cluster: &Cluster, place: Place, topic: &str) {
        cluster.for_each(topic, |record| self.arrive(place, &record));
    }

    fn arrive(&mut self, place: Place, record: &Record) {
        match place {
            Place::Dead => self.dead_letters += 1,
            _ => self.results += 1,
        }
        let value = serde_json::from_slice::<Value>(record.payload.as_deref().unwrap_or_default());
        let value = value.unwrap_or(Value::Null);
        if value["n"] == -1 {
            return self.old.add(|| format!("{place:?}: {value}"));
        }
        let Some((stream, n)) = self.made_from(record, &value, place) else {
            return self
                .unprocessed
                .add(|| format!("in {place:?}: {value} of {record:?}"));
        };
        let appended = record.timestamp.expect("the brokers' time");
        if place != Place::Dead {
            let (by, ran) = (value["by"].as_str().unwrap_or_default(), &value["ran"]);
            let what = || {
                format!(
                    "{place:?} partition {} offset {}: {value}",
                    record.partition, record.offset
                )
            };
            let lane = (place, record.partition, stream);
            self.owners
                .saw(lane, by, ran.as_i64().unwrap_or(0), appended, what);
        }
        let order = &mut self.orders[stream][n as usize];
        order.arrivals += 1;
        if order.arrivals > 1 {
            self.duplicates += u64::from(order.arrivals > order.copies);
            return;
        }
        order.delay = appended - order.at;
        *self.arrivals.entry(appended / 1000).or_default() += 1;
        let kind = (place == Place::Dead).then_some(order.kind);
        let before = self.last.insert((place, record.partition, stream, kind), n);
        if let Some(before) = before
            && before >= n
        {
            let (topic, partition) = &self.streams[stream];
            let refused = kind.is_some_and(Kind::is_refused);
            let problems = if refused {
                &mut self.late_refusals
            } else {
                &mut self.disordered
            };
            problems.add(|| {
                format!(
                    "{place:?}, partition {}, offset {}: {n} of {topic} {partition} came first after {before}",
                    record.partition, record.offset
                )
            });
        }
    }

    /// Returns the order from which this record is made, if the record and its topic are as expected.
    fn made_from(&self, record: &Record, value: &Value, place: Place) -> Option<(usize, i64)> {
        let topic = value["t"].as_str()?;
        let partition = i32::try_from(value["p"].as_i64()?).ok()?;
        let n = value["n"].as_i64()?;
        let stream = *self.places.get(&(topic.to_owned(), partition))?;
        let order = self.orders[stream].get(usize::try_from(n).ok()?)?;
        let id = Id {
            topic,
            partition,
            n,
        };
        let sent = id.headers();
        let right = if place == Place::Dead {
            // The original order, and the reason of its failure.
            value["at"] == order.at
                && value["items"].is_array()
                && record.headers.starts_with(&sent)
                && record.header_text("nerodia-error-message").is_some()
                && self.may_die(order, record)
        } else {
            let mut value = value.clone();
            let fields = value.as_object_mut()?;
            let stamped = fields.remove("by").is_some() && fields.remove("ran").is_some();
            stamped
                && value == id.result(order.at)
                && record.headers == sent
                && order.kind.place() == place
        };
        let right = right && record.key.as_deref() == Some(id.key().as_bytes());
        right.then_some((stream, n))
    }

    /// Returns whether an order may become a dead letter that was written at this time.
    fn may_die(&self, order: &Order, letter: &Record) -> bool {
        match order.kind {
            Kind::Gone(index) => self.gone[index]
                .is_some_and(|(from, _)| letter.timestamp.is_some_and(|written| written >= from)),
            kind => kind.place() == Place::Dead,
        }
    }
}
