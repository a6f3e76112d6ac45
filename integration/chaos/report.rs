//! Report about a run, as a section of a page.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::HumanCount;

use super::checker::Checker;
use super::faults::Brokers;
use super::fleet::Fleet;
use super::machine::machine;
use super::owners::Excuses;
use crate::Form;

pub(crate) struct Report<'a> {
    pub form: Form,
    pub seed: u64,
    pub lasts: Duration,
    pub rate: u64,
    /// Time until everything was committed, once everything was up again; `None` if it was not.
    pub caught_up: Option<Duration>,
    pub checker: &'a Checker,
    pub excuses: &'a Excuses,
    pub fleet: &'a Fleet<'a>,
    pub brokers: &'a Brokers<'a>,
    /// Number of topics created, of topics deleted, and of partitions added.
    pub topics: [u32; 3],
    /// Number of deleted topics that scripts chose.
    pub deleted: usize,
    pub problems: &'a [String],
}

impl Report<'_> {
    /// Writes the report into a page, in the place of the last one of this form.
    pub(crate) fn write(&self, file: &Path) {
        let page = fs::read_to_string(file).unwrap_or_default();
        let mut sections: BTreeMap<&str, String> = page
            .split("\n## ")
            .skip(1)
            .filter_map(|section| section.split_once('\n'))
            .map(|(name, text)| (name.trim_matches('`'), text.trim().to_owned()))
            .collect();
        sections.insert(self.form.name(), self.to_string().trim().to_owned());
        let mut page = "# The chaos run\n\nMade by `scripts/chaos.sh --write`.\n".to_owned();
        for (name, text) in sections {
            page += &format!("\n## `{name}`\n\n{text}\n");
        }
        fs::write(file, page).expect("the report can be written");
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            checker,
            fleet,
            brokers,
            ..
        } = self;
        let counts = &fleet.counts;
        let twice = checker.duplicates;
        let verdict = if self.problems.is_empty() {
            "all is well"
        } else {
            "NOT WELL"
        };
        for (name, value) in machine() {
            writeln!(f, "- {name}: {value}")?;
        }
        writeln!(
            f,
            "- run: {} of chaos at {} orders a second, seed {}",
            humantime::format_duration(self.lasts),
            HumanCount(self.rate),
            self.seed
        )?;
        writeln!(
            f,
            "- processes: {} started, {} killed, {} stopped for longer than their session, {} ended (exit codes {}); of these {} after `shutdown_timeout`, \
             while Kafka was away or guests were killed; {} gave up at the start since Kafka was away",
            counts.starts,
            counts.kills,
            counts.pauses,
            counts.terms,
            codes(&counts.codes),
            counts.late,
            counts.unreachable
        )?;
        writeln!(
            f,
            "- guests: {} died; the group: {} rebalances in which partitions were given, {} in which they were taken",
            HumanCount(fleet.logged("guest died") as u64),
            fleet.logged("partitions assigned"),
            fleet.logged("partitions revoked"),
        )?;
        let count = |count: &std::sync::atomic::AtomicU32| count.load(Ordering::Relaxed);
        writeln!(
            f,
            "- brokers: {} times one was killed and restarted, {} times one was stopped, {} times all were down",
            count(&brokers.kills),
            count(&brokers.pauses),
            count(&brokers.all_down)
        )?;
        let [made, ended, grown] = self.topics;
        writeln!(
            f,
            "- topics: {made} of the input made, {ended} of them deleted again; {grown} partitions added; {} that scripts choose deleted",
            self.deleted
        )?;
        let kinds = checker.kinds();
        let kinds = kinds
            .iter()
            .map(|(name, count)| format!("{name} {}", HumanCount(*count)));
        writeln!(
            f,
            "- orders by kind: {}",
            kinds.collect::<Vec<_>>().join(", ")
        )?;
        let (late, excused) = checker.owners.late(self.excuses);
        writeln!(
            f,
            "- {} times the results of one process followed those of another; behind the first of the next one came {}, \
             and {excused} of processes or brokers that were stopped",
            HumanCount(checker.owners.handovers),
            late.len()
        )?;
        writeln!(
            f,
            "- orders: {} ({} of them written twice); results: {}; dead letters: {}",
            HumanCount(checker.orders()),
            checker.written_again(),
            HumanCount(checker.results),
            HumanCount(checker.dead_letters)
        )?;
        writeln!(
            f,
            "- **{verdict}: {} lost, {} unprocessed, {} out of order among first arrivals, {} duplicates** ({:.2} %)",
            HumanCount(checker.lost()),
            HumanCount(checker.unprocessed()),
            HumanCount(checker.disordered()),
            HumanCount(twice),
            100.0 * twice as f64 / checker.orders().max(1) as f64
        )?;
        writeln!(
            f,
            "- most first arrivals in a second: {}; longest time without any: {} s; {}",
            HumanCount(checker.arrivals.values().copied().max().unwrap_or(0)),
            checker.longest_silence(),
            match self.caught_up {
                Some(time) => format!(
                    "all was committed {:.1} s after the brokers and processes were back",
                    time.as_secs_f64()
                ),
                None => "NOT ALL WAS COMMITTED: what is lost may only not have been read".into(),
            }
        )?;
        writeln!(
            f,
            "\nFrom when an order was made till its first result lay in the topic (with `exactly_once`, not yet committed), \
             in seconds, by the minute in which it was made:\n\n| minute | orders | median |  99 % | worst |\n| ------ | -----: | -----: | ----: | ----: |"
        )?;
        let mut minutes: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        let first = checker.delays().map(|(at, _)| at).min().unwrap_or(0);
        for (at, delay) in checker.delays() {
            minutes
                .entry((at - first) / 60_000)
                .or_default()
                .push(delay);
        }
        for (minute, mut delays) in minutes {
            delays.sort_unstable();
            let at =
                |part: f64| delays[((delays.len() - 1) as f64 * part) as usize] as f64 / 1000.0;
            writeln!(
                f,
                "| {:<6} | {:>6} | {:>6.2} | {:>5.1} | {:>5.1} |",
                minute + 1,
                HumanCount(delays.len() as u64),
                at(0.5),
                at(0.99),
                at(1.0)
            )?;
        }
        if !self.problems.is_empty() {
            writeln!(f, "\n```text\n{}\n```", self.problems.join("\n"))?;
        }
        Ok(())
    }
}

fn codes(codes: &std::collections::HashMap<i32, u32>) -> String {
    let sorted: BTreeMap<_, _> = codes.iter().collect();
    let shown = sorted.iter().map(|(code, count)| match code {
        -15 => format!("killed by SIGTERM before they read anything: {count}"),
        code => format!("{code}: {count}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}
