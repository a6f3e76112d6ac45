//! Lists of Kafka's partitions and of the last failures.

use std::collections::{BTreeMap, BTreeSet};

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Row, Table, TableState};

use super::{fit, named, panel};
use crate::cli::top::format;
use crate::cli::top::screen::{Focus, Screen};
use crate::cli::top::theme::Theme;
use crate::telemetry::failures::FailureGroup;
use crate::telemetry::stats::{KafkaStats, PartitionStats, Stats};

/// Part of `not_ready` that says that the group has not answered yet.
const GROUP: &str = "group";

/// Returns the sum of all lags; a dash if there are no partitions, or the lag of one is unknown.
fn lag(partitions: &[PartitionStats]) -> String {
    let known: Option<u64> = partitions.iter().map(|one| one.lag).sum();
    let known = known.filter(|_| !partitions.is_empty());
    known.map_or(format::NOTHING.to_owned(), format::count)
}

/// Returns the lag of partitions that other members have, or nobody, if there is one.
fn lag_of_others(all: &[PartitionLine<'_>]) -> String {
    let others = all.iter().filter(|line| line.owner.is_some());
    match others.filter_map(|line| line.lag).sum::<u64>() {
        0 => String::new(),
        lag => format!(", elsewhere {}", format::count(lag)),
    }
}

/// Draws commits, rebalances, retries, and the lag of each partition.
pub(super) fn kafka(
    frame: &mut Frame,
    area: Rect,
    stats: &Stats,
    screen: &mut Screen,
    theme: Theme,
) {
    let kafka = &stats.kafka;
    let all = lines(kafka);
    let title = Line::from(vec![
        heading("Kafka", Focus::Partitions, screen, theme),
        Span::styled(" lag ", theme.dim()),
        Span::raw(format!(
            "{}{} ",
            lag(&kafka.partitions),
            lag_of_others(&all)
        )),
    ]);
    let inside = panel(frame, area, title, theme);
    let mut commits = format::count(kafka.commits);
    if kafka.failed_commits > 0 {
        commits += &format!(", {} failed", format::count(kafka.failed_commits));
    }
    let retries: BTreeMap<String, u64> = kafka
        .links
        .iter()
        .map(|(name, link)| (name.clone(), link.retries))
        .collect();
    let room = (inside.width as usize).saturating_sub(9);
    let head_lines = [
        ("commits  ", commits),
        ("retries  ", format::by_name(&retries)),
        ("rebal.   ", format::by_name(&kafka.rebalances)),
    ]
    .map(|(name, value)| Line::from_iter(named(name, fit(&value, room), theme)));
    let [head, list] = Layout::vertical([Constraint::Length(3), Constraint::Fill(1)]).areas(inside);
    frame.render_widget(Paragraph::new(head_lines.to_vec()), head);
    if stats.not_ready.contains_key(GROUP) {
        let line = Line::styled("waiting for the group", theme.notable());
        frame.render_widget(line, list);
        return;
    }
    partitions(frame, list, &all, screen, theme);
}

/// Line of the list of partitions.
struct PartitionLine<'a> {
    place: (&'a str, i32),
    lag: Option<u64>,
    /// Another member that has it, or nobody; `None` for a partition of this process.
    owner: Option<&'a str>,
}

/// Returns the partitions of this process, and those that other members of the group have.
fn lines(kafka: &KafkaStats) -> Vec<PartitionLine<'_>> {
    let own = kafka.partitions.iter().map(|one| PartitionLine {
        place: (&one.topic, one.partition),
        lag: one.lag,
        owner: None,
    });
    let mut lines: Vec<_> = own.collect();
    let mine: BTreeSet<(&str, i32)> = lines.iter().map(|line| line.place).collect();
    let all = kafka.group.iter().flat_map(|group| &group.partitions);
    let all = all.map(|one| PartitionLine {
        place: (&one.topic, one.partition),
        lag: one.lag,
        owner: Some(one.owner.as_deref().unwrap_or("nobody")),
    });
    lines.extend(all.filter(|line| !mine.contains(&line.place)));
    lines.sort_by_key(|line| line.place);
    lines
}

fn partitions(
    frame: &mut Frame,
    area: Rect,
    partitions: &[PartitionLine<'_>],
    screen: &mut Screen,
    theme: Theme,
) {
    let height = area.height as usize;
    let most = partitions.len().saturating_sub(height);
    screen.first_partition = screen.first_partition.min(most);
    let largest = partitions.iter().filter_map(|one| one.lag).max();
    let shown = partitions.iter().skip(screen.first_partition).take(height);
    let name = |one: &PartitionLine<'_>| format!("{}/{}", one.place.0, one.place.1);
    let widest = shown.clone().map(|one| Span::raw(name(one)).width()).max();
    let widest = widest.unwrap_or(0).min(area.width as usize / 2);
    let lines = shown.map(|one| {
        let lag = one.lag.map_or(format::NOTHING.to_owned(), format::count);
        let name = fit(&name(one), widest);
        let text = format!("{name:<widest$} {lag:>9} ");
        let room = (area.width as usize).saturating_sub(Span::raw(text.as_str()).width());
        if let Some(owner) = one.owner {
            let owner = fit(owner, room);
            return Line::styled(format!("{text}{owner}"), theme.dim());
        }
        let share = match (one.lag, largest) {
            (Some(lag), Some(largest @ 1..)) => lag as f64 / largest as f64,
            _ => 0.0,
        };
        let bar = "▆".repeat((share * room as f64).ceil() as usize);
        Line::from(vec![Span::raw(text), Span::styled(bar, theme.notable())])
    });
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), area);
}

/// Draws the last failures, by type and place, the newest first.
pub(super) fn failures(
    frame: &mut Frame,
    area: Rect,
    stats: &Stats,
    screen: &Screen,
    theme: Theme,
) {
    let by_type = format::by_name(&stats.messages.failures_by_type);
    let room = (area.width as usize).saturating_sub(11);
    let title = Line::from(vec![
        heading("Failures", Focus::Failures, screen, theme),
        Span::raw(format!(" {} ", fit(&by_type, room))),
    ]);
    let inside = panel(frame, area, title, theme);
    let failures = &stats.failures;
    if failures.is_empty() {
        frame.render_widget(Line::styled("none so far", theme.dim()), inside);
        return;
    }
    let width = |get: fn(&FailureGroup) -> &str, most: usize| {
        let widest = failures.iter().map(|one| Span::raw(get(one)).width()).max();
        Constraint::Length(widest.unwrap_or(0).min(most) as u16)
    };
    // The exception's text is the most useful; what is cut off is visible in the failure in full.
    let wide = inside.width > 90;
    let most = if wide { 34 } else { 14 };
    let counts = failures.iter().map(|one| format::count(one.count).len());
    let mut widths = vec![
        Constraint::Length(6),
        Constraint::Length(counts.max().unwrap_or(0) as u16),
        width(|one| &one.kind, 18),
        width(|one| one.script.as_deref().unwrap_or_default(), most),
        Constraint::Fill(1),
    ];
    if wide {
        widths.push(width(|one| &one.last.message, 46));
    }
    let rows = failures.iter().map(|one| {
        let script = one.script.as_deref().unwrap_or_default();
        let mut cells = vec![
            Line::styled(age(stats, one), theme.dim()).right_aligned(),
            Line::raw(format::count(one.count)).right_aligned(),
            Line::styled(one.kind.clone(), theme.bad()),
            Line::raw(short_end(script, most)),
            Line::raw(one.last.text.replace(['\n', '\t'], " ")),
        ];
        if wide {
            cells.push(Line::styled(one.last.message.clone(), theme.dim()));
        }
        Row::new(cells)
    });
    let table = Table::new(rows, widths)
        .column_spacing(if wide { 2 } else { 1 })
        .row_highlight_style(theme.selected());
    let mut state = TableState::new().with_selected(screen.selected_failure());
    frame.render_stateful_widget(table, inside, &mut state);
}

/// Returns the age of the last failure of a group, by the engine's own clock.
pub(super) fn age(stats: &Stats, group: &FailureGroup) -> String {
    let now = stats.started_at_ms as f64 + stats.uptime_seconds * 1e3;
    let seconds = ((now - group.last.at_ms as f64) / 1e3).max(0.0);
    match seconds {
        seconds if seconds < 60.0 => format!("{:.0} s", seconds.floor()),
        seconds if seconds < 3600.0 => format!("{:.0} min", (seconds / 60.0).floor()),
        seconds if seconds < 86_400.0 => format!("{:.0} h", (seconds / 3600.0).floor()),
        seconds => format!("{:.0} d", (seconds / 86_400.0).floor()),
    }
}

/// Returns the end of a text such as `folder/file.py:12`, which says the most.
pub(super) fn short_end(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let end = text.chars().skip(length + 1 - width);
    std::iter::once('…').chain(end).collect()
}

fn heading<'a>(name: &'a str, list: Focus, screen: &Screen, theme: Theme) -> Span<'a> {
    let style = if screen.focus == list {
        theme.focused()
    } else {
        theme.title()
    };
    Span::styled(name, style)
}
