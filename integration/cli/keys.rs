//! Keys that a script sets: what each value becomes, in both runtimes, which have a short cut of their own for it.

use support::{nerodia, on_each_runtime, written};

/// Scripts, and the key of their result; the message's key is `é1`.
const CASES: [(&str, &str); 13] = [
    ("pass", "é1"),
    ("meta['key'] = 'new'", "new"),
    ("meta['key'] = 'é2'", "é2"),
    ("meta['key'] = ''", "''"),
    ("meta['key'] = 'é' + str(this)", "é1"),
    ("meta['key'] = 'x'; meta['key'] = 'é1'", "é1"),
    ("meta['key'] = b'bytes'", "bytes"),
    (
        "meta['key'] = type('Text', (str,), {})('of a subclass')",
        "of a subclass",
    ),
    ("meta['key'] = None", "null"),
    ("del meta['key']", "null"),
    ("meta['key'] = 'k'; meta['headers'] = {'a': 'b'}", "k"),
    ("meta['key'] = 'k'; meta['timestamp'] = 7", "k"),
    (
        "meta['key'] = 'k'; meta['partition'] = 7; del meta['offset']",
        "k",
    ),
];

/// Checks with `nerodia test` that a script gives what the YAML of `test` expects.
#[track_caller]
fn assert_passes(runtime: &str, script: &str, test: &str) {
    let config = format!(
        "pipeline:\n  processors:\n    - python:\n        script: |\n          {script}\n          root = this\n\
         tests:\n  - {{ name: it, input: 1, {test} }}\n"
    );
    let folder = written(&[("a.yaml", &config)]);
    let ran = nerodia(["test"])
        .arg(folder.path().join("a.yaml"))
        .set(format!("guests.runtime={runtime}"))
        .run();
    assert_eq!(ran.code, Some(0), "{script}: {}{}", ran.text(), ran.stderr);
}

on_each_runtime!(what_a_script_sets_is_the_key);
fn what_a_script_sets_is_the_key(runtime: &str) {
    for (script, key) in CASES {
        let meta = "{ key: é1, topic: t, timestamp: 5, headers: { h: v } }";
        let test = format!("meta: {meta}, outputs: [{{ value: 1, key: {key} }}]");
        assert_passes(runtime, script, &test);
    }
}

on_each_runtime!(what_cannot_be_a_key_fails_the_message);
fn what_cannot_be_a_key_fails_the_message(runtime: &str) {
    for (script, error) in [
        (
            "meta['key'] = 5",
            "TypeError: the key must be str, bytes or None, not int",
        ),
        ("meta['key'] = '\\ud800'", "UnicodeEncodeError"),
    ] {
        assert_passes(runtime, script, &format!("error: '{error}'"));
    }
}
