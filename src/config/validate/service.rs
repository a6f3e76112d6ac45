//! `http` and `logger`.

use super::Check;
use crate::config::model::{HttpConfig, LogFormat, LogLevel, LoggerConfig};
use crate::config::raw;
use crate::config::suggest::nearest;

impl Check<'_> {
    /// `service`: the pipeline is one that runs for long, and is looked at.
    pub(super) fn http(&mut self, raw: Option<raw::Http>, service: bool) -> HttpConfig {
        let asked = raw.is_some();
        let raw::Http {
            enabled,
            address,
            show_payloads,
            token,
            root_path,
            debug_endpoints,
        } = raw.unwrap_or_default();
        self.without_effect("/http/root_path", &root_path);
        self.without_effect("/http/debug_endpoints", &debug_endpoints);
        let port = address
            .rsplit_once(':')
            .map(|(_, port)| port.parse::<u16>());
        if !matches!(port, Some(Ok(_))) {
            self.error(
                "/http/address",
                format!("`{address}` is no address"),
                "write host and port, for example `127.0.0.1:4195`",
            );
        }
        if token.as_ref().is_some_and(String::is_empty) {
            self.error(
                "/http/token",
                "`http.token` is empty, so that anybody knows it",
                "give it a long random text, or remove the field",
            );
        }
        // Go's and so Bento's way to say "on every interface".
        let address = match address.strip_prefix(':') {
            Some(port) => format!("0.0.0.0:{port}"),
            None => address,
        };
        HttpConfig {
            enabled: enabled && (asked || service),
            address,
            asked,
            show_payloads,
            token,
        }
    }

    pub(super) fn logger(&mut self, raw: raw::Logger) -> LoggerConfig {
        let raw::Logger {
            level,
            format,
            add_timestamp,
            static_fields,
            level_name,
            timestamp_name,
            message_name,
        } = raw;
        self.without_effect("/logger/add_timestamp", &add_timestamp);
        self.without_effect("/logger/static_fields", &static_fields);
        self.without_effect("/logger/level_name", &level_name);
        self.without_effect("/logger/timestamp_name", &timestamp_name);
        self.without_effect("/logger/message_name", &message_name);
        LoggerConfig {
            level: self.level(&level),
            format: match format {
                raw::LogFormat::Auto => LogFormat::Auto,
                raw::LogFormat::Text | raw::LogFormat::Logfmt => LogFormat::Text,
                raw::LogFormat::Json => LogFormat::Json,
            },
        }
    }

    fn level(&mut self, level: &str) -> LogLevel {
        match level.to_lowercase().as_str() {
            "off" | "none" => LogLevel::Off,
            "error" | "fatal" => LogLevel::Error,
            "warn" | "warning" => LogLevel::Warn,
            "info" => LogLevel::Info,
            "debug" => LogLevel::Debug,
            "trace" | "all" => LogLevel::Trace,
            other => {
                let help = match nearest(other, ["error", "warn", "info", "debug", "trace"]) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "choose `off`, `error`, `warn`, `info`, `debug` or `trace`".into(),
                };
                self.error(
                    "/logger/level",
                    format!("`logger.level` cannot be `{level}`"),
                    &help,
                );
                LogLevel::Info
            }
        }
    }
}
