//! The judge: reads all topics as any consumer would, and knows nothing of the engine.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::producer::{headers, is_poison, key};
use crate::broker::{Cluster, Record};
use crate::{Delivery, PARTITIONS};

/// No more examples of one kind of problem than this.
const EXAMPLES: usize = 5;

/// What has come of each order.
pub struct Checker {
    /// Of each input partition, by number.
    orders: Vec<Vec<Order>>,
    /// The last number whose first arrival was seen: by topic, input and output partition.
    last: HashMap<(&'static str, i32, usize), i64>,
    pub results: u64,
    pub dead_letters: u64,
    pub duplicate_results: u64,
    pub duplicate_dead_letters: u64,
    unprocessed: Problems,
    disordered: Problems,
    input: Problems,
    /// First arrivals by the second in which they were appended, since the epoch.
    pub arrivals: BTreeMap<i64, u64>,
}

#[derive(Default)]
struct Order {
    /// When it was made, in milliseconds since the epoch.
    at: i64,
    arrivals: u32,
    /// From when it was made till its first arrival.
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
    fn new() -> Self {
        Self {
            orders: (0..PARTITIONS).map(|_| Vec::new()).collect(),
            last: HashMap::new(),
            results: 0,
            dead_letters: 0,
            duplicate_results: 0,
            duplicate_dead_letters: 0,
            unprocessed: Problems::default(),
            disordered: Problems::default(),
            input: Problems::default(),
            arrivals: BTreeMap::new(),
        }
    }

    /// What was written is what lies in the input, not what the producer believes.
    pub fn read_input(cluster: &Cluster, topic: &str) -> Self {
        let mut checker = Self::new();
        cluster.for_each(topic, |record| checker.order(&record));
        checker
    }

    fn order(&mut self, record: &Record) {
        let value = record.value();
        let partition = &mut self.orders[record.partition as usize];
        let n = partition.len() as i64;
        if (&value["p"], &value["n"]) != (&json!(record.partition), &json!(n)) {
            let example = || format!("{n} was due in {}: {}", record.partition, record.text());
            self.input.add(example);
        }
        partition.push(Order {
            at: value["at"].as_i64().expect("a number"),
            ..Order::default()
        });
    }

    pub fn read_results(&mut self, cluster: &Cluster, topic: &str) {
        cluster.for_each(topic, |record| {
            self.results += 1;
            self.arrive("results", &record);
        });
        self.count_duplicates();
    }

    pub fn read_dead_letters(&mut self, cluster: &Cluster, topic: &str) {
        cluster.for_each(topic, |record| {
            self.dead_letters += 1;
            self.arrive("dead letters", &record);
        });
        self.count_duplicates();
    }

    fn arrive(&mut self, kind: &'static str, record: &Record) {
        let dead = kind == "dead letters";
        let Some((partition, n)) = self.made_from(record, dead) else {
            self.unprocessed
                .add(|| format!("among the {kind}: {record:?}"));
            return;
        };
        let order = &mut self.orders[partition][n as usize];
        order.arrivals += 1;
        if order.arrivals > 1 {
            return;
        }
        let appended = record.timestamp.expect("the brokers' time");
        order.delay = appended - order.at;
        *self.arrivals.entry(appended / 1000).or_default() += 1;
        let before = self.last.insert((kind, record.partition, partition), n);
        if let Some(before) = before
            && before >= n
        {
            self.disordered.add(|| {
                format!(
                    "{kind}, partition {}, offset {}: {n} of input partition {partition} came first after {before}",
                    record.partition, record.offset
                )
            });
        }
    }

    /// Which order, if this is what is to be made from it.
    fn made_from(&self, record: &Record, dead: bool) -> Option<(usize, i64)> {
        let value: Value = serde_json::from_slice(record.payload.as_deref()?).ok()?;
        let (partition, n) = (value["p"].as_i64()?, value["n"].as_i64()?);
        let orders = self.orders.get(usize::try_from(partition).ok()?)?;
        let order = orders.get(usize::try_from(n).ok()?)?;
        let result = json!({ "p": partition, "n": n, "at": order.at, "twice": 2 * n });
        let sent = headers(n);
        let right = if dead {
            // As it came, and why.
            value["at"] == order.at
                && value["items"].is_array()
                && record.headers.starts_with(&sent)
                && record.header_text("nerodia-error-message").is_some()
        } else {
            value == result && record.headers == sent
        };
        let key = key(partition as i32, n);
        let right = right && is_poison(n) == dead && record.key.as_deref() == Some(key.as_bytes());
        right.then_some((partition as usize, n))
    }

    fn each(&self) -> impl Iterator<Item = (usize, i64, &Order)> {
        let partitions = self.orders.iter().enumerate();
        partitions.flat_map(|(partition, orders)| {
            let orders = orders.iter().zip(0_i64..);
            orders.map(move |(order, n)| (partition, n, order))
        })
    }

    fn count_duplicates(&mut self) {
        self.duplicate_results = self.duplicates(false);
        self.duplicate_dead_letters = self.duplicates(true);
    }

    fn duplicates(&self, dead: bool) -> u64 {
        let those = self.each().filter(|&(_, n, _)| is_poison(n) == dead);
        those
            .map(|(_, _, order)| u64::from(order.arrivals.saturating_sub(1)))
            .sum()
    }

    pub fn orders(&self) -> u64 {
        self.orders.iter().map(Vec::len).sum::<usize>() as u64
    }

    pub fn lost(&self) -> u64 {
        self.each()
            .filter(|(_, _, order)| order.arrivals == 0)
            .count() as u64
    }

    pub fn unprocessed(&self) -> u64 {
        self.unprocessed.count
    }

    pub fn disordered(&self) -> u64 {
        self.disordered.count
    }

    /// When the order was made, and how many milliseconds until its first result was in the topic.
    pub fn delays(&self) -> impl Iterator<Item = (i64, i64)> {
        let arrived = self.each().filter(|(_, _, order)| order.arrivals > 0);
        arrived.map(|(_, _, order)| (order.at, order.delay))
    }

    /// The longest time in which nothing arrived for the first time, in seconds.
    pub fn longest_silence(&self) -> i64 {
        let after = self.arrivals.keys().zip(self.arrivals.keys().skip(1));
        after.map(|(one, next)| next - one - 1).max().unwrap_or(0)
    }

    /// Neighbours that are lost, as ranges.
    fn lost_ranges(&self) -> Vec<String> {
        let mut ranges: Vec<(usize, i64, i64)> = Vec::new();
        for (partition, n, _) in self.each().filter(|(_, _, order)| order.arrivals == 0) {
            match ranges.last_mut() {
                Some((same, _, end)) if (*same, *end) == (partition, n) => *end += 1,
                _ => ranges.push((partition, n, n + 1)),
            }
        }
        let shown = |&(partition, from, end): &(usize, i64, i64)| {
            format!("input partition {partition}: {from}..{end}")
        };
        ranges.iter().take(20).map(shown).collect()
    }

    /// All that must not be.
    pub fn problems(&self, delivery: Delivery) -> Vec<String> {
        let mut problems = Vec::new();
        if self.lost() > 0 {
            problems.push(format!("{} lost: {:#?}", self.lost(), self.lost_ranges()));
        }
        let twice = self.duplicate_results + self.duplicate_dead_letters;
        if delivery == Delivery::ExactlyOnce && twice > 0 {
            let twice_or_more = self.each().filter(|(_, _, order)| order.arrivals > 1);
            let examples: Vec<_> = twice_or_more
                .take(EXAMPLES)
                .map(|(partition, n, order)| (partition, n, order.arrivals))
                .collect();
            problems.push(format!("{twice} duplicates, among them {examples:?}"));
        }
        for (what, found) in [
            ("unprocessed", &self.unprocessed),
            ("out of order among first arrivals", &self.disordered),
            ("the test itself: wrong in the input", &self.input),
        ] {
            if found.count > 0 {
                problems.push(format!("{} {what}: {:#?}", found.count, found.examples));
            }
        }
        problems
    }
}

/// What is never found may be what is never looked for.
#[test]
fn the_checker_finds_each_kind_of_problem() {
    let value = |n: i64| json!({ "p": 0, "n": n, "at": 1000 + n, "twice": 2 * n });
    let result = |n: i64, value: Value| Record {
        partition: 3,
        headers: headers(n),
        timestamp: Some(5000),
        ..Record::json(&value).key(key(0, n))
    };
    let check = |records: &[Record], delivery| {
        let mut checker = Checker::new();
        for n in 0..5 {
            let order = Record::json(&json!({ "p": 0, "n": n, "at": 1000 + n }));
            checker.order(&order.partition(0));
        }
        records
            .iter()
            .for_each(|record| checker.arrive("results", record));
        checker.count_duplicates();
        checker.problems(delivery).join("\n")
    };
    let all: Vec<Record> = (0..5).map(|n| result(n, value(n))).collect();
    let with = |change: &dyn Fn(&mut Vec<Record>)| {
        let mut records = all.clone();
        change(&mut records);
        [Delivery::AtLeastOnce, Delivery::ExactlyOnce].map(|delivery| check(&records, delivery))
    };

    assert_eq!(with(&|_| ()), ["", ""]);
    for found in with(&|all| drop(all.remove(2))) {
        assert!(found.starts_with("1 lost"), "{found}");
    }
    for found in with(&|all| all.swap(2, 3)) {
        assert!(found.starts_with("1 out of order"), "{found}");
    }
    // Read again from the third: no first arrival is out of order.
    let [at_least, exactly] =
        with(&|all| all.splice(4..4, all.clone()[2..4].to_vec()).for_each(drop));
    assert_eq!(at_least, "");
    assert!(exactly.starts_with("2 duplicates"), "{exactly}");
    // A wrong value, a wrong header, a wrong key, a result of what was to fail or was never ordered.
    let wrong: [&dyn Fn(&mut Record); 4] = [
        &|one| {
            one.payload = Some(
                json!({ "p": 0, "n": 2, "at": 1002, "twice": 5 })
                    .to_string()
                    .into(),
            )
        },
        &|one| drop(one.headers.pop()),
        &|one| one.key = None,
        &|one| *one = result(7, value(7)),
    ];
    for change in wrong {
        for found in with(&|all| change(&mut all[2])) {
            assert!(found.contains("1 unprocessed"), "{found}");
        }
    }
}
