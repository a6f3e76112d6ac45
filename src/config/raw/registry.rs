//! Section `schema_registry`.

use std::time::Duration;

use super::Tls;
use crate::config::section::section;
use crate::config::texts::Span;

section! {
    /// A schema registry with Confluent's REST API: Confluent's own, Apicurio (its URL ends in `/apis/ccompat/v7`), Karapace,
    /// Redpanda.
    pub(in crate::config) struct SchemaRegistry {
        /// Where it is; several with commas between them are members of one registry. Mandatory.
        #[schemars(example = &"http://localhost:8081")]
        url: String,
        /// Who asks, by user and password; in Confluent's cloud, an API key and its secret.
        basic: RegistryBasic,
        /// Who asks, by a token. No message shows it; better a variable than the config.
        #[schemars(example = &"${REGISTRY_TOKEN}")]
        bearer_token: Option<String>,
        /// Which servers to trust with `https`. It is always on for an `https` URL; `enabled` has no effect.
        tls: Tls,
        /// How long one request may take before it is tried again.
        #[serde(with = "Span")]
        #[schemars(extend("x-above-zero" = true))]
        timeout: Duration = Duration::from_secs(10),
        /// How long the latest schema of a subject is used before the registry is asked whether there is a newer one.
        #[serde(with = "Span")]
        #[schemars(extend("x-above-zero" = true))]
        refresh: Duration = Duration::from_secs(60),
    }

    /// User and password for a schema registry.
    pub(in crate::config) struct RegistryBasic {
        /// The user.
        username: Option<String>,
        /// The password. No message shows it; better a variable than the config.
        #[schemars(example = &"${REGISTRY_PASSWORD}")]
        password: Option<String>,
    }
}
