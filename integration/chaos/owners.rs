//! Owners of partitions over time: whether a partition was given to another member before its owner let it go.
//!
//! From outside the group that is visible in one way: results of the former owner after the first result of the new
//! one. Each result says which process made it, and when its script ran. The former owner may have the partition again
//! later, which is no error; then its scripts ran later as well.

use std::collections::HashMap;
use std::fmt;

use super::order::Place;

/// Least time in which a partition can go to another member and come back: a rebalance takes a heartbeat, here 1 s.
const FASTEST_RETURN: i64 = 500;
/// Time after a stopped process continues, in which it may not know that another process has its partitions: results
/// that it had given to Kafka's client by then are sent. (With transactions they are refused.)
const AFTER_A_PAUSE: i64 = 10_000;
/// Time for which a member may be cut off before the group assigns its partitions to others, and return after that.
const AFTER_AN_OUTAGE: i64 = 40_000;

/// A stop of a process (SIGSTOP), with begin and duration in milliseconds since the epoch.
#[derive(Debug, Clone)]
pub(crate) struct Pause {
    pub name: String,
    pub from: i64,
    pub lasts: i64,
}

/// Excuses for a process that writes for a partition that it no longer has.
#[derive(Debug, Default, Clone)]
pub(crate) struct Excuses {
    pub pauses: Vec<Pause>,
    /// Begin and end of outages of brokers.
    pub outages: Vec<(i64, i64)>,
}

/// Results of one input partition that are in order: place, output partition, input partition.
type Lane = (Place, i32, usize);

/// Time in which one process has a partition, as one output partition shows it.
#[derive(Debug)]
struct Tenure {
    by: String,
    /// Time at which its first script ran, and its first result was in the topic.
    ran: i64,
    appended: i64,
}

/// Result that came when another process already had the partition.
#[derive(Debug, Clone)]
pub(crate) struct Late {
    pub by: String,
    pub owner: String,
    pub ran: i64,
    pub appended: i64,
    /// Description of the result, for people.
    pub what: String,
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            by,
            owner,
            ran,
            appended,
            what,
        } = self;
        write!(
            f,
            "{by} ran it at {ran}, and it came at {appended} behind results of {owner}: {what}"
        )
    }
}

/// Observer of the results in their order.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    tenures: HashMap<Lane, Tenure>,
    former: HashMap<Lane, Vec<String>>,
    late: Vec<Late>,
    /// Number of times that one process followed another.
    pub handovers: u64,
}

impl Owners {
    /// Adds one more result.
    pub(crate) fn saw(
        &mut self,
        lane: Lane,
        by: &str,
        ran: i64,
        appended: i64,
        what: impl Fn() -> String,
    ) {
        let next = || Tenure {
            by: by.to_owned(),
            ran,
            appended,
        };
        let Some(tenure) = self.tenures.get_mut(&lane) else {
            self.tenures.insert(lane, next());
            return;
        };
        if tenure.by == by {
            return;
        }
        let former = self.former.entry(lane).or_default();
        let returns = former.iter().any(|one| one == by);
        let too_soon = returns && appended - tenure.appended < FASTEST_RETURN;
        if ran < tenure.ran || too_soon {
            self.late.push(Late {
                by: by.to_owned(),
                owner: tenure.by.clone(),
                ran,
                appended,
                what: what(),
            });
            return;
        }
        let before = std::mem::replace(tenure, next());
        former.push(before.by);
        self.handovers += 1;
    }

    /// Returns the late results without an excuse, and the number of those with one.
    pub(crate) fn late(&self, excuses: &Excuses) -> (Vec<&Late>, usize) {
        let late: Vec<&Late> = self
            .late
            .iter()
            .filter(|one| !excuses.excuse(one))
            .collect();
        let excused = self.late.len() - late.len();
        (late, excused)
    }
}

impl Excuses {
    fn excuse(&self, late: &Late) -> bool {
        let paused = self.pauses.iter().any(|pause| {
            let till = pause.from + pause.lasts + AFTER_A_PAUSE;
            pause.name == late.by && (pause.from..till).contains(&late.appended)
        });
        let outage = self
            .outages
            .iter()
            .any(|&(from, till)| (from..till + AFTER_AN_OUTAGE).contains(&late.appended));
        paused || outage
    }
}

#[test]
fn a_result_behind_the_next_owners_first_is_late() {
    let lane = (Place::Output, 0, 0);
    let late = |results: &[(&str, i64, i64)], excuses: &Excuses| {
        let mut owners = Owners::default();
        for &(by, ran, appended) in results {
            owners.saw(lane, by, ran, appended, String::new);
        }
        let late: Vec<i64> = owners
            .late(excuses)
            .0
            .iter()
            .map(|one| one.appended)
            .collect();
        late
    };
    let none = Excuses::default();
    // One owner after the other, and back again.
    let well = [
        ("a", 10, 20),
        ("a", 30, 40),
        ("b", 50, 60),
        ("a", 2000, 2010),
        ("b", 9000, 9010),
    ];
    assert!(late(&well, &none).is_empty());
    // The script of the late result ran before the next owner's first script.
    assert_eq!(
        late(
            &[("a", 10, 20), ("b", 50, 60), ("a", 40, 70), ("b", 80, 90)],
            &none
        ),
        [70]
    );
    // Both owners continue, side by side.
    assert_eq!(
        late(
            &[("a", 10, 20), ("b", 50, 60), ("a", 65, 70), ("b", 80, 90)],
            &none
        ),
        [70]
    );
    let overlap = [("a", 10, 20), ("b", 5000, 5010), ("a", 4000, 9000)];
    assert_eq!(late(&overlap, &none), [9000]);
    let pause = |name: &str| Pause {
        name: name.into(),
        from: 100,
        lasts: 7000,
    };
    let stopped = |name| Excuses {
        pauses: vec![pause(name)],
        outages: Vec::new(),
    };
    assert!(late(&overlap, &stopped("a")).is_empty());
    assert_eq!(late(&overlap, &stopped("b")), [9000]);
    let outage = Excuses {
        pauses: Vec::new(),
        outages: vec![(100, 200)],
    };
    assert!(late(&overlap, &outage).is_empty());
}
