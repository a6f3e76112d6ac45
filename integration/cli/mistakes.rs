//! Mistakes with which a script can start: `lint` and the first lines of a run tell that nothing can leave, and which
//! names are not defined.

mod bento;
mod bloblang;
mod followed;
mod helps;
mod mapping;
mod meanings;

use std::fs;

use support::{Ran, nerodia, on_each_runtime, root, written};

/// Returns a config with one processor for each script.
fn config(scripts: &[&str]) -> String {
    let mut yaml = String::from("pipeline:\n  processors:\n");
    for script in scripts {
        yaml += "    - python:\n        script: |\n";
        for line in script.lines() {
            yaml += &format!("          {line}\n");
        }
    }
    yaml
}

fn lint(yaml: &str, runtime: &str) -> Ran {
    let folder = written(&[("a.yaml", yaml)]);
    nerodia(["lint", "a.yaml"])
        .dir(folder.path())
        .set(format!("guests.runtime={runtime}"))
        .run()
        .expect(0)
}

#[track_caller]
fn warned(ran: &Ran, parts: &[&str], count: usize) {
    for part in parts {
        assert!(ran.stderr.contains(part), "no {part:?} in:\n{}", ran.stderr);
    }
    assert_eq!(
        ran.stderr.matches("warning: ").count(),
        count,
        "{}",
        ran.stderr
    );
}

on_each_runtime!(lint_tells_that_nothing_leaves);
fn lint_tells_that_nothing_leaves(runtime: &str) {
    let message = "the script sets neither `root` nor calls `emit`: every message is dropped";
    let scripts = [
        "x = 1\nthis + x",
        "roo = this",
        "if this:\n    print(this)",
        "if root is None: print(root)\nroot",
    ];
    let yaml = config(&scripts);
    let parts = [
        message,
        "a.yaml:6:11",
        "write `root = this + x`",
        "a.yaml:9:11",
        "did you mean `root` by `roo`?",
        "a.yaml:12:11",
        "set `root` to what is to leave",
        "a.yaml:16:11",
    ];
    warned(&lint(&yaml, runtime), &parts, 4);
}

on_each_runtime!(lint_tells_what_root_is_at_the_start);
fn lint_tells_what_root_is_at_the_start(runtime: &str) {
    let yaml = config(&[
        "root[\"a\"] = 1\nif this:\n    root = None",
        "if this:\n    root = None\nelse:\n    root[\"doc\"] = this",
        "root == this\nroot = 1",
    ]);
    let parts = [
        "`root` is None here, since this script also assigns it",
        "a.yaml:5:11",
        "a.yaml:13:15",
        "begin with `root = {}`",
        "`root == …` compares, and sets nothing",
        "a.yaml:16:11",
        "write `root = this`",
    ];
    warned(&lint(&yaml, runtime), &parts, 3);
    let fine = config(&[
        "root = {}\nroot[\"a\"] = 1",
        "root[\"a\"] = 1",
        "if this:\n    root = {}\n    root[\"a\"] = 1\nelse:\n    root = None",
        "root = this\nif root == this:\n    root[\"a\"] = 1",
        "try:\n    root = this\nfinally:\n    root[\"a\"] = 1",
    ]);
    warned(&lint(&fine, runtime), &[], 0);
}

on_each_runtime!(lint_knows_a_default_by_or);
fn lint_knows_a_default_by_or(runtime: &str) {
    let yaml = config(&[
        "root = this[\"n\"] | 'none'",
        "root.a.b = 1\nroot = meta(\"kafka_key\")",
    ]);
    let ran = lint(&yaml, runtime);
    for part in [
        "`|` does not give a default in Python",
        "write `('none' if (v := this.get('n')) is None else v)`",
        "write `meta[\"key\"]`, `meta[\"topic\"]` and so on",
    ] {
        assert!(ran.stderr.contains(part), "no {part:?} in:\n{}", ran.stderr);
    }
}

/// Scripts of which a result may leave, in every form.
const LEAVING: [&str; 24] = [
    "root = this",
    "x = root\nx['a'] = this",
    "def fill(part): part['a'] = this\nfill(root)",
    "root['a'] = 1",
    "root.update(this)",
    "root, b = this, 1",
    "root: int = 1",
    "root = 1\ndel root",
    "root = 0\nroot += 1",
    "if (root := this): pass",
    "for root in [this]: pass",
    "import contextlib\nwith contextlib.nullcontext(this) as root: pass",
    "import math as root",
    "from math import pi as root",
    "from math import *",
    "def root(): pass",
    "class root: pass",
    "match this:\n    case root: pass",
    "try:\n    1 / 0\nexcept Exception as root: pass",
    "exec('root = this')",
    "globals()['root'] = this",
    "import sys\nsys._getframe().f_globals['root'] = this",
    "emit(this)",
    "def f():\n    global root\n    root = this\nf()",
];

/// Scripts whose names are all defined, although that is not easy to see.
const DEFINED: [&str; 16] = [
    "root = [a for a in this if (b := a)]; c = b",
    "root = (lambda *a, k=1, **d: (a, k, d))(this)",
    "def f(x, /, y, *, z=None):\n    def g(): return x, y, z\n    return g()\nroot = f(1, 2)",
    "class A:\n    n = 1\n    def m(self): return self.n, __class__\nroot = A().m()[0]",
    "try:\n    root = thing\nexcept NameError:\n    root = None",
    "from math import *\nroot = pi",
    "exec('x = 1')\nroot = x",
    "globals()['y'] = 1\nroot = y",
    "root = __name__, len(this), null, tombstone, meta['key'], emit",
    "def f(a: Undefined) -> Other: return a\nroot = f(this)",
    "match this:\n    case {'a': x, **rest}: root = x, rest\n    case [first, *others]: root = first, others\n    case _ as all: root = all",
    "import os.path as p, json\nroot = p, json\nroot = None",
    "def f[T](a: T) -> T: return a\nroot = f(this)",
    "type Pair[T] = tuple[T, T]\nroot = 1",
    "for i, (j, *k) in this: root = i, j, k",
    "async def f():\n    async with this as g: return g\nroot = 1",
];

on_each_runtime!(no_warning_about_what_is_right);
fn no_warning_about_what_is_right(runtime: &str) {
    for script in LEAVING.iter().chain(&DEFINED) {
        let ran = lint(&config(&[script]), runtime);
        for part in ["not defined", "neither"] {
            assert!(!ran.stderr.contains(part), "{script}\n{}", ran.stderr);
        }
    }
}

on_each_runtime!(a_long_sum_without_a_name_is_shown_no_further);
fn a_long_sum_without_a_name_is_shown_no_further(runtime: &str) {
    // The compiler of Python 3.12 runs on a C stack that some hundred terms use up.
    let terms = if runtime == "cpython-3.12" { 90 } else { 400 };
    let script = format!("this{}", " + 1".repeat(terms));
    let parts = ["every message is dropped", "begin the line with `root = `"];
    warned(&lint(&config(&[&script]), runtime), &parts, 1);
}

on_each_runtime!(lint_knows_what_only_drops_and_what_waits_for_a_terminal);
fn lint_knows_what_only_drops_and_what_waits_for_a_terminal(runtime: &str) {
    for (script, parts, count) in [
        (
            "root = None",
            &[
                "`root` is only ever None: every message is dropped",
                "a.yaml:5:11",
            ][..],
            1,
        ),
        (
            "if this:\n    root = None\nelse:\n    root = None",
            &["a.yaml:6:15"],
            1,
        ),
        // In each of these a message may leave.
        ("root = None\nemit(this)", &[], 0),
        ("root = None\nroot = root or this", &[], 0),
        ("root = this\nif not this: root = None", &[], 0),
        (
            "breakpoint()\nroot = this",
            &[
                "`breakpoint()` has no terminal in a pipeline",
                "a.yaml:5:11",
                "nerodia debug",
            ],
            1,
        ),
        (
            "import pdb\npdb.set_trace()\nroot = this",
            &["`pdb.set_trace()` has no terminal", "a.yaml:6:11"],
            1,
        ),
    ] {
        warned(&lint(&config(&[script]), runtime), parts, count);
    }
}

on_each_runtime!(lint_names_what_is_not_defined);
fn lint_names_what_is_not_defined(runtime: &str) {
    let script = "\
root = thsi
x = re.sub('a', 'b', 'é') + str(zzz); zzz
def f(lines): return [lime for line in lines]";
    let parts = [
        "`thsi` is not defined",
        "a.yaml:5:18",
        "did you mean `this`?",
        "`re` is not defined",
        "a.yaml:6:15",
        "add it to `imports`, or write `import re`",
        "`zzz` is not defined",
        "a.yaml:6:43",
        "assign it before it is used, or import it",
        "`lime` is not defined",
        "a.yaml:7:33",
        "did you mean `line`?",
    ];
    warned(&lint(&config(&[script]), runtime), &parts, 4);
    // What `imports` and the setup bring is defined.
    let yaml = "\
pipeline:
  processors:
    - python:
        imports: [re, os.path]
        setup: |
          import json
          rate, factor = 2, 3
          def price(order): return order['price'] * rate * mth.pi
        script: |
          root = re, os, json, price(this), factor, rat
";
    let parts = [
        "`mth` is not defined",
        "a.yaml:8:60",
        "`rat` is not defined",
        "did you mean `rate`?",
    ];
    warned(&lint(yaml, runtime), &parts, 2);
}

on_each_runtime!(names_in_meta_that_nobody_reads);
fn names_in_meta_that_nobody_reads(runtime: &str) {
    let parts = [
        r#"`meta["kay"]` is set, and neither the output nor a later processor reads it"#,
        "a.yaml:6:11",
        r#"did you mean `meta["key"]`?"#,
        r#"`meta["kafka_topic"]` is set"#,
        r#"did you mean `meta["topic"]`?"#,
        r#"`meta["version"]` is set"#,
        r#"{**meta["headers"], "version": …}` sets a header"#,
    ];
    let wrong = "root = this\nmeta['kay'] = 'a'\nmeta['kafka_topic'] = 'b'\nmeta['version'] = 'c'\nmeta['key'] = 'd'";
    warned(&lint(&config(&[wrong]), runtime), &parts, 3);
    warned(
        &lint(
            &config(&[wrong, "root = meta['kay'], meta.get('version')"]),
            runtime,
        ),
        &parts[3..5],
        1,
    );
    for scripts in [
        &[wrong, "root = meta"][..],
        &["meta['a'] = 1\nroot = meta['a']"],
        &["meta['a'] = 1\nroot = dict(meta)"],
        &["def f(meta): meta['a'] = 1\nf({})\nroot = this\nprint(meta)"],
    ] {
        warned(&lint(&config(scripts), runtime), &[], 0);
    }
}

#[test]
fn a_run_tells_it_at_its_start() {
    let told = |name: &str, ran: &Ran| {
        for part in ["neither `root` nor calls `emit`", "write `root = this + 1`"] {
            assert!(
                ran.stderr.contains(part),
                "{name}: no {part:?} in:\n{}",
                ran.stderr
            );
        }
        assert_eq!(
            ran.stderr.matches("neither").count(),
            1,
            "{name}: {}",
            ran.stderr
        );
    };
    let tests = "tests: [{ name: a, input: 1, dropped: true }]\n";
    let folder = written(&[("a.yaml", &(config(&["this + 1"]) + tests))]);
    for arguments in [
        &["run", "a.yaml", "--set", "guests.min=3"][..],
        &["try", "-c", "a.yaml"],
        &["test", "a.yaml"],
        &["eval", "this + 1"],
    ] {
        let ran = nerodia(arguments)
            .dir(folder.path())
            .stdin("1\n2\n")
            .run()
            .expect(0);
        told(arguments[0], &ran);
    }
}

#[test]
fn no_example_has_one() {
    let examples = fs::read_dir(root().join("configs")).expect("the examples");
    let mut command = nerodia(["lint"]);
    for example in examples {
        let path = example.expect("a file").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            command = command.arg(path);
        }
    }
    let ran = command.run();
    for part in ["not defined", "neither"] {
        assert!(!ran.stderr.contains(part), "{}", ran.stderr);
    }
}

#[test]
fn warnings_are_problems_if_the_user_says_so() {
    let folder = written(&[
        ("warned.yaml", &config(&["root = this\nmeta['kay'] = 1"])),
        ("well.yaml", &config(&["root = this"])),
        ("wrong.yaml", "pipeline: 1"),
    ]);
    for (files, strict, code) in [
        (&["warned.yaml"][..], false, 0),
        (&["warned.yaml"], true, 1),
        (&["well.yaml"], true, 0),
        (&["warned.yaml", "wrong.yaml"], true, 2),
        (&["wrong.yaml", "warned.yaml"], true, 2),
    ] {
        let option = strict.then_some("--strict");
        let ran = nerodia(
            ["lint"]
                .into_iter()
                .chain(option)
                .chain(files.iter().copied()),
        );
        ran.dir(folder.path()).run().expect(code);
    }
}

#[test]
fn eval_says_where_files_belong() {
    let folder = written(&[("s.py", "root = this"), ("a.log", "1\n")]);
    for (arguments, help) in [
        (
            &["root = this", "a.log"][..],
            "help: nerodia eval '…' < a.log",
        ),
        (
            &["-f", "s.py", "a.log"],
            "help: nerodia eval -f s.py < a.log",
        ),
        (
            &["-f", "s.py", "a.log", "b.log"],
            "help: nerodia eval -f s.py < a.log",
        ),
        (
            &["-f", "nope.py"],
            "`eval -f FILE` runs the script in a file",
        ),
    ] {
        let ran = nerodia(["eval"].iter().chain(arguments))
            .dir(folder.path())
            .run()
            .expect(2);
        assert!(ran.stderr.contains(help), "{}", ran.stderr);
        assert!(!ran.stderr.contains("the config file"), "{}", ran.stderr);
    }
}

#[test]
fn a_script_in_the_place_of_a_config() {
    let folder = written(&[
        ("s.py", "root = this"),
        ("a.yaml", "http: { address: 4195 }\n"),
    ]);
    for command in ["lint", "run", "test"] {
        let ran = nerodia([command, "s.py"])
            .dir(folder.path())
            .run()
            .expect(2);
        for part in [
            "s.py is a script, not a config",
            "run the script alone: `nerodia eval -f s.py`",
        ] {
            assert!(ran.stderr.contains(part), "{command}: {}", ran.stderr);
        }
    }
    let ran = nerodia(["lint", "a.yaml"])
        .dir(folder.path())
        .run()
        .expect(2);
    let help = "write the host too: `address: 127.0.0.1:4195`";
    assert!(ran.stderr.contains(help), "{}", ran.stderr);
}
