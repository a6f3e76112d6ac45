//! Tests of encryption, users and permissions: correct ones work, wrong ones are reported in one line, and no password
//! is shown.

use std::sync::LazyLock;

use serde_json::{Value, json};
use support::{Cluster, Pipeline, Record, errors, kafka_sh, nerodia, recently, unique};

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::start("secure", 1, &["--secure"]));

const WRONG: &str = "sesame-open-98765";
const PLACES: [&str; 3] = ["input", "output", "dead_letter"];

fn fact(name: &str) -> &'static str {
    &CLUSTER.facts[name]
}

/// Returns a pipeline whose three clients reach the cluster by these addresses, with these settings.
fn pipeline(name: &str, addresses: &str, tls: &Value, sasl: &Value) -> Pipeline {
    let pipeline = Pipeline::new(&CLUSTER, name, 1, "root = this if this['ok'] else 1 / 0")
        .with("logger.level", "trace")
        .arg("--connect-timeout")
        .arg("10s");
    PLACES.iter().fold(pipeline, |pipeline, place| {
        let at = |field: &str| format!("{place}.kafka.{field}");
        pipeline
            .with(&at("addresses"), json!([addresses]))
            .with(&at("tls"), tls.clone())
            .with(&at("sasl"), sasl.clone())
            .with(&at("properties"), json!({ "debug": "security,broker" }))
    })
}

fn ca() -> Value {
    json!({ "enabled": true, "root_cas_file": fact("KAFKA_CA") })
}

fn login(mechanism: &str, user: &str, password: &str) -> Value {
    json!({ "mechanism": mechanism, "user": user, "password": password })
}

fn right(mechanism: &str) -> Value {
    login(mechanism, fact("KAFKA_USER"), fact("KAFKA_PASSWORD"))
}

fn assert_no_secret(log: &str) {
    let key = std::fs::read_to_string(fact("KAFKA_CLIENT_KEY")).expect("the key");
    let key = key.lines().nth(1).expect("its first line");
    let secrets = [
        fact("KAFKA_PASSWORD"),
        fact("KAFKA_LIMITED_PASSWORD"),
        WRONG,
        key,
    ];
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "a secret is shown");
    }
}

fn assert_works(pipeline: &Pipeline) {
    let records =
        (0..20).map(|n| Record::json(&json!({ "n": n, "ok": n % 10 != 0 })).timestamp(recently()));
    CLUSTER.produce(&pipeline.input, records);
    let showing = pipeline.clone().with("http.show_payloads", true);
    let mut running = showing.listening().start();
    pipeline.await_all_committed(&CLUSTER, &mut running);
    for path in ["/", "/ready", "/stats", "/metrics"] {
        let (status, body) = running.web().get(path).expect("it listens");
        assert_eq!(status, 200, "{path}: {body}");
        assert_no_secret(&body);
    }
    let (code, log) = running.terminate();
    assert_eq!(code, Some(1), "two messages failed: {log}");
    assert_eq!(CLUSTER.count(&pipeline.output), 18);
    assert_eq!(CLUSTER.count(pipeline.dead()), 2);
    assert!(log.contains("librdkafka"), "it logs what librdkafka says");
    assert_no_secret(&log);
    let file = pipeline.file();
    let lint = nerodia(["lint"]).arg(file.path()).run();
    assert_eq!(lint.code, Some(0), "{}", lint.stderr);
    assert_no_secret(&lint.stderr);
    assert_no_secret(lint.text());
}

/// Checks that the pipeline prints one line with all of `parts`, and ends with exit code 1.
#[track_caller]
fn assert_refused(pipeline: &Pipeline, parts: &[&str]) -> String {
    let (code, log) = pipeline.start().wait();
    let errors = errors(&log);
    assert_eq!((code, errors.len()), (Some(1), 1), "{log}");
    println!("{}", errors[0]);
    for part in parts {
        assert!(errors[0].contains(part), "no {part:?} in: {}", errors[0]);
    }
    assert_no_secret(&log);
    errors[0].to_owned()
}

#[test]
fn tls_with_a_ca() {
    assert_works(&pipeline(
        "ca",
        fact("KAFKA_TLS_ADDRESSES"),
        &ca(),
        &Value::Null,
    ));
}

#[test]
fn tls_with_a_client_certificate_in_files_and_in_the_config() {
    let (cert, key) = (fact("KAFKA_CLIENT_CERT"), fact("KAFKA_CLIENT_KEY"));
    let read = |path| std::fs::read_to_string(path).expect("a file");
    let files = json!({
        "enabled": true, "root_cas_file": fact("KAFKA_CA"),
        "client_certs": [{ "cert_file": cert, "key_file": key }],
    });
    let texts = json!({
        "enabled": true, "root_cas": read(fact("KAFKA_CA")),
        "client_certs": [{ "cert": read(cert), "key": read(key) }],
    });
    for tls in [files, texts] {
        assert_works(&pipeline(
            "cert",
            fact("KAFKA_TLS_ADDRESSES"),
            &tls,
            &Value::Null,
        ));
    }
}

#[test]
fn users_by_each_mechanism() {
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let name = mechanism.to_lowercase();
        assert_works(&pipeline(
            &name,
            fact("KAFKA_SASL_ADDRESSES"),
            &ca(),
            &right(mechanism),
        ));
    }
}

#[test]
fn wrong_passwords_and_unknown_users() {
    let addresses = fact("KAFKA_SASL_ADDRESSES");
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        for (user, password) in [
            (fact("KAFKA_USER"), WRONG),
            ("nobody-knows", fact("KAFKA_PASSWORD")),
        ] {
            let pipeline = pipeline("wrong", addresses, &ca(), &login(mechanism, user, password));
            let user = format!("the user `{user}`");
            let parts = [addresses, &user, mechanism, "input.kafka.sasl"];
            assert_refused(&pipeline, &parts);
        }
    }
    // Each section of the config is checked, and named.
    for place in ["output", "dead_letter"] {
        let field = format!("{place}.kafka.sasl");
        let pipeline = pipeline("wrong", addresses, &ca(), &right("PLAIN"))
            .with(&field, login("PLAIN", fact("KAFKA_USER"), WRONG));
        assert_refused(&pipeline, &[addresses, &field]);
    }
}

/// Tries a broker whose certificate is signed by an unknown authority, and an endpoint that uses another protocol.
#[test]
fn other_ends_of_the_line() {
    let (tls, sasl) = (fact("KAFKA_TLS_ADDRESSES"), fact("KAFKA_SASL_ADDRESSES"));
    let plain = CLUSTER.addresses();
    let system = json!({ "enabled": true });
    let none = Value::Null;
    let untrusted = pipeline("untrusted", tls, &system, &none);
    assert_refused(&untrusted, &[tls, "input.kafka.tls", "root_cas_file"]);
    let to_tls = pipeline("plain-to-tls", tls, &none, &none);
    assert_refused(&to_tls, &[tls, "input.kafka.tls"]);
    let to_plain = pipeline("tls-to-plain", plain, &ca(), &none);
    assert_refused(&to_plain, &[plain, "input.kafka.tls"]);
    let no_user = pipeline("no-user", sasl, &ca(), &none);
    assert_refused(&no_user, &[sasl, "input.kafka.sasl"]);
    let user_without_tls = pipeline("no-tls", sasl, &none, &right("PLAIN"));
    assert_refused(&user_without_tls, &[sasl, "input.kafka.tls"]);
    let user_to_plain = pipeline("user-to-plain", plain, &none, &right("PLAIN"));
    assert_refused(&user_to_plain, &[plain, "input.kafka.sasl"]);
    // The brokers' certificates are not checked, if the config says so.
    let skip = json!({ "enabled": true, "skip_cert_verify": true });
    assert_works(&pipeline("skip", sasl, &skip, &right("SCRAM-SHA-512")));
}

fn allow(resource: &[&str], operations: &[&str]) {
    let mut args = vec!["tool", "AclCommand", "--name", "secure", "--add"];
    args.extend(["--allow-principal", "User:limited"]);
    args.extend(resource);
    for operation in operations {
        args.extend(["--operation", operation]);
    }
    kafka_sh(&args);
}

#[test]
fn users_who_may_not() {
    let addresses = fact("KAFKA_SASL_ADDRESSES");
    let limited = login(
        "SCRAM-SHA-256",
        fact("KAFKA_LIMITED_USER"),
        fact("KAFKA_LIMITED_PASSWORD"),
    );
    let mut pipeline = pipeline("limited", addresses, &ca(), &limited);
    for place in ["output", "dead_letter"] {
        pipeline = pipeline.with(&format!("{place}.kafka.sasl"), right("PLAIN"));
    }
    CLUSTER.produce(
        &pipeline.input,
        [Record::json(&json!({ "n": 0, "ok": true })).timestamp(recently())],
    );
    let user = "the user `limited`";
    // Permission for neither the topic nor the group.
    let topic = format!("`{}`", pipeline.input);
    assert_refused(&pipeline, &[addresses, user, &topic, "describe"]);
    // Permission to see the topic, but not to read it; the group is allowed.
    allow(&["--topic", &pipeline.input], &["Describe"]);
    let own = pipeline
        .clone()
        .with("input.kafka.consumer_group", "limited-own");
    allow(&["--group", "limited-own"], &["Read"]);
    assert_refused(&own, &[addresses, user, "read", "input.kafka.topics"]);
    // Permission to read the topic, but none for the group.
    allow(&["--topic", &pipeline.input], &["Read"]);
    let group = format!("`{}`", pipeline.group);
    assert_refused(&pipeline, &[addresses, user, &group, "consumer_group"]);
    // Permission to see the output, but not to write it.
    let topic = format!("`{}`", own.output);
    let own = own.with("output.kafka.sasl", limited);
    allow(&["--topic", &own.output], &["Describe"]);
    assert_refused(&own, &[&topic, "permission to write"]);
    assert_eq!(CLUSTER.committed("limited-own", &own.input)[&0], 0);
    // With all permissions, it works.
    allow(&["--topic", &own.output], &["Write"]);
    let mut running = own.start();
    running.eventually("the result", || {
        let count = CLUSTER.count(&own.output);
        (count == 1).then_some(()).ok_or(format!("{count}"))
    });
    let (code, log) = running.terminate();
    assert_eq!(code, Some(0), "{log}");
    assert_no_secret(&log);
}

/// Checks that white space at the end of a password or a user is reported, and nothing else of the password.
#[test]
fn white_space_in_what_is_refused() {
    let addresses = fact("KAFKA_SASL_ADDRESSES");
    let password = format!("{}\n", fact("KAFKA_PASSWORD"));
    let login = |user: &str, password: &str| login("SCRAM-SHA-256", user, password);
    let refused = pipeline(
        "white",
        addresses,
        &ca(),
        &login(fact("KAFKA_USER"), &password),
    );
    let said = "mechanism, user and password (the password ends with a line break)";
    assert_refused(&refused, &["input.kafka.sasl", said]);
    let user = format!("{}\n", fact("KAFKA_USER"));
    let refused = pipeline(
        "white",
        addresses,
        &ca(),
        &login(&user, fact("KAFKA_PASSWORD")),
    );
    let (_, log) = refused.start().wait();
    let escaped = format!("the user `{}\\n`", fact("KAFKA_USER"));
    assert!(errors(&log)[0].contains(&escaped), "{log}");
    assert!(!log.contains("Client stats"), "{log}");
}

/// One topic that matches an expression may not be read. Checks that the others are read, and this one after permission
/// is given.
#[test]
fn one_topic_of_an_expression_may_not_be_read() {
    let addresses = fact("KAFKA_SASL_ADDRESSES");
    let limited = login(
        "SCRAM-SHA-256",
        fact("KAFKA_LIMITED_USER"),
        fact("KAFKA_LIMITED_PASSWORD"),
    );
    let prefix = unique("some");
    let topics: Vec<String> = (0..3)
        .map(|number| CLUSTER.topic(&format!("{prefix}-{number}"), 1))
        .collect();
    let pipeline = pipeline("some", addresses, &ca(), &limited)
        .with("input.kafka.topics", json!([format!("^{prefix}-")]))
        .listening()
        .with("output.kafka.sasl", right("PLAIN"))
        .without_dead_letters();
    allow(&["--group", &pipeline.group], &["Read"]);
    for (number, topic) in topics.iter().enumerate() {
        let right = if number == 0 { "Describe" } else { "Read" };
        allow(&["--topic", topic], &[right]);
        let records =
            (0..5).map(|n| Record::json(&json!({ "n": n, "ok": true })).timestamp(recently()));
        CLUSTER.produce(topic, records);
    }
    let mut running = pipeline.start();
    let count = || CLUSTER.count(&pipeline.output);
    running.eventually("the others are read", || {
        (count() == 10).then_some(()).ok_or(format!("{}", count()))
    });
    let forbidden = format!("topic `{}`, partition 0 cannot be read", topics[0]);
    running.until("it says which is not", |running| {
        let (status, body) = running.web().get("/ready").expect("it listens");
        let told = status == 503 && body.contains(&forbidden);
        told.then_some(()).ok_or(body)
    });
    let warned = running.logged("a partition cannot be read: trying again");
    assert!(!warned.is_empty(), "{}", running.log());
    assert!(
        warned
            .iter()
            .all(|line| line["topic"] == topics[0].as_str())
    );
    allow(&["--topic", &topics[0]], &["Read"]);
    running.eventually("that one is read too", || {
        (count() == 15).then_some(()).ok_or(format!("{}", count()))
    });
    running.await_ready();
    let (code, log) = running.terminate();
    assert_eq!(code, Some(0), "{log}");
    assert_no_secret(&log);
}

/// A config with an error is shown with the line of the error. Checks that secrets in that line are not.
#[test]
fn no_secret_in_what_lint_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pipeline.yaml");
    let sasl = format!("{{ mechanism: SCRAM-SHA-1024, user: me, password: {WRONG} }}");
    let config = format!(
        "input: {{ kafka: {{ addresses: [a], topics: [b], consumer_group: c, sasl: {sasl} }} }}\n\
         pipeline: {{ processors: [] }}\n\
         output: {{ kafka: {{ addresses: [a], topic: b, sasl: {{ pasword: {WRONG}, password: {WRONG} }}, properties: \
         {{ sasl.password: {WRONG}, ssl.key.password: {WRONG} }} }} }}\n"
    );
    std::fs::write(&path, config).expect("written");
    for command in ["lint", "run"] {
        let ran = nerodia([command, "-c"]).arg(&path).run().expect(2);
        assert!(ran.stderr.contains("SCRAM-SHA-1024"), "{}", ran.stderr);
        assert_no_secret(&ran.stderr);
        assert_no_secret(ran.text());
    }
    // Also with `--set`.
    let set = format!("input.kafka.sasl.password=[{WRONG}]");
    let ran = nerodia(["lint", "-c"]).arg(&path).set(set).run().expect(2);
    assert_no_secret(&ran.stderr);
}
