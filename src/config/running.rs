//! The config that runs. A reload puts another in its place.

use std::sync::{Arc, Mutex, PoisonError};

use super::model::Config;

/// The config that runs. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Running(Arc<Mutex<Arc<Config>>>);

impl Running {
    /// `config` runs.
    pub(crate) fn new(config: Config) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(config))))
    }

    /// What runs now.
    pub(crate) fn get(&self) -> Arc<Config> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// `config` runs from now on.
    pub(crate) fn replace(&self, config: Config) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }
}
