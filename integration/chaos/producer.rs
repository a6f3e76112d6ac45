//! A steady stream of orders, whatever the brokers suffer, and what an order is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::client::ClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer,
};
use serde_json::json;

use crate::PARTITIONS;
use crate::broker::Cluster;

/// One order in so many makes its script fail.
pub const POISON: i64 = 1000;
/// Keys of a partition; no other partition has them.
const KEYS: i64 = 50;

/// Whether the script fails for the n-th order of a partition.
pub fn is_poison(n: i64) -> bool {
    n % POISON == 7
}

pub fn key(partition: i32, n: i64) -> String {
    format!("p{partition}-k{}", n % KEYS)
}

/// `(name, value)`, as they are sent.
pub fn headers(n: i64) -> Vec<(String, Option<Vec<u8>>)> {
    vec![
        ("n".into(), Some(n.to_string().into_bytes())),
        ("none".into(), None),
        ("n".into(), Some(vec![0xff, n as u8])),
    ]
}

pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_millis() as i64
}

/// The producer while it produces.
pub struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(u64, u64)>,
}

#[derive(Default)]
struct Reports {
    written: AtomicU64,
    failed: AtomicU64,
}

impl ClientContext for Reports {
    // Outages are what this is about.
    fn error(&self, _: rdkafka::error::KafkaError, _: &str) {}
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => self.written.fetch_add(1, Ordering::Relaxed),
            Err((error, _)) => {
                eprintln!("the test's own producer: {error}");
                self.failed.fetch_add(1, Ordering::Relaxed)
            }
        };
    }
}

impl Load {
    /// So many orders a second, one partition after the other.
    pub fn start(cluster: &Cluster, topic: &str, rate: u64) -> Self {
        let mut config = cluster.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", "0")
            .set("socket.timeout.ms", "10000")
            .set("linger.ms", "5")
            // While nothing can be written, no more than this waits.
            .set("queue.buffering.max.messages", "20000");
        let producer: ThreadedProducer<Reports> = config
            .create_with_context(Reports::default())
            .expect("a producer");
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let (stop, topic) = (Arc::clone(&stop), topic.to_owned());
            move || produce(&producer, &topic, rate, &stop)
        });
        Self { stop, thread }
    }

    /// Stops, and waits until all is written: how many were, and how many never will be.
    pub fn finish(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the producer does not panic")
    }
}

fn produce(
    producer: &ThreadedProducer<Reports>,
    topic: &str,
    rate: u64,
    stop: &AtomicBool,
) -> (u64, u64) {
    const TICK: Duration = Duration::from_millis(20);
    let mut due = Instant::now();
    let (mut sent, mut owed) = (0_i64, 0.0);
    while !stop.load(Ordering::Relaxed) {
        owed += rate as f64 * TICK.as_secs_f64();
        while owed >= 1.0 {
            let partition = (sent % i64::from(PARTITIONS)) as i32;
            send(producer, topic, partition, sent / i64::from(PARTITIONS));
            sent += 1;
            owed -= 1.0;
        }
        due += TICK;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // What an outage held up is not made up for: that would be a flood, not a stream.
        due = due.max(Instant::now() - TICK);
    }
    producer
        .flush(Duration::from_secs(120))
        .unwrap_or_else(|error| panic!("the test's own producer: {error}"));
    let reports = producer.context();
    (
        reports.written.load(Ordering::Relaxed),
        reports.failed.load(Ordering::Relaxed),
    )
}

fn send(producer: &ThreadedProducer<Reports>, topic: &str, partition: i32, n: i64) {
    let payload = json!({
        "p": partition, "n": n, "at": now(),
        "customer": format!("customer-{}", n % 977),
        "items": [
            { "sku": format!("sku-{}", n % 313), "price": 19.99, "qty": 1 + n % 5 },
            { "sku": "délivré ☃", "price": 0.5, "qty": 3, "note": "what an order may say of itself" },
        ],
        "text": "so that an order has about three hundred bytes, as those of the benchmark",
    })
    .to_string();
    let key = key(partition, n);
    let headers = headers(n)
        .iter()
        .fold(OwnedHeaders::new(), |all, (name, value)| {
            all.insert(Header {
                key: name,
                value: value.as_deref(),
            })
        });
    let mut record = BaseRecord::to(topic)
        .partition(partition)
        .key(key.as_str())
        .payload(payload.as_str())
        .headers(headers);
    while let Err((error, back)) = producer.send(record) {
        let full = error.rdkafka_error_code() == Some(rdkafka::error::RDKafkaErrorCode::QueueFull);
        assert!(full, "the test's own producer: {error}");
        thread::sleep(Duration::from_millis(5));
        record = back;
    }
}
