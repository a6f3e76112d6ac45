//! HTTP requests to a registry, each tried at its members in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ureq::http::HeaderValue;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};

use super::config::{Auth, Endpoint, RegistryConfig, WrongConfig};
use super::counts::{Counters, add};
use super::explain::explained;
use super::failure::{Failure, FailureKind, Reply, Sent, judge};

/// Media type of the API. Proxies that rewrite types may answer with the other.
const ACCEPTED: &str = "application/vnd.schemaregistry.v1+json, application/json; q=0.5";
const JSON: &str = "application/vnd.schemaregistry.v1+json";
/// Most bytes of an answer.
const MOST_BYTES: u64 = 16 << 20;

/// HTTP client for one registry.
#[derive(Debug)]
pub(super) struct Client {
    endpoints: Vec<Endpoint>,
    /// Place of the endpoint that answered last.
    preferred: AtomicUsize,
    authorization: Option<HeaderValue>,
    sent: Sent,
    timeout: Duration,
    counters: Arc<Counters>,
    closed: AtomicBool,
}

impl Client {
    /// Creates a client, without any connection.
    ///
    /// # Errors
    /// If the config cannot be used.
    pub(super) fn new(
        config: &RegistryConfig,
        counters: Arc<Counters>,
    ) -> Result<Self, WrongConfig> {
        Ok(Self {
            endpoints: config.endpoints()?,
            preferred: AtomicUsize::new(0),
            authorization: config.auth.header()?,
            sent: match config.auth {
                Auth::None => Sent::Nothing,
                Auth::Basic { .. } => Sent::Password,
                Auth::Bearer(_) => Sent::Token,
            },
            timeout: config.timeout,
            counters,
            closed: AtomicBool::new(false),
        })
    }

    /// Sends `GET` to the base URL with `path`.
    ///
    /// # Errors
    /// If no member of the registry gave an answer that counts; for the reason that the last one had.
    pub(super) fn get(&self, path: &str) -> Result<Reply, Failure> {
        self.try_all(path, None)
    }

    /// Sends `POST` with a JSON document to the base URL with `path`.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub(super) fn post(&self, path: &str, document: &[u8]) -> Result<Reply, Failure> {
        self.try_all(path, Some(document))
    }

    /// Returns the base URL that answered last; the first, before any did.
    pub(super) fn url(&self) -> &str {
        &self.endpoints[self.preferred.load(Ordering::Relaxed)].url
    }

    /// Breaks all connections. Requests under way fail soon, and all later ones at once.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        for endpoint in &self.endpoints {
            endpoint.agent.clone().shutdown();
        }
    }

    fn try_all(&self, path: &str, document: Option<&[u8]>) -> Result<Reply, Failure> {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut tries = 0;
        loop {
            let place = (first + tries) % self.endpoints.len();
            let endpoint = &self.endpoints[place];
            let failure = match self.try_one(endpoint, path, document) {
                Ok(reply) => {
                    self.preferred.store(place, Ordering::Relaxed);
                    return Ok(reply);
                }
                Err((kind, text, status)) => Failure {
                    kind,
                    url: endpoint.url.clone(),
                    text,
                    status,
                },
            };
            tries += 1;
            if tries == self.endpoints.len() || self.closed.load(Ordering::Relaxed) {
                return Err(failure);
            }
            tracing::debug!(
                url = failure.url,
                problem = failure.text,
                "trying the schema registry's next URL"
            );
        }
    }

    fn try_one(
        &self,
        endpoint: &Endpoint,
        path: &str,
        document: Option<&[u8]>,
    ) -> Result<Reply, (FailureKind, String, Option<u16>)> {
        add(&self.counters.requests);
        let counted = |(kind, text), status| {
            self.counters.failed(kind);
            (kind, text, status)
        };
        let answered = self.exchange(endpoint, path, document);
        let (status, body) =
            answered.map_err(|error| counted(explained(&error, self.timeout), None))?;
        judge(status, body, self.sent).map_err(|failure| counted(failure, Some(status.as_u16())))
    }

    fn exchange(
        &self,
        endpoint: &Endpoint,
        path: &str,
        document: Option<&[u8]>,
    ) -> Result<(ureq::http::StatusCode, Vec<u8>), ureq::Error> {
        let url = format!("{}{path}", endpoint.url);
        let mut response = match document {
            None => {
                let mut request = endpoint.agent.get(&url).header(ACCEPT, ACCEPTED);
                if let Some(authorization) = &self.authorization {
                    request = request.header(AUTHORIZATION, authorization);
                }
                request.call()?
            }
            Some(document) => {
                let mut request = endpoint.agent.post(&url).header(ACCEPT, ACCEPTED);
                if let Some(authorization) = &self.authorization {
                    request = request.header(AUTHORIZATION, authorization);
                }
                request.header(CONTENT_TYPE, JSON).send(document)?
            }
        };
        let body = response.body_mut().with_config().limit(MOST_BYTES);
        let body = body.read_to_vec()?;
        Ok((response.status(), body))
    }

    /// Returns the failure of an answer that has the form of none. It counts like one of the HTTP client.
    pub(super) fn malformed(&self, text: String) -> Failure {
        self.counters.failed(FailureKind::Malformed);
        Failure {
            kind: FailureKind::Malformed,
            url: self.url().to_owned(),
            text,
            status: None,
        }
    }
}
