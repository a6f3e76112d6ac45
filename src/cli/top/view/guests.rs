//! Panel of the guests: how many are in which state, over time, and their history.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::charts::spark;
use super::{fit, halves, named, panel};
use crate::cli::top::format;
use crate::cli::top::history::{Rates, STATES};
use crate::cli::top::screen::Screen;
use crate::cli::top::theme::Theme;
use crate::telemetry::stats::Stats;

/// Draws the panel.
pub(super) fn draw(
    frame: &mut Frame,
    area: Rect,
    stats: &Stats,
    rates: Option<&Rates>,
    screen: &Screen,
    theme: Theme,
) {
    let facts = &stats.pipeline;
    let (fewest, most) = (facts.min_guests, facts.max_guests);
    let how_many = if fewest == most {
        most.to_string()
    } else {
        format!("{fewest} to {most}")
    };
    let title = Line::from(vec![
        Span::styled("Guests ", theme.title()),
        Span::styled(format!("{how_many} of {} ", facts.runtime), theme.dim()),
    ]);
    let inside = panel(frame, area, title, theme);
    let [left, right] = halves(inside);
    states(frame, left, stats, screen, theme);
    let lines = happenings(stats, rates, right.width as usize, theme);
    frame.render_widget(Paragraph::new(lines), right);
}

/// Draws a line for each state, with the current number and the chart.
fn states(frame: &mut Frame, area: Rect, stats: &Stats, screen: &Screen, theme: Theme) {
    let rows = Layout::vertical([Constraint::Length(1); STATES.len() + 1]).split(area);
    for (index, (state, row)) in STATES.into_iter().zip(rows.iter()).enumerate() {
        let [name, chart] =
            Layout::horizontal([Constraint::Length(13), Constraint::Fill(1)]).areas(*row);
        let now = stats.guests.states.get(state).copied().unwrap_or(0);
        let [mut label, number] = named(state, format!("{now:>3} "), theme);
        label.content = format!("{state:<9}").into();
        label.style = theme.state(index);
        frame.render_widget(Line::from_iter([label, number]), name);
        let most = stats.pipeline.max_guests as f64;
        spark(
            frame,
            chart,
            screen,
            theme.state(index),
            Some(most),
            |point| point.guests[index] as f64,
        );
    }
    let ready = &stats.guests.ready_seconds;
    let [p50, p99] = [ready.p50, ready.p99].map(format::seconds);
    let line = named("READY after ", format!("{p50}; p99 {p99}"), theme);
    if let Some(row) = rows.last() {
        frame.render_widget(Line::from_iter(line), *row);
    }
}

fn happenings<'a>(
    stats: &Stats,
    rates: Option<&Rates>,
    width: usize,
    theme: Theme,
) -> Vec<Line<'a>> {
    let guests = &stats.guests;
    let mut starts = format::count(guests.starts);
    if guests.failed_starts > 0 {
        starts += &format!(", {} failed", format::count(guests.failed_starts));
    }
    starts += &format!("; recycled {}", format::count(guests.recycled));
    let a_message = format::seconds(rates.and_then(|rates| rates.guest_cpu));
    let cores = rates.map_or(format::NOTHING.to_owned(), |rates| {
        format!("{:.2}", rates.cores)
    });
    let resident = stats.process.resident_bytes;
    let resident = resident.map_or(format::NOTHING.to_owned(), |bytes| {
        format::bytes(bytes as f64)
    });
    let memory = format::bytes(guests.memory_bytes as f64);
    [
        ("starts    ", starts),
        ("deaths    ", format::all_by_name(&guests.deaths)),
        ("scalings  ", format::by_name(&guests.scalings)),
        (
            "CPU       ",
            format!("{a_message} a message; {cores} cores"),
        ),
        ("memory    ", format!("{memory}; process {resident}")),
    ]
    .into_iter()
    .map(|(name, value)| {
        let room = width.saturating_sub(name.len());
        Line::from_iter(named(name, fit(&value, room), theme))
    })
    .collect()
}
