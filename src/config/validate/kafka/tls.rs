//! `tls`.

use super::{Check, filled};
use crate::config::diagnostics::Diagnostic;
use crate::config::model::{ClientCertificate, Pem, Secret, TlsConfig};
use crate::config::raw;
use crate::config::tree::dotted;

impl Check<'_> {
    pub(super) fn tls(&mut self, pointer: &str, raw: raw::Tls) -> Option<TlsConfig> {
        let raw::Tls {
            enabled,
            skip_cert_verify,
            root_cas,
            root_cas_file,
            mut client_certs,
            enable_renegotiation,
        } = raw;
        self.without_effect(
            &format!("{pointer}/enable_renegotiation"),
            &enable_renegotiation,
        );
        let root_cas = self.pem(
            pointer,
            ["root_cas", "root_cas_file"],
            root_cas,
            root_cas_file,
        );
        let meant = skip_cert_verify || root_cas.is_some() || !client_certs.is_empty();
        if client_certs.len() > 1 {
            self.error(
                &format!("{pointer}/client_certs/1"),
                format!(
                    "`{}.client_certs` has more than one certificate",
                    dotted(pointer)
                ),
                "keep the one that the brokers know this client by",
            );
        }
        client_certs.truncate(1);
        let client_certificate = client_certs
            .pop()
            .and_then(|one| self.client_certificate(&format!("{pointer}/client_certs/0"), one));
        if !enabled {
            if meant && !self.is_doubtful(&format!("{pointer}/enabled")) {
                let message = format!("`{}` has no effect: it is not enabled", dotted(pointer));
                self.warnings.push(
                    Diagnostic::warning(message)
                        .at(self.place(pointer))
                        .help("write `enabled: true`, or connections are not encrypted"),
                );
            }
            return None;
        }
        if skip_cert_verify {
            let pointer = format!("{pointer}/skip_cert_verify");
            let message = format!("with `{}` anyone can pose as a broker", dotted(&pointer));
            self.warnings.push(
                Diagnostic::warning(message).at(self.place(&pointer)).help(
                    "for more than trying out, name the authority to trust in `root_cas_file`",
                ),
            );
        }
        Some(TlsConfig {
            root_cas,
            client_certificate,
            skip_cert_verify,
        })
    }

    fn client_certificate(
        &mut self,
        pointer: &str,
        raw: raw::ClientCert,
    ) -> Option<ClientCertificate> {
        let raw::ClientCert {
            cert,
            key,
            cert_file,
            key_file,
            password,
        } = raw;
        let before = self.errors.len();
        let certificate = self.pem(pointer, ["cert", "cert_file"], cert, cert_file);
        let key = self.pem(pointer, ["key", "key_file"], key, key_file);
        if self.errors.len() > before {
            return None;
        }
        for (part, what) in [(&certificate, "cert"), (&key, "key")] {
            if part.is_none() {
                let message = format!("`{}` has no `{what}` and no `{what}_file`", dotted(pointer));
                let help = "a certificate and its key belong together: write both, for example \
                            `{ cert_file: client.crt, key_file: client.key }`";
                self.error(pointer, message, help);
            }
        }
        Some(ClientCertificate {
            certificate: certificate?,
            key: key?,
            password: filled(password).map(Secret),
        })
    }

    /// Something in PEM, as text or in a file; `names` are the fields.
    fn pem(
        &mut self,
        pointer: &str,
        names: [&str; 2],
        text: Option<String>,
        file: Option<String>,
    ) -> Option<Pem> {
        let [in_text, in_file] = names.map(|name| format!("{pointer}/{name}"));
        match (filled(text), filled(file)) {
            (None, None) => None,
            (Some(text), None) => {
                if !text.contains("-----BEGIN ") {
                    self.error(
                        &in_text,
                        format!("`{}` is not in PEM", dotted(&in_text)),
                        &format!(
                            "it begins with `-----BEGIN`; the path of a file is written as `{}`",
                            names[1]
                        ),
                    );
                }
                Some(Pem::Text(Secret(text)))
            }
            (None, Some(file)) => {
                let path = self.base.join(&file);
                let opened = std::fs::File::open(&path).and_then(|file| file.metadata());
                let why = match opened {
                    Ok(metadata) if metadata.is_dir() => "it is a folder".into(),
                    Ok(_) => return Some(Pem::File(path)),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                        "there is no such file".into()
                    }
                    Err(error) => error.to_string(),
                };
                self.error(
                    &in_file,
                    format!("cannot read `{file}`: {why}"),
                    "the path is relative to the folder of the config file",
                );
                None
            }
            (Some(_), Some(_)) => {
                let message = format!("`{}` and `{}` say the same", names[0], names[1]);
                let problem = Diagnostic::error(message)
                    .at(self.place(&in_file))
                    .related(self.place(&in_text), "the other one")
                    .help(format!("keep `{}`", names[1]));
                self.errors.push(problem);
                None
            }
        }
    }
}
