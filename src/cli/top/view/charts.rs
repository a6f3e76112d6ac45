//! Panels with throughput and latency.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline};

use super::{SPAN, named, panel};
use crate::cli::top::format;
use crate::cli::top::history::{Point, Rates};
use crate::cli::top::screen::Screen;
use crate::cli::top::theme::Theme;
use crate::telemetry::histogram::Distribution;
use crate::telemetry::stats::Stats;

/// Draws the rates of messages read and of results, now and over time.
pub fn throughput(
    frame: &mut Frame,
    area: Rect,
    rates: Option<&Rates>,
    screen: &Screen,
    theme: Theme,
) {
    let (columns, size) = screen.history.columns(area.width as usize, SPAN, |_| 0.0);
    // The title names only the time that is drawn: the pipeline or this program may not have run for longer.
    let drawn = columns.iter().skip_while(|column| column.is_none()).count();
    let points = (size * drawn).min(screen.history.length());
    let span = points as f64 * screen.interval.as_secs_f64();
    let mut title = vec![Span::styled("Throughput ", theme.title())];
    if points > 0 {
        let text = format!("of the last {} ", format::long(span));
        title.push(Span::styled(text, theme.dim()));
    }
    let title = Line::from(title);
    let inside = panel(frame, area, title, theme);
    let [input, output] =
        Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).areas(inside);
    let name = Span::styled("in  ", theme.input());
    let now = rates.map(|rates| (rates.received, rates.received_bytes));
    flow(frame, input, name, now, screen, theme, |point| {
        point.received
    });
    let name = Span::styled("out ", theme.output());
    let now = rates.map(|rates| (rates.records, rates.bytes));
    flow(frame, output, name, now, screen, theme, |point| {
        point.records
    });
}

fn flow(
    frame: &mut Frame,
    area: Rect,
    name: Span<'_>,
    now: Option<(f64, f64)>,
    screen: &Screen,
    theme: Theme,
    value: impl Fn(&Point) -> f64,
) {
    let [line, chart] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let peak = spark(frame, chart, screen, name.style, None, value);
    let bytes = now.map_or_else(String::new, |(_, bytes)| {
        format!("   {}/s", format::bytes(bytes))
    });
    let rate = format::rate(now.map(|(messages, _)| messages));
    let left = Line::from(vec![name, Span::raw(rate), Span::raw(bytes)]);
    let taken = left.width();
    frame.render_widget(left, line);
    if let Some(peak) = peak {
        let most = format!("most {}", format::rate(Some(peak)));
        if taken + most.len() + 3 <= line.width as usize {
            let right = Line::styled(most, theme.dim()).alignment(Alignment::Right);
            frame.render_widget(right, line);
        }
    }
}

/// Draws `value` over time, the newest at the right, and returns the highest value. `most` is the upper end of the
/// scale; without it, the highest value is.
pub fn spark(
    frame: &mut Frame,
    area: Rect,
    screen: &Screen,
    style: Style,
    most: Option<f64>,
    value: impl Fn(&Point) -> f64,
) -> Option<f64> {
    let (columns, _) = screen.history.columns(area.width as usize, SPAN, value);
    let peak = columns.iter().flatten().copied().reduce(f64::max);
    let top = most.or(peak).filter(|&top| top > 0.0).unwrap_or(1.0);
    // Sparklines draw whole numbers. A value above 0 stays visible: it is at least an eighth of a line.
    let full = f64::from(area.height.max(1)) * 8.0;
    let bars = columns.into_iter().map(|column| {
        column.map(|value| {
            let part = value / top * full;
            if value > 0.0 { part.max(1.0) as u64 } else { 0 }
        })
    });
    let sparkline = Sparkline::default()
        .data(bars.collect::<Vec<Option<u64>>>())
        .max(full as u64)
        .style(style);
    frame.render_widget(sparkline, area);
    peak
}

/// Draws the latency of messages, the queue, and the use of the memory budget.
pub fn latency(
    frame: &mut Frame,
    area: Rect,
    stats: &Stats,
    rates: Option<&Rates>,
    screen: &Screen,
    theme: Theme,
) {
    let title = Span::styled("Latency ", theme.title());
    let inside = panel(frame, area, title, theme);
    let [table, chart] =
        Layout::vertical([Constraint::Length(6), Constraint::Fill(1)]).areas(inside);
    let row = |name: &'static str, get: fn(&Rates) -> &Distribution| {
        let times = rates.map(get);
        let [p50, p99] = [
            times.and_then(|times| times.p50),
            times.and_then(|times| times.p99),
        ]
        .map(format::seconds);
        Line::from(vec![
            Span::styled(format!("{name:<14}"), theme.dim()),
            Span::raw(format!("{p50:>10}")),
            Span::styled(format!("{p99:>12}"), theme.time()),
        ])
    };
    let waits = format::seconds(Some(stats.queue.age_seconds));
    let batches = format!("{} batches wait, the oldest for ", stats.queue.batches);
    let lines = vec![
        Line::styled(format!("{:<14}{:>10}{:>12}", "", "p50", "p99"), theme.dim()),
        row("for a guest", |rates| &rates.queue),
        row("batch in guest", |rates| &rates.guest),
        row("whole way", |rates| &rates.whole),
        Line::from(vec![Span::styled(batches, theme.dim()), Span::raw(waits)]),
        gate(stats, table.width as usize, theme),
    ];
    frame.render_widget(Paragraph::new(lines), table);
    if chart.height > 1 {
        let [name, chart] =
            Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(chart);
        let peak = spark(frame, chart, screen, theme.time(), None, |point| point.p99);
        let most = format::seconds(peak);
        let line = Line::styled(format!("whole way, p99; most {most}"), theme.dim());
        frame.render_widget(line, name);
    }
}

/// Draws a bar for the memory budget: `under way ██████░░░░░░░░░░ 42 % of 8.00 MiB`.
fn gate<'a>(stats: &Stats, width: usize, theme: Theme) -> Line<'a> {
    const NAME: &str = "under way ";
    let (taken, limit) = (
        stats.gate.bytes as f64,
        stats.gate.limit_bytes.max(1) as f64,
    );
    let share = (taken / limit).clamp(0.0, 1.0);
    let text = format!(" {:.0} % of {}", share * 100.0, format::bytes(limit));
    let room = width
        .saturating_sub(NAME.len() + text.chars().count())
        .min(40);
    let full = (share * room as f64).ceil() as usize;
    let style = if share > 0.9 {
        theme.notable()
    } else {
        theme.input()
    };
    let mut spans = named(NAME, "█".repeat(full), theme).to_vec();
    spans[1].style = style;
    spans.push(Span::styled("░".repeat(room - full), theme.dim()));
    spans.push(Span::raw(text));
    Line::from(spans)
}
