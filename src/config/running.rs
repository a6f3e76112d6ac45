//! The config in use. A reload replaces it.

use std::sync::{Arc, Mutex, PoisonError};

use super::model::Config;

/// Shared handle to the config in use. Clones share the same config.
#[derive(Clone, Debug)]
pub(crate) struct Running(Arc<Mutex<Arc<Config>>>);

impl Running {
    /// Creates a handle with `config` in use.
    pub(crate) fn new(config: Config) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(config))))
    }

    /// Returns the config in use.
    pub(crate) fn get(&self) -> Arc<Config> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts `config` in use.
    pub(crate) fn replace(&self, config: Config) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }
}
