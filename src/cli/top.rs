//! `nerodia top`: shows a running pipeline live in a terminal.

mod format;
mod history;
mod poll;
#[cfg(test)]
mod sample;
mod screen;
mod theme;
mod view;

use std::io::IsTerminal;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use tokio::signal::unix::{SignalKind, signal};

use self::poll::Answer;
use self::screen::{After, Screen};
use self::theme::Theme;
use super::remote::{DEFAULT_URL, Remote};
use super::{FAILED, MISUSED, WELL, console};

/// Time to wait for a key before answers and signals are checked.
const TICK: Duration = Duration::from_millis(50);
/// Time after a signal in which the loop may end by itself.
const LAST_CHANCE: Duration = Duration::from_secs(1);
/// Shortest interval of requests: more requests would disturb the pipeline.
const LEAST_INTERVAL: Duration = Duration::from_millis(100);

/// Watch a running pipeline in the terminal
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nerodia top
  nerodia top --url http://10.0.0.7:4195 --interval 5s

A pipeline has a web server if it reads Kafka, or if its config sets `http.address`. `top` waits for it, also when it \
restarts, and changes nothing. Keys: q leaves, ? lists all. NO_COLOR is honoured.
Exit codes: 0 left, 1 the terminal failed, 2 usage.")]
pub(super) struct Top {
    /// The pipeline's web server
    #[arg(long, value_name = "URL", default_value = DEFAULT_URL)]
    url: String,
    /// Interval of the requests
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = humantime::parse_duration)]
    interval: Duration,
}

impl Top {
    pub(super) fn execute(self) -> u8 {
        if !std::io::stdout().is_terminal() {
            console::complain(
                "error: `nerodia top` draws on a terminal, and standard output is none",
            );
            console::complain(
                "  = help: the same numbers are at /stats as JSON, and at /metrics for Prometheus",
            );
            return MISUSED;
        }
        match self.watch() {
            Ok(()) => WELL,
            Err(error) => {
                console::complain(format_args!("error: {error:#}"));
                FAILED
            }
        }
    }

    fn watch(self) -> anyhow::Result<()> {
        let ended = end_signal()?;
        let interval = self.interval.max(LEAST_INTERVAL);
        let remote = Remote::new(&self.url);
        let mut screen = Screen::new(remote.url().to_owned(), interval);
        let answers = poll::start(remote, interval).context("no thread to ask from")?;
        let mut terminal = ratatui::try_init().context("the terminal cannot be drawn on")?;
        let result = go_on(&mut terminal, &mut screen, &answers, &ended);
        ratatui::restore();
        result.context("the terminal is gone")
    }
}

/// Draws, and does what keys say, until a key or a signal ends the loop.
fn go_on(
    terminal: &mut DefaultTerminal,
    screen: &mut Screen,
    answers: &Receiver<Answer>,
    ended: &AtomicBool,
) -> std::io::Result<()> {
    let theme = Theme::of_environment();
    let mut stale = true;
    while !ended.load(Ordering::Relaxed) {
        if std::mem::take(&mut stale) {
            terminal.draw(|frame| view::draw(frame, screen, theme))?;
        }
        // Keys that are held down must not delay answers, and answers must not delay keys.
        let until = Instant::now() + TICK;
        while event::poll(until.saturating_duration_since(Instant::now()))? {
            stale = true;
            if let Event::Key(key) = event::read()?
                && screen.key(key) == After::Leave
            {
                return Ok(());
            }
        }
        for answer in answers.try_iter() {
            screen.answer(answer);
            stale = true;
        }
    }
    Ok(())
}

/// Returns a flag that becomes true at a signal that would otherwise end the process and leave the terminal changed.
fn end_signal() -> anyhow::Result<Arc<AtomicBool>> {
    let ended = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&ended);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("signals cannot be listened to")?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let heard = runtime.block_on(async {
                let mut terminate = signal(SignalKind::terminate())?;
                let mut interrupt = signal(SignalKind::interrupt())?;
                let mut hang_up = signal(SignalKind::hangup())?;
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    _ = hang_up.recv() => {}
                }
                std::io::Result::Ok(())
            });
            if heard.is_ok() {
                set.store(true, Ordering::Relaxed);
                // If the terminal is gone, crossterm waits for keys in a loop that nothing ends.
                thread::sleep(LAST_CHANCE);
                ratatui::restore();
                process::exit(i32::from(WELL));
            }
        })
        .context("no thread to listen to signals")?;
    Ok(ended)
}
