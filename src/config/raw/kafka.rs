//! What `input.kafka` and `output.kafka` have in common.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::config::model::SaslMechanism;
use crate::config::schema::bento;

/// Topics of a cluster and how to reach it.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(in crate::config) struct Kafka<T: Default> {
    /// Some of the brokers, as `host:port`; the others are found from there. An item may be several
    /// with commas between them, and a port left out is 9092. Mandatory.
    #[schemars(extend("examples" = [["localhost:9092"]]))]
    pub addresses: Vec<String>,
    #[serde(flatten)]
    pub topics: T,
    #[serde(flatten)]
    pub client: Client,
}

/// How to reach a cluster.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(in crate::config) struct Client {
    /// The name of this client in the brokers' logs and quotas.
    pub client_id: String,
    /// Encryption, and which brokers to trust.
    pub tls: Tls,
    /// Who we are, for brokers that ask.
    pub sasl: Sasl,
    /// Any other property of librdkafka, by its name there; none that a field here sets.
    #[schemars(extend("examples" = [{ "fetch.min.bytes": 1024 }]))]
    pub properties: Properties,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            client_id: "nerodia".into(),
            tls: Tls::default(),
            sasl: Sasl::default(),
            properties: Properties::default(),
        }
    }
}

/// Encryption, and which brokers to trust.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(transform = bento::<BentosTls>)]
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
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "a schema")]
struct BentosTls {
    /// Bento's switch for renegotiation. Accepted, without effect.
    enable_renegotiation: bool,
}

/// A certificate and its key, each in the config or in a file.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
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
#[serde(default)]
#[schemars(transform = bento::<BentosSasl>)]
pub(in crate::config) struct Sasl {
    /// How user and password are shown to the brokers, as these ask for it. Without it, or with
    /// `none`: not at all.
    pub mechanism: Option<SaslMechanism>,
    /// The user.
    pub user: Option<String>,
    /// The password. Digits need no quotes. No message shows it; better a variable than the config.
    #[schemars(example = &"${KAFKA_PASSWORD}")]
    pub password: Option<String>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "a schema")]
struct BentosSasl {
    /// Bento's token for OAUTHBEARER, which this engine does not have. Accepted, without effect.
    access_token: String,
    /// Bento's cache of such tokens. Accepted, without effect.
    token_cache: String,
    /// Bento's key in that cache. Accepted, without effect.
    token_key: String,
}

/// librdkafka's properties by their names, as they are written: `007` is no number to librdkafka before it says so.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(in crate::config) struct Properties(pub BTreeMap<String, String>);

impl JsonSchema for Properties {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Properties".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let kinds = ["string", "number", "boolean"];
        json_schema!({
            "type": "object",
            "additionalProperties": { "type": kinds, "x-as-written": true },
        })
    }
}
