//! Web server: health for orchestrators, metrics for Prometheus, `/stats` and a page for people.
//!
//! Read-only, except `POST /reload`, which requires the configured token. The server runs on its own thread, so
//! requests never delay the actors.

mod host;

use std::io;
use std::net::{TcpListener, ToSocketAddrs as _};
use std::sync::{Arc, OnceLock};

use actix::Recipient;
use actix_web::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, Route, guard};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use self::host::OwnName;
use super::exposition;
use super::stats::Observed;
use crate::config::HttpConfig;
use crate::control::{Reload, Reloaded};

/// Page for people, which contains its scripts and styles.
const PAGE: &str = concat!(
    include_str!("http/page/head.html"),
    "<style>",
    include_str!("http/vendor/uPlot.min.css"),
    include_str!("http/page/page.css"),
    "</style>",
    include_str!("http/page/body.html"),
    "<script>",
    include_str!("http/vendor/uPlot.iife.min.js"),
    "</script><script>",
    include_str!("http/page/numbers.js"),
    include_str!("http/page/parts.js"),
    include_str!("http/page/charts.js"),
    include_str!("http/page/poll.js"),
    "</script></body></html>\n",
);

/// Content security policy: the page may use only what it contains, and this server.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
                      connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Limit on open connections; further ones wait. Each takes a file descriptor of the process, which Kafka and files
/// need too, and only a few clients look at a time.
const MOST_CONNECTIONS: usize = 64;

/// Recipient of reloads. It is empty while the pipeline starts, and if the config cannot be loaded again.
pub(crate) type ReloadTo = Arc<OnceLock<Recipient<Reload>>>;

/// Binds the address in `config`. Connections made before [`start`] wait in the backlog.
///
/// # Errors
/// If the address cannot be bound.
pub(crate) fn bind(config: &HttpConfig) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    let mut refused = io::Error::other("the name has no address");
    // A name such as `localhost` may have several addresses, and the machine may not have all of them.
    for address in config.address.to_socket_addrs()? {
        match TcpListener::bind(address) {
            Ok(listener) => listeners.push(listener),
            Err(error) => refused = error,
        }
    }
    if listeners.is_empty() {
        return Err(refused);
    }
    Ok(listeners)
}

/// Answers requests that come to `listeners`, until the actix system ends.
///
/// # Errors
/// If the system refuses it.
pub(crate) fn start(
    listeners: Vec<TcpListener>,
    config: &HttpConfig,
    observed: Observed,
    reload: ReloadTo,
) -> io::Result<()> {
    let observed = Data::from(Arc::new(observed));
    let control = Data::from(Arc::new(ReloadRoute {
        token: config.token.as_deref().map(digest),
        reload,
    }));
    let own = Data::new(OwnName::of(&config.address));
    let app = move || {
        let headers = DefaultHeaders::new()
            .add((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .add((CACHE_CONTROL, "no-store"))
            .add((CONTENT_SECURITY_POLICY, POLICY));
        App::new()
            .wrap(from_fn(host::check))
            .wrap(headers)
            .app_data(own.clone())
            .app_data(observed.clone())
            .app_data(control.clone())
            .route("/", seen().to(page))
            .route("/ping", seen().to(ping))
            .route("/ready", seen().to(ready))
            .route("/metrics", seen().to(metrics))
            .route("/stats", seen().to(stats))
            .route("/reload", web::post().to(reload_config))
            .default_service(web::to(nothing))
    };
    let mut server = HttpServer::new(app)
        .workers(1)
        .max_connections(MOST_CONNECTIONS)
        .disable_signals()
        .shutdown_timeout(1);
    for listener in listeners {
        server = server.listen(listener)?;
    }
    let addresses: Vec<String> = server.addrs().iter().map(ToString::to_string).collect();
    tracing::info!(
        address = addresses.join(" "),
        "web server: /, /ping, /ready, /metrics, /stats"
    );
    actix_rt::spawn(server.run());
    Ok(())
}

async fn page() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(PAGE)
}

/// Answers that the process is alive.
async fn ping() -> &'static str {
    "pong"
}

/// Answers whether messages that arrive now would be processed.
async fn ready(observed: Data<Observed>) -> HttpResponse {
    let ills = observed.metrics.health.ills();
    if ills.is_empty() {
        HttpResponse::Ok().json(json!({ "ready": true }))
    } else {
        HttpResponse::ServiceUnavailable().json(json!({ "ready": false, "reasons": ills }))
    }
}

async fn metrics(observed: Data<Observed>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(exposition::CONTENT_TYPE)
        .body(exposition::render(observed.stats()))
}

async fn stats(observed: Data<Observed>) -> HttpResponse {
    HttpResponse::Ok().json(observed.looked_at())
}

/// Permission to change something over HTTP, and the recipient of the changes.
struct ReloadRoute {
    token: Option<[u8; 32]>,
    reload: ReloadTo,
}

/// Returns the hash of a token. Tokens are compared by their hashes, so the time for that reveals nothing about the
/// token.
fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

impl ReloadRoute {
    /// Returns the refusal for a client without permission; `None` for a client that may change something.
    fn refusal(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let Some(token) = &self.token else {
            let why =
                "nothing can be changed over HTTP: set `http.token` in the config to allow it\n";
            return Some(HttpResponse::Forbidden().body(why));
        };
        let given = request.headers().get(AUTHORIZATION);
        let given = given
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        if given.map(digest).as_ref() == Some(token) {
            return None;
        }
        let refusal = HttpResponse::Unauthorized()
            .insert_header((WWW_AUTHENTICATE, "Bearer"))
            .body("give the token of the config: `Authorization: Bearer …`\n");
        Some(refusal)
    }
}

/// Loads the config again.
async fn reload_config(request: HttpRequest, control: Data<ReloadRoute>) -> HttpResponse {
    if let Some(refusal) = control.refusal(&request) {
        return refusal;
    }
    let asked = match control.reload.get() {
        Some(reload) => reload.send(Reload::Request).await.ok(),
        None => None,
    };
    match asked {
        Some(Reloaded::Taken) => HttpResponse::Ok().json(json!({ "result": "taken" })),
        Some(Reloaded::Unchanged) => HttpResponse::Ok().json(json!({ "result": "unchanged" })),
        Some(Reloaded::Refused(reason)) => {
            HttpResponse::Conflict().json(json!({ "result": "refused", "reason": reason }))
        }
        None => HttpResponse::ServiceUnavailable()
            .body("the config cannot be loaded again, or not before the pipeline has started\n"),
    }
}

async fn nothing() -> HttpResponse {
    HttpResponse::NotFound().body("nothing here; see /, /ping, /ready, /metrics and /stats\n")
}

/// Returns a route for what is only looked at.
fn seen() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}
