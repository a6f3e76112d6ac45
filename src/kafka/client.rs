//! Conversion of our config to librdkafka's.

use rdkafka::ClientConfig;

use super::statistics;
use crate::config::{KafkaClientConfig, Pem, SaslConfig, TlsConfig};

/// Returns the configuration of every client of the cluster. The user's librdkafka properties come last; none of them
/// is one that a typed field sets.
pub(crate) fn configure(config: &KafkaClientConfig) -> ClientConfig {
    let KafkaClientConfig {
        addresses: _,
        client_id,
        tls,
        sasl,
        properties,
    } = config;
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", config.all_addresses());
    client.set("client.id", client_id);
    let interval = statistics::INTERVAL.as_millis().to_string();
    client.set("statistics.interval.ms", interval);
    // Brokers normally close idle connections.
    client.set("log.connection.close", "false");
    // With librdkafka's defaults (10 s, 30 s) a pipeline could be without Kafka for that long after Kafka is back: the
    // first is the wait before a new try, the second the wait for an answer to a try whose first packets were lost.
    client.set("reconnect.backoff.max.ms", "2000");
    client.set("socket.connection.setup.timeout.ms", "10000");
    client.set(
        "security.protocol",
        match (tls, sasl) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        },
    );
    if let Some(tls) = tls {
        encrypt(&mut client, tls);
    }
    if let Some(SaslConfig {
        mechanism,
        user,
        password,
    }) = sasl
    {
        client.set("sasl.mechanism", mechanism.as_str());
        client.set("sasl.username", user);
        client.set("sasl.password", password.expose());
    }
    for (name, value) in properties {
        client.set(name, value.expose());
    }
    client
}

fn encrypt(client: &mut ClientConfig, tls: &TlsConfig) {
    let TlsConfig {
        root_cas,
        client_certificate,
        skip_cert_verify,
    } = tls;
    if let Some(root_cas) = root_cas {
        set_pem(client, "ssl.ca", root_cas);
    }
    if let Some(ours) = client_certificate {
        set_pem(client, "ssl.certificate", &ours.certificate);
        set_pem(client, "ssl.key", &ours.key);
        if let Some(password) = &ours.password {
            client.set("ssl.key.password", password.expose());
        }
    }
    if *skip_cert_verify {
        client.set("enable.ssl.certificate.verification", "false");
    }
}

fn set_pem(client: &mut ClientConfig, what: &str, pem: &Pem) {
    match pem {
        Pem::File(path) => client.set(format!("{what}.location"), path.to_string_lossy()),
        Pem::Text(text) => client.set(format!("{what}.pem"), text.expose()),
    };
}
