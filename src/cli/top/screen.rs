//! State of the screen, and the effect of keys on it. Nothing here draws.

use std::time::Duration;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::history::{History, Rates};
use super::poll::Answer;
use crate::telemetry::failures::FailureGroup;
use crate::telemetry::stats::Stats;

/// Number of lines in a page.
const PAGE: usize = 10;

/// State of the screen.
#[derive(Debug)]
pub(super) struct Screen {
    /// URL of the pipeline.
    pub url: String,
    /// Interval of the requests.
    pub interval: Duration,
    /// Answers of the pipeline.
    pub history: History,
    /// State of the last request.
    pub link: Connection,
    /// Whether answers are ignored, so that the screen can be read.
    pub paused: bool,
    /// List that keys move.
    pub focus: Focus,
    /// Overlay over the rest of the screen.
    pub over: Over,
    /// Index of the first partition that is shown.
    pub first_partition: usize,
    /// Type, script and processor of the selected failures, so that they stay selected when others move them down.
    selected: Option<Selected>,
}

/// Type, script and processor of a group of failures.
type Selected = (String, Option<String>, Option<String>);

/// State of the last request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Connection {
    /// No request was made yet.
    Asking,
    /// The pipeline answered.
    Up,
    /// There was no answer: the reason, and what to do.
    Down(String, &'static str),
}

/// List on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Focus {
    /// List of the last failures.
    Failures,
    /// List of Kafka's partitions.
    Partitions,
}

/// Overlay over the rest of the screen.
#[derive(Debug)]
pub(super) enum Over {
    /// No overlay.
    Nothing,
    /// Help about the keys.
    Help,
    /// The last failure of a group, from this line on. It stays even if newer ones come.
    Failure(Box<FailureGroup>, usize),
}

/// Effect of a key on the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// The program continues.
    Stay,
    /// The program ends.
    Leave,
}

impl Screen {
    /// Creates the screen before the first answer.
    pub(super) fn new(url: String, interval: Duration) -> Self {
        Self {
            url,
            interval,
            history: History::default(),
            link: Connection::Asking,
            paused: false,
            focus: Focus::Failures,
            over: Over::Nothing,
            first_partition: 0,
            selected: None,
        }
    }

    /// Takes in an answer, or the reason why there is none.
    pub(super) fn answer(&mut self, answer: Answer) {
        if self.paused {
            return;
        }
        match answer {
            Ok(stats) => {
                self.link = Connection::Up;
                self.history.record(*stats);
                if !self.has_partitions() {
                    self.focus = Focus::Failures;
                }
            }
            Err(error) => {
                self.link = Connection::Down(error.to_string(), error.help());
                self.history.miss();
            }
        }
    }

    /// Returns the current rates; `None` without an answer, because the last known rates are then outdated.
    pub(super) fn rates(&self) -> Option<Rates> {
        match self.link {
            Connection::Up => self.history.rates(),
            Connection::Asking | Connection::Down(..) => None,
        }
    }

    /// Handles a key.
    pub(super) fn key(&mut self, key: KeyEvent) -> After {
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
                    // The first step down selects the newest failure.
                    (None, KeyCode::Down | KeyCode::Char('j')) => Some(0),
                    (at, code) => moved(code, at.unwrap_or(0), last),
                };
                if let Some(failure) = to.and_then(|to| self.failures().get(to)) {
                    self.selected = Some(identity(failure));
                }
            }
        }
    }

    /// Returns the index of the selected failure.
    pub(super) fn selected_failure(&self) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        let is_it = |one: &FailureGroup| identity(one) == *selected;
        self.failures().iter().position(is_it)
    }

    /// Returns the groups of the last failures, that with the newest first.
    pub(super) fn failures(&self) -> &[FailureGroup] {
        self.history.last().map_or(&[], |stats| &stats.failures)
    }

    fn has_partitions(&self) -> bool {
        self.history.last().is_some_and(uses_kafka)
    }
}

fn identity(group: &FailureGroup) -> Selected {
    let FailureGroup {
        kind,
        script,
        processor,
        ..
    } = group;
    (kind.clone(), script.clone(), processor.clone())
}

/// Returns whether there is anything to show about Kafka.
pub(super) fn uses_kafka(stats: &Stats) -> bool {
    !stats.kafka.partitions.is_empty() || !stats.kafka.links.is_empty()
}

/// Returns the position to which a key leads from `at`; `None` if the key does not move.
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
        let newer = FailureGroup {
            script: None,
            ..later.failures[0].clone()
        };
        later.failures.insert(0, newer);
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
        assert!(matches!(screen.link, Connection::Down(..)));
        press(&mut screen, KeyCode::Char(' '));
        screen.answer(Ok(Box::new(sample::later())));
        assert!(screen.rates().is_none(), "paused");
    }
}
