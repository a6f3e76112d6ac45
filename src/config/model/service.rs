//! Sections `delivery`, `http` and `logger`.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::section::section;
use crate::config::suggest::nearest;
use crate::config::texts::Parsed;

/// How often a result may come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryGuarantee {
    /// Each result comes out at least once.
    AtLeastOnce,
    /// Each result comes out once, by means of Kafka's transactions.
    ExactlyOnce,
}

section! {
    /// The web server.
    pub(crate) struct HttpConfig {
        /// Whether there is one.
        enabled: bool = true,
        /// The address it listens on.
        #[schemars(example = &"0.0.0.0:4195")]
        address: String = "127.0.0.1:4195".into(),
        /// Whether the last failures are shown with the beginnings of their messages, to whoever can open the page.
        show_payloads: bool,
        /// What a request has to give as `Authorization: Bearer …` to change anything, which is `POST /reload`. Without it
        /// nobody may.
        #[schemars(example = &"${NERODIA_TOKEN}")]
        token: Option<String>,
        /// Whether the config has this section. If not, the server runs only if its address is free.
        #[serde(skip)]
        asked: bool,
    }
    + BentosHttp {
        /// Bento's path before all others. Accepted, without effect.
        root_path: String,
        /// Bento's switch for profiling. Accepted, without effect.
        debug_endpoints: bool,
    }

    /// What is logged, on standard error.
    #[derive(Copy)]
    pub(crate) struct LoggerConfig {
        /// The least important level that is logged: `off`, `error`, `warn`, `info`, `debug` or
        /// `trace`, in upper or lower case. Bento's `none`, `fatal` and `all` are accepted.
        #[serde(with = "Parsed")]
        #[schemars(with = "String", example = &"warn", example = &"debug", extend("x-reads" = "level"))]
        level: LogLevel,
        /// `text` for people, `json` for machines, `auto` for `text` on a terminal and `json`
        /// elsewhere. Bento's `logfmt` is `text`.
        #[schemars(extend("enum" = ["auto", "text", "json", "logfmt"]))]
        format: LogFormat,
    }
    + BentosLogger {
        /// Bento's switch for the time in log lines. Accepted, without effect: it is always there.
        add_timestamp: bool,
        /// Bento's fields for every log line. Accepted, without effect.
        static_fields: Value,
        /// Bento's name for the level field. Accepted, without effect.
        level_name: String,
        /// Bento's name for the time field. Accepted, without effect.
        timestamp_name: String,
        /// Bento's name for the message field. Accepted, without effect.
        message_name: String,
    }
}

/// Least important level that is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogLevel {
    /// Nothing is logged.
    Off,
    /// Data is lost, or somebody must act.
    Error,
    /// Something failed and recovered.
    Warn,
    /// Actions of the engine.
    #[default]
    Info,
    /// Reasons for the actions of the engine.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// Returns the level as `tracing` and its filters spell it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Parses a level. The error says what to write instead.
impl FromStr for LogLevel {
    type Err = String;

    fn from_str(level: &str) -> Result<Self, String> {
        Ok(match level.to_lowercase().as_str() {
            "off" | "none" => Self::Off,
            "error" | "fatal" => Self::Error,
            "warn" | "warning" => Self::Warn,
            "info" => Self::Info,
            "debug" => Self::Debug,
            "trace" | "all" => Self::Trace,
            other => {
                let meant = nearest(other, ["error", "warn", "info", "debug", "trace"]);
                let all = "choose `off`, `error`, `warn`, `info`, `debug` or `trace`";
                return Err(meant.map_or(all.into(), |meant| format!("did you mean `{meant}`?")));
            }
        })
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// Text, for people.
    #[serde(alias = "logfmt")]
    Text,
    /// JSON, for machines.
    Json,
}
