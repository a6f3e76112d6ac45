//! Setups that fail, never end, or take too much.

use super::*;

on_each_runtime!(errors_have_places_in_the_config);
fn errors_have_places_in_the_config(runtime: &str) {
    let config = |setup: &str, script: &str| {
        let setup = setup.replace('\n', "\n          ");
        format!(
            "guests: {{ runtime: {runtime} }}\npipeline:\n  processors:\n    - python:\n        setup: |\n          {setup}\n        script: {script}\ntests: [ {{ name: one, input: 1, output: 1 }} ]\n"
        )
    };
    for (setup, script, parts) in [
        (
            "x = (",
            "root = 1",
            &["SyntaxError: '(' was never closed", "bad.yaml:6:15"][..],
        ),
        (
            "x = 1\nreturn x",
            "root = (",
            &["outside function", "bad.yaml:7:11", "bad.yaml:8:24"],
        ),
        (
            "def rate(x):\n    return 1 / x\n\nRATES = [rate(0)]",
            "root = 1",
            &[
                "ZeroDivisionError: division by zero",
                "bad.yaml:7:15",
                "File \"bad.yaml\", line 9, in <module>",
                "File \"bad.yaml\", line 7, in rate",
                "return 1 / x",
            ],
        ),
        (
            "import nowhere.at_all",
            "import nothing",
            &[
                "No module named 'nowhere'",
                "bad.yaml:6:18",
                "No module named 'nothing'",
                "bad.yaml:7:24",
            ],
        ),
        (
            "raise SystemExit(3)",
            "root = 1",
            &["SystemExit", "sys.exit(3)", "bad.yaml:6:11"],
        ),
        (
            "this",
            "root = 1",
            &["setup has no `this`", "bad.yaml:6:11"],
        ),
    ] {
        let folder = written(&[("bad.yaml", &config(setup, script))]);
        for command in [&["run", "-c"][..], &["lint"], &["test"], &["try", "-c"]] {
            let ran = nerodia(command)
                .arg("bad.yaml")
                .dir(folder.path())
                .stdin("1\n")
                .run();
            let ran = ran.expect(2);
            for part in parts {
                assert!(
                    ran.stderr.contains(part),
                    "{command:?}: no {part:?} in:\n{}",
                    ran.stderr
                );
            }
        }
    }
}

on_each_runtime!(a_failure_in_a_function_of_setup_has_both_places);
fn a_failure_in_a_function_of_setup_has_both_places(runtime: &str) {
    let file = "\
# %% tables
def rate(x):
    return 1 / x

# %% message
# The first line of the script.
root = rate(this)
# %% message
";
    let config = format!(
        "guests: {{ runtime: {runtime} }}\npipeline:\n  processors:\n    - python: {{ file: orders.py }}\n"
    );
    let folder = written(&[("a.yaml", &config), ("orders.py", file)]);
    let run = || nerodia(["run", "-c", "a.yaml"]).dir(folder.path());
    let ran = run().stdin("2\n0\n\"x\"\n").run().expect(1);
    assert_eq!(ran.lines(), ["0.5"]);
    let error = &ran.dead_letters()[0]["error"];
    assert_eq!(error["at"], "orders.py:3");
    let traceback = error["traceback"].as_str().expect("a text");
    for part in [
        "\"orders.py\", line 7, in <module>",
        "root = rate(this)",
        "\"orders.py\", line 3, in rate",
        "return 1 / x",
    ] {
        assert!(traceback.contains(part), "no {part:?} in:\n{traceback}");
    }
    // Both parts of the file keep its numbers in problems of the start, too.
    put(
        &folder.path().join("orders.py"),
        "x = 1 +\n# %% message\n\nroot = (\n",
    );
    let ran = run().run().expect(2);
    for part in ["orders.py:1:8", "orders.py:4:8"] {
        assert!(ran.stderr.contains(part), "no {part:?} in:\n{}", ran.stderr);
    }
    put(&folder.path().join("orders.py"), "x = 1\n# %% message\n");
    let ran = run().run().expect(2);
    assert!(ran.stderr.contains("the script is empty"), "{}", ran.stderr);
}

on_each_runtime!(limits_of_the_start_hold);
fn limits_of_the_start_hold(runtime: &str) {
    for (setup, part) in [
        ("while True: pass", "no READY within"),
        ("import time\ntime.sleep(60)", "no READY within"),
        (
            "x = []\nwhile True: x.append('x' * 1_000_000 + str(len(x)))",
            "emory",
        ),
        ("for _ in range(10**6): print('x' * 1000)", "log"),
    ] {
        let ran = with_setup(runtime, setup, "root = 1")
            .set("guests.start_timeout=2s")
            .set("guests.memory=96MiB")
            .stdin("1\n")
            .run();
        assert!(ran.code == Some(1) || ran.code == Some(2), "{:?}", ran.code);
        assert!(
            ran.stderr.contains(part),
            "{setup}: no {part:?} in:\n{}",
            ran.stderr
        );
        assert_eq!(ran.text(), "");
    }
}

#[test]
fn until_it_has_run_the_pipeline_is_not_ready() {
    let folder = written(&[]);
    let config = folder.path().join("a.yaml");
    let text = "pipeline: { processors: [ { python: { setup: 'while True: pass', script: root = 1 } } ] }\nguests: { start_timeout: 2s }\n";
    put(&config, text);
    let mut run = nerodia(["run", "-c"]).arg(&config).listening().start();
    let web = run.web();
    let reason = run.eventually("a reason", || {
        let (code, text) = web.get("/ready")?;
        (code == 503 && text.contains("no READY within 2s")).then_some(text)
    });
    assert!(reason.contains("guests"), "{reason}");
    run.signal(Signal::TERM);
}
