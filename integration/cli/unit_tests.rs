//! Tests of `nerodia test`: unit tests in configs and in files of their own, in real guests.

use std::fs;

use support::{nerodia, on_each_runtime, written};

const CONFIG: &str = "\
pipeline:
  processors:
    - python:
        script: |
          if this == 'hang':
              while True: pass
          if this == 'bad':
              raise ValueError('no price')
          if this == 'key':
              meta['key'] = 'k'
              meta['headers'] = {'a': 'b'}
          root = None if this == 'drop' else {'got': this, 'key': meta['key'], 'topic': meta['topic']}
guests: { timeout: 200ms }
";

const PASSING: &str = "\
tests:
  - name: one
    input: one
    meta: { key: mine, topic: orders, partition: 3 }
    output: { topic: orders, got: one, key: mine }
  - { name: bytes, text: '{no JSON', output: { got: '{no JSON', key: null, topic: null } }
  - { name: dropped, input: drop, dropped: true }
  - { name: fails, input: bad, error: ValueError }
  - { name: with its message, input: bad, error: 'ValueError: no price' }
  - { name: hangs, input: hang, error: Timeout }
  - { name: after a death, input: again, outputs: [{ value: { got: again, key: null, topic: null } }] }
  - name: attributes
    input: key
    outputs: [{ key: k, headers: { a: b } }]
";

on_each_runtime!(all_kinds_pass_in_both_runtimes);
fn all_kinds_pass_in_both_runtimes(runtime: &str) {
    let folder = written(&[("a.yaml", &format!("{CONFIG}{PASSING}"))]);
    let ran = nerodia(["test"])
        .arg(folder.path().join("a.yaml"))
        .set(format!("guests.runtime={runtime}"))
        .run();
    assert_eq!(ran.code, Some(0), "{}{}", ran.text(), ran.stderr);
    assert_eq!(
        ran.lines().last(),
        Some(&"8 passed, 0 failed"),
        "{}",
        ran.text()
    );
}

#[test]
fn beside_the_config_and_found_by_a_glob_once() {
    let folder = written(&[("a.yaml", CONFIG), ("a.test.yaml", PASSING)]);
    let ran = nerodia(["test"])
        .arg(folder.path().join("a.test.yaml"))
        .arg(folder.path().join("a.yaml"))
        .run();
    assert_eq!(ran.code, Some(0), "{}{}", ran.text(), ran.stderr);
    assert!(
        ran.text().ends_with("8 passed, 0 failed\n"),
        "{}",
        ran.text()
    );
}

#[test]
fn a_failure_shows_the_difference_and_its_place() {
    let tests = "\
tests:
  - { name: wrong value, input: [1], output: { got: [2], key: null, topic: null } }
  - { name: wrong end, input: drop, output: 1 }
  - { name: wrong error, input: bad, error: 'ValueError: no weight' }
  - { name: prefixes of types are none, input: bad, error: Value }
  - { name: too few, input: one, outputs: [] }
  - { name: right, input: drop, dropped: true }
";
    let folder = written(&[("a.yaml", &format!("{CONFIG}{tests}"))]);
    let report = folder.path().join("report.xml");
    let ran = nerodia(["test"])
        .arg(folder.path().join("a.yaml"))
        .arg("--junit")
        .arg(&report)
        .run();
    assert_eq!(ran.code, Some(1), "{}{}", ran.text(), ran.stderr);
    let text = ran.text();
    assert!(text.contains("a.yaml:15:"), "the place: {text}");
    for shown in [
        "-    2",
        "+    1",
        "-1\n        +dropped",
        "+error: ValueError: no price",
        "1 passed, 5 failed",
    ] {
        assert!(text.contains(shown), "{shown:?} in:\n{text}");
    }
    let report = fs::read_to_string(report).expect("written");
    assert!(
        report.contains(r#"tests="6""#) && report.contains(r#"failures="5""#),
        "{report}"
    );
}

#[test]
fn bad_tests_are_config_errors() {
    let tests = "\
tests:
  - { name: no message, output: 1 }
  - { input: 1, output: 1, dropped: true }
  - { name: nothing expected, input: 1 }
";
    let folder = written(&[("a.yaml", &format!("{CONFIG}{tests}"))]);
    let ran = nerodia(["test"]).arg(folder.path().join("a.yaml")).run();
    assert_eq!(ran.code, Some(2), "{}{}", ran.text(), ran.stderr);
    for shown in [
        "a test has one message",
        "a test needs a name",
        "a test expects one thing",
        "a.yaml:17:",
    ] {
        assert!(ran.stderr.contains(shown), "{shown:?} in:\n{}", ran.stderr);
    }
}

#[test]
fn scripts_that_cannot_start_are_config_errors() {
    let config = "pipeline: { processors: [{ python: { script: 'import ssl' } }] }\ntests: [{ name: a, input: 1, dropped: true }]\n";
    let folder = written(&[("a.yaml", config)]);
    let ran = nerodia(["test"]).arg(folder.path().join("a.yaml")).run();
    assert_eq!(ran.code, Some(2), "{}{}", ran.text(), ran.stderr);
    assert!(ran.stderr.contains("ssl"), "{}", ran.stderr);
}

/// What scripts print is shown below the test that fails, as pytest does it, and in the report.
#[test]
fn prints_are_shown_below_a_test_that_fails() {
    let config = "\
pipeline:
  processors:
    - python:
        script: |
          print('saw', this)
          root = this
tests:
  - { name: passes, input: 1, output: 1 }
  - { name: fails, input: 2, output: 3 }
  - { name: fails too, input: 4, output: 5 }
";
    let folder = written(&[("a.yaml", config)]);
    let ran = nerodia(["test", "a.yaml", "--junit", "report.xml"])
        .dir(folder.path())
        .run()
        .expect(1);
    let text = ran.text();
    assert!(!text.contains("saw 1"), "{text}");
    let [failed, printed, next] =
        ["fails\n", "printed:\n          saw 2\n", "fails too\n"].map(|part| {
            text.find(part)
                .unwrap_or_else(|| panic!("no {part:?} in:\n{text}"))
        });
    assert!(failed < printed && printed < next, "{text}");
    assert!(text.contains("saw 4"), "{text}");
    let report = fs::read_to_string(folder.path().join("report.xml")).expect("written");
    assert!(report.contains("<system-out>saw 2"), "{report}");
}

#[test]
fn null_is_a_value() {
    let config = "\
pipeline:
  processors:
    - python: { script: \"root = null if this is None or this == 1 else this\" }
tests:
  - { name: of the message, input: null, outputs: [{ value: null }] }
  - { name: of the result, input: 1, outputs: [{ value: null }] }
  - { name: not another, input: 2, outputs: [{ value: null }] }
";
    let folder = written(&[("a.yaml", config)]);
    let ran = nerodia(["test", "a.yaml"]).dir(folder.path()).run();
    let ran = ran.expect(1);
    assert!(ran.text().contains("2 passed, 1 failed"), "{}", ran.text());
}

#[test]
fn a_processor_is_tested_alone() {
    let config = "\
input: { generate: { script: \"root = 'made'\", count: 1 } }
pipeline:
  processors:
    - label: double
      python: { script: root = 2 * this }
    - python: { script: \"print('second'); root = this + 1\" }
tests:
  - { name: first, processor: double, input: 3, output: 6 }
  - { name: second, processor: 1, input: 3, output: 4 }
  - { name: first again, processor: 0, input: 5, output: 10 }
";
    let folder = written(&[("a.yaml", config)]);
    let test = || nerodia(["test", "a.yaml"]).dir(folder.path()).run();
    let ran = test().expect(0);
    assert!(ran.text().contains("3 passed, 0 failed"), "{}", ran.text());
    let wrong = config.replace("processor: double", "processor: triple");
    fs::write(folder.path().join("a.yaml"), wrong).expect("written");
    let lint = nerodia(["lint", "a.yaml"]).dir(folder.path()).run();
    for ran in [test(), lint] {
        let ran = ran.expect(2);
        for part in [
            "there is no processor `triple`",
            "a.yaml:8:31",
            "the first is 0, the last is 1, `double`",
        ] {
            assert!(ran.stderr.contains(part), "no {part:?} in:\n{}", ran.stderr);
        }
    }
}
