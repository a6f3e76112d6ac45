//! Producer of a steady stream of orders, whatever happens to the brokers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer,
};
use support::Cluster;

use super::order::Id;
use super::plan::Wanted;

/// One partition that is written to.
#[derive(Debug)]
struct Stream {
    topic: String,
    partition: i32,
    /// Number of orders that were sent to it.
    sent: i64,
    /// Number of these orders that the brokers have.
    written: i64,
    open: bool,
}

/// All partitions that are or were written to.
#[derive(Default)]
struct Streams(Mutex<Vec<Stream>>);

impl Streams {
    fn lock(&self) -> MutexGuard<'_, Vec<Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Reports {
    streams: Arc<Streams>,
    failed: AtomicU64,
}

impl ClientContext for Reports {
    // Outages are the purpose of this test.
    fn error(&self, _: rdkafka::error::KafkaError, _: &str) {}
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}
}

impl ProducerContext for Reports {
    /// Index of the stream.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, stream: usize) {
        match result {
            Ok(_) => self.streams.lock()[stream].written += 1,
            Err((error, _)) => {
                eprintln!("the test's own producer: {error}");
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Producer that is running.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    streams: Arc<Streams>,
    /// Thread of the producer; returns the number of orders that will never be written.
    thread: JoinHandle<u64>,
}

impl Load {
    /// Starts to write orders at this rate per second, to one partition after the other, as soon as there are any.
    pub(crate) fn start(cluster: &Cluster, rate: u64, wanted: &Wanted) -> Self {
        let mut config = cluster.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", "0")
            .set("socket.timeout.ms", "10000")
            .set("linger.ms", "5")
            // Partitions are added during the run.
            .set("topic.metadata.refresh.interval.ms", "2000")
            // Most messages that wait while nothing can be written.
            .set("queue.buffering.max.messages", "20000");
        let streams = Arc::<Streams>::default();
        let reports = Reports {
            streams: Arc::clone(&streams),
            failed: AtomicU64::new(0),
        };
        let producer: ThreadedProducer<Reports> =
            config.create_with_context(reports).expect("a producer");
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let (stop, wanted) = (Arc::clone(&stop), wanted.clone());
            move || produce(&producer, rate, &stop, &wanted)
        });
        Self {
            stop,
            streams,
            thread,
        }
    }

    /// Also writes to these partitions from now on.
    pub(crate) fn open(&self, topic: &str, partitions: std::ops::Range<i32>) {
        let stream = |partition| Stream {
            topic: topic.into(),
            partition,
            sent: 0,
            written: 0,
            open: true,
        };
        self.streams.lock().extend(partitions.map(stream));
    }

    /// Writes no more to this topic.
    pub(crate) fn close(&self, topic: &str) {
        let mut streams = self.streams.lock();
        let those = streams.iter_mut().filter(|stream| stream.topic == topic);
        those.for_each(|stream| stream.open = false);
    }

    /// Returns whether everything that was sent to a topic is written.
    pub(crate) fn is_written(&self, topic: &str) -> bool {
        let streams = self.streams.lock();
        let mut those = streams.iter().filter(|stream| stream.topic == topic);
        those.all(|stream| stream.written == stream.sent)
    }

    /// Stops, and waits until everything is written. Returns how many orders are written, and how many never will be.
    pub(crate) fn finish(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        let failed = self.thread.join().expect("the producer does not panic");
        let written: i64 = self.streams.lock().iter().map(|one| one.written).sum();
        (written as u64, failed)
    }
}

fn produce(
    producer: &ThreadedProducer<Reports>,
    rate: u64,
    stop: &AtomicBool,
    wanted: &Wanted,
) -> u64 {
    const TICK: Duration = Duration::from_millis(20);
    let streams = &producer.context().streams;
    let (mut due, mut owed, mut turn) = (Instant::now(), 0.0, 0);
    while !stop.load(Ordering::Relaxed) {
        owed += rate as f64 * TICK.as_secs_f64();
        let open: Vec<usize> = {
            let streams = streams.lock();
            (0..streams.len())
                .filter(|&one| streams[one].open)
                .collect()
        };
        while owed >= 1.0 && !open.is_empty() {
            send(producer, open[turn % open.len()], wanted);
            turn += 1;
            owed -= 1.0;
        }
        due += TICK;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // Orders that an outage delayed are not made up for: that would be a flood, not a stream.
        due = due.max(Instant::now() - TICK);
    }
    producer
        .flush(Duration::from_secs(120))
        .unwrap_or_else(|error| panic!("the test's own producer: {error}"));
    producer.context().failed.load(Ordering::Relaxed)
}

/// Sends the next order of a stream. (Its number counts only when librdkafka has accepted it.)
fn send(producer: &ThreadedProducer<Reports>, index: usize, wanted: &Wanted) {
    let streams = &producer.context().streams;
    let (topic, partition, n) = {
        let mut streams = streams.lock();
        let stream = &mut streams[index];
        if !stream.open {
            return;
        }
        // Counted before it is sent, so that a topic never seems to be written while an order is in flight.
        stream.sent += 1;
        (stream.topic.clone(), stream.partition, stream.sent - 1)
    };
    let id = Id {
        topic: &topic,
        partition,
        n,
    };
    let (key, payload) = (id.key(), id.payload(wanted).to_string());
    let headers = id
        .headers()
        .iter()
        .fold(OwnedHeaders::new(), |all, (name, value)| {
            all.insert(Header {
                key: name,
                value: value.as_deref(),
            })
        });
    let mut record = BaseRecord::with_opaque_to(&topic, index)
        .partition(partition)
        .key(key.as_str())
        .payload(payload.as_str())
        .headers(headers);
    /// Longer than all brokers are away. After that, librdkafka 2.12 can be left without any broker in its list, and
    /// then it never writes again: a metadata response stops the timer that another thread has just set for a new
    /// bootstrap.
    const STUCK: Duration = Duration::from_secs(300);
    let began = Instant::now();
    while let Err((error, back)) = producer.send(record) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => {
                assert!(began.elapsed() < STUCK, "the test's own producer is stuck");
                thread::sleep(Duration::from_millis(5));
            }
            // The partition is new, and this client does not know it yet.
            Some(RDKafkaErrorCode::UnknownPartition) => {
                streams.lock()[index].sent -= 1;
                return;
            }
            _ => panic!("the test's own producer: {error}"),
        }
        record = back;
    }
}
