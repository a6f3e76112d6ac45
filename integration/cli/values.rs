//! Values are exact: the output of `root = this` is what Python's own `json` reads.

use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use support::{eval, on_each_runtime, pipeline, root};

/// Generates a JSON text as people and programs write it; some are nested deep.
fn document() -> impl Strategy<Value = String> {
    // Documents with lone surrogates are read by the runtimes' own `json`, one of which stops at some 500 levels.
    prop_oneof![
        9 => shallow(),
        1 => (shallow(), 1..400usize)
            .prop_map(|(inner, deep)| format!("{}{inner}{}", "[".repeat(deep), "]".repeat(deep))),
    ]
}

fn shallow() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("{}".to_owned()),
        Just("[ ]".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        "-?[1-9][0-9]{0,400}",
        "-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?",
        any::<f64>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_map(|n| format!("{n:?}")),
        text(),
    ];
    leaf.prop_recursive(8, 256, 12, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12)
                .prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec((text(), inner), 0..12).prop_map(|pairs| {
                let pairs: Vec<String> = pairs
                    .into_iter()
                    .map(|(key, value)| format!("{key}:\t{value}"))
                    .collect();
                format!("{{{}}}", pairs.join(","))
            }),
        ]
    })
}

/// Generates a JSON string with all kinds of escapes, including lone surrogates.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z _]{0,12}",
        "\\PC{0,6}".prop_map(|text| text.replace(['"', '\\'], "")),
        Just("\\\"".to_owned()),
        Just("\\\\".to_owned()),
        Just("\\n\\r\\t\\b\\f\\/".to_owned()),
        Just("\\u0000".to_owned()),
        Just("\\ud83d\\ude00".to_owned()),
        Just("\\ud800".to_owned()),
        Just("\\udc00x".to_owned()),
        Just("\u{7f}\u{2028}é漢😀".to_owned()),
        any::<u16>().prop_map(|unit| format!("\\u{unit:04x}")),
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// Returns lines of JSON as Python reads them, with exact types, so that 1, 1.0 and true differ.
fn as_python_reads(lines: &[u8]) -> Vec<String> {
    const READER: &str = "import json, sys\nsys.set_int_max_str_digits(0)\nsys.setrecursionlimit(100000)\n\
        for line in sys.stdin.buffer:\n    print(ascii(json.loads(line)))";
    let mut python = Command::new("python3")
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is a prerequisite");
    let mut stdin = python.stdin.take().unwrap();
    let lines = lines.to_vec();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &lines));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().expect("python reads everything");
    assert!(output.status.success());
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

on_each_runtime!(what_goes_through_is_what_python_reads);
fn what_goes_through_is_what_python_reads(runtime: &str) {
    let config = ProptestConfig {
        cases: 4,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let documents = prop::collection::vec(document(), 400);
    let checked = TestRunner::new(config).run(&documents, |documents| {
        let input = documents.join("\n") + "\n";
        let expected = as_python_reads(input.as_bytes());
        let ran = eval(runtime, "root = this if this is not None else null")
            .stdin(input)
            .run()
            .expect(0);
        let seen = as_python_reads(&ran.stdout);
        prop_assert_eq!(seen.len(), expected.len());
        for (document, (seen, expected)) in documents.iter().zip(seen.iter().zip(&expected)) {
            prop_assert_eq!(seen, expected, "{}", document);
        }
        Ok(())
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
}

/// Returns the output of `script` for `null`, or the error's type and message.
fn result_of(runtime: &str, script: &str) -> String {
    let ran = eval(runtime, script).stdin("null\n").run();
    match ran.dead_letters().first() {
        Some(letter) => {
            assert_eq!(ran.text(), "", "{runtime}: {script}");
            let error = &letter["error"];
            format!(
                "{}: {}",
                error["type"].as_str().unwrap(),
                error["message"].as_str().unwrap()
            )
        }
        None => ran.text().to_owned(),
    }
}

on_each_runtime!(what_is_no_json_is_an_error_in_python_s_words);
fn what_is_no_json_is_an_error_in_python_s_words(runtime: &str) {
    let nan = "Out of range float values are not JSON compliant";
    for (script, expected) in [
        ("root = float('nan')", nan),
        ("root = {'a': [float('inf')]}", nan),
        (
            "root = {1, 2}",
            "TypeError: Object of type set is not JSON serializable",
        ),
        (
            "root = [b'bytes']",
            "TypeError: Object of type bytes is not JSON serializable",
        ),
        (
            "root = 1j",
            "TypeError: Object of type complex is not JSON serializable",
        ),
        (
            "root = ...",
            "TypeError: Object of type ellipsis is not JSON serializable",
        ),
        (
            "root = object()",
            "TypeError: Object of type object is not JSON serializable",
        ),
        (
            "root = [lambda: 0]",
            "TypeError: Object of type function is not JSON serializable",
        ),
        (
            "root = (lambda: 0).__code__",
            "TypeError: Object of type code is not JSON serializable",
        ),
        (
            "import datetime\nroot = datetime.date.today()",
            "TypeError: Object of type date is not JSON",
        ),
        (
            "import decimal\nroot = decimal.Decimal(1)",
            "TypeError: Object of type Decimal is not JSON",
        ),
        (
            "root = []\nroot.append(root)",
            "ValueError: Circular reference detected",
        ),
        (
            "root = {}\nroot['a'] = {'b': root}",
            "ValueError: Circular reference detected",
        ),
        (
            "root = {(1, 2): 3}",
            "TypeError: keys must be str, int, float, bool or None, not tuple",
        ),
        ("import math\nroot = {math.nan: 3}", "ValueError: "),
    ] {
        let seen = result_of(runtime, script);
        assert!(seen.contains(expected), "{script}\n{seen}");
        assert!(!seen.ends_with('\n'), "{script} gave output: {seen}");
    }
}

on_each_runtime!(what_is_no_json_is_told_with_its_place_and_what_would_write_it);
fn what_is_no_json_is_told_with_its_place_and_what_would_write_it(runtime: &str) {
    let iso = "; `format: { datetime: iso }` of the output writes it";
    for (value, expected) in [
        (
            "{'user': {'when': re.match('a', 'a')}}",
            "Object of type Match is not JSON serializable (`user.when` of the result)".to_owned(),
        ),
        (
            "{'a': [0, {'a b': datetime.datetime.now()}]}",
            format!(
                "Object of type datetime is not JSON serializable (`a[1][\"a b\"]` of the result){iso}"
            ),
        ),
        (
            "uuid.UUID(int=5)",
            format!("Object of type UUID is not JSON serializable{iso}"),
        ),
        (
            "decimal.Decimal(1)",
            "Object of type Decimal is not JSON serializable; `format: { decimal: number }` of the output writes it"
                .to_owned(),
        ),
        (
            "{'a': [0, {1}]}",
            "Object of type set is not JSON serializable (`a[1]` of the result)".to_owned(),
        ),
        (
            "{'a': {(1, 2): 3}}",
            "keys must be str, int, float, bool or None, not tuple (`a` of the result)".to_owned(),
        ),
        (
            "{'a': [1.5, float('nan')]}",
            "Out of range float values are not JSON compliant: nan (`a[1]` of the result)"
                .to_owned(),
        ),
    ] {
        let script = format!("import datetime, decimal, re, uuid\nroot = {value}");
        let ran = eval(runtime, &script).stdin("null\n").run().expect(1);
        let error = &ran.dead_letters()[0]["error"];
        assert_eq!(error["message"], expected, "{value}");
        assert_eq!(error["at"], "<eval>:1", "{value}");
        // `emit` is told with its own line, where the guest finds it.
        let script = script.replace("root = ", "emit(") + ")";
        let ran = eval(runtime, &script).stdin("null\n").run().expect(1);
        let error = &ran.dead_letters()[0]["error"];
        assert_eq!(error["message"], expected, "emit({value})");
        assert!(
            ["<eval>:1", "<eval>:2"].map(Some).contains(&error["at"].as_str()),
            "{error}"
        );
    }
    // Of several scripts, it is the last that made the result; and a pipeline with types has the same words.
    let config = "pipeline:\n  processors:\n    - python: { script: 'root = this' }\n    \
                  - python: { script: 'import re; root = {\"a\": [re.match(\"a\", \"a\")]}' }\n";
    for (format, expected) in [
        (
            "{}",
            "Object of type Match is not JSON serializable (`a[0]` of the result)",
        ),
        (
            "{ datetime: iso }",
            "Object of type Match is not serializable (`a[0]` of the result)",
        ),
    ] {
        let ran = pipeline(config)
            .set(format!("guests.runtime={runtime}"))
            .set(format!("output.stdout.format={format}"))
            .stdin("1\n")
            .run()
            .expect(1);
        let error = &ran.dead_letters()[0]["error"];
        assert_eq!(error["message"], expected);
        let at = error["at"].as_str().expect("a place");
        assert!(at.ends_with(".yaml:4"), "{at}");
    }
}

on_each_runtime!(the_right_value);
fn the_right_value(runtime: &str) {
    let long = format!("\"{}\"\n", "x".repeat(1_000_000));
    for (script, expected) in [
        ("root = 'Hello, World!'", "\"Hello, World!\"\n"),
        ("root = b'raw \\xc3\\xa9'", "raw é\n"),
        ("root = bytearray(b'raw')", "raw\n"),
        ("root = null", "null\n"),
        (
            "root = [null, {'a': null}, None]",
            "[null,{\"a\":null},null]\n",
        ),
        ("root = True", "true\n"),
        ("root = (1, (2,))", "[1,[2]]\n"),
        (
            "root = {1: 'a', None: 'b', True: 'c', 1.5: 'd'}",
            "{\"1\":\"c\",\"null\":\"b\",\"1.5\":\"d\"}\n",
        ),
        (
            "root = 10**400 % 10**30, -(2**63), 2**64",
            "[0,-9223372036854775808,18446744073709551616]\n",
        ),
        (
            "root = [1.0, 0.1, 1e16, 1e-5, -0.0, 5e-324]",
            "[1.0,0.1,1e+16,1e-05,-0.0,5e-324]\n",
        ),
        ("root = '\\ud800'", "\"\\ud800\"\n"),
        (
            "root = 'é漢😀\\x00\\n\"\\\\'",
            "\"é漢😀\\u0000\\n\\\"\\\\\"\n",
        ),
        (
            "import collections\nroot = collections.Counter('aab')",
            "{\"a\":2,\"b\":1}\n",
        ),
        (
            "import collections\nroot = [collections.OrderedDict(a='é')]",
            "[{\"a\":\"é\"}]\n",
        ),
        (
            "import enum\nclass C(enum.IntEnum):\n    A = 1\nroot = [C.A]",
            "[1]\n",
        ),
        ("class S(str): pass\nroot = [S('x')]", "[\"x\"]\n"),
        (
            "from collections import namedtuple\nroot = {'p': namedtuple('P', 'x y')(1, 'é')}",
            "{\"p\":[1,\"é\"]}\n",
        ),
        (
            "class T(tuple):\n    __len__ = __getitem__ = None\nclass L(list):\n    __len__ = __getitem__ = None\nroot = [T((1, 2)), L([3])]",
            "[[1,2],[3]]\n",
        ),
        (
            "class T(tuple):\n    __iter__ = lambda self: iter([9])\nclass L(list):\n    __iter__ = T.__iter__\nroot = [T((1, 2)), L([3])]",
            "[[9],[9]]\n",
        ),
        (
            "class I(int):\n    __repr__ = __str__ = None\nroot = [I(7), I(-2**70)]",
            "[7,-1180591620717411303424]\n",
        ),
        (
            "import time\nroot = time.gmtime(0)",
            "[1970,1,1,0,0,0,3,1,0]\n",
        ),
        (
            "shared = [1]\nroot = [shared, shared, {'a': shared}]",
            "[[1],[1],{\"a\":[1]}]\n",
        ),
        ("root = 'x' * 1_000_000", long.as_str()),
        ("root = None", ""),
        ("pass", ""),
        ("root['a'] = 1", "{\"a\":1}\n"),
        ("root.update(b=2)", "{\"b\":2}\n"),
    ] {
        assert_eq!(result_of(runtime, script), expected, "{script}");
    }
}

on_each_runtime!(payloads_that_are_no_json_are_text_or_bytes);
fn payloads_that_are_no_json_are_text_or_bytes(runtime: &str) {
    let input = b"plain text\n{broken\nNaN\n\xff\xfe\n\n 5 \n\xef\xbb\xbf1\n".to_vec();
    let ran = eval(runtime, "root = [type(this).__name__, repr(this)]")
        .stdin(input.clone())
        .run()
        .expect(0);
    let expected = [
        r#"["str","'plain text'"]"#,
        r#"["str","'{broken'"]"#,
        r#"["str","'NaN'"]"#,
        r#"["bytes","b'\\xff\\xfe'"]"#,
        r#"["NoneType","None"]"#,
        r#"["int","5"]"#,
        r#"["int","1"]"#, // a byte order mark, as json.loads(bytes) accepts it
    ];
    assert_eq!(ran.lines(), expected);
}

on_each_runtime!(nested_too_deep_is_an_error_and_the_deepest_allowed_is_not);
fn nested_too_deep_is_an_error_and_the_deepest_allowed_is_not(runtime: &str) {
    let nested = |levels: usize| format!("{}{}\n", "[".repeat(levels), "]".repeat(levels));
    let ran = eval(runtime, "root = this")
        .stdin(nested(900) + &nested(901) + &nested(1_000_000))
        .run()
        .expect(1);
    assert_eq!(ran.text(), nested(900));
    for letter in ran.dead_letters() {
        assert_eq!(letter["error"]["type"], "TooDeep");
    }
    assert_eq!(ran.dead_letters().len(), 2);
}

on_each_runtime!(long_computations_come_out_as_outside_of_the_sandbox);
/// Long loops in C are interrupted in the sandbox all the time. Checks that this does not affect their results.
fn long_computations_come_out_as_outside_of_the_sandbox(runtime: &str) {
    let file = root().join("integration/computing.py");
    let script = std::fs::read_to_string(&file).expect("a script");
    let natively = std::process::Command::new("python3")
        .args([
            "-c",
            "import json, sys; exec(sys.argv[1]); print(json.dumps(root))",
        ])
        .arg(&script)
        .output()
        .expect("python3 is a prerequisite");
    let expected: serde_json::Value = serde_json::from_slice(&natively.stdout).expect("JSON");
    assert!(expected.as_object().is_some_and(|checks| checks.len() > 30));
    let ran = eval(runtime, &script)
        .set("guests.timeout=60s")
        .stdin("1\n1\n")
        .run()
        .expect(0);
    for line in ran.lines() {
        let seen: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(seen, expected);
    }
}

on_each_runtime!(integers_of_many_digits_go_every_way);
fn integers_of_many_digits_go_every_way(runtime: &str) {
    let digits = "7".repeat(10_000);
    let longer = "7".repeat(10_001);
    for script in [
        "root = this",
        "import collections\nroot = [collections.Counter(a=this)]",
        "root = str(this)",
        "emit(this)",
    ] {
        let ran = eval(runtime, script)
            .stdin(format!("{digits}\n"))
            .run()
            .expect(0);
        assert!(ran.text().contains(&digits), "{script}");
    }
    // A document with a lone surrogate is read by Python's own json.
    let ran = eval(runtime, "root = this")
        .stdin(format!("[\"\\ud800\", {digits}]\n"))
        .run()
        .expect(0);
    assert!(ran.text().contains(&digits));
    let input = format!("[\"\\ud800\", {longer}]\n{longer}\n5\n");
    let ran = eval(runtime, "root = this").stdin(input).run().expect(1);
    assert_eq!(ran.lines(), ["5"]);
    for letter in ran.dead_letters() {
        assert_eq!(letter["error"]["type"], "TooBig");
    }
}

on_each_runtime!(deep_documents_beside_lone_surrogates_fail_alone_if_at_all);
/// Checks that deep documents with lone surrogates, which Python's own json reads, fail alone: one runtime's json stops
/// at fewer levels than the host.
fn deep_documents_beside_lone_surrogates_fail_alone_if_at_all(runtime: &str) {
    let deep = |levels: usize| format!("{}\"\\ud800\"{}\n", "[".repeat(levels), "]".repeat(levels));
    let ran = eval(runtime, "root = this")
        .stdin(deep(300) + &deep(900) + "5\n")
        .run();
    assert_eq!(ran.lines().first(), Some(&deep(300).trim_end()));
    assert_eq!(ran.lines().last(), Some(&"5"));
    for letter in ran.dead_letters() {
        assert_eq!(letter["error"]["type"], "RecursionError");
        assert_eq!(letter["error"]["attempts"], 1, "no guest died");
    }
}
