//! Every way for a guest to die: one message causes it among ten thousand good ones.
//!
//! Each time all others must succeed, exact and in order, and the one must become a dead letter that names the reason,
//! within bounded memory.

use std::time::Duration;

use support::{Ran, eval, nerodia, on_each_runtime, written};

const MESSAGES: usize = 10_000;
const POISON: usize = 5_000;

/// Runs `body` for the poison message alone, in four guests. It must end in one of `kinds`.
fn poisoned(runtime: &str, body: &str, kinds: &[&str]) -> Ran {
    // A message that does not take too long must not seem to do so on a busy machine.
    let timeout = if kinds.contains(&"Timeout") {
        "1s"
    } else {
        "30s"
    };
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
        .set(format!("guests.timeout={timeout}"))
        .stdin(input)
        .run()
}

/// Fails unless one message became a dead letter of one of `kinds`, and all others succeeded.
#[track_caller]
fn one_dead_letter(ran: Ran, kinds: &[&str]) -> serde_json::Value {
    let ran = ran.expect(1);
    let expected: Vec<String> = (0..MESSAGES)
        .filter(|&i| i != POISON)
        .map(|i| i.to_string())
        .collect();
    assert!(
        ran.lines() == expected,
        "the good messages, in order and exact"
    );
    let letters = ran.dead_letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    let letter = letters.into_iter().next().unwrap();
    let kind = letter["error"]["type"].as_str().unwrap();
    assert!(
        kinds.contains(&kind),
        "died of {kind}, expected one of {kinds:?}: {letter}"
    );
    assert_eq!(letter["offset"], POISON);
    assert_eq!(letter["payload"], "\"poison\"");
    // Four guests of at most 256 MiB, one of which is large, and the messages in flight.
    assert!(ran.peak_rss < 600 << 10, "{} KiB resident", ran.peak_rss);
    letter
}

#[track_caller]
fn dies(runtime: &str, body: &str, kinds: &[&str]) -> serde_json::Value {
    one_dead_letter(poisoned(runtime, body, kinds), kinds)
}

on_each_runtime!(burning);
fn burning(runtime: &str) {
    dies(runtime, "while True: pass", &["Timeout"]);
}

on_each_runtime!(burning_in_c_code);
/// Checks a computation without end in the interpreter, in the C code of a module, and in the C library.
fn burning_in_c_code(runtime: &str) {
    for body in [
        "sum(range(10**12))",
        "import re; re.match('(a*)*b', 'a' * 40)",
        "7 ** (3 * 10**7)",
        "while True: bytes(50_000_000)",
        "def f(n): return f(n - 1) + f(n - 1) if n else 0\nf(60)",
        "sorted(range(10**5), key=lambda x: sum(range(10**6)))",
        "import itertools; sum(1 for _ in itertools.product(range(100), repeat=9))",
    ] {
        dies(runtime, body, &["Timeout"]);
    }
    // In a module that one runtime has imported and the other imports here.
    dies(
        runtime,
        "import zlib\nwhile True: zlib.crc32(bytes(10_000_000))",
        &["Timeout"],
    );
}

on_each_runtime!(burning_in_c_code_that_is_given_much);
/// Checks C code that gets much data at once, and ends with it: comparing, searching, copying, parsing. However little
/// the script itself does between two such calls, the time is checked while they run.
fn burning_in_c_code_that_is_given_much(runtime: &str) {
    for body in [
        // Loops of the C library itself.
        "a = bytes(5_000_000); b = bytes(4_999_999) + b'x'\nwhile True: a == b",
        "a = bytes(20_000_000); b = bytes(19_999_999) + b'x'\nwhile True: a == b",
        "a = bytes(50_000_000); b = bytes(49_999_999) + b'x'\nwhile True: a == b",
        "b = bytes(20_000_000); c = bytes(19_999_999) + b'x'\nc in [b] * 100_000",
        "a = bytes(20_000_000); b = bytes(20_000_000)\nwhile True: memoryview(a) == memoryview(b)",
        "a = {bytes(20_000_000): 1}; b = bytes(20_000_000)\nwhile True: b in a",
        "a = [bytes(1_000_000) + bytes([i]) for i in range(100)]\nwhile True: sorted(a)",
        "a = bytes(50_000_000)\nwhile True: a.find(b'x')",
        "a = bytes(50_000_000)\nwhile True: a.rfind(b'x')",
        "a = bytes(50_000_000)\nwhile True: a.count(b'x')",
        "a = bytes(50_000_000)\nwhile True: b'xy' in a",
        "a = '\\u4e00' * 10_000_000\nwhile True: a.find('\\u4e01')",
        "a = '\\U0001F600' * 10_000_000; b = a[:-1] + 'b'\nwhile True: a < b",
        "a = 'x' * 50_000_000\nwhile True: a.replace('y', 'z')",
        "import time; a = 'x' * 10_000_000\nwhile True: time.strftime(a)",
        "import locale; a = 'x' * 5_000_000\nwhile True: locale.strcoll(a, a)",
        "import os; a = 'x' * 10_000_000\nwhile True: os.putenv('A', a)",
        // Loops of Python's C code.
        "import sys; sys.set_int_max_str_digits(0); int('9' * 3_000_000)",
        "a = (1 << 40_000_000) - 1\nwhile True: a * a",
        "pow(3, (1 << 100_000) - 1, (1 << 100_000) - 3)",
        "import re; a = 'x' * 10_000_000\nwhile True: re.search('y', a)",
        "while True: hash('x' * 50_000_000)",
        "a = bytes(50_000_000); b = bytes(range(256))\nwhile True: a.translate(b)",
        "import hashlib; a = bytes(50_000_000)\nwhile True: hashlib.sha256(a)",
        "import json; a = '[' + '1,' * 3_000_000 + '1]'\nwhile True: json.loads(a)",
        "import pickle; a = list(range(1_000_000))\nwhile True: pickle.dumps(a)",
        "from decimal import Decimal; a = '9' * 10_000_000\nwhile True: Decimal(a)",
        "import unicodedata; a = '\\xe9' * 3_000_000\nwhile True: unicodedata.normalize('NFKD', a)",
        "a = set(range(300_000)); b = set(range(300_000))\nwhile True: a & b",
        "a = dict.fromkeys(range(300_000)); b = dict(a)\nwhile True: a == b",
        "a = []; b = []\nfor i in range(60): a = [a, a]; b = [b, b]\na == b",
        // Without any loop: each level hashes the one below it three times.
        "a = 0\nfor i in range(60): a = slice(a, a, a)\nhash(a)",
    ] {
        times_out(runtime, body);
    }
}

/// Fails unless a message that runs `body` is found to take too long, soon enough, and with that name.
#[track_caller]
fn times_out(runtime: &str, body: &str) {
    const TIMEOUT: Duration = Duration::from_millis(500);
    // Twice the time and some more for each of its two tries, and ample time for the start of three guests.
    const MOST: Duration = Duration::from_secs(6);
    let script = format!(
        "root = this\nif this == 1:\n    {}",
        body.replace('\n', "\n    ")
    );
    let ran = eval(runtime, &script)
        .set(format!("guests.timeout={}ms", TIMEOUT.as_millis()))
        .set("pipeline.threads=1")
        .stdin("0\n1\n2\n")
        .run()
        .expect(1);
    assert_eq!(ran.lines(), ["0", "2"], "{body}");
    let letters = ran.dead_letters();
    let kinds: Vec<_> = letters
        .iter()
        .map(|letter| &letter["error"]["type"])
        .collect();
    assert_eq!(kinds, ["Timeout"], "{body}");
    assert_eq!(letters[0]["offset"], 1, "{body}");
    // Processor time and not elapsed time, so that a slow machine makes no difference.
    println!("{:?} of work: {body:?}", ran.cpu);
    assert!(ran.cpu < MOST, "{:?} of work: {body}", ran.cpu);
}

on_each_runtime!(sleeping);
fn sleeping(runtime: &str) {
    dies(runtime, "import time; time.sleep(1e6)", &["Timeout"]);
}

on_each_runtime!(exiting);
fn exiting(runtime: &str) {
    dies(runtime, "import sys; sys.exit()", &["SystemExit"]);
    let letter = dies(runtime, "import os; os._exit(3)", &["Exit"]);
    // A component does not tell its code, and the message does not pretend to know it.
    let code = match runtime {
        "cpython-3.12" => "the interpreter exited with code 3",
        _ => "the interpreter exited with a code other than 0",
    };
    assert_eq!(letter["error"]["message"], code);
}

on_each_runtime!(more_memory_than_allowed);
fn more_memory_than_allowed(runtime: &str) {
    dies(runtime, "x = bytearray(10**9)", &["Memory"]);
    dies(
        runtime,
        "x = []\nwhile True: x.append(bytes(1_000_000))",
        &["Memory"],
    );
}

on_each_runtime!(recursing);
fn recursing(runtime: &str) {
    dies(runtime, "def f(): return f()\nf()", &["RecursionError"]);
    // In C code: an error or a crash, depending on the version.
    dies(
        runtime,
        "x = []\nfor i in range(100_000): x = [x]\nrepr(x)",
        &["RecursionError", "StackOverflow", "Timeout"], // `repr` looks for circles in quadratic time
    );
    dies(
        runtime,
        "root = []\nfor i in range(100_000): root = [root]",
        &["RecursionError", "StackOverflow"],
    );
}

on_each_runtime!(recursing_through_c_code);
/// Checks that a function that calls itself through C code meets CPython's limit, or that of its C stack, which is
/// small in 3.12.
fn recursing_through_c_code(runtime: &str) {
    let script = "import functools
@functools.lru_cache(None)
def f(n): return f(n - 1) + 1 if n else 0
root = f(this)";
    let ran = eval(runtime, script)
        .stdin("20\n60\n500\n100000\n20\n")
        .run()
        .expect(1);
    let letters = ran.dead_letters();
    let kind = |letter: &serde_json::Value| letter["error"]["type"].clone();
    println!(
        "{:?}, {:?}",
        ran.lines(),
        letters.iter().map(kind).collect::<Vec<_>>()
    );
    for letter in &letters {
        let known = ["RecursionError", "StackOverflow"]
            .iter()
            .any(|name| kind(letter) == *name);
        assert!(known, "{letter}");
    }
    assert_eq!(ran.lines().len() + letters.len(), 5);
    assert_eq!(ran.lines()[0], "20");
    assert_eq!(ran.lines().last(), Some(&"20"), "others come through");
}

on_each_runtime!(recursing_where_python_has_no_limit);
/// Checks that the C stack ends where CPython has no limit, and that the death says so.
fn recursing_where_python_has_no_limit(runtime: &str) {
    let body = "x = 0\nfor i in range(200_000): x = slice(x, 0, 0)\nhash(x)";
    let kinds = ["StackOverflow"];
    let letter = one_dead_letter(poisoned(runtime, body, &kinds), &kinds);
    let message = letter["error"]["message"].as_str().unwrap();
    assert!(message.contains("nested too deeply"), "{message}");
}

on_each_runtime!(rubbish_on_the_reply_port);
fn rubbish_on_the_reply_port(runtime: &str) {
    dies(runtime, "import os; os.write(1, b'rubbish')", &["Protocol"]);
    // Looks like an answer at first.
    dies(
        runtime,
        "import os; os.write(1, bytes([0, 0, 0, 0, 1]) + b'N')",
        &["Protocol"],
    );
    dies(
        runtime,
        "import os; os.write(1, bytes(64 << 20))",
        &["Protocol"],
    );
    dies(runtime, "import os; os.close(1)", &["Trap", "Exit"]);
}

on_each_runtime!(reaching_for_every_list);
/// Scripts share the interpreter with the code that answers for them, and can go through all of its objects. Checks
/// that changes to the outcomes of other messages are detected, and that these messages are run again. With the
/// accelerator, outcomes are not among the objects, and the script may as well succeed.
fn reaching_for_every_list(runtime: &str) {
    for deed in [
        "o.clear()",
        "o.reverse()",
        "o[:] = [None] * len(o)",
        "del o[-1:]",
        "o.append(None)",
    ] {
        let body = format!("import gc\nfor o in gc.get_objects():\n    if type(o) is list: {deed}");
        let kinds = ["Protocol", "Exit", "Trap"];
        let ran = poisoned(runtime, &body, &kinds);
        if runtime == "cpython-3.14" && ran.code == Some(0) {
            let poison = |i: usize| {
                if i == POISON {
                    "\"poison\"".into()
                } else {
                    i.to_string()
                }
            };
            let expected: Vec<String> = (0..MESSAGES).map(poison).collect();
            assert!(
                ran.lines() == expected,
                "{deed}: all messages, in order and exact"
            );
        } else {
            one_dead_letter(ran, &kinds);
        }
    }
}

on_each_runtime!(stealing_the_next_request);
fn stealing_the_next_request(runtime: &str) {
    dies(runtime, "import os; os.read(0, 100)", &["Timeout"]);
}

on_each_runtime!(printing_without_end);
fn printing_without_end(runtime: &str) {
    dies(runtime, "print('x' * 100_000_000)", &["Log"]);
    dies(
        runtime,
        "for i in range(10**9): print(i)",
        &["Log", "Timeout"],
    );
}

on_each_runtime!(more_output_than_allowed);
fn more_output_than_allowed(runtime: &str) {
    dies(runtime, "root = 'x' * 9_000_000", &["OutputTooLarge"]);
    dies(runtime, "root = ['\\x00' * 2_000_000]", &["OutputTooLarge"]);
    // Contains one list a million times; as JSON it would take terabytes.
    dies(
        runtime,
        "for i in range(40): root = [root, root]",
        &["OutputTooLarge"],
    );
}

on_each_runtime!(raising);
fn raising(runtime: &str) {
    let kinds = ["KeyError"];
    let ran = poisoned(runtime, "x = {'a': 1}\nx['b']", &kinds);
    let letter = one_dead_letter(ran, &kinds);
    assert_eq!(letter["error"]["message"], "'b'");
    assert_eq!(letter["error"]["at"], "<eval>:4");
    let traceback = letter["error"]["traceback"].as_str().unwrap();
    assert!(traceback.contains("x['b']"), "shows the line: {traceback}");
    assert!(
        !traceback.contains("entrypoint"),
        "shows the user's frames alone: {traceback}"
    );
}

on_each_runtime!(a_death_names_its_script);
/// The message runs alone before it is blamed, and then the guest says which of several scripts runs.
fn a_death_names_its_script(runtime: &str) {
    let config = "\
pipeline:
  threads: 1
  processors:
    - python: { script: root = this }
    - label: second
      python:
        script: |
          import os, time
          if this == 7: time.sleep(9)
          if this == 8: os._exit(1)
          if this == 9:
              while True: pass
          emit(this)
          if this == 11: time.sleep(9)
          if this == 13:
              for _ in range(100): emit(this)
              time.sleep(9)
    - python:
        script: |
          import os
          if this == 10: os.abort()
          if this == 12:
              while True: pass
          root = this
";
    let folder = written(&[("p.yaml", config)]);
    let ran = nerodia(["run", "p.yaml"])
        .dir(folder.path())
        .set(format!("guests.runtime={runtime}"))
        .set("guests.timeout=1s")
        .stdin((0..20).map(|n| format!("{n}\n")).collect::<String>())
        .run()
        .expect(1);
    let letters = ran.dead_letters();
    let places: Vec<_> = letters
        .iter()
        .map(|letter| (letter["payload"].as_str(), letter["error"]["at"].as_str()))
        .collect();
    let (second, third) = (Some("p.yaml:8"), Some("p.yaml:20"));
    let expected = [
        (Some("7"), second),
        (Some("8"), second),
        (Some("9"), second),
        (Some("10"), third),
        (Some("11"), second),
        (Some("12"), third),
        // A guest says only so often which script runs.
        (Some("13"), None),
    ];
    assert_eq!(places, expected, "{letters:#?}");
    assert_eq!(ran.lines().len(), 13);
}

on_each_runtime!(each_of_many);
fn each_of_many(runtime: &str) {
    let script = "root = this\nif this % 1000 == 7:\n    import os; os._exit(1)";
    let input: String = (0..10_000).map(|i| format!("{i}\n")).collect();
    let ran = eval(runtime, script).stdin(input.as_str()).run().expect(1);
    let expected: Vec<String> = (0..10_000)
        .filter(|i| i % 1000 != 7)
        .map(|i| i.to_string())
        .collect();
    assert!(ran.lines() == expected);
    let offsets: Vec<u64> = ran
        .dead_letters()
        .iter()
        .map(|letter| letter["offset"].as_u64().unwrap())
        .collect();
    assert_eq!(offsets, (0..10).map(|i| i * 1000 + 7).collect::<Vec<_>>());
}

on_each_runtime!(memory_left_behind_is_not_the_next_message_s_fault);
/// Checks that what one message leaves in memory does not cause the failure of another.
fn memory_left_behind_is_not_the_next_message_s_fault(runtime: &str) {
    let script =
        "import json\njson.kept = getattr(json, 'kept', []) + [bytearray(20_000_000)]\nroot = this";
    let input: String = (0..60).map(|i| format!("{i}\n")).collect();
    let ran = eval(runtime, script).stdin(input.as_str()).run().expect(0);
    let expected: Vec<String> = (0..60).map(|i| i.to_string()).collect();
    assert_eq!(ran.lines(), expected);
}
