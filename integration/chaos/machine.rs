//! Description of the machine of a run.

use std::fs;
use std::process::Command;

use support::root;

/// Returns pairs of name and value, for the head of a report.
pub(crate) fn machine() -> Vec<(&'static str, String)> {
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
