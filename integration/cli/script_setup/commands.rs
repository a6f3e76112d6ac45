//! Setups in commands that do more than run: reload, `lint`, `test`.

use super::*;

#[test]
fn a_change_of_setup_is_a_change_of_the_script() {
    let folder = written(&[]);
    let config = folder.path().join("pipeline.yaml");
    let text = |setup: &str| {
        format!(
            "pipeline:\n  processors:\n    - python:\n        setup: {setup}\n        script: root = answer\n"
        )
    };
    put(&config, &text("answer = 1"));
    let mut run = nerodia(["run", "--watch", "-c"]).arg(&config).start();
    let ask = |run: &mut Running, answer: &str| {
        let before = run.count();
        run.feed("{}\n");
        run.await_results(before + 1);
        assert_eq!(run.last().as_deref(), Some(answer));
    };
    ask(&mut run, "1");
    put(&config, &text("answer = 2"));
    run.await_said("config reloaded", 1);
    ask(&mut run, "2");
    put(&config, &text("answer = 1 / 0"));
    run.await_said("pipeline.yaml:4:16", 1);
    ask(&mut run, "2");
    let (code, _, log) = run.finish();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn lint_shows_what_is_made_for_each_message() {
    let script = "\
import re
from collections import namedtuple
from enum import Enum
class A: pass
B = namedtuple('B', ['x'])
C = Enum('C', ['X'])
é = 'é'; d = re.compile('a+')
def f():
    class E: pass
root = len(re.compile(this).pattern), C(1).value
";
    let file = format!("x = 1\n{script}");
    let folder = written(&[
        (
            "a.yaml",
            "pipeline: { processors: [ { python: { file: a.py } } ] }\n",
        ),
        ("a.py", &file),
    ]);
    let lint = || {
        nerodia(["lint", "a.yaml"])
            .dir(folder.path())
            .run()
            .expect(0)
    };
    let ran = lint();
    for part in [
        "warning: `class A` runs for each message",
        "a.py:5:1",
        "`namedtuple(…)` runs for each message",
        "a.py:6:5",
        "`Enum(…)` runs",
        "a.py:7:5",
        "`re.compile(…)` runs",
        "a.py:8:14",
        "`class E` runs",
        "a.py:10:5",
        "move it to `setup`",
    ] {
        assert!(ran.stderr.contains(part), "no {part:?} in:\n{}", ran.stderr);
    }
    assert_eq!(ran.stderr.matches("warning: ").count(), 5, "{}", ran.stderr);
    let moved = file.replace("root = len", "# %% message\nroot = len");
    fs::write(folder.path().join("a.py"), moved).expect("written");
    assert_eq!(lint().stderr, "");
}

#[test]
fn lint_prints_it_and_test_uses_it() {
    let config = "\
pipeline:
  processors:
    - python:
        setup: |
          price = '${HOME}'
        script: root = price
tests:
  - { name: one, input: 1, output: '$${HOME}' }
";
    let config = config.replace("'$${HOME}'", "\"${NOT:$}{HOME}\"");
    let folder = written(&[("a.yaml", &config)]);
    let ran = nerodia(["lint", "--print", "a.yaml"])
        .dir(folder.path())
        .run()
        .expect(0);
    assert!(ran.text().contains("price = '${HOME}'"), "{}", ran.text());
    let ran = nerodia(["test", "a.yaml"])
        .dir(folder.path())
        .run()
        .expect(0);
    assert!(ran.text().contains("1 passed"), "{}", ran.text());
}
