//! Logs on standard error: text for people on a terminal, JSON elsewhere.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LoggerConfig};

/// Filter for targets that would only repeat what this crate logs itself: `rdkafka`'s errors about a consumer that it
/// closes, and the web server's lines about its threads.
const UNHEARD: &str = "rdkafka::consumer::base_consumer=off,actix_server=warn";

/// Starts logging for the rest of the process. A filter in `NERODIA_LOG`, in `tracing`'s syntax, replaces the config's
/// level.
pub fn start(config: &LoggerConfig) {
    let filter = EnvFilter::try_from_env("NERODIA_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("{},{UNHEARD}", config.level.as_str())));
    let terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // If nobody reads the log any more, the subscriber would panic when it reports that.
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
