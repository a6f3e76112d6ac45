//! Modules in files beside a script's file: found by every command, told with their own places when they fail.

use std::fs;

use support::{Nerodia, nerodia, on_each_runtime, put, written};
use tempfile::TempDir;

const CONFIG: &str = "pipeline:\n  processors:\n    - python: { file: scripts/orders.py }\n";
const SCRIPT: &str = "\
import helper
from shop.prices import price as of
# %% message
import shop.prices
root = [helper.double(this), of(this), shop.prices.TAX]
";
const HELPER: &str = "\
print('once')

def double(x):
    return 2 * x

def share(x):
    import shop.taxes
    return 1 / x
";

/// Folder with a config, a script, a module and a package beside it, and changes to these.
fn project(runtime: &str, changes: &[(&str, &str)]) -> TempDir {
    let config = format!("{CONFIG}guests: {{ runtime: {runtime} }}\n");
    let files = [
        ("p.yaml", &*config),
        ("scripts/orders.py", SCRIPT),
        ("scripts/helper.py", HELPER),
        ("scripts/shop/__init__.py", ""),
        (
            "scripts/shop/prices.py",
            "from .taxes import TAX\nfrom . import taxes\ndef price(x): return x + taxes.TAX\n",
        ),
        ("scripts/shop/taxes.py", "import helper\nTAX = 1\n"),
    ];
    let folder = written(&files);
    for (name, text) in changes {
        put(&folder.path().join(name), text);
    }
    folder
}

fn with<const N: usize>(folder: &TempDir, args: [&str; N]) -> Nerodia {
    nerodia(args).dir(folder.path())
}

#[track_caller]
fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

on_each_runtime!(every_command_finds_them);
fn every_command_finds_them(runtime: &str) {
    let test = "tests: [ { name: one, input: 2, output: [4, 3, 1] } ]\n";
    let config = format!("{CONFIG}guests: {{ runtime: {runtime} }}\n{test}");
    let changes = [("p.yaml", &*config), ("samples.jsonl", "2\n")];
    let folder = project(runtime, &changes);

    let ran = with(&folder, ["run", "p.yaml"])
        .stdin("1\n2\n")
        .run()
        .expect(0);
    assert_eq!(ran.lines(), ["[2,2,1]", "[4,3,1]"]);
    assert_eq!(ran.logged("once").len(), 1, "{}", ran.stderr);
    let eval = with(&folder, ["eval", "-f", "scripts/orders.py"]);
    let ran = eval
        .set(format!("guests.runtime={runtime}"))
        .stdin("2\n")
        .run();
    assert_eq!(ran.expect(0).lines(), ["[4,3,1]"]);
    for args in [
        &["lint"][..],
        &["test"],
        &["try", "--from-file", "samples.jsonl"],
    ] {
        let ran = nerodia(args)
            .arg("p.yaml")
            .dir(folder.path())
            .run()
            .expect(0);
        assert!(!ran.stderr.contains("warning: "), "{}", ran.stderr);
    }
    let debug = ["debug", "p.yaml", "--from-file", "samples.jsonl"];
    let ran = with(&folder, debug).stdin("c\nc\n").run().expect(0);
    contains(
        ran.text(),
        &["once\n", "orders.py(4)<module>()", "  [4, 3, 1]\n"],
    );
}

on_each_runtime!(a_guest_that_takes_the_place_of_another_runs_them_again);
fn a_guest_that_takes_the_place_of_another_runs_them_again(runtime: &str) {
    let script = "if this == 'die':\n    while True: pass\nimport helper, shop.taxes\nroot = [helper.double(this), shop.taxes.TAX]";
    let folder = project(runtime, &[("scripts/orders.py", script)]);
    let ran = with(&folder, ["run", "p.yaml"])
        .set("guests.timeout=300ms")
        .stdin("1\n\"die\"\n2\n")
        .run()
        .expect(1);
    assert_eq!(ran.lines(), ["[2,1]", "[4,1]"]);
    let [guests, times] = ["guest ready", "once"].map(|what| ran.logged(what).len());
    assert!(guests >= 2, "{}", ran.stderr);
    assert_eq!(times, guests, "once in each guest: {}", ran.stderr);
}

on_each_runtime!(failures_and_tracebacks_have_places_in_the_modules);
fn failures_and_tracebacks_have_places_in_the_modules(runtime: &str) {
    let script = "import helper\n\nroot = helper.share(this)\n";
    let folder = project(runtime, &[("scripts/orders.py", script)]);
    let ran = with(&folder, ["run", "p.yaml"])
        .stdin("2\n0\n")
        .run()
        .expect(1);
    assert_eq!(ran.lines(), ["0.5"]);
    let error = &ran.dead_letters()[0]["error"];
    assert_eq!(error["at"], "scripts/helper.py:8");
    let traceback = error["traceback"].as_str().expect("a text");
    let parts = [
        "\"scripts/orders.py\", line 3, in <module>",
        "root = helper.share(this)",
        "\"scripts/helper.py\", line 8, in share",
        "return 1 / x",
    ];
    contains(traceback, &parts);
}

on_each_runtime!(what_cannot_be_imported_is_told_with_its_place);
fn what_cannot_be_imported_is_told_with_its_place(runtime: &str) {
    for (file, text, parts) in [
        (
            "helper.py",
            "x = 1\ny = (",
            &["SyntaxError: '(' was never closed", "scripts/helper.py:2:5"][..],
        ),
        (
            "shop/taxes.py",
            "def tax():\n    return [0][1]\nTAX = tax()",
            &[
                "IndexError: list index out of range",
                "scripts/shop/taxes.py:2:5",
                "File \"scripts/shop/taxes.py\", line 3, in <module>",
                "return [0][1]",
            ],
        ),
        (
            "helper.py",
            "\n\nimport nothing.at_all",
            &[
                "No module named 'nothing'",
                "scripts/helper.py:3:1",
                "there is no `scripts/nothing.py`",
            ],
        ),
        (
            "helper.py",
            "raise SystemExit(3)",
            &["SystemExit: 3", "scripts/helper.py:1:1"],
        ),
        (
            "orders.py",
            "import nope\nroot = 1",
            &[
                "No module named 'nope'",
                "scripts/orders.py:1:8",
                "there is no `scripts/nope.py`",
            ],
        ),
        (
            "orders.py",
            "from shop.nope import x\nroot = 1",
            &[
                "No module named 'shop.nope'",
                "there is no `scripts/shop/nope.py`",
            ],
        ),
        (
            "orders.py",
            "from helper import nope\nroot = 1",
            &[
                "cannot import name 'nope' from 'helper'",
                "scripts/orders.py:1:20",
            ],
        ),
        // It may never be reached, but it cannot work.
        (
            "orders.py",
            "if this:\n    import broken\nroot = 1",
            &["SyntaxError", "scripts/broken.py:1:7"],
        ),
    ] {
        let broken = ("scripts/broken.py", "import");
        let folder = project(runtime, &[broken, (&format!("scripts/{file}"), text)]);
        for command in ["lint", "run"] {
            let ran = with(&folder, [command, "p.yaml"]).run().expect(2);
            contains(&ran.stderr, parts);
            assert!(!ran.stderr.contains("importlib"), "{}", ran.stderr);
        }
    }
}

on_each_runtime!(lint_names_what_a_module_does_not_define);
fn lint_names_what_a_module_does_not_define(runtime: &str) {
    let helper =
        "if __name__ == '__main__': print(__file__)\ndef double(x): return 2 * this + jsn(x)\n";
    let folder = project(runtime, &[("scripts/helper.py", helper)]);
    let ran = with(&folder, ["lint", "--strict", "p.yaml"])
        .run()
        .expect(1);
    contains(
        &ran.stderr,
        &[
            "warning: `this` is not defined\n --> scripts/helper.py:2:27",
            "only a script has `this`: give its value to a function as an argument",
            "warning: `jsn` is not defined\n --> scripts/helper.py:2:34",
        ],
    );
    assert_eq!(ran.stderr.matches("warning: ").count(), 2, "{}", ran.stderr);
    // A module whose names the text does not show, and those of sound modules.
    let folder = project(
        runtime,
        &[(
            "scripts/helper.py",
            "from json import *\ndef double(x): return dumps(x)\n",
        )],
    );
    with(&folder, ["lint", "--strict", "p.yaml"])
        .run()
        .expect(0);
    let folder = project(runtime, &[]);
    with(&folder, ["lint", "--strict", "p.yaml"])
        .run()
        .expect(0);
}

on_each_runtime!(folders_do_not_see_the_modules_of_others);
fn folders_do_not_see_the_modules_of_others(runtime: &str) {
    let config = format!(
        "pipeline:\n  processors:\n    - python: {{ file: a/s.py }}\n    - python: {{ file: b/s.py, imports: [helper] }}\nguests: {{ runtime: {runtime} }}\n"
    );
    let package = |number| format!("from . import inner\nfrom .inner import x\ny = {number}");
    let of_b = "import shop.inner as inner\ndef lazy():\n    import shop.inner\n    from shop import y\n    return shop.inner.x + y\nimport shop.inner\nroot = this + [helper.name, lazy(), shop.y, inner.x]";
    let folder = written(&[
        ("p.yaml", &*config),
        (
            "a/s.py",
            "import helper, only_a\nimport shop.inner\nroot = [helper.name, shop.inner.x, shop.y]",
        ),
        ("a/helper.py", "name = 'a'"),
        ("a/only_a.py", ""),
        ("a/shop/__init__.py", &package(1)),
        ("a/shop/inner.py", "x = 10"),
        ("b/s.py", of_b),
        ("b/helper.py", "from shop.inner import x as _\nname = 'b'"),
        ("b/shop/__init__.py", &package(2)),
        ("b/shop/inner.py", "x = 20"),
    ]);
    let run = || with(&folder, ["run", "p.yaml"]).stdin("0\n");
    let ran = run().run().expect(0);
    assert_eq!(ran.lines(), [r#"["a",10,1,"b",22,2,20]"#]);
    put(&folder.path().join("samples"), "0\n");
    let debug = with(&folder, ["debug", "p.yaml", "--from-file", "samples"]);
    let ran = debug.stdin("c\nc\nc\n").run().expect(0);
    contains(ran.text(), &[r#"["a", 10, 1, "b", 22, 2, 20]"#]);

    put(&folder.path().join("b/s.py"), "import only_a\nroot = this");
    let ran = run().run().expect(2);
    contains(
        &ran.stderr,
        &[
            "No module named 'only_a'",
            "b/s.py:1:8",
            "there is no `b/only_a.py`",
        ],
    );
}

on_each_runtime!(the_standard_library_comes_first);
fn the_standard_library_comes_first(runtime: &str) {
    let script = "import json\nimport helper\nroot = json.loads(this) + helper.json.loads('[2]')";
    let folder = project(
        runtime,
        &[
            ("scripts/orders.py", script),
            ("scripts/json.py", "this is no Python"),
            ("scripts/helper.py", "import json"),
        ],
    );
    let ran = with(&folder, ["run", "p.yaml"])
        .stdin("\"[1]\"\n")
        .run()
        .expect(0);
    assert_eq!(ran.lines(), ["[1,2]"]);
    let ran = with(&folder, ["lint", "p.yaml"]).run().expect(0);
    let warning = "warning: `json` is a module of the runtime, and not the file beside the script";
    contains(
        &ran.stderr,
        &[
            warning,
            "scripts/orders.py:1:8",
            "give the file another name than `json`",
        ],
    );
}

#[test]
fn a_script_in_the_config_has_no_folder() {
    let config =
        "pipeline: { processors: [ { python: { script: \"import helper\\nroot = 1\" } } ] }";
    let folder = written(&[("p.yaml", config), ("helper.py", "")]);
    let help = "files beside the script if that is in a file: `file: script.py`";
    let ran = with(&folder, ["run", "p.yaml"]).run().expect(2);
    contains(&ran.stderr, &["No module named 'helper'", help]);
    let ran = with(&folder, ["eval", "import helper"]).run().expect(2);
    contains(&ran.stderr, &[help]);
}

#[test]
fn no_file_out_of_the_folder_is_read() {
    let folder = project("cpython-3.14", &[("secret.py", "x = 1")]);
    fs::remove_file(folder.path().join("scripts/helper.py")).expect("it is there");
    let link = folder.path().join("scripts/helper.py");
    std::os::unix::fs::symlink("../secret.py", link).expect("a link");
    let ran = with(&folder, ["run", "p.yaml"]).run().expect(2);
    contains(
        &ran.stderr,
        &[
            "`scripts/helper.py` is a link out of the script's folder",
            "p.yaml:3:23",
        ],
    );
}

#[test]
fn a_changed_module_is_a_changed_config() {
    let folder = project("cpython-3.14", &[]);
    let file = folder.path().join("scripts/shop/taxes.py");
    let mut run = with(&folder, ["run", "p.yaml", "--watch"]).start();
    run.feed("1\n");
    run.await_results(1);
    put(&file, "TAX = 20");
    run.await_said("config reloaded", 1);
    run.feed("1\n");
    run.await_results(2);
    // What could be better in the scripts that a reload brings is logged.
    put(
        &folder.path().join("scripts/orders.py"),
        &format!("{SCRIPT}meta['kay'] = 1\n"),
    );
    run.await_logged("`meta[\"kay\"]` is set", 1);
    run.await_said("config reloaded", 2);
    // A module that cannot be imported is refused, and the one before stays.
    put(&file, "TAX = (");
    run.await_said("is refused", 1);
    put(&file, "TAX = 300");
    run.await_said("config reloaded", 3);
    run.feed("1\n");
    run.await_results(3);
    let (code, results, log) = run.finish();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(results, ["[2,2,1]", "[2,21,20]", "[2,301,300]"]);
    contains(&log, &["scripts/shop/taxes.py:1:7"]);
}
