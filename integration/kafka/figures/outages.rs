//! Outages: how long after the broker's return each link and `/ready` are well again, without a message.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use support::{Cluster, Pipeline, Running, nerodia, unique};

/// Durations of the broker's outages, in seconds.
const OUTAGES: [u64; 3] = [5, 60, 600];
/// Time after which the broker closes idle connections.
const IDLE: Duration = Duration::from_secs(10);
/// Time within which everything must be well again.
const MOST: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(50);

/// Running pipeline, and its web server.
struct Watched {
    delivery: &'static str,
    running: Running,
}

impl Watched {
    fn start(cluster: &Cluster, delivery: &'static str) -> Self {
        let running = Pipeline::new(cluster, &unique("outages"), 2, "root = this")
            .with("delivery", delivery)
            .with("input.kafka.instance_id", "the-one")
            .listening()
            .start_and_join();
        Self { delivery, running }
    }

    /// Returns whether `/ready`, and each link by its name, is well.
    fn look(&self) -> BTreeMap<String, bool> {
        let web = self.running.web();
        let (status, _) = web.get("/ready").expect("it listens");
        let (_, metrics) = web.get("/metrics").expect("it listens");
        let link = |line: &str| {
            let (name, up) = line
                .strip_prefix("nerodia_kafka_up{link=\"")?
                .split_once("\"} ")?;
            Some((name.to_owned(), up.trim().parse() == Ok(1.0)))
        };
        let mut well: BTreeMap<_, _> = metrics.lines().filter_map(link).collect();
        assert!(well.len() >= 2, "{metrics}");
        well.insert("/ready".into(), status == 200);
        well
    }

    /// Returns when each was well for good, after `since`.
    fn recovery(&self, since: Instant) -> BTreeMap<String, Duration> {
        let mut well_since = BTreeMap::new();
        loop {
            let well = self.look();
            for (name, &well) in &well {
                if well {
                    well_since.entry(name.clone()).or_insert(since.elapsed());
                } else {
                    well_since.remove(name);
                }
            }
            // A part that is well and becomes ill again was not well.
            let last = well_since.values().max().copied().unwrap_or_default();
            if well_since.len() == well.len() && since.elapsed() > last + Duration::from_secs(5) {
                return well_since;
            }
            assert!(since.elapsed() < MOST, "{}: {well:?}", self.delivery);
            thread::sleep(LOOK);
        }
    }
}

/// Starts the broker, and watches each pipeline from the first connection that the broker accepts: that is seconds
/// before the broker is ready itself.
fn comes_back(cluster: &Cluster, watched: &[Watched]) -> Vec<BTreeMap<String, Duration>> {
    thread::scope(|scope| {
        let starting = scope.spawn(|| cluster.broker("start", 1));
        while TcpStream::connect(cluster.addresses()).is_err() {
            assert!(!starting.is_finished(), "it takes no connection");
            thread::sleep(Duration::from_millis(20));
        }
        let back = Instant::now();
        let looking: Vec<_> = watched
            .iter()
            .map(|one| scope.spawn(move || one.recovery(back)))
            .collect();
        starting.join().expect("it starts");
        looking
            .into_iter()
            .map(|thread| thread.join().expect("it is watched"))
            .collect()
    })
}

#[test]
#[ignore = "a measurement: scripts/bench-kafka.sh --outages"]
fn the_broker_goes_and_comes_back() {
    nerodia(["runtime", "compile"]).run().expect(0);
    let cluster = Cluster::start("outages", 1, &[]);
    cluster.configure(1, &format!("connections.max.idle.ms={}", IDLE.as_millis()));
    let watched = ["at_least_once", "exactly_once"].map(|way| Watched::start(&cluster, way));
    thread::sleep(Duration::from_secs(5));

    let mut table = format!(
        "The broker is killed, and closes connections that are idle for {} s when it is there; no messages. Seconds from \
         the first connection that it takes until all is well for good\n\n| away | delivery | what | seconds |\n| ---: | --- | --- | ---: |\n",
        IDLE.as_secs()
    );
    for seconds in OUTAGES {
        cluster.broker("kill", 1);
        thread::sleep(Duration::from_secs(seconds));
        for one in &watched {
            let ready = one.look()["/ready"];
            assert!(seconds < 60 || !ready, "{} is away and ready", one.delivery);
        }
        let recovered = comes_back(&cluster, &watched);
        for (one, times) in watched.iter().zip(recovered) {
            for (name, time) in times {
                let (way, time) = (one.delivery, time.as_secs_f64());
                writeln!(table, "| {seconds} s | {way} | {name} | {time:.1} |").expect("a string");
            }
        }
    }
    let (mut looks, mut ill) = (0, 0);
    let began = Instant::now();
    while began.elapsed() < 4 * IDLE {
        for one in &watched {
            looks += 1;
            ill += u32::from(!one.look().values().all(|&well| well));
        }
        thread::sleep(LOOK);
    }
    eprintln!(
        "\n{table}\nidle connections closed all the while: {ill} of {looks} looks found something ill"
    );
    for one in watched {
        let (code, log) = one.running.terminate();
        assert_eq!(code, Some(0), "{log}");
    }
}
