//! Nothing is lost, changed or out of order, whatever dies: three Nerodia processes of one group and three brokers,
//! any of which is killed, ended, stopped or started at any moment, and guests as well.
//!
//! By itself this is the short form. `scripts/chaos.sh` runs the long one, by the environment:
//!
//! - `NERODIA_CHAOS`: how long the chaos lasts; `1m` without it
//! - `NERODIA_CHAOS_SEED`: the number that all chance comes from; a new one without it. Every run prints its own.
//! - `NERODIA_CHAOS_RATE`: orders a second
//! - `NERODIA_CHAOS_REPORT`: the file to which a report is written
//! - `NERODIA_CHAOS_KEEP`: keep all logs, also when all is well

mod broker;
mod support;

mod chaos {
    pub mod checker;
    pub mod faults;
    pub mod fleet;
    pub mod plan;
    pub mod producer;
    pub mod report;
    pub mod timeline;
}

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use broker::{Cluster, unique};
use chaos::checker::Checker;
use chaos::faults::Brokers;
use chaos::fleet::{Fleet, Pipeline};
use chaos::plan::{Plan, Random};
use chaos::producer::Load;
use chaos::report::Report;
use chaos::timeline::Timeline;
use support::nerodia;

/// Partitions of the input and of the output.
pub const PARTITIONS: i32 = 6;
/// How long the group may take to catch up once all is well again.
const CATCH_UP: Duration = Duration::from_secs(240);

/// Whether results may come twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    AtLeastOnce,
    ExactlyOnce,
}

impl Delivery {
    pub fn name(self) -> &'static str {
        match self {
            Self::AtLeastOnce => "at_least_once",
            Self::ExactlyOnce => "exactly_once",
        }
    }
}

fn variable<T>(name: &str, otherwise: T, parse: impl Fn(&str) -> Option<T>) -> T {
    match std::env::var(name) {
        Ok(text) => parse(&text).unwrap_or_else(|| panic!("{name} cannot be {text:?}")),
        Err(_) => otherwise,
    }
}

fn run(delivery: Delivery) {
    // The machine is one run's: two would only starve each other.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);

    let lasts = variable("NERODIA_CHAOS", Duration::from_secs(60), |text| {
        humantime::parse_duration(text).ok()
    });
    let seed = variable("NERODIA_CHAOS_SEED", Random::any_seed(), |text| {
        text.parse().ok()
    });
    let rate = variable("NERODIA_CHAOS_RATE", 1500, |text| text.parse().ok());
    let timeline = Timeline::start();
    timeline.note(format!(
        "NERODIA_CHAOS_SEED={seed}: {} of chaos, {}",
        humantime::format_duration(lasts),
        delivery.name()
    ));

    nerodia(["runtime", "compile"]).run().expect(0);
    let cluster = Cluster::start("chaos", 3, &[]);
    let safe = [("min.insync.replicas", "2")];
    // What is appended is stamped by the brokers, so that the checker can tell how long it took.
    let stamped = [
        ("min.insync.replicas", "2"),
        ("message.timestamp.type", "LogAppendTime"),
    ];
    let pipeline = Pipeline {
        delivery,
        addresses: cluster.addresses().into(),
        group: unique("chaos"),
        input: cluster.topic_with("chaos-in", PARTITIONS, &safe),
        output: cluster.topic_with("chaos-out", PARTITIONS, &stamped),
        dead: cluster.topic_with("chaos-dead", 3, &stamped),
    };

    let load = Load::start(&cluster, &pipeline.input, rate);
    let brokers = Brokers::new(&cluster, &timeline);
    let mut fleet = Fleet::new(&pipeline, &timeline);
    fleet.start_all();
    fleet.await_results(&cluster);

    let plan = Plan::new(lasts, seed);
    let began = Instant::now();
    let over = AtomicBool::new(false);
    timeline.note("chaos begins");
    thread::scope(|scope| {
        let faults = scope.spawn(|| brokers.follow(&plan, began));
        let churn = scope.spawn(|| fleet.churn(plan.processes.clone(), &brokers, &over));
        thread::sleep(lasts);
        let broke = faults.join();
        over.store(true, Ordering::Relaxed);
        let churned = churn.join();
        for result in [broke, churned] {
            if let Err(panic) = result {
                std::panic::resume_unwind(panic);
            }
        }
    });
    let (sent, failed) = load.finish();
    timeline.note(format!("chaos is over, {sent} orders written"));
    brokers.start_all();
    fleet.start_all();
    let catching_up = Instant::now();
    let behind = fleet.await_committed(&cluster, &brokers, CATCH_UP);
    let caught_up = catching_up.elapsed();
    timeline.note("all is committed, or it takes too long");
    fleet.await_members(&brokers);
    fleet.end_all(&brokers);

    let mut checker = Checker::read_input(&cluster, &pipeline.input);
    checker.read_results(&cluster, &pipeline.output);
    checker.read_dead_letters(&cluster, &pipeline.dead);
    let mut problems = checker.problems(delivery);
    if failed > 0 || sent != checker.orders() {
        problems.push(format!(
            "the test itself: {sent} orders were written, {failed} failed, and {} are in the topic",
            checker.orders()
        ));
    }
    problems.extend(behind);
    problems.extend(fleet.problems());
    let report = Report {
        delivery,
        seed,
        lasts,
        rate,
        caught_up,
        checker: &checker,
        fleet: &fleet,
        brokers: &brokers,
        problems: &problems,
    };
    eprintln!("{report}");
    if let Ok(file) = std::env::var("NERODIA_CHAOS_REPORT") {
        report.write(file.as_ref());
    }
    if std::env::var_os("NERODIA_CHAOS_KEEP").is_some() || !problems.is_empty() {
        eprintln!("the processes' logs are in {}", fleet.keep_logs().display());
    }
    assert!(
        problems.is_empty(),
        "with NERODIA_CHAOS_SEED={seed}:\n{}",
        problems.join("\n")
    );
}

#[test]
fn at_least_once() {
    run(Delivery::AtLeastOnce);
}

#[test]
fn exactly_once() {
    run(Delivery::ExactlyOnce);
}
