//! How to reach a schema registry.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ureq::Agent;
use ureq::config::RedirectAuthHeaders;
use ureq::http::{HeaderValue, Uri};
use ureq::tls::{
    Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, TlsProvider, parse_pem,
};

/// Redirects that are followed in one request. A registry has no reason for more than one, to its leader.
const MOST_REDIRECTS: u32 = 3;

/// Addresses, credentials and time limit for a schema registry. `Debug` shows no secrets.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RegistryConfig {
    /// Base URLs of the registry's members, which are tried in turn: `http://host:port`, or with a path.
    pub urls: Vec<String>,
    /// Who asks.
    pub auth: Auth,
    /// How `https` URLs are trusted.
    pub tls: Tls,
    /// Time limit for one request to one URL, from the name resolution to the last byte of the answer.
    pub timeout: Duration,
}

/// Credentials, sent with each request.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Auth {
    /// None are sent.
    None,
    /// HTTP's basic authentication; in Confluent's cloud, an API key and its secret.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// A token, as OAuth uses it.
    Bearer(String),
}

/// Trust in `https`. The default trusts what the system trusts, and shows no certificate.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Tls {
    /// Whether any certificate of the server is accepted. Then anybody on the way can read the credentials.
    pub skip_verify: bool,
    /// Certificates, in PEM, of the only authorities to trust. `None` trusts those of the system.
    pub root_cas: Option<Vec<u8>>,
    /// Certificate chain and private key of this client, each in PEM. The key is PKCS #8 (`BEGIN PRIVATE KEY`).
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

/// A [`RegistryConfig`] that cannot be used. The text says what is wrong in it, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WrongConfig(pub String);

impl fmt::Debug for RegistryConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<_> = self.urls.iter().map(|url| without_secrets(url)).collect();
        f.debug_struct("RegistryConfig")
            .field("urls", &shown)
            .field("auth", &self.auth)
            .field("tls", &self.tls)
            .field("timeout", &self.timeout)
            .finish()
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic(…)",
            Self::Bearer(_) => "Bearer(…)",
        })
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("skip_verify", &self.skip_verify)
            .field("root_cas", &self.root_cas.is_some())
            .field("client", &self.client.is_some())
            .finish()
    }
}

impl Auth {
    /// Returns the value of the header `Authorization`.
    ///
    /// # Errors
    /// If a user has a colon, which would end it, or a token cannot be in a header.
    pub(super) fn header(&self) -> Result<Option<HeaderValue>, WrongConfig> {
        let text = match self {
            Self::None => return Ok(None),
            Self::Basic { user, .. } if user.contains(':') => {
                return Err(WrongConfig(
                    "the registry's user must not contain ':'".into(),
                ));
            }
            Self::Basic { user, password } => {
                format!(
                    "Basic {}",
                    BASE64_STANDARD.encode(format!("{user}:{password}"))
                )
            }
            Self::Bearer(token) => format!("Bearer {token}"),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            WrongConfig(
                "the registry's token contains a line break or another control character".into(),
            )
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// Base URL of a member of the registry, and the client for it.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// The URL without a slash at its end.
    pub url: String,
    pub agent: Agent,
}

impl RegistryConfig {
    /// Returns the registry's members.
    ///
    /// # Errors
    /// If there is none, or a URL or certificate cannot be used.
    pub(super) fn endpoints(&self) -> Result<Vec<Endpoint>, WrongConfig> {
        if self.urls.is_empty() {
            return Err(WrongConfig("the registry has no URL".into()));
        }
        let tls = self.tls.built()?;
        self.urls
            .iter()
            .map(|url| self.endpoint(url, &tls))
            .collect()
    }

    fn endpoint(&self, url: &str, tls: &TlsConfig) -> Result<Endpoint, WrongConfig> {
        let wrong = |what: &str| {
            let shown = without_secrets(url);
            WrongConfig(format!(
                "`{shown}` is no URL of a registry: {what}, as in http://host:8081"
            ))
        };
        let uri: Uri = url.parse().map_err(|_| wrong("write it"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(wrong("it begins with http:// or https://"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("it names a host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("user and password are fields of their own"));
        }
        if authority.host().is_empty() {
            return Err(wrong("it names a host"));
        }
        if uri.query().is_some() || url.contains('#') {
            return Err(wrong("it ends with the host or the path"));
        }
        let mut config = Agent::config_builder()
            .timeout_global(Some(self.timeout))
            // Any status is an answer: its body says more.
            .http_status_as_error(false)
            .max_redirects(MOST_REDIRECTS)
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .user_agent(concat!("nerodia/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls.clone());
        // No proxy can reach what this machine calls by these names.
        if is_loopback(authority.host()) {
            config = config.proxy(None);
        }
        Ok(Endpoint {
            url: url.trim_end_matches('/').to_owned(),
            agent: config.build().into(),
        })
    }
}

impl Tls {
    fn built(&self) -> Result<TlsConfig, WrongConfig> {
        let roots = match &self.root_cas {
            None => RootCerts::PlatformVerifier,
            Some(pem) => certificates(pem, "the registry's CA file")?.into(),
        };
        let client = match &self.client {
            None => None,
            Some((chain, key)) => {
                let chain = certificates(chain, "the registry's client certificate")?;
                Some(ClientCert::new_with_certs(&chain, private_key(key)?))
            }
        };
        Ok(TlsConfig::builder()
            .provider(TlsProvider::NativeTls)
            .root_certs(roots)
            .client_cert(client)
            .disable_verification(self.skip_verify)
            .build())
    }
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<Certificate<'static>>, WrongConfig> {
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {} // a key in the same file
            Err(error) => return Err(WrongConfig(format!("{what} is not PEM: {error}"))),
        }
    }
    if found.is_empty() {
        return Err(WrongConfig(format!("{what} has no `BEGIN CERTIFICATE`")));
    }
    Ok(found)
}

/// Reads a key. `native-tls` takes PKCS #8 only, and would say so at the first request.
fn private_key(pem: &[u8]) -> Result<PrivateKey<'static>, WrongConfig> {
    let what = "the registry's client key";
    let key = PrivateKey::from_pem(pem).map_err(|_| {
        WrongConfig(format!(
            "{what} is not a private key in PEM without a password"
        ))
    })?;
    // `ureq` does not let the kind that it found be named.
    if !contains(pem, b"-----BEGIN PRIVATE KEY-----") {
        return Err(WrongConfig(format!(
            "{what} is not in PKCS #8; change it with `openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW`"
        )));
    }
    Ok(key)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Returns the URL without what is before an `@` or after a `?`, which people use for passwords and tokens.
fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}…{}", &url[..scheme + 3], &url[at..])
        }
        (None, Some(at)) => format!("…{}", &url[at..]),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;
