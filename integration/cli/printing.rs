//! `nerodia lint --print`: the config as it takes effect.

use std::fs;

use support::nerodia;

#[test]
fn what_is_printed_can_be_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = "pipeline:\n  processors:\n    - python:\n        script: |\n          x = \"${NAME}\"\n          root = [this, x]\n\
                  guests: { timeout: \"${TIMEOUT:2s}\" }\n";
    fs::write(folder.path().join("a.yaml"), config).expect("a file");
    let lint = nerodia(["lint", "--print", "a.yaml", "--set", "guests.min=0"])
        .dir(folder.path())
        .env("TIMEOUT", "3s")
        .run()
        .expect(0);
    let yaml = lint.text();
    for part in ["timeout: 3s", "min: 0", "max_in_flight: 8MiB", "script: |"] {
        assert!(yaml.contains(part), "no {part:?} in:\n{yaml}");
    }
    // Standard input has the config, so it has no messages.
    let run = nerodia([
        "run",
        "-c",
        "-",
        "--set",
        "input.generate={ value: 1, count: 1 }",
    ])
    .stdin(yaml)
    .run()
    .expect(0);
    assert_eq!(run.text(), "[1,\"${NAME}\"]\n");
}

#[test]
fn secrets_are_not_printed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = "pipeline: { processors: [ { python: { script: root = this } } ] }\n\
                  dead_letter: { drop: }\n\
                  input:\n  kafka:\n    addresses: [localhost]\n    topics: [t]\n    consumer_group: g\n    \
                  sasl: { mechanism: PLAIN, user: u, password: \"${PASSWORD}\" }\n    \
                  properties: { ssl.keystore.password: hunter2 }\n";
    fs::write(folder.path().join("a.yaml"), config).expect("a file");
    let lint = nerodia(["lint", "--print", "a.yaml"])
        .dir(folder.path())
        .env("PASSWORD", "hunter2")
        .run()
        .expect(0);
    assert!(!lint.text().contains("hunter2"), "{}", lint.text());
    for part in [
        "password: \"${PASSWORD}\"",
        "ssl.keystore.password: \"***\"",
    ] {
        assert!(lint.text().contains(part), "{}", lint.text());
    }
}

#[test]
fn a_wrong_config_is_not_printed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("a.yaml"), "guests: { min: x }\n").expect("a file");
    let lint = nerodia(["lint", "--print", "a.yaml"])
        .dir(folder.path())
        .run()
        .expect(2);
    assert_eq!(lint.text(), "");
}
