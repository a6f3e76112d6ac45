//! Kafka: what its input and its outputs have in common.

mod addresses;
mod delivery;
mod input;
mod loops;
mod output;
mod properties;
mod times;
mod tls;
mod topics;

use super::Check;
use crate::config::model::{KafkaClientConfig, SaslConfig, SaslMechanism, Secret};
use crate::config::raw;
use crate::config::tree::dotted;

/// The raw fields that make a [`KafkaClientConfig`].
struct Client {
    addresses: Vec<String>,
    client_id: String,
    tls: raw::Tls,
    sasl: raw::Sasl,
    properties: raw::Properties,
}

/// What a client of Kafka does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Consumer,
    Producer,
}

impl Check<'_> {
    fn client(&mut self, pointer: &str, side: Side, raw: Client) -> KafkaClientConfig {
        let Client {
            addresses,
            client_id,
            tls,
            sasl,
            properties,
        } = raw;
        if client_id.is_empty() {
            self.error(
                &format!("{pointer}/client_id"),
                format!("`{}.client_id` is empty", dotted(pointer)),
                "write a name that tells this client from others in the brokers' logs, or leave it out",
            );
        }
        KafkaClientConfig {
            addresses: self.addresses(pointer, &addresses),
            client_id,
            tls: self.tls(&format!("{pointer}/tls"), tls),
            sasl: self.sasl(&format!("{pointer}/sasl"), sasl),
            properties: self.properties(&format!("{pointer}/properties"), side, &properties),
        }
    }

    fn sasl(&mut self, pointer: &str, raw: raw::Sasl) -> Option<SaslConfig> {
        let raw::Sasl {
            mechanism,
            user,
            password,
            access_token,
            token_cache,
            token_key,
        } = raw;
        self.without_effect(&format!("{pointer}/access_token"), &access_token);
        self.without_effect(&format!("{pointer}/token_cache"), &token_cache);
        self.without_effect(&format!("{pointer}/token_key"), &token_key);
        let (user, password) = (filled(user), filled(password));
        let mechanism = match mechanism {
            Some(raw::SaslMechanism::Plain) => SaslMechanism::Plain,
            Some(raw::SaslMechanism::ScramSha256) => SaslMechanism::ScramSha256,
            Some(raw::SaslMechanism::ScramSha512) => SaslMechanism::ScramSha512,
            Some(raw::SaslMechanism::None) => return None,
            None => {
                if user.is_some() || password.is_some() {
                    self.missing(
                        pointer,
                        "mechanism",
                        "write `mechanism: PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`, whichever the brokers ask \
                         for; without it nobody would be told user and password",
                    );
                }
                return None;
            }
        };
        if user.is_none() {
            self.missing(
                pointer,
                "user",
                "write the user whom the brokers know, for example `user: ${KAFKA_USER}`",
            );
        }
        if password.is_none() {
            self.missing(
                pointer,
                "password",
                "write it as a variable, `password: ${KAFKA_PASSWORD}`, so that it stands in no file",
            );
        }
        for (field, text) in [("user", &user), ("password", &password)] {
            if text
                .as_ref()
                .is_some_and(|text| text.starts_with(char::is_whitespace))
            {
                self.error(
                    &format!("{pointer}/{field}"),
                    format!("`{}.{field}` begins with white space, which librdkafka cuts off", dotted(pointer)),
                    &format!("take the white space away; if it belongs there, the brokers must know another {field}"),
                );
            }
        }
        Some(SaslConfig {
            mechanism,
            user: user?,
            password: Secret(password?),
        })
    }

    /// Tells that a mandatory field is missing, or empty.
    fn missing(&mut self, pointer: &str, field: &str, help: &str) {
        let message = format!("`{}` has no `{field}`", dotted(pointer));
        self.error(&format!("{pointer}/{field}"), message, help);
    }

    /// Whether a text has Bento's `${!…}` in it, which would go out as it is.
    fn is_bloblang(&mut self, pointer: &str, text: &str, help: &str) -> bool {
        let found = text.contains("${!");
        if found {
            let message = format!(
                "`{}` is Bloblang, which this engine does not run",
                dotted(pointer)
            );
            self.error(pointer, message, help);
        }
        found
    }
}

/// The text, unless it is empty: Bento's way to say "none".
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}
