//! Preparation of a pipeline: what takes time before its actors start, while the web server answers already.

use std::net::TcpListener;
use std::panic::resume_unwind;
use std::sync::Arc;

use actix::prelude::*;
use anyhow::Context as _;

use crate::config::{Config, HttpConfig, Running};
use crate::message::budget::MemoryBudget;
use crate::telemetry::health::Health;
use crate::telemetry::http::{self, ReloadTo};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::stats::Observed;

/// A pipeline before its actors start. Its web server says that it is alive and not ready.
pub(crate) struct Preparation {
    /// Actix system, in which the actors will be.
    pub(super) system: SystemRunner,
    /// Config that is in use.
    pub(super) running: Running,
    /// Counters of the pipeline.
    pub(super) metrics: Arc<Metrics>,
    /// Memory budget of the pipeline.
    pub(super) budget: MemoryBudget,
    /// Recipient of reloads by the web server, once there is one.
    pub(super) reload: ReloadTo,
}

impl Preparation {
    /// Begins to prepare the pipeline of `config`, which is in this `file`: starts its web server, if it has one.
    ///
    /// # Errors
    /// If the address of the web server cannot be used.
    pub(crate) fn new(config: Config, file: Option<String>) -> anyhow::Result<Self> {
        let listeners = bind(&config.http)?;
        let preparation = Self {
            system: System::new(),
            metrics: Arc::default(),
            budget: MemoryBudget::new(config.pipeline.max_in_flight),
            running: Running::new(config),
            reload: ReloadTo::default(),
        };
        let config = preparation.running.get();
        if config.http.show_payloads {
            preparation.metrics.failures.keep_payloads();
        }
        if let Some(listeners) = listeners {
            let observed = Observed {
                metrics: Arc::clone(&preparation.metrics),
                budget: preparation.budget.clone(),
                running: preparation.running.clone(),
                file,
            };
            let reload = Arc::clone(&preparation.reload);
            let started = preparation
                .system
                .block_on(async { http::start(listeners, &config.http, observed, reload) });
            started.context("no web server")?;
        }
        Ok(preparation)
    }

    /// Does what may take time, and blocks until it is done. `work` is given the health that `/ready` reports.
    pub(crate) fn does<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Config, &Health) -> T + Send + 'static,
    ) -> T {
        let (config, health) = (self.running.get(), self.metrics.health.clone());
        // The system runs meanwhile, and the web server with it.
        let done = self.system.block_on(async move {
            actix_rt::task::spawn_blocking(move || work(&config, &health)).await
        });
        done.unwrap_or_else(|panicked| resume_unwind(panicked.into_panic()))
    }
}

/// Binds the address of the web server, if the config has one. If the default address is taken, the pipeline runs
/// without the server; only an address from the config is fatal.
fn bind(config: &HttpConfig) -> anyhow::Result<Option<Vec<TcpListener>>> {
    if !config.enabled {
        return Ok(None);
    }
    match http::bind(config) {
        Err(error) if !config.asked => {
            let address = &config.address;
            tracing::warn!(address, %error, "no web server: set `http.address` to another one, or `http.enabled: false`");
            Ok(None)
        }
        result => result.map(Some).with_context(|| {
            format!("cannot listen at `http.address` {}: choose another one, or set `http.enabled: false`", config.address)
        }),
    }
}
