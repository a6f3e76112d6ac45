//! Processor time, in seconds.

use rustix::time::{ClockId, clock_gettime};

/// Returns the processor time that the process has used, in seconds.
pub fn process_seconds() -> f64 {
    seconds(ClockId::ProcessCPUTime)
}

/// Returns the processor time that the calling thread has used, in seconds.
pub fn thread_seconds() -> f64 {
    if cfg!(feature = "uncounted") {
        return 0.0;
    }
    seconds(ClockId::ThreadCPUTime)
}

fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_spent() {
        let before = thread_seconds();
        std::hint::black_box((0..10_000_000u64).fold(0, |sum, n| sum ^ std::hint::black_box(n)));
        assert!(thread_seconds() > before);
    }
}
