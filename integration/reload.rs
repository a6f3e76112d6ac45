//! Another config while messages flow: nothing lost, nothing twice, in order, each with one version of the script.

mod support;

mod reload {
    pub mod running;
}

use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Duration;

use reload::running::{Load, Running};
use serde_json::{Value, json};
use support::{get, nerodia, port, request, resident};

/// `nerodia run` of this config.
fn pipeline(config: &Path) -> support::Nerodia {
    nerodia(["run", "-c"]).arg(config)
}

/// Writes a file so that nobody sees half of it.
fn put(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).expect("a file");
    fs::rename(&new, file).expect("renamed");
}

fn versioned(version: usize) -> String {
    format!(
        "pipeline:\n  threads: {}\n  processors:\n    - python:\n        script: |\n          root = [this, {version}]\nguests: {{ min: {} }}\n",
        2 + version % 3,
        version % 3,
    )
}

/// Reloads a hundred times, ten of them tried with something broken before; gives the results.
fn reload_a_hundred_times(kill_guests: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("pipeline.yaml");
    put(&config, &versioned(0));
    let mut run = pipeline(&config);
    if kill_guests {
        run = run.env("NERODIA_TEST_KILL_GUESTS_AFTER", "80ms");
    }
    let mut run = Running::start(run);
    let load = Load::start(run.stdin());
    run.wait("a first result", || run.last().is_some());
    let mut resident_before = 0;
    let mut refused = 0;
    for version in 1..=100 {
        if version % 10 == 5 {
            let broken = match version % 20 {
                5 => versioned(1000).replace("root = [", "root = [["),
                _ => format!("{}input: {{ generate: {{ value: 1 }} }}\n", versioned(1000)),
            };
            put(&config, &broken);
            run.hang_up();
            refused += 1;
            run.wait_logged("is refused", refused);
        }
        put(&config, &versioned(version));
        run.hang_up();
        run.wait_logged("config reloaded", version);
        run.wait("its results", || {
            run.last().is_some_and(|last| last[1] == version)
        });
        if version == 20 {
            resident_before = resident(run.child.id(), "VmRSS:").expect("it runs");
        }
    }
    let resident_after = resident(run.child.id(), "VmRSS:").expect("it runs");
    let written = load.end();
    let (code, results, log) = run.end();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(results.len() as u64, written, "each once");
    let mut versions = Vec::new();
    for (number, line) in results.iter().enumerate() {
        let [seen, version]: [usize; 2] =
            serde_json::from_str(line).expect("what the script makes");
        assert_eq!(seen, number, "in order");
        if versions.last() != Some(&version) {
            versions.push(version);
        }
    }
    assert_eq!(
        versions,
        (0..=100).collect::<Vec<_>>(),
        "one after the other, none comes back"
    );
    println!(
        "{written} messages, resident {resident_before} KiB after 20 reloads, {resident_after} KiB after 100"
    );
    // Between two and four guests of some 10 MB each run at these moments.
    assert!(
        resident_after < resident_before + 48 * 1024,
        "{resident_before} KiB, then {resident_after}"
    );
}

#[test]
fn a_hundred_reloads_under_load() {
    reload_a_hundred_times(false);
}

#[test]
fn a_hundred_reloads_while_guests_die() {
    reload_a_hundred_times(true);
}

#[test]
fn what_was_begun_is_finished_by_the_old_script() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("pipeline.yaml");
    let text = |script: &str| {
        format!(
            "pipeline:\n  threads: 1\n  processors:\n    - python:\n        imports: [time]\n        script: {script}\nguests: {{ timeout: 10s }}\n"
        )
    };
    put(&config, &text("time.sleep(3); root = [this, 'old']"));
    let mut run = Running::start(pipeline(&config));
    let mut stdin = run.stdin();
    stdin.write_all(b"1\n").expect("it reads");
    run.wait_logged("guest ready", 1);
    thread::sleep(Duration::from_millis(300));
    put(&config, &text("root = [this, 'new']"));
    run.hang_up();
    run.wait_logged("config reloaded", 1);
    assert_eq!(run.last(), None, "the old one is at it");
    stdin.write_all(b"2\n").expect("it reads");
    drop(stdin);
    let (code, results, log) = run.end();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(results, [r#"[1,"old"]"#, r#"[2,"new"]"#]);
    assert!(log.contains(r#""unfinished":1"#), "{log}");
}

#[test]
fn watched_files_are_taken_on_and_broken_ones_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (config, script) = (
        folder.path().join("pipeline.yaml"),
        folder.path().join("steps.py"),
    );
    put(
        &config,
        "pipeline:\n  processors:\n    - python:\n        file: steps.py\n",
    );
    put(&script, "root = 1\n");
    let run = nerodia([
        "run".as_ref(),
        "-c".as_ref(),
        config.as_os_str(),
        "--watch".as_ref(),
    ]);
    let mut run = Running::start(run);
    let mut stdin = run.stdin();
    let mut ask = |run: &Running, answer: usize| {
        let before = run.results.lock().unwrap().len();
        stdin.write_all(b"{}\n").expect("it reads");
        run.wait("an answer", || run.results.lock().unwrap().len() > before);
        assert_eq!(run.last(), Some(json!(answer)));
    };
    ask(&run, 1);
    put(&script, "root = 2\n");
    run.wait_logged("config reloaded", 1);
    ask(&run, 2);
    put(&script, "root = 3\nif True\n    root = 4\n");
    run.wait_logged("steps.py:2:8", 1);
    ask(&run, 2);
    // Not again and again, although it is tried again.
    thread::sleep(Duration::from_secs(3));
    assert_eq!(run.logged("is refused"), 1);
    put(&script, "root = 5\n");
    run.wait_logged("config reloaded", 2);
    ask(&run, 5);
    // A config that names a script that comes later.
    put(
        &config,
        "pipeline:\n  processors:\n    - python:\n        file: later.py\n",
    );
    run.wait_logged("later.py", 1);
    ask(&run, 5);
    put(&folder.path().join("later.py"), "root = 6\n");
    run.wait_logged("config reloaded", 3);
    ask(&run, 6);
    // As Kubernetes changes a ConfigMap: behind a link to a folder.
    let mount = tempfile::tempdir().expect("a folder");
    for (name, answer) in [("one", 7), ("two", 8)] {
        fs::create_dir(mount.path().join(name)).expect("a folder");
        put(
            &mount.path().join(name).join("script.py"),
            &format!("root = {answer}  # {name}\n"),
        );
    }
    let link = |to: &str| {
        std::os::unix::fs::symlink(to, mount.path().join("..new")).expect("a link");
        fs::rename(mount.path().join("..new"), mount.path().join("..data")).expect("renamed");
    };
    link("one");
    std::os::unix::fs::symlink("..data/script.py", mount.path().join("script.py")).expect("a link");
    let mounted = mount.path().join("script.py");
    put(
        &config,
        &format!(
            "pipeline:\n  processors:\n    - python:\n        file: {}\n",
            mounted.display()
        ),
    );
    run.wait_logged("config reloaded", 4);
    ask(&run, 7);
    link("two");
    run.wait_logged("config reloaded", 5);
    ask(&run, 8);
    drop(stdin);
    let (code, _, log) = run.end();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn what_cannot_change_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("pipeline.yaml");
    put(&config, &versioned(1));
    let mut run = Running::start(pipeline(&config));
    let stdin = run.stdin();
    run.wait_logged("guest ready", 1);
    run.hang_up();
    run.wait_logged("nothing to reload", 1);
    let more = "output: { drop: {} }\nshutdown_timeout: 3s\n";
    put(&config, &format!("{}{more}", versioned(2)));
    run.hang_up();
    run.wait_logged(
        "`output`, `shutdown_timeout` cannot change while the pipeline runs",
        1,
    );
    drop(stdin);
    let (code, _, log) = run.end();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn over_http_only_with_the_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("pipeline.yaml");
    let port = port();
    let text = |version, token: &str| {
        format!(
            "{}http: {{ address: \"127.0.0.1:{port}\"{token} }}\n",
            versioned(version)
        )
    };
    let status = |token: Option<&str>| {
        let header = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        request(port, "POST", "/reload", &header.unwrap_or_default()).expect("it listens")
    };
    put(&config, &text(1, ""));
    let start = || Running::start(pipeline(&config).env("TOKEN", "abc"));
    let mut run = start();
    run.wait("it listens", || get(port, "/ping").is_some());
    assert_eq!(status(Some("")).0, 403, "no token, nobody may");
    drop(run.stdin());
    run.end();

    put(&config, &text(1, ", token: \"${TOKEN}\""));
    let mut run = start();
    run.wait("ready", || {
        get(port, "/ready").is_some_and(|(status, _)| status == 200)
    });
    for wrong in [None, Some(""), Some("ab"), Some("abcd")] {
        assert_eq!(status(wrong).0, 401, "{wrong:?}");
    }
    assert_eq!(
        get(port, "/reload").expect("it listens").0,
        404,
        "GET changes nothing"
    );
    assert_eq!(
        status(Some("abc")),
        (200, r#"{"result":"unchanged"}"#.into())
    );
    put(&config, &text(2, ", token: \"${TOKEN}\""));
    assert_eq!(status(Some("abc")), (200, r#"{"result":"taken"}"#.into()));
    put(&config, "pipeline: 1");
    let (code, answer) = status(Some("abc"));
    assert_eq!(code, 409);
    assert!(answer.contains("pipeline.yaml:1"), "{answer}");
    let (_, stats) = get(port, "/stats").expect("it listens");
    let stats: Value = serde_json::from_str(&stats).expect("JSON");
    assert_eq!(stats["reloads"], json!({ "taken": 1, "refused": 1 }));
    assert_eq!(stats["pipeline"]["max_guests"], 4, "what runs is shown");
    drop(run.stdin());
    let (code, _, log) = run.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("abc"), "the token is told nobody");
}

#[test]
fn a_config_from_standard_input_is_not_watched() {
    let ran = nerodia(["run", "-c", "-", "--watch"])
        .stdin("input: { generate: { value: 1, count: 1 } }")
        .run();
    let ran = ran.expect(2);
    assert!(ran.stderr.contains("cannot be watched"), "{}", ran.stderr);
}
