//! What is on the screen and what keys do to it. Nothing here draws.

use std::time::Duration;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::history::{History, Rates};
use super::poll::Answer;
use crate::telemetry::stats::{RecentFailure, Stats};

/// So many lines are a page.
const PAGE: usize = 10;

/// What is on the screen.
#[derive(Debug)]
pub struct Screen {
    /// Who is asked.
    pub url: String,
    /// How often.
    pub interval: Duration,
    /// What was answered.
    pub history: History,
    /// Whether there was an answer the last time.
    pub link: Link,
    /// Answers are left aside, so that what is there can be read.
    pub paused: bool,
    /// The list that keys move.
    pub focus: Focus,
    /// What lies over it.
    pub over: Over,
    /// The first partition that is shown.
    pub first_partition: usize,
    /// When it happened and to which message: a failure keeps its mark when newer ones push it down.
    selected: Option<(u64, String)>,
}

/// Whether there was an answer the last time.
#[derive(Debug, PartialEq, Eq)]
pub enum Link {
    /// It was not asked yet.
    Asking,
    /// There was.
    Up,
    /// There was none: why, and what to do.
    Down(String, &'static str),
}

/// A list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// The last failures.
    Failures,
    /// Kafka's partitions.
    Partitions,
}

/// What lies over the rest.
#[derive(Debug)]
pub enum Over {
    /// Nothing.
    Nothing,
    /// The keys.
    Help,
    /// A failure, from this line on. It stays, though it is no longer among the last.
    Failure(Box<RecentFailure>, usize),
}

/// What comes after a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Going on.
    Stay,
    /// The end.
    Leave,
}

impl Screen {
    /// Before the first answer.
    pub fn new(url: String, interval: Duration) -> Self {
        Self {
            url,
            interval,
            history: History::default(),
            link: Link::Asking,
            paused: false,
            focus: Focus::Failures,
            over: Over::Nothing,
            first_partition: 0,
            selected: None,
        }
    }

    /// An answer came, or none.
    pub fn answer(&mut self, answer: Answer) {
        if self.paused {
            return;
        }
        match answer {
            Ok(stats) => {
                self.link = Link::Up;
                self.history.record(*stats);
                if !self.has_partitions() {
                    self.focus = Focus::Failures;
                }
            }
            Err(error) => {
                self.link = Link::Down(error.to_string(), error.help());
                self.history.miss();
            }
        }
    }

    /// How things change now; nothing while there is no answer, for the last known rates are no more than that.
    pub fn rates(&self) -> Option<Rates> {
        match self.link {
            Link::Up => self.history.rates(),
            Link::Asking | Link::Down(..) => None,
        }
    }

    /// A key was pressed.
    pub fn key(&mut self, key: KeyEvent) -> After {
        if key.kind == KeyEventKind::Release {
            return After::Stay;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return After::Leave;
        }
        match (&mut self.over, key.code) {
            (Over::Nothing, KeyCode::Char('q') | KeyCode::Esc) => return After::Leave,
            (_, KeyCode::Char('q') | KeyCode::Esc) => self.over = Over::Nothing,
            (Over::Help, _) | (Over::Failure(..), KeyCode::Enter) => self.over = Over::Nothing,
            (Over::Failure(_, first), code) => {
                if let Some(moved) = moved(code, *first, usize::MAX) {
                    *first = moved;
                }
            }
            (Over::Nothing, KeyCode::Char('?' | 'h')) => self.over = Over::Help,
            (Over::Nothing, KeyCode::Char(' ' | 'p')) => self.paused = !self.paused,
            (Over::Nothing, KeyCode::Tab | KeyCode::BackTab) => {
                self.focus = match self.focus {
                    Focus::Failures if self.has_partitions() => Focus::Partitions,
                    _ => Focus::Failures,
                }
            }
            (Over::Nothing, KeyCode::Enter) => {
                let at = self.selected_failure().unwrap_or(0);
                if let Some(failure) = self.failures().get(at) {
                    self.over = Over::Failure(Box::new(failure.clone()), 0);
                }
            }
            (Over::Nothing, code) => self.moves(code),
        }
        After::Stay
    }

    fn moves(&mut self, code: KeyCode) {
        match self.focus {
            Focus::Partitions => {
                if let Some(first) = moved(code, self.first_partition, usize::MAX) {
                    self.first_partition = first;
                }
            }
            Focus::Failures => {
                let last = self.failures().len().saturating_sub(1);
                let to = match (self.selected_failure(), code) {
                    // The first step down is onto the newest.
                    (None, KeyCode::Down | KeyCode::Char('j')) => Some(0),
                    (at, code) => moved(code, at.unwrap_or(0), last),
                };
                if let Some(failure) = to.and_then(|to| self.failures().get(to)) {
                    self.selected = Some((failure.at_ms, failure.message.clone()));
                }
            }
        }
    }

    /// The place of the failure that is selected.
    pub fn selected_failure(&self) -> Option<usize> {
        let (at_ms, message) = self.selected.as_ref()?;
        let is_it = |one: &RecentFailure| one.at_ms == *at_ms && one.message == *message;
        self.failures().iter().position(is_it)
    }

    /// The last failures, the newest first.
    pub fn failures(&self) -> &[RecentFailure] {
        self.history
            .last()
            .map_or(&[], |stats| &stats.recent_failures)
    }

    fn has_partitions(&self) -> bool {
        self.history.last().is_some_and(uses_kafka)
    }
}

/// Whether there is anything to tell of Kafka.
pub fn uses_kafka(stats: &Stats) -> bool {
    !stats.kafka.partitions.is_empty() || !stats.kafka.links.is_empty()
}

/// Where a key leads from `at`; `None` if it is no key to move with.
fn moved(code: KeyCode, at: usize, last: usize) -> Option<usize> {
    let to = match code {
        KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => at.saturating_add(1),
        KeyCode::PageUp => at.saturating_sub(PAGE),
        KeyCode::PageDown => at.saturating_add(PAGE),
        KeyCode::Home => 0,
        KeyCode::End => last,
        _ => return None,
    };
    Some(to.min(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::remote::RemoteError;
    use crate::cli::top::sample;

    fn screen() -> Screen {
        let mut screen = Screen::new("http://here".into(), Duration::from_secs(1));
        screen.answer(Ok(Box::new(sample::stats())));
        screen
    }

    fn press(screen: &mut Screen, code: KeyCode) -> After {
        screen.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn ways_to_leave() {
        let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(screen().key(control_c), After::Leave);
        assert_eq!(press(&mut screen(), KeyCode::Esc), After::Leave);
        let mut screen = screen();
        press(&mut screen, KeyCode::Char('?'));
        assert!(matches!(screen.over, Over::Help));
        assert_eq!(press(&mut screen, KeyCode::Char('q')), After::Stay);
        assert_eq!(press(&mut screen, KeyCode::Char('q')), After::Leave);
    }

    #[test]
    fn a_failure_stays_selected_while_newer_ones_come() {
        let mut screen = screen();
        assert_eq!(screen.selected_failure(), None);
        press(&mut screen, KeyCode::Down);
        press(&mut screen, KeyCode::Down);
        assert_eq!(screen.selected_failure(), Some(1));
        let mut later = sample::later();
        let newer = RecentFailure {
            at_ms: 1,
            ..later.recent_failures[0].clone()
        };
        later.recent_failures.insert(0, newer);
        screen.answer(Ok(Box::new(later)));
        assert_eq!(screen.selected_failure(), Some(2));
        press(&mut screen, KeyCode::Enter);
        let Over::Failure(failure, 0) = &screen.over else {
            panic!("{:?}", screen.over);
        };
        assert_eq!(failure.kind, "Timeout");
        press(&mut screen, KeyCode::Enter);
        press(&mut screen, KeyCode::End);
        press(&mut screen, KeyCode::PageDown);
        assert_eq!(screen.selected_failure(), Some(3));
    }

    #[test]
    fn keys_without_anything_to_move() {
        let mut screen = Screen::new("http://here".into(), Duration::from_secs(1));
        for code in [
            KeyCode::Down,
            KeyCode::Enter,
            KeyCode::Tab,
            KeyCode::End,
            KeyCode::PageUp,
        ] {
            assert_eq!(press(&mut screen, code), After::Stay);
        }
        assert_eq!(screen.focus, Focus::Failures);
    }

    #[test]
    fn no_answer_has_no_rates() {
        let mut screen = screen();
        screen.answer(Ok(Box::new(sample::later())));
        assert!(screen.rates().is_some());
        screen.answer(Err(RemoteError::Refused));
        assert!(screen.rates().is_none());
        assert!(matches!(screen.link, Link::Down(..)));
        press(&mut screen, KeyCode::Char(' '));
        screen.answer(Ok(Box::new(sample::later())));
        assert!(screen.rates().is_none(), "paused");
    }
}
