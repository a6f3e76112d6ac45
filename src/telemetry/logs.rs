//! Logs on standard error: text for people on a terminal, JSON elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LoggerConfig};

/// Silences targets whose important events the engine logs itself: closing a consumer (`rdkafka`, at level error), and
/// the threads of the web server.
const UNHEARD: &str = "rdkafka::consumer::base_consumer=off,actix_server=warn";

/// Starts logging for the rest of the process. `NERODIA_LOG` has a filter in `tracing`'s syntax and takes precedence
/// over the config's level.
pub(crate) fn start(config: &LoggerConfig) {
    let filter = EnvFilter::try_from_env("NERODIA_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("{},{UNHEARD}", config.level.as_str())));
    let terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Otherwise a closed log would be reported on the same closed stream, which panics.
        .log_internal_errors(false)
        .with_ansi(terminal && std::env::var_os("NO_COLOR").is_none());
    let json = match config.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !terminal,
    };
    // A second start in one process (in tests) keeps the first.
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
