//! Overlay over the rest of the screen: the keys, or one failure in full.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Padding, Paragraph, Wrap};

use super::lists::age;
use super::{fit, named};
use crate::cli::top::format;
use crate::cli::top::screen::{Over, Screen};
use crate::cli::top::theme::Theme;
use crate::telemetry::failures::FailureGroup;

const KEYS: [(&str, &str); 9] = [
    ("↑ ↓  k j", "move in the list whose name is underlined"),
    ("PgUp PgDn", "move faster; Home and End too"),
    ("Tab", "the other list: failures or Kafka's partitions"),
    ("Enter", "the last failure of a kind in full, and back"),
    ("Space  p", "pause, to read; and go on"),
    ("?  h", "this"),
    ("q  Esc", "back, or leave"),
    ("Ctrl-C", "leave"),
    ("", ""),
];

const NOTES: [&str; 7] = [
    "Done messages have their results or dead letters written, or were dropped.",
    "A message is in a guest for as long as all that the guest runs together with it.",
    "Rates, latency and CPU are of the last five seconds, totals since the engine started.",
    "What a processor costs includes the conversion of its messages.",
    "Charts show the mean of each column; nothing is drawn where there was no answer.",
    "Results a message are many or none, so out may be more or less than in.",
    "p50 and p99: what 50 and 99 of 100 messages do not exceed.",
];

/// Draws the overlay, if there is one.
pub(super) fn draw(frame: &mut Frame, area: Rect, screen: &mut Screen, theme: Theme) {
    match &screen.over {
        Over::Nothing => {}
        Over::Help => {
            let keys = KEYS.iter().map(|(key, what)| {
                Line::from(vec![
                    Span::styled(format!("{key:<11}"), theme.title()),
                    Span::raw(*what),
                ])
            });
            let notes = NOTES.iter().map(|note| Line::styled(*note, theme.dim()));
            let lines: Vec<Line<'_>> = keys.chain(notes).collect();
            let place = middle(area, 76, lines.len() as u16 + 4);
            text(frame, place, " Keys ".to_owned(), lines, 0, theme);
        }
        Over::Failure(failure, first) => {
            let age = screen.history.last().map(|stats| age(stats, failure));
            let title = format!(" {}, {} ago ", failure.kind, age.unwrap_or_default());
            let lines = in_full(failure, theme);
            let first = (*first).min(lines.len().saturating_sub(1));
            let place = middle(area, 110, lines.len() as u16 + 4);
            text(frame, place, title, lines, first, theme);
            if let Over::Failure(_, kept) = &mut screen.over {
                *kept = first;
            }
        }
    }
}

fn in_full(group: &FailureGroup, theme: Theme) -> Vec<Line<'static>> {
    let failure = &group.last;
    let attempts = match failure.attempts {
        1 => "once".to_owned(),
        more => format!("{more} times"),
    };
    let script = group.script.clone().unwrap_or_default();
    let mut lines = vec![
        Line::from_iter(named("message  ", failure.message.clone(), theme)),
        Line::from_iter(named("script   ", script, theme)),
        Line::from_iter(named("run      ", attempts, theme)),
    ];
    if let Some(processor) = &group.processor {
        lines.push(Line::from_iter(named(
            "in       ",
            processor.clone(),
            theme,
        )));
    }
    if group.count > 1 {
        let count = format!("the last of {}", format::count(group.count));
        lines.push(Line::from_iter(named("this is  ", count, theme)));
    }
    if let Some(command) = &group.command {
        lines.push(Line::from_iter(named("try it   ", command.clone(), theme)));
    }
    lines.push(Line::default());
    let owned = |text: &str| Line::raw(text.replace('\t', "    "));
    lines.extend(failure.text.lines().map(owned));
    if !failure.traceback.is_empty() {
        lines.push(Line::default());
        lines.extend(failure.traceback.lines().map(owned));
    }
    lines.push(Line::default());
    match &failure.payload {
        Some(payload) if payload.is_empty() => {
            lines.push(Line::styled("The payload is empty.", theme.dim()));
        }
        Some(payload) => {
            lines.push(Line::styled("payload", theme.dim()));
            lines.extend(payload.lines().map(owned));
        }
        None => lines.push(Line::styled(
            "The payload is not shown without http.show_payloads.",
            theme.dim(),
        )),
    }
    lines
}

fn text(
    frame: &mut Frame,
    area: Rect,
    title: String,
    lines: Vec<Line<'_>>,
    first: usize,
    theme: Theme,
) {
    let title = fit(&title, (area.width as usize).saturating_sub(4));
    let block = Block::bordered()
        .title(Span::styled(title, theme.title()))
        .title_bottom(Line::styled(" ↑↓ scroll, Esc back ", theme.dim()).right_aligned())
        .padding(Padding::horizontal(1));
    let paragraph = Paragraph::new(lines)
        .block(block)
        .wrap(Wrap { trim: false })
        .scroll((u16::try_from(first).unwrap_or(u16::MAX), 0));
    frame.render_widget(Clear, area);
    frame.render_widget(paragraph, area);
}

/// Returns an area in the middle, as large as there is space.
fn middle(area: Rect, width: u16, height: u16) -> Rect {
    let width = width.min(area.width);
    let height = height.min(area.height);
    Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    }
}
