//! Checks that nothing is lost, changed or out of order, whatever dies: there are three Nerodia processes of one group
//! and three brokers, any of which is killed, ended, stopped or started at any moment, and guests are killed as well.
//! Meanwhile topics are created and deleted, partitions are added, some messages take seconds, and brokers refuse some
//! results.
//!
//! Without settings this is the short form. `scripts/chaos.sh` runs the long one, by these variables of the
//! environment:
//!
//! - `NERODIA_CHAOS`: duration of the chaos; `30s` without it
//! - `NERODIA_CHAOS_SEED`: seed of all random choices; a new one without it. Every run prints its seed.
//! - `NERODIA_CHAOS_RATE`: orders per second; 600 without it
//! - `NERODIA_CHAOS_WITHOUT`: faults that are left out, separated by commas: see `plan::Wanted`
//! - `NERODIA_CHAOS_REPORT`: the file to which a report is written
//! - `NERODIA_CHAOS_KEEP`: keep all logs, even if there is no problem

mod admin;
mod checker;
mod faults;
mod fleet;
mod machine;
mod order;
mod owners;
mod pipeline;
mod plan;
mod process;
mod producer;
mod report;
mod timeline;
mod topics;
mod waits;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use admin::{Admin, shorten_session};
use checker::Checker;
use faults::Brokers;
use fleet::Fleet;
use order::Id;
use owners::Excuses;
use pipeline::{GROWS_FROM, Pipeline};
use plan::{Plan, Wanted};
use producer::Load;
use report::Report;
use support::{Cluster, Random, Record, nerodia};
use timeline::Timeline;
use topics::Topics;

/// Partitions of the main topic that are written to, and of the output.
pub const PARTITIONS: i32 = 6;
/// Time without any commit after which the run gives up, once everything is up again. Work that has queued up takes as
/// long as the machine needs.
const CATCH_UP: Duration = Duration::from_secs(240);

/// Promise of delivery, and the way in which the group shares its partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// At least once: results may come twice.
    AtLeastOnce,
    /// Exactly once: no result comes twice, and members are static.
    ExactlyOnce,
    /// At least once, and the brokers assign the partitions (KIP-848).
    ConsumerProtocol,
}

impl Form {
    pub fn name(self) -> &'static str {
        match self {
            Self::AtLeastOnce => "at_least_once",
            Self::ExactlyOnce => "exactly_once",
            Self::ConsumerProtocol => "consumer_protocol",
        }
    }

    pub fn delivery(self) -> &'static str {
        match self {
            Self::AtLeastOnce | Self::ConsumerProtocol => "at_least_once",
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

fn run(form: Form) {
    // One run at a time: two runs would only take the machine from each other.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);

    let lasts = variable("NERODIA_CHAOS", Duration::from_secs(30), |text| {
        humantime::parse_duration(text).ok()
    });
    let seed = variable("NERODIA_CHAOS_SEED", Random::any_seed(), |text| {
        text.parse().ok()
    });
    // Work that queues up while Kafka is away should be done within a minute, even on two slow cores.
    let rate = variable("NERODIA_CHAOS_RATE", 600, |text| text.parse().ok());
    let wanted = variable("NERODIA_CHAOS_WITHOUT", Wanted::all(), Wanted::without);
    let timeline = Timeline::start();
    timeline.note(format!(
        "NERODIA_CHAOS_SEED={seed}: {} of chaos, {}, {wanted:?}",
        humantime::format_duration(lasts),
        form.name()
    ));

    nerodia(["runtime", "compile"]).run().expect(0);
    // The same brokers for all forms: their start takes as long as a third of the chaos.
    static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::start("chaos", 3, &[]));
    let cluster: &Cluster = &CLUSTER;
    cluster.make_whole();
    let pipeline = Pipeline::new(cluster, form, wanted);
    if form == Form::ConsumerProtocol {
        shorten_session(cluster, &pipeline.group);
    }
    let brokers = Brokers::new(cluster, &timeline);
    let mut fleet = Fleet::new(&pipeline, &timeline);
    if pipeline.wanted.newest {
        write_old(cluster, &pipeline);
    }
    fleet.start_all(None);
    fleet.await_members(None);
    if pipeline.wanted.newest {
        fleet.await_positions(&Admin::new(cluster), &pipeline.main);
    }
    let load = Load::start(cluster, rate, &pipeline.wanted);
    load.open(&pipeline.main, 0..PARTITIONS);
    load.open(&pipeline.grows, 0..GROWS_FROM);
    fleet.await_results(cluster);

    let topics = Topics::new(cluster, &pipeline, &load, &brokers, &timeline);
    let plan = Plan::new(lasts, seed, &pipeline.wanted);
    let began = Instant::now();
    let over = AtomicBool::new(false);
    timeline.note("chaos begins");
    thread::scope(|scope| {
        let threads = [
            scope.spawn(|| brokers.follow(&plan, began)),
            scope.spawn(|| topics.follow(&plan, began, &over)),
            scope.spawn(|| fleet.churn(plan.processes.clone(), &brokers, &over)),
        ];
        thread::sleep(lasts);
        over.store(true, Ordering::Relaxed);
        for thread in threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
    let Topics {
        orders,
        deleted,
        inputs,
        made,
        ended,
        grown,
        ..
    } = topics;
    let (inputs, orders) = (inputs.into_inner().unwrap(), orders.into_inner().unwrap());
    let deleted = deleted.into_inner().unwrap();
    let (sent, failed) = load.finish();
    timeline.note(format!("chaos is over, {sent} orders written"));
    brokers.start_all();
    fleet.start_all(Some(&brokers));
    let catching_up = Instant::now();
    let behind = fleet.await_committed(cluster, &inputs, &brokers, CATCH_UP);
    let caught_up = behind.is_none().then(|| catching_up.elapsed());
    timeline.note(match caught_up {
        Some(_) => "all is committed",
        None => "not all is committed, and nothing more is",
    });
    fleet.await_members(Some(&brokers));
    fleet.end_all(cluster, &brokers);

    let mut checker = Checker::default();
    checker.take_input(&orders);
    for topic in &inputs {
        checker.read_input(cluster, topic);
    }
    checker.read_output(cluster, &pipeline, &deleted);
    let excuses = Excuses {
        pauses: fleet.pauses.clone(),
        outages: brokers.outages(),
    };
    let mut problems = checker.problems(form, &excuses);
    if failed > 0 || sent != checker.orders() {
        problems.push(format!(
            "the test itself: {sent} orders were written, {failed} failed, and {} are in the topics",
            checker.orders()
        ));
    }
    problems.extend(behind);
    problems.extend(fleet.problems.clone());
    let report = Report {
        form,
        seed,
        lasts,
        rate,
        caught_up,
        checker: &checker,
        excuses: &excuses,
        fleet: &fleet,
        brokers: &brokers,
        topics: [made, ended, grown].map(std::sync::atomic::AtomicU32::into_inner),
        deleted: deleted.iter().flatten().count(),
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

/// Writes records to the topics before the group exists: with `start_from_oldest: false` they are not read.
fn write_old(cluster: &Cluster, pipeline: &Pipeline) {
    for (topic, partitions) in [(&pipeline.main, PARTITIONS), (&pipeline.grows, GROWS_FROM)] {
        let old = (0..partitions).flat_map(|partition| {
            let id = Id {
                topic,
                partition,
                n: -1,
            };
            std::iter::repeat_n(Record::json(&id.old()).partition(partition), 20)
        });
        cluster.produce(topic, old);
    }
}

#[test]
fn at_least_once() {
    run(Form::AtLeastOnce);
}

#[test]
fn exactly_once() {
    run(Form::ExactlyOnce);
}

#[test]
fn consumer_protocol() {
    run(Form::ConsumerProtocol);
}
