//! Telemetry: what the engine reports about itself.
//!
//! ```text
//! actors ─▶ events ─▶ log
//!             └─────▶ metrics ─▶ stats ─▶ http: /stats, /metrics, the page, `nerodia top`
//! ```

pub mod events;
pub mod exposition;
pub mod facts;
pub mod failures;
pub mod health;
pub mod histogram;
pub mod http;
pub mod limit;
pub mod logs;
pub mod metrics;
pub mod process;
pub mod stats;
