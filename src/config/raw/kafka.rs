//! What `input.kafka` and `output.kafka` have in common.

mod input;
mod output;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(in crate::config) use input::{Batching, Group, GroupProtocol, KafkaInput};
pub(in crate::config) use output::{Compression, KafkaOutput, Partition, Partitioner};

/// Encryption, and which brokers to trust.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Tls {
    /// Whether connections are encrypted.
    pub enabled: bool,
    /// Trust any broker, whatever its certificate: for trying out only.
    pub skip_cert_verify: bool,
    /// The certificate authorities to trust, in PEM. Without them: the system's.
    pub root_cas: Option<String>,
    /// A file with the certificate authorities to trust, by its path from the config file.
    #[schemars(example = &"ca.pem")]
    pub root_cas_file: Option<String>,
    /// The certificate to show to brokers that ask for one; at most one.
    pub client_certs: Vec<ClientCert>,
    /// Bento's switch for renegotiation. Accepted, without effect.
    pub enable_renegotiation: Option<bool>,
}

/// A certificate and its key, each in the config or in a file.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct ClientCert {
    /// The certificate, in PEM.
    pub cert: Option<String>,
    /// Its key, in PEM. No message shows it; better a file or a variable (`${NAME}`) than the config.
    pub key: Option<String>,
    /// A file with the certificate, by its path from the config file.
    #[schemars(example = &"client.crt")]
    pub cert_file: Option<String>,
    /// A file with the key, by its path from the config file.
    #[schemars(example = &"client.key")]
    pub key_file: Option<String>,
    /// What the key is encrypted with, if it is. No message shows it.
    #[schemars(example = &"${KEY_PASSWORD}")]
    pub password: Option<String>,
}

/// Who we are, for brokers that ask.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Sasl {
    /// How user and password are shown to the brokers, as these ask for it. Without it, or with
    /// `none`: not at all.
    pub mechanism: Option<SaslMechanism>,
    /// The user.
    pub user: Option<String>,
    /// The password. Digits need no quotes. No message shows it; better a variable than the config.
    #[schemars(example = &"${KAFKA_PASSWORD}")]
    pub password: Option<String>,
    /// Bento's token for OAUTHBEARER, which this engine does not have. Accepted, without effect.
    pub access_token: Option<String>,
    /// Bento's cache of such tokens. Accepted, without effect.
    pub token_cache: Option<String>,
    /// Bento's key in that cache. Accepted, without effect.
    pub token_key: Option<String>,
}

/// How user and password are shown to the brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::config) enum SaslMechanism {
    #[serde(rename = "none")]
    None,
    #[serde(rename = "PLAIN")]
    Plain,
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

/// librdkafka's properties by their names.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::config) struct Properties(pub Map<String, Value>);

impl JsonSchema for Properties {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Properties".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "additionalProperties": { "type": ["string", "number", "boolean"] },
        })
    }
}

/// Texts by their names.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::config) struct Texts(pub Map<String, Value>);

impl JsonSchema for Texts {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Texts".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": { "type": "string" } })
    }
}
