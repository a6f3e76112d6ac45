//! `http`, `logger` and `delivery`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How often a result may come out.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum Delivery {
    AtLeastOnce,
    ExactlyOnce,
}

/// The web server.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Http {
    /// Whether there is one.
    pub enabled: bool,
    /// The address it listens on.
    #[schemars(example = &"0.0.0.0:4195")]
    pub address: String,
    /// Whether the last failures are shown with the beginnings of their messages, to whoever can open the page.
    pub show_payloads: bool,
    /// What a request has to give as `Authorization: Bearer …` to change anything, which is `POST /reload`. Without it
    /// nobody may.
    #[schemars(example = &"${NERODIA_TOKEN}")]
    pub token: Option<String>,
    /// Bento's path before all others. Accepted, without effect.
    pub root_path: Option<String>,
    /// Bento's switch for profiling. Accepted, without effect.
    pub debug_endpoints: Option<bool>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            enabled: true,
            address: "127.0.0.1:4195".into(),
            show_payloads: false,
            token: None,
            root_path: None,
            debug_endpoints: None,
        }
    }
}

/// What is logged, on standard error.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Logger {
    /// The least important level that is logged: `off`, `error`, `warn`, `info`, `debug` or
    /// `trace`, in upper or lower case. Bento's `none`, `fatal` and `all` are accepted.
    #[schemars(example = &"warn", example = &"debug")]
    pub level: String,
    /// `text` for people, `json` for machines, `auto` for `text` on a terminal and `json`
    /// elsewhere. Bento's `logfmt` is `text`.
    pub format: LogFormat,
    /// Bento's switch for the time in log lines. Accepted, without effect: it is always there.
    pub add_timestamp: Option<bool>,
    /// Bento's fields for every log line. Accepted, without effect.
    pub static_fields: Option<Value>,
    /// Bento's name for the level field. Accepted, without effect.
    pub level_name: Option<String>,
    /// Bento's name for the time field. Accepted, without effect.
    pub timestamp_name: Option<String>,
    /// Bento's name for the message field. Accepted, without effect.
    pub message_name: Option<String>,
}

impl Default for Logger {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: LogFormat::Auto,
            add_timestamp: None,
            static_fields: None,
            level_name: None,
            timestamp_name: None,
            message_name: None,
        }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(in crate::config) enum LogFormat {
    Auto,
    Text,
    Json,
    Logfmt,
}
