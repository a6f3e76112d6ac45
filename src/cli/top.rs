//! `nerodia top`: shows a running pipeline in the terminal.

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

/// Time for which the loop waits for a key before it checks for answers and signals.
const TICK: Duration = Duration::from_millis(50);
/// Time after a signal that the loop has to end by itself.
const LAST_CHANCE: Duration = Duration::from_secs(1);
/// Lower limit on the interval between requests. More frequent requests would show up in the pipeline's own numbers.
const LEAST_INTERVAL: Duration = Duration::from_millis(100);

/// Watch a running pipeline in the terminal
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nerodia top
  nerodia top --url http://10.0.0.7:4195 --interval 5s

A pipeline that reads Kafka answers by itself, any other if its config sets `http.address`. It is waited for, also
when it restarts. Nothing is changed. Keys: q leaves, ? lists all. NO_COLOR is honoured.
Exit codes: 0 left, 1 the terminal failed, 2 usage.")]
pub struct Top {
    /// The pipeline's web server
    #[arg(long, value_name = "URL", default_value = DEFAULT_URL)]
    url: String,
    /// How often it is asked
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = humantime::parse_duration)]
    interval: Duration,
}

impl Top {
    pub fn execute(self) -> u8 {
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

/// Draws the screen and handles keys until a key or a signal ends the loop.
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

/// Returns a flag that becomes true at a signal. Without it, the signal would end the process without restoring the
/// terminal.
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
                // If the terminal is gone, crossterm waits for keys in a loop of its own that nothing ends.
                thread::sleep(LAST_CHANCE);
                ratatui::restore();
                process::exit(i32::from(WELL));
            }
        })
        .context("no thread to listen to signals")?;
    Ok(ended)
}
