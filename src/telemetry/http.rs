//! The web server: health for orchestrators, metrics for Prometheus, `/stats` and a page for people.
//!
//! Nothing here changes anything. It has a thread of its own, so that who asks does not take time from
//! the actors.

use std::io;
use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use serde_json::json;

use super::exposition;
use super::stats::Observed;
use crate::config::HttpConfig;

/// The page; its scripts and styles are in it.
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
    include_str!("http/page/page.js"),
    "</script></body></html>\n",
);

/// Only what is in the page, and this server.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
                      connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Listens at the address of `config` until the actix system ends.
///
/// # Errors
/// If the address cannot be had.
pub fn start(config: &HttpConfig, observed: Observed) -> io::Result<()> {
    let observed = Data::from(Arc::new(observed));
    let app = move || {
        let headers = DefaultHeaders::new()
            .add((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .add((CACHE_CONTROL, "no-store"))
            .add((CONTENT_SECURITY_POLICY, POLICY));
        App::new()
            .wrap(headers)
            .app_data(observed.clone())
            .route("/", web::get().to(page))
            .route("/ping", web::get().to(ping))
            .route("/ready", web::get().to(ready))
            .route("/metrics", web::get().to(metrics))
            .route("/stats", web::get().to(stats))
            .default_service(web::to(nothing))
    };
    let server = HttpServer::new(app)
        .workers(1)
        .disable_signals()
        .shutdown_timeout(1)
        .bind(&config.address)?;
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

/// The process lives.
async fn ping() -> &'static str {
    "pong"
}

/// Whether messages that come now would be processed.
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
    HttpResponse::Ok().json(observed.stats())
}

async fn nothing() -> HttpResponse {
    HttpResponse::NotFound().body("nothing here; see /, /ping, /ready, /metrics and /stats\n")
}
