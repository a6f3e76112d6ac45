//! Fields that `input.kafka` and `output.kafka` have in common.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::model::SaslMechanism;
use crate::config::section::section;

/// Topics of a cluster and how to reach it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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

section! {
    /// How to reach a cluster.
    pub(in crate::config) struct Client {
        /// The name of this client in the brokers' logs and quotas.
        client_id: String = "nerodia".into(),
        /// Encryption, and which brokers to trust.
        tls: Tls,
        /// Who we are, for brokers that ask.
        sasl: Sasl,
        /// Any other property of librdkafka, by its name there; none that a field here sets.
        #[schemars(with = "BTreeMap<String, Value>", extend("additionalProperties" =
            { "type": ["string", "number", "boolean"], "x-as-written": true }))]
        #[schemars(extend("examples" = [{ "socket.keepalive.enable": true }]))]
        properties: BTreeMap<String, String>,
    }

    /// Encryption, and which brokers to trust.
    pub(in crate::config) struct Tls {
        /// Whether connections are encrypted.
        enabled: bool,
        /// Trust any broker, whatever its certificate: for trying out only.
        skip_cert_verify: bool,
        /// The certificate authorities to trust, in PEM. Without them: the system's.
        root_cas: Option<String>,
        /// A file with the certificate authorities to trust, by its path from the config file.
        #[schemars(example = &"ca.pem")]
        root_cas_file: Option<String>,
        /// The certificate to show to brokers that ask for one; at most one.
        client_certs: Vec<ClientCert>,
    }
    + BentosTls {
        /// Bento's switch for renegotiation. Accepted, without effect.
        enable_renegotiation: bool,
    }

    /// A certificate and its key, each in the config or in a file.
    pub(in crate::config) struct ClientCert {
        /// The certificate, in PEM.
        cert: Option<String>,
        /// Its key, in PEM. No message shows it; better a file or a variable (`${NAME}`) than the config.
        key: Option<String>,
        /// A file with the certificate, by its path from the config file.
        #[schemars(example = &"client.crt")]
        cert_file: Option<String>,
        /// A file with the key, by its path from the config file.
        #[schemars(example = &"client.key")]
        key_file: Option<String>,
        /// What the key is encrypted with, if it is. No message shows it.
        #[schemars(example = &"${KEY_PASSWORD}")]
        password: Option<String>,
    }

    /// Who we are, for brokers that ask.
    pub(in crate::config) struct Sasl {
        /// How user and password are shown to the brokers, as these ask for it. Without it, or with
        /// `none`: not at all.
        mechanism: Option<SaslMechanism>,
        /// The user.
        user: Option<String>,
        /// The password. Digits need no quotes. No message shows it; better a variable than the config.
        #[schemars(example = &"${KAFKA_PASSWORD}")]
        password: Option<String>,
    }
    + BentosSasl {
        /// Bento's token for OAUTHBEARER, which this engine does not have. Accepted, without effect.
        access_token: String,
        /// Bento's cache of such tokens. Accepted, without effect.
        token_cache: String,
        /// Bento's key in that cache. Accepted, without effect.
        token_key: String,
    }
}
