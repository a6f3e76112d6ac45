//! Mistakes with which a script can start: `lint` and the first lines of a run tell that nothing can leave, and which
//! names are not defined.

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
    let yaml = config(&["x = 1\nthis + x", "roo = this", "if this:\n    print(this)"]);
    let parts = [
        message,
        "a.yaml:6:11",
        "write `root = this + x`",
        "a.yaml:9:11",
        "did you mean `root` by `roo`?",
        "a.yaml:12:11",
        "set `root` to what is to leave",
    ];
    warned(&lint(&yaml, runtime), &parts, 3);
}

/// Scripts of which a result may leave, in every form.
const LEAVING: [&str; 22] = [
    "root = this",
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
