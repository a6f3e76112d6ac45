//! Logs on standard error: text for people on a terminal, JSON elsewhere.

mod printed;

use std::io::{IsTerminal, Write as _};

use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use self::printed::{PrintedLayer, is_printed};
use super::failures::FAILURES;
use crate::config::{LogFormat, LogLevel, LoggerConfig};

/// Silences targets whose important events the engine logs itself: closing a consumer (`rdkafka`, at level error), and
/// the threads of the web server.
const UNHEARD: &str = "rdkafka::consumer::base_consumer=off,actix_server=warn";

/// Place where a user reads about failed messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failures {
    /// They are in the log.
    Logged,
    /// They are in a file that the user has named for them.
    Filed,
}

/// Starts logging for the rest of the process. `NERODIA_LOG` has a filter in `tracing`'s syntax and takes precedence
/// over the config's level.
pub(crate) fn start(config: &LoggerConfig) {
    start_with(config, Failures::Logged, None::<PrintedLayer<fn(&str)>>);
}

/// Starts logging for a command whose user reads standard error. What scripts print goes to standard error as it is, if the level leaves it out of the
/// log. With `failures` as [`Failures::Filed`], failed messages are left out.
pub(crate) fn start_with_prints(config: &LoggerConfig, failures: Failures) {
    let left_out = matches!(config.level, LogLevel::Error | LogLevel::Warn);
    let chosen = std::env::var_os("NERODIA_LOG").is_some();
    start_with(
        config,
        failures,
        (left_out && !chosen).then_some(PrintedLayer(|line: &str| {
            // A closed stream is no reason to fail.
            let _ = writeln!(std::io::stderr(), "{line}");
        })),
    );
}

/// Passes what scripts print to `take`, for the rest of the process, and logs nothing. A second start in one process
/// keeps the first.
pub(crate) fn start_prints_alone(take: impl Fn(&str) + Send + Sync + 'static) {
    let _ = tracing_subscriber::registry()
        .with(PrintedLayer(take).with_filter(filter_fn(is_printed)))
        .try_init();
}

/// Returns the filter of a level, in `tracing`'s syntax.
fn filter(level: LogLevel, failures: Failures) -> String {
    let mut filter = format!("{},{UNHEARD}", level.as_str());
    if failures == Failures::Filed {
        filter.push_str(&format!(",{FAILURES}=off"));
    }
    filter
}

fn start_with(
    config: &LoggerConfig,
    failures: Failures,
    prints: Option<PrintedLayer<impl Fn(&str) + Send + Sync + 'static>>,
) {
    let filter = EnvFilter::try_from_env("NERODIA_LOG")
        .unwrap_or_else(|_| EnvFilter::new(filter(config.level, failures)));
    let terminal = std::io::stderr().is_terminal();
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        // Otherwise a closed log would be reported on the same closed stream, which panics.
        .log_internal_errors(false)
        .with_ansi(terminal && std::env::var_os("NO_COLOR").is_none());
    let json = match config.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !terminal,
    };
    let layer = if json {
        layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .boxed()
    } else {
        layer.with_target(false).boxed()
    };
    let prints = prints.map(|prints| prints.with_filter(filter_fn(is_printed)));
    // A second start in one process keeps the first.
    let _ = tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .with(prints)
        .try_init();
}
