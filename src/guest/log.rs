//! Output of scripts (`print`): captured line by line, cut to a length, limited in rate, then logged.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longest line that is logged; the rest of the line is counted and left out.
const LINE_LIMIT: usize = 4096;
/// Lines that a guest may log in one [`WINDOW`]; further lines are counted and left out.
const LINES_A_WINDOW: u32 = 100;
const WINDOW: Duration = Duration::from_secs(1);

/// Standard error of one guest.
pub struct GuestLog {
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

/// Count of the lines that a guest has logged recently. All instances of a guest share it, and so does a guest that
/// replaces it: a guest cannot log more by dying. Clones are the same count.
#[derive(Debug, Clone, Default)]
pub struct LineRate(Arc<Mutex<Window>>);

#[derive(Debug, Default)]
struct Window {
    opened: Option<Instant>,
    lines: u32,
    /// Number of lines left out since the last report; `guest` has the guest's number.
    left_out: u64,
    guest: usize,
}

impl LineRate {
    /// Returns whether `guest` may log another line at time `now`; if not, counts the line.
    fn admit(&self, guest: usize, now: Instant) -> bool {
        let mut window = self.lock();
        window.guest = guest;
        if window.is_over(now) {
            window.tell();
            window.opened = Some(now);
            window.lines = 0;
        }
        let admitted = window.lines < LINES_A_WINDOW;
        if admitted {
            window.lines += 1;
        } else {
            window.left_out += 1;
        }
        admitted
    }

    /// Reports how many lines were left out, if the window is over.
    fn settle(&self) {
        let mut window = self.lock();
        if window.left_out > 0 && window.is_over(Instant::now()) {
            window.tell();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Window> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn is_over(&self, now: Instant) -> bool {
        self.opened
            .is_none_or(|opened| now.duration_since(opened) >= WINDOW)
    }

    fn tell(&mut self) {
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            tracing::warn!(
                target: "nerodia::script",
                guest = self.guest,
                lines_left_out = left_out,
                "the script prints more than {LINES_A_WINDOW} lines a second"
            );
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // No later line can report this.
        self.tell();
    }
}

/// Error of a request that wrote more log than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverBudget;

impl GuestLog {
    /// Creates the log of guest number `guest`, with `budget` bytes until the next [`renew`](Self::renew).
    pub fn new(guest: usize, budget: u64, rate: LineRate) -> Self {
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
    pub fn renew(&mut self, budget: u64) {
        self.allowed = budget;
        self.budget = budget;
        self.overflowed = None;
    }

    /// Returns how many bytes the running request has written.
    pub fn written(&self) -> u64 {
        self.allowed - self.budget
    }

    /// Takes bytes that the guest wrote.
    ///
    /// # Errors
    /// [`OverBudget`] if the request has written more than it may; the guest must be ended.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), OverBudget> {
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
    pub fn settle(&mut self) {
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
    use super::*;

    /// Returns how many of `lines` are admitted.
    fn admitted(rate: &LineRate, lines: u32, now: Instant) -> usize {
        (0..lines).filter(|_| rate.admit(7, now)).count()
    }

    /// Checks that twenty instances with sixty lines each log no more than one instance may in that time.
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
        let windows = began.elapsed().as_secs() + 1;
        let window = rate.lock();
        assert!(window.lines <= LINES_A_WINDOW);
        if windows == 1 {
            assert_eq!((window.lines, window.left_out), (100, 1100));
        }
    }

    #[test]
    fn a_hundred_lines_a_window_and_the_others_are_counted() {
        let rate = LineRate::default();
        let start = Instant::now();
        assert_eq!(admitted(&rate, 250, start), 100);
        assert_eq!(rate.lock().left_out, 150);
        assert_eq!(admitted(&rate, 1, start + WINDOW / 2), 0);
        assert_eq!(admitted(&rate, 250, start + WINDOW), 100);
        assert_eq!(rate.lock().left_out, 150, "those before were told");
    }
}
