//! Section `schema_registry`.

use std::time::Duration;

use super::{Secret, TlsConfig};

/// Schema registry and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SchemaRegistryConfig {
    /// URLs of the registry's members; at least one.
    pub urls: Vec<String>,
    /// Who asks.
    pub auth: RegistryAuth,
    /// Encryption, for `https`; `None` trusts what the system trusts.
    pub tls: Option<TlsConfig>,
    /// Time limit of one request.
    pub timeout: Duration,
    /// Time for which the latest schema of a subject is not asked for again.
    pub refresh: Duration,
}

/// Credentials for a schema registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RegistryAuth {
    /// None.
    None,
    /// User and password.
    Basic {
        /// The user; never empty.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token.
    Bearer(Secret),
}
