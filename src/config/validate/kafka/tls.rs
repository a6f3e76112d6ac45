//! Checks of `tls`.

use std::io::ErrorKind;

use super::{Check, filled};
use crate::config::model::{ClientCertificate, Pem, Secret, TlsConfig};
use crate::config::raw;
use crate::config::tree::FieldPath;

pub(in crate::config::validate) fn tls(
    check: &mut Check<'_>,
    at: &FieldPath,
    mut raw: raw::Tls,
) -> Option<TlsConfig> {
    let root_cas = pem(check, at, "root_cas", raw.root_cas, raw.root_cas_file);
    let root_cas = root_cas.ok().flatten();
    let meant = raw.skip_cert_verify || root_cas.is_some() || !raw.client_certs.is_empty();
    let certs = at.field("client_certs");
    if raw.client_certs.len() > 1 {
        check.error(
            &certs.item(1),
            format!("`{certs}` has more than one certificate"),
            "keep the one that the brokers know this client by",
        );
    }
    raw.client_certs.truncate(1);
    let ours = raw.client_certs.pop();
    let client_certificate = ours.and_then(|raw| client_certificate(check, &certs.item(0), raw));
    if !raw.enabled {
        if meant && !check.is_doubtful(&at.field("enabled")) {
            let message = format!("`{at}` has no effect: it is not enabled");
            let help = "write `enabled: true`, or connections are not encrypted";
            check.warn(at, message, help);
        }
        return None;
    }
    if raw.skip_cert_verify {
        let at = at.field("skip_cert_verify");
        let message = format!("with `{at}` anyone can pose as a broker");
        let help = "for more than trying out, name the authority to trust in `root_cas_file`";
        check.warn(&at, message, help);
    }
    Some(TlsConfig {
        root_cas,
        client_certificate,
        skip_cert_verify: raw.skip_cert_verify,
    })
}

fn client_certificate(
    check: &mut Check<'_>,
    at: &FieldPath,
    raw: raw::ClientCert,
) -> Option<ClientCertificate> {
    let certificate = pem(check, at, "cert", raw.cert, raw.cert_file);
    let key = pem(check, at, "key", raw.key, raw.key_file);
    let (certificate, key) = (certificate.ok()?, key.ok()?);
    for (part, what) in [(&certificate, "cert"), (&key, "key")] {
        if part.is_none() {
            let message = format!("`{at}` has no `{what}` and no `{what}_file`");
            let help = "a certificate and its key belong together: write both, for example \
                        `{ cert_file: client.crt, key_file: client.key }`";
            check.error(at, message, help);
        }
    }
    Some(ClientCertificate {
        certificate: certificate?,
        key: key?,
        password: filled(raw.password).map(Secret::new),
    })
}

/// Error whose problem has already been reported.
struct Wrong;

/// Returns what is in PEM format, as a text in `field` or as the file that the field with the suffix `_file` names.
fn pem(
    check: &mut Check<'_>,
    within: &FieldPath,
    field: &str,
    text: Option<String>,
    file: Option<String>,
) -> Result<Option<Pem>, Wrong> {
    let field_of_file = format!("{field}_file");
    let (in_text, in_file) = (within.field(field), within.field(&field_of_file));
    match (filled(text), filled(file)) {
        (None, None) => return Ok(None),
        (Some(text), None) if text.contains("-----BEGIN ") => {
            return Ok(Some(Pem::Text(Secret::new(text))));
        }
        (Some(_), None) => {
            let message = format!("`{in_text}` is not in PEM");
            let help = "it begins with `-----BEGIN`; the path of a file is written as";
            check.error(&in_text, message, format!("{help} `{field_of_file}`"));
        }
        (None, Some(file)) => {
            let path = check.base.join(&file);
            let opened = std::fs::File::open(&path).and_then(|file| file.metadata());
            let why = match opened {
                Ok(metadata) if metadata.is_dir() => "it is a folder".into(),
                Ok(_) => return Ok(Some(Pem::File(path))),
                Err(error) if error.kind() == ErrorKind::NotFound => "there is no such file".into(),
                Err(error) => error.to_string(),
            };
            let help = "the path is relative to the folder of the config file";
            check.error(&in_file, format!("cannot read `{file}`: {why}"), help);
        }
        (Some(_), Some(_)) => {
            let message = format!("`{field}` and `{field_of_file}` say the same");
            check.either(message, &in_file, &in_text, &format!("`{field_of_file}`"));
        }
    }
    Err(Wrong)
}
