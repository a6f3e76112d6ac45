//! What a run came to, as a section of a page.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::checker::Checker;
use super::faults::Brokers;
use super::fleet::Fleet;
use crate::Delivery;
use crate::support::root;

pub struct Report<'a> {
    pub delivery: Delivery,
    pub seed: u64,
    pub lasts: Duration,
    pub rate: u64,
    pub caught_up: Duration,
    pub checker: &'a Checker,
    pub fleet: &'a Fleet<'a>,
    pub brokers: &'a Brokers<'a>,
    pub problems: &'a [String],
}

impl Report<'_> {
    /// Writes it into a page, in the place of the last one of this kind of delivery.
    pub fn write(&self, file: &Path) {
        let page = fs::read_to_string(file).unwrap_or_default();
        let mut sections: BTreeMap<&str, String> = page
            .split("\n## ")
            .skip(1)
            .filter_map(|section| section.split_once('\n'))
            .map(|(name, text)| (name.trim_matches('`'), text.trim().to_owned()))
            .collect();
        sections.insert(self.delivery.name(), self.to_string().trim().to_owned());
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
        let twice = checker.duplicate_results + checker.duplicate_dead_letters;
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
            thousands(self.rate),
            self.seed
        )?;
        writeln!(
            f,
            "- processes: {} started, {} killed, {} stopped for longer than their session, {} ended (exit codes {}); of these {} after `shutdown_timeout`, \
             while Kafka was away; {} gave up at the start since Kafka was away",
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
            thousands(fleet.logged("guest died") as u64),
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
        writeln!(
            f,
            "- orders: {}; results: {}; dead letters: {}",
            thousands(checker.orders()),
            thousands(checker.results),
            thousands(checker.dead_letters)
        )?;
        writeln!(
            f,
            "- **{verdict}: {} lost, {} unprocessed, {} out of order among first arrivals, {} duplicates** ({:.2} %)",
            thousands(checker.lost()),
            thousands(checker.unprocessed()),
            thousands(checker.disordered()),
            thousands(twice),
            100.0 * twice as f64 / checker.orders().max(1) as f64
        )?;
        writeln!(
            f,
            "- most first arrivals in a second: {}; longest time without any: {} s; all was committed {:.1} s after the \
             brokers and processes were back",
            thousands(checker.arrivals.values().copied().max().unwrap_or(0)),
            checker.longest_silence(),
            self.caught_up.as_secs_f64()
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
                thousands(delays.len() as u64),
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

fn machine() -> Vec<(&'static str, String)> {
    let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let memory = field(&file("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let memory: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let processor = field(&file("/proc/cpuinfo"), "model name").unwrap_or_default();
    let date = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    let git = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .current_dir(root())
        .output();
    let commit = git.map_or_else(
        |_| String::new(),
        |git| String::from_utf8_lossy(&git.stdout).trim().to_owned(),
    );
    let pom = file(&root().join("scripts/kafka/pom.xml").to_string_lossy());
    let kafka = pom
        .split_once("<artifactId>kafka_2.13</artifactId>")
        .and_then(|(_, after)| after.split_once("<version>"))
        .and_then(|(_, after)| after.split_once("</version>"))
        .map_or("", |(version, _)| version);
    vec![
        ("date", format!("{} {} UTC", &date[..10], &date[11..16])),
        ("processor", format!("{processor}, {cores} cores")),
        ("memory", format!("{:.0} GB", memory as f64 * 1024.0 / 1e9)),
        (
            "kernel",
            format!("Linux {}", file("/proc/sys/kernel/osrelease").trim()),
        ),
        (
            "load average after",
            file("/proc/loadavg")
                .split(' ')
                .take(2)
                .collect::<Vec<_>>()
                .join(" (1 min), ")
                + " (5 min)",
        ),
        (
            "versions",
            format!(
                "Nerodia {} ({commit}), Apache Kafka {kafka}, librdkafka {}",
                env!("CARGO_PKG_VERSION"),
                rdkafka::util::get_rdkafka_version().1
            ),
        ),
    ]
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
