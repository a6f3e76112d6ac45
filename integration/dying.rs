//! Every way for a guest to die: one message does it among ten thousand good ones.
//!
//! Each time all others must come through, in order and exact, and the one must be a dead letter that names
//! the reason, within bounded memory.

mod support;

use std::path::Path;

use support::{RUNTIMES, Ran, eval, nerodia};

const MESSAGES: usize = 10_000;
const POISON: usize = 5_000;

/// Runs `body` for the poison message alone, in four guests.
fn poisoned(runtime: &str, body: &str) -> Ran {
    let body = body.replace('\n', "\n    ");
    let script = format!("root = this\nif this == 'poison':\n    {body}");
    let input: String = (0..MESSAGES)
        .map(|i| {
            if i == POISON {
                "\"poison\"\n".to_owned()
            } else {
                format!("{i}\n")
            }
        })
        .collect();
    eval(runtime, &script)
        .set("pipeline.threads=4")
        .set("guests.min=4")
        .stdin(input)
        .run()
}

/// Fails unless one message became a dead letter of one of `kinds`, and all others came through.
#[track_caller]
fn one_dead_letter(runtime: &str, ran: Ran, kinds: &[&str]) -> serde_json::Value {
    let ran = ran.expect(1);
    let expected: Vec<String> = (0..MESSAGES)
        .filter(|&i| i != POISON)
        .map(|i| i.to_string())
        .collect();
    assert!(
        ran.lines() == expected,
        "{runtime}: the good messages, in order and exact"
    );
    let letters = ran.dead_letters();
    assert_eq!(letters.len(), 1, "{runtime}: {letters:?}");
    let letter = letters.into_iter().next().unwrap();
    let kind = letter["error"]["type"].as_str().unwrap();
    assert!(
        kinds.contains(&kind),
        "{runtime}: died of {kind}, expected one of {kinds:?}: {letter}"
    );
    assert_eq!(letter["offset"], POISON);
    assert_eq!(letter["payload"], "\"poison\"");
    // Four guests of at most 256 MiB, of which one is large, and what is in flight.
    assert!(
        ran.peak_rss < 600 << 10,
        "{runtime}: {} KiB resident",
        ran.peak_rss
    );
    letter
}

fn dies(body: &str, kinds: &[&str]) {
    for runtime in RUNTIMES {
        one_dead_letter(runtime, poisoned(runtime, body), kinds);
    }
}

#[test]
fn burning() {
    dies("while True: pass", &["Timeout"]);
}

#[test]
fn sleeping() {
    dies("import time; time.sleep(1e6)", &["Timeout"]);
}

#[test]
fn exiting() {
    dies("import sys; sys.exit()", &["SystemExit"]);
    dies("import os; os._exit(3)", &["Exit"]);
}

#[test]
fn more_memory_than_allowed() {
    dies("x = bytearray(10**9)", &["Memory"]);
    dies(
        "x = []\nwhile True: x.append(bytes(1_000_000))",
        &["Memory"],
    );
}

#[test]
fn recursing() {
    dies("def f(): return f()\nf()", &["RecursionError"]);
    // In C code: an error or a crash, by version.
    dies(
        "x = []\nfor i in range(100_000): x = [x]\nrepr(x)",
        &["RecursionError", "Trap", "Timeout"], // `repr` looks for circles in quadratic time
    );
    dies(
        "root = []\nfor i in range(100_000): root = [root]",
        &["RecursionError", "Trap"],
    );
}

#[test]
fn rubbish_on_the_reply_port() {
    dies("import os; os.write(1, b'rubbish')", &["Protocol"]);
    // Looks like an answer at first.
    dies(
        "import os; os.write(1, bytes([0, 0, 0, 0, 1]) + b'N')",
        &["Protocol"],
    );
    dies("import os; os.write(1, bytes(64 << 20))", &["Protocol"]);
    dies("import os; os.close(1)", &["Trap", "Exit"]);
}

#[test]
fn stealing_the_next_request() {
    dies("import os; os.read(0, 100)", &["Timeout"]);
}

#[test]
fn printing_without_end() {
    dies("print('x' * 100_000_000)", &["Log"]);
    dies("for i in range(10**9): print(i)", &["Log", "Timeout"]);
}

#[test]
fn more_output_than_allowed() {
    dies("root = 'x' * 9_000_000", &["OutputTooLarge"]);
    dies("root = ['\\x00' * 2_000_000]", &["OutputTooLarge"]);
    // Shares one list a million times over; as JSON it would take terabytes.
    dies(
        "for i in range(40): root = [root, root]",
        &["OutputTooLarge"],
    );
}

#[test]
fn raising() {
    for runtime in RUNTIMES {
        let ran = poisoned(runtime, "x = {'a': 1}\nx['b']");
        let letter = one_dead_letter(runtime, ran, &["KeyError"]);
        assert_eq!(letter["error"]["message"], "'b'");
        assert_eq!(letter["error"]["at"], "<eval>:4");
        let traceback = letter["error"]["traceback"].as_str().unwrap();
        assert!(traceback.contains("x['b']"), "shows the line: {traceback}");
        assert!(
            !traceback.contains("entrypoint"),
            "shows the user's frames alone: {traceback}"
        );
    }
}

#[test]
fn each_of_many() {
    let script = "root = this\nif this % 1000 == 7:\n    import os; os._exit(1)";
    let input: String = (0..10_000).map(|i| format!("{i}\n")).collect();
    for runtime in RUNTIMES {
        let ran = eval(runtime, script).stdin(input.as_str()).run().expect(1);
        let expected: Vec<String> = (0..10_000)
            .filter(|i| i % 1000 != 7)
            .map(|i| i.to_string())
            .collect();
        assert!(ran.lines() == expected, "{runtime}");
        let offsets: Vec<u64> = ran
            .dead_letters()
            .iter()
            .map(|letter| letter["offset"].as_u64().unwrap())
            .collect();
        assert_eq!(
            offsets,
            (0..10).map(|i| i * 1000 + 7).collect::<Vec<_>>(),
            "{runtime}"
        );
    }
}

/// What one message leaves behind must not be another one's death.
#[test]
fn memory_left_behind_is_not_the_next_message_s_fault() {
    let script =
        "import json\njson.kept = getattr(json, 'kept', []) + [bytearray(20_000_000)]\nroot = this";
    let input: String = (0..60).map(|i| format!("{i}\n")).collect();
    for runtime in RUNTIMES {
        let ran = eval(runtime, script).stdin(input.as_str()).run().expect(0);
        let expected: Vec<String> = (0..60).map(|i| i.to_string()).collect();
        assert_eq!(ran.lines(), expected, "{runtime}");
    }
}

/// `(module (func (export "_start") …))` with the given instructions.
fn module(instructions: &[u8]) -> Vec<u8> {
    let mut wasm =
        b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x0a\x01\x06_start\0\0".to_vec();
    let body = instructions.len() as u8 + 2;
    wasm.extend([0x0a, body + 2, 1, body, 0]);
    wasm.extend(instructions);
    wasm.push(0x0b);
    wasm
}

fn with_runtime(directory: &Path, wasm: &[u8]) -> Ran {
    use sha2::Digest;
    let sum: String = sha2::Sha256::digest(wasm)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    std::fs::write(directory.join("cpython-3.12.wasm"), wasm).unwrap();
    std::fs::write(
        directory.join("cpython-3.12.wasm.sha256sum"),
        format!("{sum}  x\n"),
    )
    .unwrap();
    nerodia(["eval", "root = this"])
        .set("logger.level=info")
        .set("guests.runtime=cpython-3.12")
        .set("guests.start_timeout=200ms")
        .env("NERODIA_RUNTIME_DIR", directory)
        .stdin("1\n2\n")
        .run()
}

#[test]
fn never_ready() {
    let directory = tempfile::tempdir().unwrap();
    let cases: [(&[u8], &str); 3] = [
        (&[0x03, 0x40, 0x0c, 0, 0x0b], "no READY within 200ms"), // loop
        (&[0x00], "unreachable"),
        (&[], "exited with code 0"),
    ];
    for (instructions, why) in cases {
        let ran = with_runtime(directory.path(), &module(instructions)).expect(1);
        assert!(ran.stderr.contains("guests cannot start"), "{}", ran.stderr);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
        assert_eq!(ran.text(), "", "nothing leaves unprocessed");
        assert_eq!(
            ran.logged("guest did not start").len(),
            3,
            "tried again, with back-off, then gave up"
        );
    }
}
