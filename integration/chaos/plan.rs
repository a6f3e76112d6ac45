//! Plan of a run, made from one number.

use std::time::Duration;

use support::Random;

/// Faults in addition to those of processes and brokers; all of them, except those that are left out.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Records that brokers refuse.
    pub refused: bool,
    /// Topics that scripts choose, deleted during the run.
    pub gone: bool,
    /// Messages that take seconds.
    pub slow: bool,
    /// Input topics that are created and deleted.
    pub topics: bool,
    /// Partitions that are added.
    pub partitions: bool,
    /// Guests, brokers and processes that die.
    pub deaths: bool,
    /// Input with `start_from_oldest: false`.
    pub newest: bool,
}

impl Wanted {
    /// Returns all faults.
    pub(crate) fn all() -> Self {
        Self {
            refused: true,
            gone: true,
            slow: true,
            topics: true,
            partitions: true,
            deaths: true,
            newest: true,
        }
    }

    /// Returns all faults except those named, separated by commas.
    pub(crate) fn without(names: &str) -> Option<Self> {
        let mut wanted = Self::all();
        for name in names.split(',').filter(|name| !name.is_empty()) {
            *match name {
                "refused" => &mut wanted.refused,
                "gone" => &mut wanted.gone,
                "slow" => &mut wanted.slow,
                "topics" => &mut wanted.topics,
                "partitions" => &mut wanted.partitions,
                "deaths" => &mut wanted.deaths,
                "newest" => &mut wanted.newest,
                _ => return None,
            } = false;
        }
        Some(wanted)
    }
}

/// Fault of brokers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// One broker is killed, and started again after some time.
    Kill(i16, Duration),
    /// One broker is stopped (SIGSTOP) and continues after some time: it does not know that it was away.
    Pause(i16, Duration),
    /// All brokers are killed, and started again after some time.
    AllDown(Duration),
}

/// Change of topics.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    /// An input topic is created, and deleted some time later, when all of it is committed.
    Make(Duration),
    /// An input topic gets one more partition.
    Grow,
    /// A topic that scripts choose is deleted.
    Delete(usize),
}

/// Plan of a run.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Faults of the brokers, with their times.
    pub brokers: Vec<(Duration, Fault)>,
    /// Changes of topics, with their times.
    pub topics: Vec<(Duration, Change)>,
    /// Random numbers for the processes.
    pub processes: Random,
}

impl Plan {
    /// Creates a plan for chaos of this duration: a broker is killed each minute, once one is stopped and once all are
    /// down. A run shorter than five minutes has shorter outages.
    pub(crate) fn new(lasts: Duration, seed: u64, wanted: &Wanted) -> Self {
        let mut random = Random::new(seed);
        let processes = random.fork();
        let topics = topics(lasts, random.fork(), wanted);
        let mut brokers = Vec::new();
        if wanted.deaths {
            brokers = outages(lasts, random);
        }
        Self {
            brokers,
            topics,
            processes,
        }
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn outages(lasts: Duration, mut random: Random) -> Vec<(Duration, Fault)> {
    let (pause, down) = if lasts < seconds(300) {
        (seconds(8), seconds(8))
    } else {
        (seconds(30), seconds(60))
    };
    let mut any = || random.pick(&[1, 2, 3]);
    let mut brokers = vec![
        (lasts.mul_f64(0.4), Fault::Pause(any(), pause)),
        (lasts.mul_f64(0.66), Fault::AllDown(down)),
    ];
    let mut at = seconds(12);
    while at + seconds(20) < lasts {
        let broker = any();
        brokers.push((at, Fault::Kill(broker, seconds(5))));
        at += seconds(60);
    }
    for (_, fault) in &mut brokers {
        if let Fault::Kill(_, down) = fault {
            *down = random.between(seconds(3), seconds(12));
        }
    }
    brokers.sort_by_key(|&(at, _)| at);
    brokers
}

/// Returns the changes of topics. About twice a minute a topic is created, and about once a partition added; the chosen
/// topics are deleted after one third and after two thirds, so that they contain results before that.
fn topics(lasts: Duration, mut random: Random, wanted: &Wanted) -> Vec<(Duration, Change)> {
    let mut topics = Vec::new();
    let mut at = seconds(4);
    while wanted.topics && at < lasts {
        let lives = random.between(seconds(8), seconds(40));
        topics.push((at, Change::Make(lives)));
        at += random.between(seconds(20), seconds(40));
    }
    at = seconds(8);
    while wanted.partitions && at < lasts {
        topics.push((at, Change::Grow));
        at += random.between(seconds(40), seconds(80));
    }
    if wanted.gone {
        topics.push((lasts.mul_f64(0.33), Change::Delete(0)));
        topics.push((lasts.mul_f64(0.6), Change::Delete(1)));
    }
    topics.sort_by_key(|&(at, _)| at);
    topics
}
