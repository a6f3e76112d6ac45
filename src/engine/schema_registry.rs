//! Client of the schema registry, from the config.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use super::formats::file;
use crate::config::{
    Format, InputFormat, OutputFormat, Pem, RegistryAuth, SchemaFraming, SchemaRegistryConfig,
};
use crate::format::{AvroSchema, Registry, Schema, SchemaSettings};
use crate::registry::{Auth, Limits, RegistryConfig, Tls};

/// Creates the client, which makes schemas ready for these formats. It asks nothing yet.
///
/// # Errors
/// If a schema in a file, a certificate or a key cannot be used.
pub(super) fn connect(
    config: &SchemaRegistryConfig,
    input: &InputFormat,
    output: &OutputFormat,
) -> anyhow::Result<Registry> {
    let settings = SchemaSettings {
        reader: reader(input)?,
        message: output.message.clone(),
    };
    let tls = match &config.tls {
        None => Tls::default(),
        Some(tls) => Tls {
            skip_verify: tls.skip_cert_verify,
            root_cas: tls.root_cas.as_ref().map(pem).transpose()?,
            client: match &tls.client_certificate {
                Some(ours) => Some((pem(&ours.certificate)?, pem(&ours.key)?)),
                None => None,
            },
        },
    };
    let auth = match &config.auth {
        RegistryAuth::None => Auth::None,
        RegistryAuth::Basic { user, password } => Auth::Basic {
            user: user.clone(),
            password: password.expose().to_owned(),
        },
        RegistryAuth::Bearer(token) => Auth::Bearer(token.expose().to_owned()),
    };
    let limits = Limits::default().latest_for(config.refresh);
    let config = RegistryConfig {
        urls: config.urls.clone(),
        auth,
        tls,
        timeout: config.timeout,
    };
    Registry::new(&config, limits, move |raw| Schema::new(&raw, &settings))
        .context("`schema_registry` cannot be used")
}

/// Returns the schema in which a script sees all payloads of Avro, if there is one.
///
/// # Errors
/// If it cannot be used.
pub(super) fn reader(input: &InputFormat) -> anyhow::Result<Option<Arc<AvroSchema>>> {
    let (Some(text), SchemaFraming::Registry, Format::Avro) =
        (&input.schema_text, input.framing, input.kind)
    else {
        return Ok(None);
    };
    let schema = AvroSchema::parse(text, &[]);
    let schema = schema.map_err(|why| anyhow!("{}: {why}", file(input.schema_file.as_deref())))?;
    Ok(Some(Arc::new(schema)))
}

fn pem(pem: &Pem) -> anyhow::Result<Vec<u8>> {
    match pem {
        Pem::Text(text) => Ok(text.expose().as_bytes().to_vec()),
        Pem::File(path) => {
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        }
    }
}
