//! Tests of the client with a server of their own. What they wait for has no time limit but one against hanging.

mod answers;
mod lives;
mod real;
mod server;
mod tls;
mod troubles;

use std::thread;

use super::*;
use server::{Reply, Request, Server};

/// Time after which a test counts as hanging.
const FOREVER: Duration = Duration::from_secs(120);

fn config(url: &str) -> RegistryConfig {
    RegistryConfig {
        urls: vec![url.to_owned()],
        auth: Auth::None,
        tls: Tls::default(),
        timeout: FOREVER,
    }
}

/// The usual limits, with pauses for those who are in a hurry.
fn limits() -> Limits {
    Limits {
        backoff: Backoff {
            first: Duration::from_millis(2),
            most: Duration::from_millis(20),
        },
        ..Limits::default()
    }
}

/// A client whose values are the schemas themselves.
fn client(config: &RegistryConfig, limits: Limits) -> Registry<RawSchema> {
    Registry::new(config, limits, |schema| schema).unwrap()
}

fn client_of(server: &Server) -> Registry<RawSchema> {
    client(&config(&server.url()), limits())
}

/// Waits for an answer, which must come.
fn answer<T: Send + Sync + 'static>(registry: &Registry<T>, question: Question) -> Answer<T> {
    let start = Instant::now();
    let give_up = || start.elapsed() > FOREVER;
    registry.wait(question, give_up).expect("an answer comes")
}

/// Waits until something is so.
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < FOREVER, "still not: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn ok(body: impl Into<String>) -> Reply {
    Reply::Answer(200, body.into())
}

fn not_found(code: u32) -> Reply {
    Reply::Answer(
        404,
        format!(r#"{{"error_code":{code},"message":"not found"}}"#),
    )
}

/// Answer with an Avro schema of which `text` is a part.
fn avro(text: &str) -> Reply {
    ok(serde_json::json!({ "schema": text }).to_string())
}

fn id_of(request: &Request) -> u32 {
    request.line.rsplit('/').next().unwrap().parse().unwrap()
}

fn latest(subject: &str) -> Question {
    let subject = subject.to_owned();
    Question::Latest { subject }
}
