//! Processor time and memory of the process.

use serde::{Deserialize, Serialize};

use crate::clock::cpu;

/// Processor time and memory of the process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Usage {
    /// Seconds of processor time since the start.
    pub cpu_seconds: f64,
    /// Resident memory in bytes; `None` where the system does not report it (only Linux does).
    pub resident_bytes: Option<u64>,
}

/// Measures the process now.
pub fn usage() -> Usage {
    Usage {
        cpu_seconds: cpu::process_seconds(),
        resident_bytes: resident(),
    }
}

fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_spent_and_memory_held() {
        let usage = usage();
        assert!(usage.cpu_seconds > 0.0);
        if cfg!(target_os = "linux") {
            assert!(
                usage.resident_bytes.is_some_and(|bytes| bytes > 1 << 20),
                "{usage:?}"
            );
        }
    }
}
