//! Requests to a running pipeline, over HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

use crate::telemetry::stats::Stats;

/// URL of a pipeline's web server unless its config says otherwise.
pub(super) const DEFAULT_URL: &str = "http://127.0.0.1:4195";

/// Time limit of a request.
const PATIENCE: Duration = Duration::from_secs(3);

/// Web server of a pipeline.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    agent: Agent,
    url: String,
}

/// Reason why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum RemoteError {
    /// The address itself is wrong.
    #[error("`{0}` is not a URL; write it like {DEFAULT_URL}")]
    Url(String),
    /// Nothing listens at the address.
    #[error("nothing listens there")]
    Refused,
    /// No answer came in time.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Late,
    /// The answer is not that of Nerodia.
    #[error("the server there is not Nerodia: {0}")]
    Stranger(String),
    /// Another error.
    #[error("{0}")]
    Other(String),
}

/// Answer of `/ready`.
#[derive(Debug, Deserialize)]
pub(super) struct Readiness {
    /// Whether messages that arrive now would be processed.
    pub ready: bool,
    /// Parts that are not ready, with the reasons.
    #[serde(default)]
    pub reasons: BTreeMap<String, String>,
}

impl Remote {
    /// Creates a client for the server at `url`, which may also have the form `host:port`.
    pub(super) fn new(url: &str) -> Self {
        let scheme = if url.contains("://") { "" } else { "http://" };
        let tls = TlsConfig::builder()
            .provider(TlsProvider::NativeTls)
            .root_certs(RootCerts::PlatformVerifier);
        let config = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            // 503 is an answer, and contains the reasons.
            .http_status_as_error(false)
            // A container's `HTTP_PROXY` is not meant for its own health check.
            .proxy(None)
            .tls_config(tls.build());
        Self {
            agent: config.build().into(),
            url: format!("{scheme}{}", url.trim_end_matches('/')),
        }
    }

    /// Returns the URL of the server.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the answer of `/ready`.
    ///
    /// # Errors
    /// If there is no answer, or it is not that of Nerodia.
    pub(super) fn readiness(&self) -> Result<Readiness, RemoteError> {
        self.ask("/ready")
    }

    /// Returns the answer of `/stats`.
    ///
    /// # Errors
    /// If there is no answer, or it is not that of Nerodia.
    pub(super) fn stats(&self) -> Result<Stats, RemoteError> {
        self.ask("/stats")
    }

    fn ask<T: for<'a> Deserialize<'a>>(&self, path: &str) -> Result<T, RemoteError> {
        let wrong = |error| self.explained(error);
        let url = format!("{}{path}", self.url);
        let mut response = self.agent.get(&url).call().map_err(wrong)?;
        let status = response.status();
        let body = response.body_mut().read_to_vec().map_err(wrong)?;
        serde_json::from_slice(&body).map_err(|error| {
            RemoteError::Stranger(if status.is_success() {
                format!("{path} is not as this version knows it ({error})")
            } else {
                format!("{path} is answered with {status}")
            })
        })
    }

    fn explained(&self, error: ureq::Error) -> RemoteError {
        match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => RemoteError::Url(self.url.clone()),
            ureq::Error::Timeout(_) => RemoteError::Late,
            ureq::Error::ConnectionFailed => RemoteError::Refused,
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                RemoteError::Refused
            }
            ureq::Error::Io(error) => RemoteError::Other(error.to_string()),
            ureq::Error::Protocol(error) => RemoteError::Stranger(error.to_string()),
            error => RemoteError::Other(error.to_string()),
        }
    }
}

impl RemoteError {
    /// Returns what the user can do about the error.
    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::Url(_) => "give the address of the pipeline's web server with --url",
            Self::Refused | Self::Late => {
                "is the pipeline running, with `http.address` at that address? Only one that reads Kafka has a web \
                 server by itself; for others set `http.address`. From another machine or container it must not be \
                 a loopback address"
            }
            Self::Stranger(_) | Self::Other(_) => {
                "give the address of the pipeline's `http.address` with --url"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Starts a server that answers one request with `answer`.
    fn answering(answer: &'static str) -> Remote {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        });
        Remote::new(&address)
    }

    #[test]
    fn ready_and_not() {
        let remote = answering(
            "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n{\"ready\":false,\"reasons\":{\"guests\":\"none\"}}",
        );
        let readiness = remote.readiness().unwrap();
        assert!(!readiness.ready);
        assert_eq!(readiness.reasons["guests"], "none");
        let remote = answering("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"ready\":true}");
        assert!(remote.readiness().unwrap().ready);
    }

    #[test]
    fn no_answer_has_a_reason() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let refused = Remote::new(&format!("http://{address}/")).stats();
        assert!(matches!(refused, Err(RemoteError::Refused)), "{refused:?}");

        let other =
            answering("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nnot here").stats();
        assert!(matches!(other, Err(RemoteError::Stranger(_))), "{other:?}");
        let other = answering("+PONG\r\n").stats();
        assert!(matches!(other, Err(RemoteError::Stranger(_))), "{other:?}");

        for url in ["http://", "http://a b", "http://[::1"] {
            let wrong = Remote::new(url).stats();
            assert!(
                matches!(wrong, Err(RemoteError::Url(_))),
                "{url}: {wrong:?}"
            );
        }
    }

    #[test]
    fn a_server_that_hangs_is_not_waited_for_long() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let remote = Remote::new(&listener.local_addr().unwrap().to_string());
        let late = remote.stats();
        assert!(matches!(late, Err(RemoteError::Late)), "{late:?}");
    }
}
