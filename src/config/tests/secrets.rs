//! Tests that no message shows a password, whatever else is wrong.

use super::super::*;
use super::{SCRIPT, load_with};

const INPUT: &str =
    "input:\n  kafka:\n    addresses: [a]\n    topics: [t]\n    consumer_group: g\n";

/// Returns the messages about a wrong config, which must not contain a secret.
fn said(yaml: &str, overrides: &[&str]) -> String {
    let problems = match load_with(&format!("{SCRIPT}{yaml}"), overrides) {
        Ok(loaded) => panic!("it is not wrong:\n{yaml}\n{}", loaded.warnings),
        Err(problems) => problems,
    };
    for colour in [false, true] {
        let text = problems.render(colour);
        for secret in ["hunter2", "unter2", "er2", "12345"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    problems.to_string()
}

/// Returns the messages about a config with `text` in `input.kafka`.
fn sasl(text: &str) -> String {
    said(&format!("{INPUT}    {text}\n"), &[])
}

#[test]
fn beside_a_problem() {
    let all = [
        sasl("sasl: { mechanism: X, user: u, password: hunter2 }"),
        sasl("sasl: { mechanism: PLAIN, password: 'hunter2', usr: u }"),
        sasl("sasl: { mechanism: PLAIN, user: u, pasword: hunter2 }"),
        sasl("sasl: { mechanism: PLAIN, user: u, password:hunter2 }"),
        sasl("sasl: { mechanism: X, user: u, password: hunt,er2 }"),
        sasl("sasl: { user: u, password: hunter2 }"),
        sasl(
            "properties: { nope: 1, ssl.keystore.password: hunter2, sasl.oauthbearer.client.secret: hunter2 }",
        ),
        sasl(
            "properties: { sasl.password: hunter2, no.such.secret: hunter2, ssl.keystore.password: 12345 }",
        ),
        sasl("properties: { enable.sasl.oauthbearer.unsecure.token: hunter2 }"),
        sasl("tls: { enabled: true, client_certs: [{ key: hunter2, password: hunter2 }] }"),
        sasl(
            "tls: { enabled: true, root_cas: \"-----BEGIN PRIVATE KEY-----\\nhunter2\", root_ca: x }",
        ),
        sasl(
            "commit_period: 0s # password: none\n    sasl:\n      mechanism: PLAIN\n      password: # hunter2",
        ),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn of_the_wrong_shape() {
    let all = [
        sasl("sasl: { password: [hunter2] }"),
        sasl("sasl: { password: { hunter2: 1 } }"),
        sasl("sasl: hunter2"),
        sasl("sasl: [hunter2]"),
        sasl("sasl:\n      password:\n        - hunter2\n        - hunter2"),
        sasl("tls: { client_certs: hunter2 }"),
        sasl("tls: { client_certs: [hunter2] }"),
        sasl("properties: [ sasl.password=hunter2 ]"),
        sasl("properties: sasl.password=hunter2"),
        sasl("properties: { ssl.keystore.password: [12345] }"),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn in_malformed_yaml() {
    let all = [
        sasl("sasl: { mechanism: PLAIN, password: hunter2, user: [ }"),
        sasl("sasl: { mechanism: PLAIN, password: \"hunter2, user: u }"),
        sasl("sasl: { mechanism: PLAIN, password: \"hunt\"er2, user: u }"),
        sasl("sasl:\n      password: hunter2\n       user: u"),
        sasl("sasl:\n      user: u\n      password:hunter2"),
        sasl("sasl:\n      password: @hunter2"),
        sasl("sasl:\n      password: !hunter2"),
        sasl("sasl:\n      password: *hunter2"),
        sasl("sasl:\n      password: |hunter2"),
        sasl("sasl:\n      password: a: hunter2"),
        sasl("sasl:\n      password: hunter2\n      password: hunter2"),
        sasl(
            "tls:\n      client_certs:\n        - key: |\n            -----BEGIN PRIVATE KEY-----\n            hunter2\n          key: hunter2",
        ),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn in_arguments() {
    let set = |overrides: &[&str]| said(INPUT, overrides);
    let all = [
        set(&[
            "input.kafka.sasl.mechanism=X",
            "input.kafka.sasl.password=hunter2",
        ]),
        set(&["input.kafka.sasl.password=@hunter2"]),
        set(&["input.kafka.sasl.password:hunter2"]),
        set(&["input.kafka.sasl.password=[hunter2]"]),
        set(&["input.kafka.sasl.pasword=hunter2"]),
        set(&["input.kafka.sasl={ mechanism: X, password: hunter2 }"]),
        set(&["input.kafka.sasl=hunter2"]),
        set(&[
            "input.kafka.sasl.password=hunter2",
            "input.kafka.sasl.password.x=hunter2",
        ]),
        set(&["input.kafka.tls.client_certs.0.key=hunter2"]),
        set(&["input.kafka.properties.no.such.password=hunter2"]),
        said(
            &format!("{INPUT}    sasl: {{ password: hunter2, usr: u }}"),
            &["input.kafka.sasl.password=hunter2"],
        ),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn from_the_environment() {
    let load = |yaml: &str| {
        let source = Source::Inline {
            name: "t.yaml".into(),
            text: format!("{SCRIPT}{INPUT}    {yaml}"),
        };
        let env = |name: &str| match name {
            "PASSWORD" => Some("hunter2".to_owned()),
            "DIGITS" => Some("12345".to_owned()),
            _ => None,
        };
        Config::load(source, &[], &env)
    };
    for yaml in [
        "sasl: { mechanism: X, user: u, password: ${PASSWORD} }",
        "sasl: { mechanism: X, user: u, password: \"${NOPE:hunter2}${NOPE}\" }",
        "sasl: { mechanism: PLAIN, user: u, password: [\"${PASSWORD}\", ${DIGITS}] }",
        "sasl: \"${PASSWORD}\"",
        "properties: { no.such.password: ${DIGITS} }",
        "tls: { enabled: true, client_certs: [{ key: ${PASSWORD} }] }",
    ] {
        let text = load(yaml).unwrap_err().to_string();
        assert!(
            !text.contains("hunter2") && !text.contains("12345"),
            "{text}"
        );
    }
    let sound = load("sasl: { mechanism: PLAIN, user: u, password: ${DIGITS} }").unwrap();
    let shown = format!("{:?}{}", sound.config, sound.warnings);
    assert!(!shown.contains("12345"), "{shown}");
}

/// Checks that the password stays hidden, whatever else is wrong on its line.
#[test]
fn nothing_shows_them() {
    use proptest::prelude::*;
    let fragment = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        " ",
        ": ",
        "\n",
        "\n  ",
        "\n      ",
        "'",
        "\"",
        "|\n",
        ">\n",
        "#",
        "- ",
        "? ",
        "&a ",
        "*a",
        "!x ",
        "user: ",
        "sasl: ",
        "properties: ",
        "client_certs: ",
        "é",
        "${A}",
        "${A:",
        "\\",
    ]);
    let noise = || prop::collection::vec(fragment.clone(), 0..6).prop_map(|all| all.concat());
    proptest!(|(before in noise(), between in "[ ]{0,2}|\n {4,9}", deeper in "[ ]{0,2}|\n {7,9}", quote in "|'|\"", after in noise())| {
        let text = format!("{INPUT}    sasl: {{ {before}\n      password: {between}{quote}hunter2{quote} {after}\n");
        let block = format!("{INPUT}    sasl:\n      password: {deeper}{quote}hunter2{quote} {after}\n      user: u\n");
        for text in [text, block] {
            if let Err(problems) = load_with(&format!("{SCRIPT}{text}"), &[]) {
                prop_assert!(!problems.to_string().contains("hunter2"), "{}\n{}", text, problems);
            }
        }
    });
}
