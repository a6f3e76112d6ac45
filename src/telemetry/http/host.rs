//! Check of the `Host` header. A server that listens only on this machine answers only requests that name this machine.
//!
//! A web page can make its host name resolve to 127.0.0.1 after it is loaded (DNS rebinding). The operator's browser
//! then takes this server for the page's own, and lets the page read its answers: topics, tracebacks, payloads. But the
//! `Host` header still contains the name of the page's host.

use std::net::{IpAddr, SocketAddr};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::HOST;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpResponse};

const REFUSAL: &str = "this web server listens on this machine alone, and answers requests for `localhost` and its \
                       addresses: ask for http://localhost, have a proxy send that as `Host`, or set `http.address` \
                       to an address of the network\n";

/// Name of this server in the config.
pub(super) struct OwnName(String);

impl OwnName {
    pub fn of(address: &str) -> Self {
        Self(name_of(address).to_ascii_lowercase())
    }

    /// Whether `host`, with or without a port, is this machine or the name in the config.
    fn answers(&self, host: &str) -> bool {
        let name = name_of(host);
        let name = name.strip_suffix('.').unwrap_or(name);
        let address = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        if let Ok(address) = address.unwrap_or(name).parse::<IpAddr>() {
            return address.to_canonical().is_loopback();
        }
        name.eq_ignore_ascii_case("localhost")
            || (!self.0.is_empty() && name.eq_ignore_ascii_case(&self.0))
    }
}

/// Returns `host:port` without the port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            // All of `::1` is the address.
            if name.contains(':') && !name.ends_with(']') {
                host
            } else {
                name
            }
        }
        _ => host,
    }
}

/// Whether requests to `address` may come from other machines, so that any `Host` is accepted.
fn is_open(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

/// Refuses requests with another host's name. A request without a `Host` header cannot come from a browser.
pub(super) async fn check<B: MessageBody>(
    own: Data<OwnName>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let is_ours = |host: &str| own.answers(host);
    let ours = is_open(request.app_config().local_addr())
        || (request
            .headers()
            .get_all(HOST)
            .all(|host| host.to_str().is_ok_and(is_ours))
            && request.uri().host().is_none_or(is_ours));
    if ours {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let refusal = HttpResponse::build(StatusCode::MISDIRECTED_REQUEST).body(REFUSAL);
    Ok(request.into_response(refusal).map_into_right_body())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_by_any_name_and_port() {
        let own = OwnName::of("My-Machine:4195");
        for ours in [
            "localhost",
            "LOCALHOST:4195",
            "localhost.:80",
            "127.0.0.1",
            "127.0.0.1:4195",
            "127.1.2.3:1",
            "[::1]",
            "[::1]:4195",
            "[::ffff:127.0.0.1]:80",
            "my-machine",
            "my-machine:9",
        ] {
            assert!(own.answers(ours), "{ours}");
        }
        for other in [
            "",
            ":4195",
            "evil.example",
            "evil.example:4195",
            "localhost.evil.example",
            "127.0.0.1.evil.example:4195",
            "evil.localhost",
            "10.0.0.7",
            "0.0.0.0:4195",
            "[::]:4195",
            "[fe80::1]:4195",
            "[::ffff:10.0.0.7]",
            "localhost@evil.example",
            "localhost:evil",
            "my-machine.evil.example",
        ] {
            assert!(!own.answers(other), "{other}");
        }
        assert!(!OwnName::of(":4195").answers(""), "no name is nobody's");
    }

    #[test]
    fn only_addresses_of_this_machine_are_guarded() {
        for (address, open) in [
            ("127.0.0.1:1", false),
            ("127.0.0.53:1", false),
            ("[::1]:1", false),
            ("[::ffff:127.0.0.1]:1", false),
            ("0.0.0.0:1", true),
            ("[::]:1", true),
            ("10.0.0.7:1", true),
        ] {
            assert_eq!(is_open(address.parse().unwrap()), open, "{address}");
        }
    }

    /// Returns the status of a request with these `Host` headers to an address of this machine.
    async fn status(target: &str, hosts: &[&str]) -> u16 {
        use actix_web::test::{TestRequest, call_service, init_service};
        let own = Data::new(OwnName::of("127.0.0.1:4195"));
        let app = actix_web::App::new()
            .wrap(actix_web::middleware::from_fn(check))
            .app_data(own)
            .default_service(actix_web::web::to(HttpResponse::Ok));
        let app = init_service(app).await;
        let mut request = TestRequest::with_uri(target);
        for host in hosts {
            request = request.append_header((HOST, *host));
        }
        call_service(&app, request.to_request())
            .await
            .status()
            .as_u16()
    }

    #[actix::test]
    async fn what_is_for_somebody_else_is_refused() {
        assert_eq!(status("/stats", &["localhost:4195"]).await, 200);
        assert_eq!(status("/stats", &["[::1]:4195"]).await, 200);
        assert_eq!(status("/stats", &[]).await, 200, "no browser leaves it out");
        assert_eq!(status("/stats", &["evil.example:4195"]).await, 421);
        let both = ["localhost", "evil.example"];
        assert_eq!(status("/stats", &both).await, 421);
        let absolute = "http://evil.example/stats";
        assert_eq!(status(absolute, &["localhost"]).await, 421);
    }
}
