//! Kafka: how to reach a cluster, what to read, what to write.

mod input;
mod output;

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use input::*;
pub(crate) use output::*;

/// Settings for the connection to a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KafkaClientConfig {
    /// `host:port` of some brokers of the cluster; at least one.
    pub addresses: Vec<String>,
    /// Name of this client in the brokers' logs and quotas.
    pub client_id: String,
    /// Encryption; `None` for connections without it.
    pub tls: Option<TlsConfig>,
    /// User and password; `None` for connections without them.
    pub sasl: Option<SaslConfig>,
    /// Properties passed to librdkafka unchanged, sorted by name. A property that a field here sets is not among them.
    pub properties: Vec<(String, Secret)>,
}

impl KafkaClientConfig {
    /// Creates the settings of a client of the cluster at `address`, with defaults for the rest.
    #[cfg(test)]
    pub(crate) fn at(address: impl Into<String>) -> Self {
        Self {
            addresses: vec![address.into()],
            client_id: "test".into(),
            ..Self::default()
        }
    }

    /// Returns all addresses in one text, with commas between them, as librdkafka and people read them.
    pub(crate) fn all_addresses(&self) -> String {
        self.addresses.join(",")
    }

    /// Returns the value of a property, if the config sets it.
    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        let mut properties = self.properties.iter();
        let (_, value) = properties.find(|(property, _)| property == name)?;
        Some(value.expose())
    }

    /// Describes in words the user that the brokers see. Control characters are escaped, because they would go
    /// unnoticed.
    pub(crate) fn who(&self) -> String {
        match &self.sasl {
            Some(sasl) => {
                let shown = |c: char| match c.is_control() {
                    true => c.escape_default().to_string(),
                    false => c.to_string(),
                };
                let user: String = sasl.user.chars().map(shown).collect();
                format!("the user `{user}`")
            }
            None => "a client without a user".into(),
        }
    }
}

/// Encryption, and which brokers to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsConfig {
    /// Certificate authorities to trust; `None` for those of the system.
    pub root_cas: Option<Pem>,
    /// Certificate of this client, for brokers that ask for one.
    pub client_certificate: Option<ClientCertificate>,
    /// Whether any broker is trusted: only for trying things out.
    pub skip_cert_verify: bool,
}

/// Certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientCertificate {
    /// The certificate.
    pub certificate: Pem,
    /// Key of the certificate.
    pub key: Pem,
    /// Password of the key, if it is encrypted.
    pub password: Option<Secret>,
}

/// Certificates or a key, in PEM format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pem {
    /// PEM in a file that exists.
    File(PathBuf),
    /// PEM written in the config.
    Text(Secret),
}

/// User and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SaslConfig {
    /// Mechanism by which user and password are shown; never [`SaslMechanism::None`].
    pub mechanism: SaslMechanism,
    /// User; never empty.
    pub user: String,
    /// Password; never empty.
    pub password: Secret,
}

/// How user and password are shown to a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum SaslMechanism {
    /// User and password are not shown.
    #[serde(rename = "none")]
    None,
    /// User and password are sent unchanged.
    #[serde(rename = "PLAIN")]
    Plain,
    /// The client proves that it knows the password, by SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// The client proves that it knows the password, by SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

impl SaslMechanism {
    /// Returns Kafka's name of the mechanism.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// Text that no log and no message shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Creates a secret from `text`.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text, for code that has to know it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
