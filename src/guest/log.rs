//! What a script prints: captured line by line, cut to a length, limited in rate, then logged.

use std::time::{Duration, Instant};

/// Longest line that is logged; the rest of it is counted and left out.
const LINE_LIMIT: usize = 4096;
/// Lines a guest may log in one [`WINDOW`]; the rest is counted and left out.
const LINES_A_WINDOW: u32 = 100;
const WINDOW: Duration = Duration::from_secs(1);

/// Standard error of one guest.
pub struct GuestLog {
    guest: usize,
    line: Vec<u8>,
    line_length: usize,
    /// Bytes the running request may write in all, and those of them it has not written yet.
    allowed: u64,
    budget: u64,
    /// What it was allowed, if it tried to write more.
    pub overflowed: Option<u64>,
    window: Instant,
    lines: u32,
    left_out: u64,
}

/// The request wrote more log than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverBudget;

impl GuestLog {
    /// The log of guest number `guest`, with room for `budget` bytes until the next [`renew`](Self::renew).
    pub fn new(guest: usize, budget: u64) -> Self {
        Self {
            guest,
            line: Vec::new(),
            line_length: 0,
            allowed: budget,
            budget,
            overflowed: None,
            window: Instant::now(),
            lines: 0,
            left_out: 0,
        }
    }

    /// A new request begins, which may write `budget` bytes.
    pub fn renew(&mut self, budget: u64) {
        self.allowed = budget;
        self.budget = budget;
        self.overflowed = None;
    }

    /// Bytes the running request has written.
    pub fn written(&self) -> u64 {
        self.allowed - self.budget
    }

    /// Takes what the guest wrote.
    ///
    /// # Errors
    /// [`OverBudget`] if it is more than the request may write; the guest is to be ended.
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

    /// Logs a line that has no end yet, and how much was left out: the request is over.
    pub fn settle(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
        if self.left_out > 0 && self.window.elapsed() >= WINDOW {
            self.open_window();
        }
    }

    fn end_line(&mut self) {
        if self.window.elapsed() >= WINDOW {
            self.open_window();
        }
        if self.lines < LINES_A_WINDOW {
            self.lines += 1;
            let text = String::from_utf8_lossy(&self.line);
            let cut = self.line_length - self.line.len();
            if cut == 0 {
                tracing::info!(target: "nerodia::script", guest = self.guest, "{text}");
            } else {
                tracing::info!(target: "nerodia::script", guest = self.guest, bytes_left_out = cut, "{text}");
            }
        } else {
            self.left_out += 1;
        }
        self.line.clear();
        self.line_length = 0;
    }

    fn open_window(&mut self) {
        if self.left_out > 0 {
            tracing::warn!(
                target: "nerodia::script",
                guest = self.guest,
                lines_left_out = self.left_out,
                "the script prints more than {LINES_A_WINDOW} lines a second"
            );
        }
        self.window = Instant::now();
        self.lines = 0;
        self.left_out = 0;
    }
}

impl Drop for GuestLog {
    fn drop(&mut self) {
        // The last words of a guest that died are often the ones that tell why.
        self.settle();
        if self.left_out > 0 {
            self.open_window();
        }
    }
}
