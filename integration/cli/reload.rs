//! Tests of another config while messages flow: nothing is lost, twice or out of order, and each message gets one
//! version of the script.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ChildStdin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};
use support::{Nerodia, Running, Signal, get, nerodia, port, put, request};

/// Returns the command `nerodia run` with this config.
fn pipeline(config: &Path) -> Nerodia {
    nerodia(["run", "-c"]).arg(config)
}

/// Writer of numbers, as fast as they are read, until it is told to end.
struct Load {
    enough: Arc<AtomicBool>,
    writer: JoinHandle<u64>,
}

impl Load {
    fn start(mut stdin: ChildStdin) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&enough);
        let writer = thread::spawn(move || {
            let mut next = 0;
            while !told.load(Ordering::Relaxed) {
                let lines: String = (next..next + 50)
                    .map(|number| format!("{number}\n"))
                    .collect();
                stdin.write_all(lines.as_bytes()).expect("it reads");
                next += 50;
                // Some ten thousand a second: enough for batches, and few enough to keep the results.
                thread::sleep(Duration::from_millis(4));
            }
            next
        });
        Self { enough, writer }
    }

    /// Ends the load, and returns how many numbers there were.
    fn end(self) -> u64 {
        self.enough.store(true, Ordering::Relaxed);
        self.writer.join().expect("it reads to the end")
    }
}

/// Returns the last result.
fn last(running: &Running) -> Option<Value> {
    let last = running.last()?;
    Some(serde_json::from_str(&last).expect("JSON"))
}

fn versioned(version: usize) -> String {
    format!(
        "pipeline:\n  threads: {}\n  processors:\n    - python:\n        script: |\n          root = [this, {version}]\nguests: {{ min: {} }}\n",
        2 + version % 3,
        version % 3,
    )
}

/// Reloads a hundred times, ten times after a try with a broken script. Returns the results.
fn reload_a_hundred_times(kill_guests: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("pipeline.yaml");
    put(&config, &versioned(0));
    let mut run = pipeline(&config);
    if kill_guests {
        run = run.env("NERODIA_TEST_KILL_GUESTS_AFTER", "80ms");
    }
    let mut run = run.start();
    let load = Load::start(run.take_input());
    run.await_results(1);
    let mut resident_before = 0;
    let mut refused = 0;
    for version in 1..=100 {
        if version % 10 == 5 {
            let broken = match version % 20 {
                5 => versioned(1000).replace("root = [", "root = [["),
                _ => format!("{}input: {{ generate: {{ value: 1 }} }}\n", versioned(1000)),
            };
            put(&config, &broken);
            run.signal(Signal::HUP);
            refused += 1;
            run.await_said("is refused", refused);
        }
        put(&config, &versioned(version));
        run.signal(Signal::HUP);
        run.await_said("config reloaded", version);
        run.until("its results", |run| {
            last(run).is_some_and(|last| last[1] == version)
        });
        if version == 20 {
            resident_before = run.resident();
        }
    }
    let resident_after = run.resident();
    let written = load.end();
    let (code, results, log) = run.finish();
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
    // Between two and four guests with some 10 MB each are running at these moments.
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
    let mut run = pipeline(&config).start();
    run.feed("1\n");
    run.await_said("guest ready", 1);
    thread::sleep(Duration::from_millis(300));
    put(&config, &text("root = [this, 'new']"));
    run.signal(Signal::HUP);
    run.await_said("config reloaded", 1);
    assert_eq!(last(&run), None, "the old one is at it");
    run.feed("2\n");
    let (code, results, log) = run.finish();
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
    let mut run = pipeline(&config).arg("--watch").start();
    let ask = |run: &mut Running, answer: usize| {
        let before = run.count();
        run.feed("{}\n");
        run.await_results(before + 1);
        assert_eq!(last(run), Some(json!(answer)));
    };
    ask(&mut run, 1);
    put(&script, "root = 2\n");
    run.await_said("config reloaded", 1);
    ask(&mut run, 2);
    put(&script, "root = 3\nif True\n    root = 4\n");
    run.await_said("steps.py:2:8", 1);
    ask(&mut run, 2);
    // The refusal is not repeated, although the reload is tried again.
    thread::sleep(Duration::from_secs(3));
    assert_eq!(run.said("is refused"), 1);
    put(&script, "root = 5\n");
    run.await_said("config reloaded", 2);
    ask(&mut run, 5);
    // A config that names a script that is created later.
    put(
        &config,
        "pipeline:\n  processors:\n    - python:\n        file: later.py\n",
    );
    run.await_said("later.py", 1);
    ask(&mut run, 5);
    put(&folder.path().join("later.py"), "root = 6\n");
    run.await_said("config reloaded", 3);
    ask(&mut run, 6);
    // As Kubernetes changes a ConfigMap: through a link to a folder.
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
    run.await_said("config reloaded", 4);
    ask(&mut run, 7);
    link("two");
    run.await_said("config reloaded", 5);
    ask(&mut run, 8);
    let (code, _, log) = run.finish();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn what_cannot_change_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("pipeline.yaml");
    put(&config, &versioned(1));
    let mut run = pipeline(&config).start();
    run.await_said("guest ready", 1);
    run.signal(Signal::HUP);
    run.await_said("nothing to reload", 1);
    let more = "output: { drop: {} }\nshutdown_timeout: 3s\n";
    put(&config, &format!("{}{more}", versioned(2)));
    run.signal(Signal::HUP);
    run.await_said(
        "`output`, `shutdown_timeout` cannot change while the pipeline runs",
        1,
    );
    // When the change is undone, the refusal is not the last word.
    put(&config, &versioned(1));
    run.signal(Signal::HUP);
    run.await_said("the config is again the one in use", 1);
    let (code, _, log) = run.finish();
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
    let start = || {
        let run = pipeline(&config).env("TOKEN", "abc");
        run.listens_at(port).start()
    };
    let mut run = start();
    run.eventually("it listens", || get(port, "/ping"));
    assert_eq!(status(Some("")).0, 403, "no token, nobody may");
    run.finish();

    put(&config, &text(1, ", token: \"${TOKEN}\""));
    let mut run = start();
    run.await_ready();
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
    let stats = run.stats();
    assert_eq!(stats["reloads"], json!({ "taken": 1, "refused": 1 }));
    assert_eq!(stats["pipeline"]["max_guests"], 4, "what runs is shown");
    let (code, _, log) = run.finish();
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
