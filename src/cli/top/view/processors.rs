//! Panel of the processors: what reaches each, what fails in it, and what it costs.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Row, Table};

use super::panel;
use crate::cli::top::format;
use crate::cli::top::history::{ProcessorRates, Rates};
use crate::cli::top::theme::Theme;
use crate::telemetry::processors::ProcessorStats;
use crate::telemetry::stats::Stats;

/// Draws the panel. Costs are those of a message, of the last seconds or else since the start.
pub(super) fn draw(
    frame: &mut Frame,
    area: Rect,
    stats: &Stats,
    rates: Option<&Rates>,
    theme: Theme,
) {
    let title = Line::from(vec![
        Span::styled("Processors ", theme.title()),
        Span::styled("messages, CPU of one, failed ", theme.dim()),
    ]);
    let inside = panel(frame, area, title, theme);
    let rows = stats.processors.iter().map(|one| {
        let now = rates.and_then(|rates| rates.processors.get(&one.name));
        row(one, now, theme)
    });
    let widths = [
        Constraint::Fill(1),
        Constraint::Length(9),
        Constraint::Length(8),
        Constraint::Length(9),
    ];
    frame.render_widget(Table::new(rows, widths), inside);
}

fn row<'a>(one: &'a ProcessorStats, now: Option<&ProcessorRates>, theme: Theme) -> Row<'a> {
    let a_message = now.and_then(|now| now.cpu).or(one.a_message());
    let cells = [
        format::rate(now.map(|now| now.messages)),
        format::seconds(a_message),
        format::count(one.failed),
    ];
    let [messages, cpu, failed] = cells.map(|text| Line::from(text).right_aligned());
    let failed = if one.failed > 0 {
        failed.style(theme.bad())
    } else {
        failed
    };
    let name = Line::from(super::lists::short_end(&one.name, 26));
    Row::new([name, messages, cpu, failed])
}
