//! Tests of the web server: health, metrics as Prometheus' own parser reads them, and the page in a real browser.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::json;
use support::{Ran, Web, get, nerodia, port, root, tail, target};

/// Returns samples by their name and labels, as Prometheus' own Python library reads the text.
pub(crate) fn parsed(metrics: &str) -> HashMap<String, f64> {
    let python = target().join("web/venv/bin/python");
    assert!(
        python.exists(),
        "run scripts/web.sh, which installs Prometheus' parser"
    );
    let script = "import json, sys\n\
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\n\
        samples = [s for family in parse(sys.stdin.read()) for s in family.samples]\n\
        print(json.dumps([[s.name + ''.join(f',{k}={v}' for k, v in sorted(s.labels.items())), s.value] for s in samples]))";
    let mut child = Command::new(python)
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(metrics.as_bytes())
        .expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert!(
        output.status.success(),
        "Prometheus' parser refuses:\n{metrics}"
    );
    let samples: Vec<(String, f64)> = serde_json::from_slice(&output.stdout).expect("JSON");
    samples.into_iter().collect()
}

/// Checks "Under a soak of 1,000,000 messages the counters equal what the checker counted, to the message."
#[test]
fn counters_are_exact() {
    const ALL: u64 = 1_000_000;
    let script = "n = this\nif n % 1000 == 7:\n    raise ValueError('seven')\nif n % 1000 == 8:\n    root = None\n\
                  elif n % 1000 == 9:\n    emit(n)\n    emit(n)\nelse:\n    root = n";
    let mut running = nerodia(["run", "-c", "configs/sum.yaml"])
        .listening()
        .set(format!("pipeline.processors.0.python.script={script}"))
        .env("NERODIA_TEST_KILL_GUESTS_AFTER", "300ms")
        .start();
    running.feed_lines(0..ALL);
    running.until("all is delivered", |running| {
        let stats = running.web().stats()?;
        (stats["messages"]["delivered"] == ALL).then_some(())
    });
    let stats = running.stats();
    let samples = parsed(&running.web().get("/metrics").expect("it listens").1);
    let (code, results, log) = running.finish();
    assert_eq!(code, Some(1), "there were dead letters: {}", tail(&log));
    let lines = results.len() as u64;

    let thousand = ALL / 1000;
    assert_eq!(
        lines,
        ALL - 2 * thousand + thousand,
        "one in a thousand fails, one is dropped, one is two"
    );
    assert_eq!(stats["messages"]["received"], ALL);
    assert_eq!(stats["messages"]["dropped"], thousand);
    assert_eq!(stats["messages"]["failed"], thousand);
    assert_eq!(
        stats["messages"]["failures_by_type"],
        json!({ "ValueError": thousand })
    );
    assert_eq!(stats["output"]["records"], lines);
    let deaths = stats["guests"]["deaths"]["Killed"]
        .as_u64()
        .expect("guests were killed");
    assert!(
        stats["guests"]["starts"].as_u64() > Some(deaths) || deaths > 0,
        "{stats}"
    );
    for (name, value) in [
        ("nerodia_received_messages_total", ALL),
        ("nerodia_delivered_messages_total", ALL),
        ("nerodia_dropped_messages_total", thousand),
        ("nerodia_failed_messages_total", thousand),
        ("nerodia_failures_total,type=ValueError", thousand),
        ("nerodia_output_records_total", lines),
        ("nerodia_message_seconds_count", ALL),
        // Each message once, however often the rest of its batch waits again.
        ("nerodia_queue_wait_seconds_count", ALL),
        ("nerodia_guest_run_seconds_count", ALL),
        ("nerodia_gate_bytes", 0),
        ("nerodia_ready", 1),
    ] {
        assert_eq!(
            samples.get(name),
            Some(&(value as f64)),
            "{name} of {samples:#?}"
        );
    }
    assert!(samples["nerodia_guest_deaths_total,death=Killed"] >= deaths as f64);
    // Prometheus sees no increase in a series that begins with its first death.
    assert_eq!(samples["nerodia_guest_deaths_total,death=Timeout"], 0.0);
    assert!(samples["nerodia_guest_cpu_seconds_total"] > 0.0);
}

#[test]
fn ready_when_it_is() {
    let mut running = nerodia(["run", "-c", "configs/sum.yaml"])
        .listening()
        .start();
    running.await_ready();
    let web = running.web();
    let get = |path| web.get(path).expect("it listens");
    assert_eq!(get("/ping"), (200, "pong".to_owned()));
    assert_eq!(get("/nothing").0, 404);
    let (_, page) = get("/");
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    assert_eq!(ask_ready(web.port).expect(0).text(), "ready\n");
    assert_eq!(running.finish().0, Some(0));
    let nobody = ask_ready(web.port).expect(1);
    assert!(
        nobody.stderr.contains("nothing listens there") && nobody.stderr.contains("http.address"),
        "{}",
        nobody.stderr
    );
}

/// Runs `nerodia ready`.
fn ask_ready(port: u16) -> Ran {
    nerodia(["ready", "--url", &format!("127.0.0.1:{port}")]).run()
}

#[test]
fn asking_at_no_url_is_wrong_usage() {
    let ran = nerodia(["ready", "--url", "http://not a host"]).run();
    assert_eq!(ran.expect(2).stdout, b"");
}

/// Scripts that never reach READY: checks that the reason is available during the tries.
#[test]
fn not_ready_says_why() {
    let mut running = nerodia(["run", "-c", "configs/sum.yaml"])
        .listening()
        .set("pipeline.processors.0.python.script=import time")
        .set("guests.start_timeout=1ms")
        .start();
    let web = running.web();
    running.eventually("it says why", || {
        let (_, body) = web.get("/ready")?;
        body.contains("no guest can start").then_some(())
    });
}

/// A pipeline that cannot start ends soon, so another server gives its answer here.
#[test]
fn who_asks_is_told_why_not() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let answering = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody asks");
        let mut asked = [0; 4096];
        let read = stream.read(&mut asked).expect("a request");
        assert!(asked[..read].starts_with(b"GET /ready "));
        let body =
            r#"{"ready":false,"reasons":{"guests":"no guest can start: no READY within 1s"}}"#;
        let head = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close";
        write!(
            stream,
            "{head}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("it reads");
    });
    let asked = ask_ready(port);
    answering.join().expect("one request");
    assert_eq!(asked.code, Some(1), "{asked:?}");
    assert!(
        asked
            .stderr
            .starts_with("not ready\n  guests: no guest can start"),
        "{}",
        asked.stderr
    );
}

#[test]
fn an_address_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let ran = nerodia(["run", "-c", "configs/sum.yaml"])
        .set(format!("http.address={address}"))
        .stdin("[1]\n")
        .run();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains(&format!("cannot listen at `http.address` {address}")),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.is_empty());
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
}

/// Returns the checks of the page at this port, in Chromium.
fn browser(port: u16) -> Command {
    let mut command = Command::new("node");
    command.arg(root().join("integration/page/page.mjs"));
    command.args(["--url", &format!("http://127.0.0.1:{port}")]);
    command
}

/// Checks the page at this port, and leaves pictures in a folder of `target/web`. Returns what the checks printed, or
/// `None` without Chromium.
pub(crate) fn look_at_page(port: u16, shots: &str) -> Option<String> {
    let mut looking = browser(port);
    looking
        .arg("--shots")
        .arg(root().join("target/web").join(shots));
    let seen = looking
        .stderr(Stdio::inherit())
        .output()
        .expect("node is there");
    let said = String::from_utf8(seen.stdout).expect("UTF-8");
    println!("{said}");
    if seen.status.code() == Some(77) {
        eprintln!("the page was not looked at: there is no Chromium");
        return None;
    }
    assert!(seen.status.success(), "see above: {}", seen.status);
    Some(said)
}

/// Checks the page under load, with guests that die and a restart of the engine, in Chromium.
#[test]
fn the_page() {
    let port = port();
    let start = || {
        let script = "if this % 5000 == 7:\n    raise ValueError('<b>seven</b>')\nroot = sum(range(this % 20000))";
        let mut running = nerodia(["run", "-c", "configs/sum.yaml"])
            .set(format!("http.address=127.0.0.1:{port}"))
            .listens_at(port)
            .set("http.show_payloads=true")
            .set("guests.idle_timeout=1s")
            .set("pipeline.threads=3")
            .set(format!("pipeline.processors.0.python.script={script}"))
            .env("NERODIA_TEST_KILL_GUESTS_AFTER", "2s")
            .start();
        let mut stdin = running.take_input();
        thread::spawn(move || {
            // For some seconds more than one guest can process; then little, until that was done for some seconds, however
            // busy the machine is. It ends with the program.
            let web = Web { port };
            let (mut sent, mut tick) = (0u64, 0);
            loop {
                let many = tick < 60;
                let count = if many { 250 } else { 10 };
                let lines: String = (sent..sent + count).map(|n| format!("{n}\n")).collect();
                if stdin.write_all(lines.as_bytes()).is_err() {
                    return;
                }
                sent += count;
                let stats = web.stats();
                let done = stats.and_then(|stats| stats["messages"]["delivered"].as_u64());
                if many || done.is_some_and(|done| done + 100 >= sent) {
                    tick = (tick + 1) % 120;
                }
                thread::sleep(Duration::from_millis(50));
            }
        });
        running
    };
    let mut first = start();
    first.until("it runs", |running| {
        let guests = &running.web().stats()?["guests"];
        let seen = |what: &str, name: &str| guests[what][name].is_u64();
        let all = [
            ("deaths", "Killed"),
            ("scalings", "work_waits"),
            ("scalings", "idle"),
        ];
        all.iter()
            .all(|(what, name)| seen(what, name))
            .then_some(())
    });
    let Some(said) = look_at_page(port, "shots") else {
        return;
    };
    assert!(said.contains("ok: schema registry: none"), "{said}");
    assert!(said.contains("ok: processors 1, failures of "), "{said}");
    assert!(said.contains("| nerodia try configs/sum.yaml\n"), "{said}");
    let mut watching = browser(port);
    watching.arg("--restart").stdout(Stdio::piped());
    let mut watching = watching.spawn().expect("node");
    let said = BufReader::new(watching.stdout.take().expect("piped")).lines();
    let (mut first, mut second) = (Some(first), None);
    for line in said.map_while(Result::ok) {
        println!("{line}");
        if line.starts_with("now end the engine") {
            drop(first.take());
        } else if line.starts_with("ok: unreachable") {
            second = Some(start());
        }
    }
    assert!(watching.wait().expect("it ends").success(), "see above");
    assert!(second.is_some(), "it came back");
}

/// Checks that a client that sends half a request and waits takes no more than a few of the process' file descriptors.
#[test]
fn half_sent_requests_do_not_take_all_descriptors() {
    if !cfg!(target_os = "linux") {
        return; // other systems do not show the open files of a process
    }
    let mut running = nerodia(["run", "-c", "configs/sum.yaml"])
        .listening()
        .start();
    running.await_ready();
    let port = running.web().port;
    let folder = format!("/proc/{}/fd", running.pid());
    let open = || std::fs::read_dir(&folder).expect("it runs").count();
    let before = open();
    let halves: Vec<_> = (0..150)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
            write!(stream, "GET /stats HTTP/1.1\r\nHost: localhost\r\n").expect("it takes it");
            stream
        })
        .collect();
    thread::sleep(Duration::from_millis(500));
    let taken = open().saturating_sub(before);
    assert!((1..=70).contains(&taken), "{taken} of {}", halves.len());
    // Their connections are closed after some time, and other clients get theirs.
    running.await_ready();
}

/// Checks that a page of the web whose name resolves to this machine cannot read anything.
#[test]
fn only_requests_for_this_machine_are_answered() {
    let mut running = nerodia(["run", "-c", "configs/sum.yaml"])
        .listening()
        .start();
    let port = running.web().port;
    running.eventually("it listens", || get(port, "/ping"));
    for (host, expected) in [
        (format!("127.0.0.1:{port}"), "200"),
        (format!("localhost:{port}"), "200"),
        (format!("evil.example:{port}"), "421"),
    ] {
        for path in ["/", "/ping", "/ready", "/metrics", "/stats"] {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
            write!(
                stream,
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            )
            .expect("it takes it");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            let status = answer.split(' ').nth(1).expect("a status");
            // This test does not check whether the pipeline is ready.
            let status = if status == "503" { "200" } else { status };
            assert_eq!(status, expected, "{host} {path}");
        }
    }
}
