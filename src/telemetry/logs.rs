//! Logs on standard error: text for people on a terminal, JSON elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LoggerConfig};

/// What `rdkafka` says of a consumer that it closes, at level error, and the web server of its threads: what matters of
/// it is told by us.
const UNHEARD: &str = "rdkafka::consumer::base_consumer=off,actix_server=warn";

/// Starts logging for the rest of the process. `NERODIA_LOG` takes a filter in `tracing`'s syntax and wins
/// over the config's level.
pub fn start(config: &LoggerConfig) {
    let filter = EnvFilter::try_from_env("NERODIA_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("{},{UNHEARD}", config.level.as_str())));
    let terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A log that nobody reads any more is no reason to panic, which this would do to say so.
        .log_internal_errors(false)
        .with_ansi(terminal && std::env::var_os("NO_COLOR").is_none());
    let json = match config.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !terminal,
    };
    // A second start in one process (tests) keeps the first.
    let _ = if json {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .try_init()
    } else {
        builder.with_target(false).try_init()
    };
}
