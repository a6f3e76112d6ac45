//! Output of scripts (`print`): captured line by line, cut to a length, limited in rate, then logged.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::clock::rate_limit::{Admit, RateLimit};

/// Longest line that is logged; the rest of the line is counted and left out.
const LINE_LIMIT: usize = 4096;
/// Lines that a guest may log in a second; the rest is counted and left out.
const LINES_A_SECOND: u32 = 100;

/// Standard error of one guest.
pub(crate) struct GuestLog {
    guest: usize,
    line: Vec<u8>,
    line_length: usize,
    /// Bytes that the running request may write in all; `budget` has those that are left.
    allowed: u64,
    budget: u64,
    /// Limit of the request, set when it tried to write more.
    pub overflowed: Option<u64>,
    rate: LineRate,
}

/// The limit on the lines of one guest. All its lives share one, and so does the guest that takes its place: a guest
/// cannot log more by dying. Clones share their limit.
#[derive(Debug, Clone, Default)]
pub(crate) struct LineRate(Arc<LineLimit>);

#[derive(Debug, Default)]
struct LineLimit {
    limit: RateLimit<LINES_A_SECOND>,
    /// The guest that logged last.
    guest: AtomicUsize,
}

impl LineRate {
    /// Whether `guest` may log another line at `now`; if not, the line is counted.
    fn admit(&self, guest: usize, now: Instant) -> bool {
        let previous = self.0.guest.swap(guest, Ordering::Relaxed);
        match self.0.limit.admit(now) {
            Admit::Log { left_out } => {
                report(previous, left_out);
                true
            }
            Admit::Skip => false,
        }
    }

    /// Reports how many lines were left out, if their second is over.
    fn settle(&self) {
        let left_out = self.0.limit.overdue(Instant::now());
        report(self.0.guest.load(Ordering::Relaxed), left_out);
    }
}

fn report(guest: usize, left_out: u64) {
    if left_out > 0 {
        tracing::warn!(
            target: "nerodia::script",
            guest,
            lines_left_out = left_out,
            "the script prints more than {LINES_A_SECOND} lines a second"
        );
    }
}

impl Drop for LineLimit {
    fn drop(&mut self) {
        // No later line can report it.
        let limit = std::mem::take(&mut self.limit);
        report(self.guest.load(Ordering::Relaxed), limit.into_left_out());
    }
}

/// Error of a request that wrote more log than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OverBudget;

impl GuestLog {
    /// Creates the log of guest number `guest`, with `budget` bytes until the next [`renew`](Self::renew).
    pub(crate) fn new(guest: usize, budget: u64, rate: LineRate) -> Self {
        Self {
            guest,
            line: Vec::new(),
            line_length: 0,
            allowed: budget,
            budget,
            overflowed: None,
            rate,
        }
    }

    /// Begins a request, which may write `budget` bytes.
    pub(crate) fn renew(&mut self, budget: u64) {
        self.allowed = budget;
        self.budget = budget;
        self.overflowed = None;
    }

    /// Returns how many bytes the running request has written.
    pub(crate) fn written(&self) -> u64 {
        self.allowed - self.budget
    }

    /// Takes bytes that the guest wrote.
    ///
    /// # Errors
    /// [`OverBudget`] if the request has written more than it may; the guest must be ended.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), OverBudget> {
        match self.budget.checked_sub(bytes.len() as u64) {
            Some(rest) => self.budget = rest,
            None => {
                self.overflowed = Some(self.allowed);
                return Err(OverBudget);
            }
        }
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            let room = LINE_LIMIT - self.line.len();
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            self.line_length += text.len();
            if text.len() < piece.len() {
                self.end_line();
            }
        }
        Ok(())
    }

    /// Logs a line that has no end yet, and how much was left out, because the request is over.
    pub(crate) fn settle(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.rate.settle();
    }

    fn end_line(&mut self) {
        if self.rate.admit(self.guest, Instant::now()) {
            let text = String::from_utf8_lossy(&self.line);
            let cut = self.line_length - self.line.len();
            if cut == 0 {
                tracing::info!(target: "nerodia::script", guest = self.guest, "{text}");
            } else {
                tracing::info!(target: "nerodia::script", guest = self.guest, bytes_left_out = cut, "{text}");
            }
        }
        self.line.clear();
        self.line_length = 0;
    }
}

impl Drop for GuestLog {
    fn drop(&mut self) {
        // The last lines of a guest that died often give the reason.
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Twenty lives of sixty lines each log no more than one life could in the same time.
    #[test]
    fn a_guest_that_dies_logs_no_more_for_that() {
        let rate = LineRate::default();
        let began = Instant::now();
        for _ in 0..20 {
            let mut log = GuestLog::new(7, 1 << 20, rate.clone());
            for _ in 0..60 {
                log.write(b"a line\n").expect("there is room");
            }
        }
        let took = began.elapsed();
        let left_out = rate.0.limit.overdue(began + Duration::from_secs(3600));
        // A machine that needs longer for these lines may log another hundred in the next second.
        assert!(left_out == 1100 || took >= Duration::from_secs(1));
    }

    #[test]
    fn a_hundred_lines_a_second() {
        let rate = LineRate::default();
        let start = Instant::now();
        let admitted = (0..250).filter(|_| rate.admit(7, start));
        assert_eq!(admitted.count(), 100);
    }
}
