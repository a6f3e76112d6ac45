//! Telemetry: metrics, events, logs and the web server.
//!
//! ```text
//! actors ─▶ events ─▶ log
//!             └─────▶ metrics ─▶ stats ─▶ http: /stats, /metrics, the page, `nerodia top`
//! ```

mod commands;
pub(crate) mod events;
pub(crate) mod exposition;
pub(crate) mod facts;
pub(crate) mod failures;
pub(crate) mod group;
pub(crate) mod health;
pub(crate) mod histogram;
pub(crate) mod http;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod process;
pub(crate) mod processors;
pub(crate) mod stats;
