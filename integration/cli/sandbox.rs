//! Tests of what a script can see of the host: only real clocks and randomness.

use std::collections::BTreeSet;

use support::{eval, on_each_runtime, root};

/// Runs `expression` in a guest. Returns its value, or the exception's name.
fn see(runtime: &str, expression: &str) -> serde_json::Value {
    let script = format!(
        "import os, sys, socket, subprocess, pathlib, glob\ntry:\n    root = {expression}\n    \
         if root is None: root = 'None'\nexcept BaseException as error:\n    root = type(error).__name__"
    );
    let ran = eval(runtime, &script)
        .env("NERODIA_SECRET", "hunter2")
        .stdin("1\n")
        .run()
        .expect(0);
    serde_json::from_str(ran.text()).unwrap_or_else(|_| panic!("{runtime}: {}", ran.text()))
}

on_each_runtime!(no_files_network_processes_environment_or_arguments);
fn no_files_network_processes_environment_or_arguments(runtime: &str) {
    for attempt in [
        "open('/etc/passwd').read()",
        "open('/etc/hostname', 'w')",
        "open('Cargo.toml').read()",
        "os.open('/', 0)",
        "os.mkdir('/tmp/x')",
        "os.unlink('Cargo.toml')",
        "pathlib.Path('/etc/passwd').read_text()",
        "socket.socket()",
        "socket.create_connection(('127.0.0.1', 80))",
        "socket.getaddrinfo('localhost', 80)",
        "subprocess.run(['true'])",
        "os.system('true')",
        "os.fork()",
        "os.kill(1, 9)",
        "os.execv('/bin/true', ['true'])",
    ] {
        let seen = see(runtime, attempt);
        let error = seen
            .as_str()
            .unwrap_or_else(|| panic!("{attempt} gave {seen}"));
        let denied = error.to_lowercase().ends_with("error") || error == "UnsupportedOperation";
        assert!(denied, "{attempt} gave {seen}");
    }
    assert_eq!(see(runtime, "dict(os.environ)"), serde_json::json!({}));
    assert_eq!(see(runtime, "sys.argv"), serde_json::json!([""]));
    assert_eq!(see(runtime, "sys.stdin.read()"), "");
    assert_eq!(see(runtime, "os.getenv('NERODIA_SECRET')"), "None");
    let files = see(runtime, "os.listdir('/')");
    let shown = files.to_string();
    for host in ["etc", "home", "proc", "root", "work"] {
        assert!(!shown.contains(&format!("\"{host}\"")), "{shown}");
    }
    // At most the interpreter's own library; nothing of the host's file system.
    let files = see(runtime, "sorted(glob.glob('/**/*', recursive=True))[:2000]");
    for file in files.as_array().into_iter().flatten() {
        let file = file.as_str().unwrap();
        assert!(
            file.starts_with("/usr/local/lib") || "/usr/local/lib".starts_with(file),
            "{file}"
        );
    }
}

on_each_runtime!(guests_draw_different_random_numbers);
fn guests_draw_different_random_numbers(runtime: &str) {
    let script = "import random, uuid, secrets, os, tempfile\n\
                  root = [random.random(), str(uuid.uuid4()), str(uuid.uuid1()), secrets.token_hex(8), os.urandom(8).hex()]";
    let mut seen = BTreeSet::new();
    // A new process, and in it a new guest after each restart.
    for _ in 0..2 {
        let script = format!("{script}\nif this % 2:\n    os._exit(1)");
        let ran = eval(runtime, &script)
            .stdin("0\n1\n2\n3\n4\n")
            .run()
            .expect(1);
        for line in ran.lines() {
            let drawn: Vec<serde_json::Value> = serde_json::from_str(line).unwrap();
            for value in drawn {
                assert!(seen.insert(value.to_string()), "{value} was drawn twice");
            }
        }
    }
    assert_eq!(seen.len(), 2 * 3 * 5);
}

on_each_runtime!(guests_that_live_at_the_same_time_draw_different_numbers);
/// Snapshots without a new seed would draw the same numbers in the same order.
fn guests_that_live_at_the_same_time_draw_different_numbers(runtime: &str) {
    let script =
        "import random, time, uuid\ntime.sleep(0.05)\nroot = [random.random(), str(uuid.uuid4())]";
    let ran = eval(runtime, script)
        .set("guests.min=3")
        .set("pipeline.threads=3")
        .stdin("1\n".repeat(60))
        .run()
        .expect(0);
    assert_eq!(ran.logged("guest ready").len(), 3);
    let drawn: BTreeSet<&str> = ran.lines().into_iter().collect();
    assert_eq!(drawn.len(), 60);
    let firsts: BTreeSet<&str> = drawn
        .iter()
        .filter_map(|line| line.split(',').next())
        .collect();
    assert_eq!(firsts.len(), 60, "random.random()");
}

on_each_runtime!(clocks_are_the_host_s);
fn clocks_are_the_host_s(runtime: &str) {
    let seen = see(runtime, "__import__('time').time()").as_f64().unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    assert!((now.as_secs_f64() - seen).abs() < 60.0, "{seen}");
    let year = see(runtime, "__import__('datetime').datetime.now().year")
        .as_i64()
        .unwrap();
    assert!(year >= 2026, "{year}");
}

on_each_runtime!(the_standard_library_is_there);
/// Checks that every module that a runtime can contain can be imported, and that no other is missing.
fn the_standard_library_is_there(runtime: &str) {
    let version = runtime.trim_start_matches("cpython-");
    let list =
        std::fs::read_to_string(root().join(format!("runtime/stdlib-{version}.txt"))).unwrap();
    let mut expected = BTreeSet::new();
    let mut missing = BTreeSet::new();
    for line in list.lines() {
        let (name, comment) = line.split_once('#').unwrap_or((line, ""));
        let name = name.trim();
        if let Some(module) = comment.trim().strip_prefix("missing:") {
            let name = module.trim().split([':', ' ']).next().unwrap_or_default();
            missing.insert(name.to_owned());
        } else if !name.is_empty() {
            expected.insert(name.to_owned());
        }
    }
    assert!(
        expected.len() > 300,
        "the list has {} modules",
        expected.len()
    );
    let all: Vec<&String> = expected.iter().chain(&missing).collect();
    let script = "import importlib\ndef there(name):\n    try: importlib.import_module(name)\n    \
                  except ImportError: return False\n    return True\nroot = [n for n in this if there(n)]";
    let input = serde_json::to_string(&all).unwrap();
    let ran = eval(runtime, script)
        .set("guests.timeout=120s")
        .stdin(input)
        .run()
        .expect(0);
    let seen: BTreeSet<String> = serde_json::from_str(ran.text()).unwrap();
    let lost: Vec<_> = expected.difference(&seen).collect();
    let gained: Vec<_> = seen.difference(&expected).collect();
    assert!(
        lost.is_empty() && gained.is_empty(),
        "lost {lost:?}, gained {gained:?}"
    );
}

#[test]
fn the_guests_program_is_run_and_not_compiled() {
    let seen = see("cpython-3.12", "sys.orig_argv");
    let arguments: Vec<String> = serde_json::from_value(seen).unwrap();
    assert_eq!(arguments[..4], ["python", "-I", "-B", "-c"]);
    assert!(
        arguments[4].len() < 300 && arguments.len() == 5,
        "{arguments:?}"
    );
    // The frames below a script are the same as if it were compiled in place.
    let stack = "[(f.filename, f.name) for f in __import__('traceback').extract_stack()][:3]";
    assert_eq!(
        see("cpython-3.12", stack),
        serde_json::json!([
            ["<string>", "<module>"],
            ["<string>", "main"],
            ["<string>", "serve"]
        ])
    );
    let names = "[n for n in ('code', 'read', 'compile') if n in vars(sys.modules['__main__'])]";
    assert_eq!(see("cpython-3.12", names), serde_json::json!([]));
    let doc = "sys.modules['__main__'].__doc__.startswith(\"The guest's side\")";
    assert_eq!(see("cpython-3.12", doc), true);
}
