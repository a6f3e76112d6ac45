//! Drawing of the screen.

mod charts;
mod guests;
mod head;
mod lists;
mod over;
mod processors;
mod registry;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};

use super::format;
use super::history::Rates;
use super::screen::{Connection, Screen, uses_kafka};
use super::theme::Theme;
use crate::telemetry::stats::Stats;

/// Least width and height for the full view: below it only the most important lines are shown.
const LEAST: (u16, u16) = (50, 16);
/// Number of points in charts: some three minutes, at one per second.
const SPAN: usize = 180;

/// Draws the screen.
pub(super) fn draw(frame: &mut Frame, screen: &mut Screen, theme: Theme) {
    let area = frame.area();
    match screen.history.last() {
        None => nothing_yet(frame, area, screen, theme),
        Some(stats) if area.width < LEAST.0 || area.height < LEAST.1 => {
            little(frame, area, stats, screen, theme);
        }
        Some(stats) => {
            let stats = stats.clone();
            whole(frame, area, &stats, screen, theme);
        }
    }
    over::draw(frame, area, screen, theme);
}

fn whole(frame: &mut Frame, area: Rect, stats: &Stats, screen: &mut Screen, theme: Theme) {
    let rates = screen.rates();
    let mut below = Vec::from_iter(registry::line(stats, area.width as usize, theme));
    below.extend(head::notices(stats, screen, theme));
    // Charts become higher with the screen; lists get the rest.
    let charts = 7 + 2 * (area.height.saturating_sub(26) / 5).min(4);
    let [head, charts, guests, lists, keys] = Layout::vertical([
        Constraint::Length(3 + below.len() as u16),
        Constraint::Length(charts),
        Constraint::Length(6),
        Constraint::Min(2),
        Constraint::Length(1),
    ])
    .areas(area);
    head::draw(frame, head, stats, screen, below, theme);
    let [left, right] = halves(charts);
    charts::throughput(frame, left, rates.as_ref(), screen, theme);
    charts::latency(frame, right, stats, rates.as_ref(), screen, theme);
    guests::draw(frame, guests, stats, rates.as_ref(), screen, theme);
    let right = if uses_kafka(stats) {
        let kafka = Constraint::Length((area.width * 3 / 8).min(60));
        let [kafka, right] = Layout::horizontal([kafka, Constraint::Fill(1)])
            .spacing(2)
            .areas(lists);
        lists::kafka(frame, kafka, stats, screen, theme);
        right
    } else {
        lists
    };
    // Half of the space at most, so that failures stay visible below many processors.
    let rows = 1 + stats.processors.len().min(right.height as usize / 2) as u16;
    let [processors, failures] =
        Layout::vertical([Constraint::Length(rows), Constraint::Fill(1)]).areas(right);
    processors::draw(frame, processors, stats, rates.as_ref(), theme);
    lists::failures(frame, failures, stats, screen, theme);
    head::keys(frame, keys, stats, screen, theme);
}

fn halves(area: Rect) -> [Rect; 2] {
    Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)])
        .spacing(2)
        .areas(area)
}

/// Draws the screen before the first answer.
fn nothing_yet(frame: &mut Frame, area: Rect, screen: &Screen, theme: Theme) {
    let mut lines = vec![Line::styled("nerodia top", theme.title()), Line::default()];
    match &screen.link {
        Connection::Down(why, help) => {
            lines.push(Line::from(vec![
                Span::styled("✖ no answer ", theme.bad()),
                Span::raw(format!("from {}: {why}", screen.url)),
            ]));
            lines.push(Line::default());
            lines.push(Line::raw(*help));
            lines.push(Line::default());
            let every = format::seconds(Some(screen.interval.as_secs_f64()));
            let waiting = format!("asking again every {every}; q leaves");
            lines.push(Line::styled(waiting, theme.dim()));
        }
        Connection::Asking | Connection::Up => {
            lines.push(Line::raw(format!("asking {} …", screen.url)))
        }
    }
    let wrap = ratatui::widgets::Wrap { trim: true };
    frame.render_widget(Paragraph::new(lines).wrap(wrap), area);
}

/// Draws the screen where there is little space.
fn little(frame: &mut Frame, area: Rect, stats: &Stats, screen: &Screen, theme: Theme) {
    let rates = screen.rates();
    let rate = |get: fn(&Rates) -> f64| format::rate(rates.as_ref().map(get));
    let p99 = rates.as_ref().and_then(|rates| rates.whole.p99);
    let lines = vec![
        head::state(stats, screen, theme),
        Line::raw(format!("in {}", rate(|rates| rates.received))),
        Line::raw(format!("out {}", rate(|rates| rates.records))),
        Line::raw(format!("p99 {}", format::seconds(p99))),
        Line::raw(format!(
            "failed {}",
            format::count(super::history::failed(stats))
        )),
    ];
    frame.render_widget(Paragraph::new(lines), area);
}

/// Draws a panel's rule with its title, and returns the area below.
fn panel<'a>(frame: &mut Frame, area: Rect, title: impl Into<Line<'a>>, theme: Theme) -> Rect {
    let block = Block::new()
        .borders(Borders::TOP)
        .border_style(theme.dim())
        .title(title);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    inside
}

/// Returns `text` in at most `width` columns; `…` stands for what is left out.
fn fit(text: &str, width: usize) -> String {
    if Span::raw(text).width() <= width {
        return text.to_owned();
    }
    let mut fitting = String::new();
    for character in text.chars() {
        fitting.push(character);
        if Span::raw(fitting.as_str()).width() + 1 > width {
            fitting.pop();
            break;
        }
    }
    if width > 0 {
        fitting.push('…');
    }
    fitting
}

/// Returns a name and its number; the name is dim.
fn named<'a>(
    name: &'a str,
    value: impl Into<std::borrow::Cow<'a, str>>,
    theme: Theme,
) -> [Span<'a>; 2] {
    [Span::styled(name, theme.dim()), Span::raw(value)]
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::*;
    use crate::cli::remote::RemoteError;
    use crate::cli::top::sample;
    use crate::telemetry::group::{GroupPartition, GroupStats};

    fn screen() -> Screen {
        let every = std::time::Duration::from_secs(1);
        Screen::new("http://127.0.0.1:4195".to_owned(), every)
    }

    fn full() -> Screen {
        let mut screen = screen();
        screen.answer(Ok(Box::new(sample::stats())));
        screen.answer(Ok(Box::new(sample::later())));
        screen
    }

    fn drawn(width: u16, height: u16, screen: &mut Screen, theme: Theme) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, screen, theme)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn eighty_by_twenty_four() {
        insta::assert_snapshot!(drawn(80, 24, &mut full(), Theme::plain()));
    }

    #[test]
    fn a_failure_in_full() {
        let mut screen = full();
        screen.key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
        insta::assert_snapshot!(drawn(80, 24, &mut screen, Theme::plain()));
    }

    #[test]
    fn no_size_is_too_small_and_none_too_large() {
        let keys = [
            KeyCode::Char('?'),
            KeyCode::Esc,
            KeyCode::Enter,
            KeyCode::End,
            KeyCode::Esc,
            KeyCode::Tab,
            KeyCode::End,
        ];
        for (width, height) in [
            (1, 1),
            (20, 5),
            (50, 16),
            (51, 17),
            (80, 24),
            (160, 50),
            (500, 200),
        ] {
            drawn(width, height, &mut screen(), Theme::plain());
            let mut screen = full();
            for key in keys {
                drawn(width, height, &mut screen, Theme::plain());
                screen.key(KeyEvent::new(key, KeyModifiers::NONE));
            }
            screen.answer(Err(RemoteError::Refused));
            drawn(width, height, &mut screen, Theme::of_environment());
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let mut screen = full();
        let mut ill = sample::later();
        ill.uptime_seconds += 1.0;
        ill.ready = false;
        ill.not_ready
            .insert("output".into(), "Kafka cannot be reached".into());
        screen.answer(Ok(Box::new(ill)));
        let shown = drawn(80, 24, &mut screen, Theme::plain());
        assert!(shown.contains("not ready"), "{shown}");
        assert!(shown.contains("output: Kafka cannot be reached"), "{shown}");

        screen.answer(Err(RemoteError::Refused));
        let shown = drawn(80, 24, &mut screen, Theme::plain());
        assert!(shown.contains("no answer"), "{shown}");
        assert!(shown.contains("nothing listens there"), "{shown}");

        let mut again = sample::stats();
        again.started_at_ms += 200_000;
        again.uptime_seconds = 2.0;
        screen.answer(Ok(Box::new(again)));
        let shown = drawn(80, 24, &mut screen, Theme::plain());
        assert!(shown.contains("started again 2 s ago"), "{shown}");
        assert!(shown.contains("1,234,567"), "{shown}");
    }

    #[test]
    fn a_schema_registry() {
        let mut screen = screen();
        screen.answer(Ok(Box::new(sample::with_registry(sample::stats()))));
        screen.answer(Ok(Box::new(sample::with_registry(sample::later()))));
        insta::assert_snapshot!(drawn(80, 24, &mut screen, Theme::plain()));
    }

    #[test]
    fn a_schema_registry_that_is_away() {
        let mut screen = screen();
        screen.answer(Ok(Box::new(sample::with_registry(sample::stats()))));
        screen.answer(Ok(Box::new(sample::waiting_for_registry())));
        insta::assert_snapshot!(drawn(80, 24, &mut screen, Theme::plain()));
        // With less room, the waiting is shown first.
        let narrow = drawn(50, 24, &mut screen, Theme::plain());
        assert!(
            narrow.contains("\"schema registry  messages wait  requests"),
            "{narrow}"
        );
    }

    #[test]
    fn the_chart_is_of_no_longer_than_it_was_looked_at() {
        let shown = drawn(80, 24, &mut full(), Theme::plain());
        assert!(shown.contains("of the last 2 s"), "{shown}");
    }

    #[test]
    fn results_are_shown_where_there_is_room() {
        let wide = drawn(100, 24, &mut full(), Theme::plain());
        assert!(
            wide.contains("done 1,246,000  results 1,243,950  dropped 1,200  failed 42 ─▶"),
            "{wide}"
        );
        let mut many = sample::later();
        many.uptime_seconds += 1.0;
        many.messages.received = 12_345_678_901;
        let mut screen = full();
        screen.answer(Ok(Box::new(many)));
        let narrow = drawn(80, 24, &mut screen, Theme::plain());
        assert!(
            narrow.contains("done 1,246,000  dropped 1,200  failed 42"),
            "{narrow}"
        );
    }

    #[test]
    fn without_partitions_the_lag_is_not_known() {
        let mut waits = sample::stats();
        waits.kafka.partitions.clear();
        waits.ready = false;
        let why = "waiting for the consumer group";
        waits.not_ready.insert("group".into(), why.into());
        let mut screen = screen();
        screen.answer(Ok(Box::new(waits)));
        let shown = drawn(80, 24, &mut screen, Theme::plain());
        assert!(
            shown.contains("Kafka lag – ─") && shown.contains("\"waiting for the group "),
            "{shown}"
        );
        assert!(shown.contains("✖ not ready"), "{shown}");
    }

    #[test]
    fn partitions_of_other_members() {
        let mut stats = sample::stats();
        stats.kafka.partitions.truncate(1);
        let partition = |number, owner: Option<&str>| GroupPartition {
            topic: "orders".into(),
            partition: number,
            owner: owner.map(str::to_owned),
            lag: Some(1234),
        };
        stats.kafka.group = Some(GroupStats {
            name: "pricing".into(),
            members: 2,
            partitions: vec![
                partition(0, Some("this process has it")),
                partition(1, Some("pricing-2 on 10.0.0.7")),
                partition(2, None),
            ],
        });
        let mut screen = screen();
        screen.answer(Ok(Box::new(stats)));
        let shown = drawn(80, 24, &mut screen, Theme::plain());
        for line in [
            "orders/0         0    ",
            "orders/1     1,234 pricing-2",
            "orders/2     1,234 nobody",
            "Kafka lag 0, elsewhere 2,468 ─",
        ] {
            assert!(shown.contains(line), "{line} is not in\n{shown}");
        }
    }

    #[test]
    fn text_that_does_not_fit() {
        assert_eq!(fit("orders", 6), "orders");
        assert_eq!(fit("orders", 5), "orde…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!((fit("ab", 1).as_str(), fit("ab", 0).as_str()), ("…", ""));
    }
}
