//! First lines (URL, pipeline, totals), and the last line with the keys.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::{fit, named};
use crate::cli::top::format;
use crate::cli::top::history::failed;
use crate::cli::top::screen::{Connection, Focus, Screen, uses_kafka};
use crate::cli::top::theme::Theme;
use crate::config::GENERATE;
use crate::telemetry::facts::Place;
use crate::telemetry::processors::ProcessorStats;
use crate::telemetry::stats::Stats;

/// Arrow between two stages.
const ARROW: &str = " ─▶ ";
/// Least number of columns for the destination of failed messages.
const LEAST_PLACE: usize = 12;
/// Time for which a restart is shown.
const NEWS_SECONDS: f64 = 60.0;

/// Returns the state of the pipeline in a word or two.
pub(super) fn state<'a>(stats: &Stats, screen: &Screen, theme: Theme) -> Line<'a> {
    let (text, style) = match screen.link {
        Connection::Down(..) => ("✖ no answer", theme.bad()),
        _ if screen.paused => ("‖ paused", theme.notable()),
        _ if stats.ready => ("● ready", theme.good()),
        _ => ("✖ not ready", theme.bad()),
    };
    Line::from(Span::styled(text, style))
}

/// Returns what should be noticed, one line each.
pub(super) fn notices(stats: &Stats, screen: &Screen, theme: Theme) -> Vec<Line<'static>> {
    let mut notices = Vec::new();
    match &screen.link {
        Connection::Down(why, _) => {
            let every = format::seconds(Some(screen.interval.as_secs_f64()));
            let text = format!("{why}; asking again every {every}. Totals are the last known.");
            notices.push(Line::styled(text, theme.bad()));
        }
        _ => {
            for (part, why) in stats.not_ready.iter().take(2) {
                notices.push(Line::styled(format!("{part}: {why}"), theme.bad()));
            }
            if screen.history.restarts() > 0 && stats.uptime_seconds < NEWS_SECONDS {
                let ago = format::long(stats.uptime_seconds);
                let text = format!("the engine started again {ago} ago, and so did its totals");
                notices.push(Line::styled(text, theme.notable()));
            }
        }
    }
    notices
}

/// Draws the first lines; `below` are lines that follow them.
pub(super) fn draw(
    frame: &mut Frame,
    area: Rect,
    stats: &Stats,
    screen: &Screen,
    below: Vec<Line<'_>>,
    theme: Theme,
) {
    let up = format!("up {}   ", format::long(stats.uptime_seconds));
    let mut right = state(stats, screen, theme);
    right.spans.insert(0, Span::styled(up, theme.dim()));
    let left = Line::from(vec![
        Span::styled("nerodia ", theme.title()),
        Span::styled(format!("{}  {}", stats.version, screen.url), theme.dim()),
    ]);
    let first = Rect {
        height: area.height.min(1),
        ..area
    };
    let [one, other] = Layout::horizontal([
        Constraint::Fill(1),
        Constraint::Length(right.width() as u16),
    ])
    .areas(first);
    frame.render_widget(left, one);
    frame.render_widget(right.alignment(Alignment::Right), other);

    let mut lines = vec![
        pipeline(stats, area.width as usize, theme),
        totals(stats, area.width as usize, theme),
    ];
    lines.extend(below);
    let rest = Rect {
        y: area.y + first.height,
        height: area.height - first.height,
        ..area
    };
    frame.render_widget(Paragraph::new(lines), rest);
}

/// Returns the line `kafka orders ─▶ orders.py ─▶ 2 guests ─▶ kafka orders.priced`.
fn pipeline<'a>(stats: &Stats, width: usize, theme: Theme) -> Line<'a> {
    let facts = &stats.pipeline;
    let guests: usize = stats.guests.states.values().sum();
    let guests = format!("{guests} guest{}", if guests == 1 { "" } else { "s" });
    let ends = [place(&facts.input), guests, place(&facts.output)];
    // The names of scripts may be long, so the other parts get their space first.
    let taken: usize = ends
        .iter()
        .map(|text| Span::raw(text.as_str()).width())
        .sum();
    // The script that generates messages is the input.
    let is_processor = |one: &&ProcessorStats| one.name != GENERATE;
    let processors: Vec<_> = stats.processors.iter().filter(is_processor).collect();
    let count = processors.len();
    let room = width.saturating_sub(taken + (count + 2) * ARROW.chars().count());
    let scripts = processors
        .iter()
        .map(|one| fit(&one.name, room / count.max(1)));
    let [input, guests, output] = ends;
    let mut spans = vec![Span::styled(input, theme.input())];
    let others = scripts.map(Span::raw).chain([
        Span::styled(guests, theme.title()),
        Span::styled(output, theme.output()),
    ]);
    for span in others {
        spans.push(Span::styled(ARROW, theme.dim()));
        spans.push(span);
    }
    Line::from(spans)
}

/// Returns an input or an output in a few words.
fn place(place: &Place) -> String {
    let Place { kind, detail } = place;
    if detail.is_empty() {
        kind.clone()
    } else {
        format!("{kind} {detail}")
    }
}

/// Returns the totals, and the destination of failed messages.
fn totals<'a>(stats: &Stats, width: usize, theme: Theme) -> Line<'a> {
    let messages = &stats.messages;
    let failed = failed(stats);
    let mut totals = vec![
        ("received ", messages.received),
        ("  done ", messages.delivered),
        ("  results ", stats.output.records),
        ("  dropped ", messages.dropped),
        ("  failed ", failed),
    ];
    let width_of = |totals: &[(&str, u64)]| -> usize {
        let each = totals
            .iter()
            .map(|(name, total)| name.len() + format::count(*total).len());
        each.sum()
    };
    if width_of(&totals) + LEAST_PLACE > width {
        totals.remove(2); // the chart has their rate; failures and their destination must be visible
    }
    let mut spans = Vec::new();
    for (name, total) in totals {
        spans.extend(named(name, format::count(total), theme));
    }
    if failed > 0
        && let Some(last) = spans.last_mut()
    {
        last.style = theme.bad();
    }
    let taken: usize = spans.iter().map(Span::width).sum();
    let to = format!("{ARROW}{}", place(&stats.pipeline.failures));
    let to = fit(&to, width.saturating_sub(taken));
    spans.push(Span::styled(to, theme.dim()));
    Line::from(spans)
}

/// Draws the last line.
pub(super) fn keys(frame: &mut Frame, area: Rect, stats: &Stats, screen: &Screen, theme: Theme) {
    let other = match screen.focus {
        Focus::Failures => "partitions",
        Focus::Partitions => "failures",
    };
    let mut keys = vec![("↑↓", "move"), ("Enter", "show failure")];
    if uses_kafka(stats) {
        keys.push(("Tab", other));
    }
    keys.push(("Space", if screen.paused { "go on" } else { "pause" }));
    keys.extend([("?", "help"), ("q", "leave")]);
    let spans = keys.into_iter().flat_map(|(key, what)| {
        [
            Span::styled(key, theme.title()),
            Span::styled(format!(" {what}   "), theme.dim()),
        ]
    });
    frame.render_widget(Line::from_iter(spans), area);
}
