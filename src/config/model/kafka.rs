//! Kafka: how to reach a cluster, what to read, what to write.

mod input;
mod output;

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use input::*;
pub(crate) use output::*;

/// How to reach a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KafkaClientConfig {
    /// `host:port` of some of its brokers; at least one.
    pub addresses: Vec<String>,
    /// The name that shows in the brokers' logs and quotas.
    pub client_id: String,
    /// Encryption; `None` for none.
    pub tls: Option<TlsConfig>,
    /// Who we are; `None` if nobody asks.
    pub sasl: Option<SaslConfig>,
    /// Properties handed to librdkafka as they are, sorted by name; none that a field here sets.
    pub properties: Vec<(String, Secret)>,
}

impl KafkaClientConfig {
    /// A client of the cluster at `address`, with nothing else said.
    #[cfg(test)]
    pub(crate) fn at(address: impl Into<String>) -> Self {
        Self {
            addresses: vec![address.into()],
            client_id: "test".into(),
            ..Self::default()
        }
    }

    /// All addresses, as librdkafka and people read them.
    pub(crate) fn all_addresses(&self) -> String {
        self.addresses.join(",")
    }

    /// The value of a property, if it is handed on.
    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        let mut properties = self.properties.iter();
        let (_, value) = properties.find(|(property, _)| property == name)?;
        Some(value.expose())
    }

    /// Who the brokers take us for, in words. What does not print is escaped: it would go unnoticed.
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

/// Encryption, and whom to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsConfig {
    /// Certificate authorities to trust; `None` for the system's.
    pub root_cas: Option<Pem>,
    /// Ours, where the brokers ask for one.
    pub client_certificate: Option<ClientCertificate>,
    /// Trust any broker: for trying out only.
    pub skip_cert_verify: bool,
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientCertificate {
    /// The certificate.
    pub certificate: Pem,
    /// Its key.
    pub key: Pem,
    /// What the key is encrypted with.
    pub password: Option<Secret>,
}

/// Something in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pem {
    /// In a file that exists.
    File(PathBuf),
    /// Written in the config.
    Text(Secret),
}

/// User and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SaslConfig {
    /// How they are shown; never `None`, with which nobody is asked.
    pub mechanism: SaslMechanism,
    /// Never empty.
    pub user: String,
    /// Never empty.
    pub password: Secret,
}

/// How user and password are shown to a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum SaslMechanism {
    /// Not at all.
    #[serde(rename = "none")]
    None,
    /// As they are.
    #[serde(rename = "PLAIN")]
    Plain,
    /// By proof.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// By proof.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

impl SaslMechanism {
    /// Kafka's name of it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// A text that no log and no message shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// `text` is a secret from now on.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for who has to know it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
