//! Tests of registries that do not answer as they should. All of them are waited for.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// Asks a server that gives the same bad reply twice, and then a good one. Returns what was counted.
fn healed(name: &str, timeout: Duration, reply: Reply) -> Counts {
    let server = Server::start(move |request| match request.number {
        0 | 1 => reply.clone(),
        _ => avro("good"),
    });
    let config = RegistryConfig {
        timeout,
        ..config(&server.url())
    };
    let registry = client(&config, limits());
    let schema = answer(&registry, Question::Id(1)).unwrap();
    assert_eq!(schema.text, "good", "{name}");
    assert_eq!(registry.trouble(), None, "{name}");
    registry.counts()
}

fn raw(text: &str) -> Reply {
    Reply::Raw(text.as_bytes().to_vec())
}

#[test]
fn whatever_it_is_it_is_asked_again() {
    let error = |status: u16, code: u32| {
        Reply::Answer(status, format!(r#"{{"error_code":{code},"message":"m"}}"#))
    };
    type Count = fn(&Counts) -> u64;
    let cases: [(&str, Reply, Count); 17] = [
        ("401", error(401, 40101), |counts| counts.refused),
        ("403", error(403, 40301), |counts| counts.refused),
        ("429", error(429, 42901), |counts| counts.http_4xx),
        ("a path it does not know", not_found(404), |counts| {
            counts.http_4xx
        }),
        ("a page", Reply::Answer(404, "<html>".into()), |counts| {
            counts.http_4xx
        }),
        ("500", error(500, 50001), |counts| counts.http_5xx),
        ("503", Reply::Answer(503, String::new()), |counts| {
            counts.http_5xx
        }),
        ("garbage", ok("{\"schema\":"), |counts| counts.malformed),
        ("an empty answer", ok(""), |counts| counts.malformed),
        ("other JSON", ok("[1]"), |counts| counts.malformed),
        (
            "a schema that is no text",
            ok(r#"{"schema":{}}"#),
            |counts| counts.malformed,
        ),
        (
            "no UTF-8",
            Reply::Raw(b"HTTP/1.1 200 X\r\n\r\n{\"schema\":\"\xff\"}".to_vec()),
            |counts| counts.malformed,
        ),
        ("a huge body", ok("x".repeat(17 << 20)), |counts| {
            counts.malformed
        }),
        ("not HTTP", raw("+PONG\r\n"), |counts| counts.malformed),
        ("no answer", raw(""), |counts| counts.unreachable),
        ("half a head", raw("HTTP/1.1 200 X\r\nContent-"), |counts| {
            counts.unreachable
        }),
        (
            "half a body",
            raw("HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{\"schema\":"),
            |counts| counts.unreachable,
        ),
    ];
    for (name, reply, count) in cases {
        let counts = healed(name, FOREVER, reply);
        assert_eq!(count(&counts), 2, "{name}: {counts:?}");
        assert_eq!(counts.missing, 0, "{name}");
    }
}

#[test]
fn an_answer_that_does_not_end_is_not_waited_for() {
    let timeout = Duration::from_millis(300);
    for (name, reply) in [("silence", Reply::Silence), ("endless", Reply::Endless)] {
        let counts = healed(name, timeout, reply);
        assert!(counts.timeout >= 2, "{name}: {counts:?}");
    }
}

#[test]
fn refused_credentials_are_told_without_them() {
    let accepts = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&accepts);
    let server = Server::start(move |_| match flag.load(Ordering::SeqCst) {
        true => avro("text"),
        false => Reply::Answer(401, String::new()),
    });
    let (user, password) = ("us3r".to_owned(), "s3cret".to_owned());
    let config = RegistryConfig {
        auth: Auth::Basic { user, password },
        ..config(&server.url())
    };
    let registry = client(&config, limits());
    let (sender, receiver) = mpsc::channel();
    for id in 1..=3 {
        let sender = sender.clone();
        registry
            .ask(Question::Id(id), move |answer| sender.send(answer).unwrap())
            .ok()
            .unwrap();
    }
    eventually("a trouble", || registry.trouble().is_some());
    let trouble = registry.trouble().unwrap();
    let url = server.url();
    let expected = format!(
        "the schema registry {url}: the user or the password was refused (401) (3 requests waiting)"
    );
    assert_eq!(trouble, expected);
    let shown = format!("{registry:?}{:?}", config);
    assert!(
        !shown.contains("us3r") && !shown.contains("s3cret"),
        "{shown}"
    );
    accepts.store(true, Ordering::SeqCst);
    for _ in 1..=3 {
        receiver.recv_timeout(FOREVER).unwrap().unwrap();
    }
    eventually("no trouble", || registry.trouble().is_none());
    let authorization = server.requests()[0]
        .header("authorization")
        .unwrap()
        .to_owned();
    assert_eq!(authorization, "Basic dXMzcjpzM2NyZXQ=");
}

#[test]
fn one_that_is_down_is_told() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let registry = client(&config(&url), limits());
    assert_eq!(registry.trouble(), None, "nobody needs it");
    registry.ask(Question::Id(1), |_| ()).ok().unwrap();
    eventually("a trouble", || registry.trouble().is_some());
    let expected = format!("the schema registry {url}: connection refused (1 request waiting)");
    assert_eq!(registry.trouble(), Some(expected));
}

#[test]
fn the_next_url_is_tried() {
    let bad = Server::start(|_| Reply::Answer(500, String::new()));
    let good = Server::start(|_| avro("text"));
    let config = RegistryConfig {
        urls: vec![bad.url(), good.url()],
        ..config("")
    };
    let registry = client(&config, limits());
    for id in 1..=3 {
        answer(&registry, Question::Id(id)).unwrap();
    }
    assert_eq!(
        (bad.requests().len(), good.requests().len()),
        (1, 3),
        "and kept"
    );
    assert_eq!(registry.counts().http_5xx, 1);
}

#[test]
fn a_redirect_carries_no_credentials_to_another_host() {
    let other = Server::start(|_| avro("text"));
    let port = other.port();
    let server = Server::start(move |request| match request.line.as_str() {
        "GET /schemas/ids/1" => Reply::To(format!("http://localhost:{port}/elsewhere")),
        "GET /schemas/ids/2" => Reply::To("/here".into()),
        "GET /schemas/ids/3" => Reply::To("/schemas/ids/3".into()),
        _ => avro("text"),
    });
    let config = RegistryConfig {
        auth: Auth::Bearer("s3cret".into()),
        ..config(&server.url())
    };
    let registry = client(&config, limits());
    answer(&registry, Question::Id(1)).unwrap();
    assert_eq!(other.requests()[0].line, "GET /elsewhere");
    assert_eq!(other.requests()[0].header("authorization"), None);
    answer(&registry, Question::Id(2)).unwrap();
    let followed = server.requests().pop().unwrap();
    assert_eq!(followed.line, "GET /here");
    assert_eq!(followed.header("authorization"), Some("Bearer s3cret"));
    // One without an end.
    registry.ask(Question::Id(3), |_| ()).ok().unwrap();
    eventually("a trouble", || {
        registry
            .trouble()
            .is_some_and(|text| text.contains("again and again"))
    });
}

#[test]
fn one_question_in_trouble_does_not_hold_up_the_others() {
    let server = Server::start(|request| match id_of(request) {
        0 => Reply::Answer(403, String::new()),
        _ => avro("text"),
    });
    let registry = client_of(&server);
    registry.ask(Question::Id(0), |_| ()).ok().unwrap();
    for id in 1..=50 {
        answer(&registry, Question::Id(id)).unwrap();
    }
    assert!(registry.trouble().unwrap().ends_with("(1 request waiting)"));
}
