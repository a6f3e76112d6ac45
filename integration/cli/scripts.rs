//! Meaning of a script: its names, its outputs, several outputs in a row.

use support::{Nerodia, eval, on_each_runtime, pipeline};

/// Checks the results of `script` for `input`.
#[track_caller]
fn gives(runtime: &str, script: &str, input: &str, expected: &[&str]) {
    let ran = eval(runtime, script).stdin(input).run().expect(0);
    assert_eq!(ran.lines(), expected, "{script}");
}

on_each_runtime!(an_answer_may_use_what_the_script_defined);
/// Checks that what a script defines exists while its answer is being written.
fn an_answer_may_use_what_the_script_defined(runtime: &str) {
    let script = "PREFIX = 'no: '\nclass No(Exception):\n    def __str__(self): return PREFIX + 'never'\nraise No";
    let ran = eval(runtime, script).stdin("1\n").run().expect(1);
    assert_eq!(ran.dead_letters()[0]["error"]["message"], "no: never");
    gives(
        runtime,
        "def pairs(d): return [('a', 1)]\nclass D(dict):\n    def items(self): return pairs(self)\nroot = D(x=0)",
        "1\n",
        &["{\"a\":1}"],
    );
}

on_each_runtime!(to_look_at_root_does_not_make_a_result);
/// `root` is None at the start of a script that only looks at it, and an empty object where parts of it are set; as a
/// function, and with a class, as a module.
fn to_look_at_root_does_not_make_a_result(runtime: &str) {
    for class in ["", "class A: pass\n"] {
        for (script, expected) in [
            ("emit(this); print('root is', root)", &[r#"{"a":1}"#][..]),
            ("if root is None: emit('none')", &["\"none\""]),
            ("print(f'{root}', repr(root)); assert root is None", &[]),
            ("if not root: emit(2)\nroot", &["2"]),
            ("print(root); root['b'] = this['a']", &[r#"{"b":1}"#]),
            ("root.update(this)", &[r#"{"a":1}"#]),
            ("part = root\npart['c'] = 3", &[r#"{"c":3}"#]),
            ("def fill(part): part['d'] = 4\nfill(root)", &[r#"{"d":4}"#]),
            ("if this['a'] > 1: root['e'] = 5", &["{}"]),
            // What None does not do, or does otherwise, an empty object did before.
            ("if 'a' not in root: emit(this)", &[r#"{"a":1}"#, "{}"]),
            ("if len(root) == 0 and root == {}: emit(1)", &["1", "{}"]),
            ("emit(str(root))", &["\"{}\"", "{}"]),
        ] {
            gives(
                runtime,
                &format!("{class}{script}"),
                "{\"a\": 1}\n",
                expected,
            );
        }
    }
}

on_each_runtime!(a_message_does_not_stay_in_a_circle);
/// Functions and classes make circles with their namespace, recursive functions with their own variable, and stored
/// exceptions with their frame. Checks that a large message does not stay in memory through such a circle.
fn a_message_does_not_stay_in_a_circle(runtime: &str) {
    let scripts = [
        "def f(): return this\nclass A: pass\nroot = len(f())",
        "def walk(v): return sum(map(walk, v)) if isinstance(v, list) else len(v)\nroot = walk([this])",
        "try: this[-1]['a']\nexcept TypeError as e: error = e\nroot = len(this)",
    ];
    for script in scripts {
        let input = format!("\"{}\"\n", "x".repeat(1_000_000)).repeat(400);
        let ran = eval(runtime, script)
            .set("guests.memory=96MiB")
            .set("pipeline.threads=1")
            .stdin(input)
            .run()
            .expect(0);
        assert_eq!(ran.lines().len(), 400, "{script}");
        let summary = &ran.logged("pipeline ended")[0];
        assert_eq!(
            (&summary["guest_deaths"], &summary["guest_starts"]),
            (&0.into(), &1.into()),
            "{script}"
        );
    }
}

on_each_runtime!(long_chains_run);
/// Checks that tables of cases and long sums run: they are deep trees, too deep to be analysed.
fn long_chains_run(runtime: &str) {
    // The compiler of Python 3.12 runs on a C stack that some hundred of them use up.
    let long = if runtime == "cpython-3.12" { 90 } else { 400 };
    let elifs: String = (0..long)
        .map(|i| format!("elif this == {i}: root = {i}\n"))
        .collect();
    let last = format!("{}", long - 1);
    for (script, input, expected) in [
        (format!("if this == -1: pass\n{elifs}"), &*last, &*last),
        (
            format!("root = this{}", " + 1".repeat(long)),
            "0",
            &long.to_string(),
        ),
        (
            format!("root = this{}", ".replace('a', 'b')".repeat(long)),
            "\"a\"",
            "\"b\"",
        ),
    ] {
        let ran = eval(runtime, &script)
            .stdin(format!("{input}\n"))
            .run()
            .expect(0);
        assert_eq!(ran.lines(), [expected], "{script}");
    }
    // The line is the script's own, in both ways of compiling it.
    let script = format!("if this == -1: pass\n{elifs}root = this['a']");
    let ran = eval(runtime, &script).stdin("-1\n").run().expect(1);
    let at = ran.dead_letters()[0]["error"]["at"].to_string();
    assert!(at.contains(&format!(":{}", long + 2)), "{at}");
}

on_each_runtime!(results_nested_too_deep_fail_alike);
/// Checks that every result that is written can be read again.
fn results_nested_too_deep_fail_alike(runtime: &str) {
    let nested = "root = Own()\nfor _ in range(this - 1): root = [root]";
    // In Python 3.12 `json` itself ends at some three hundred levels, so it writes nothing that a reader refuses.
    let owns: &[&str] = match runtime {
        "cpython-3.12" => &["Own = dict"],
        _ => &["Own = dict", "class Own(dict): pass"],
    };
    for own in owns {
        let ran = eval(runtime, &format!("{own}\n{nested}"))
            .stdin("900\n901\n940\n")
            .run()
            .expect(1);
        assert_eq!(ran.lines().len(), 1, "{own}");
        let letters = ran.dead_letters();
        let kinds: Vec<_> = letters
            .iter()
            .map(|letter| &letter["error"]["type"])
            .collect();
        assert_eq!(kinds, ["RecursionError", "RecursionError"], "{own}");
    }
}

on_each_runtime!(emit_sends_several_messages);
fn emit_sends_several_messages(runtime: &str) {
    gives(
        runtime,
        "for x in this: emit(x)",
        "[1, 2]\n[]\n[3]\n",
        &["1", "2", "3"],
    );
    gives(
        runtime,
        "emit(this)\nroot = 'root'",
        "5\n",
        &["5", "\"root\""],
    );
    gives(
        runtime,
        "emit(None)\nemit(null)\nemit(b'raw')",
        "5\n",
        &["null", "raw"],
    );
    // What is emitted is the value at that moment.
    gives(
        runtime,
        "a = [1]\nemit(a)\na.append(2)\nemit(a)",
        "5\n",
        &["[1]", "[1,2]"],
    );
}

on_each_runtime!(what_fails_after_an_emit_leaves_nothing);
fn what_fails_after_an_emit_leaves_nothing(runtime: &str) {
    let ran = eval(runtime, "emit(1)\nemit(1 / this)")
        .stdin("0\n2\n")
        .run()
        .expect(1);
    assert_eq!(ran.lines(), ["1", "0.5"]);
    assert_eq!(ran.dead_letters()[0]["offset"], 0);
}

on_each_runtime!(meta_tells_where_a_message_came_from_and_takes_what_is_of_its_kind);
fn meta_tells_where_a_message_came_from_and_takes_what_is_of_its_kind(runtime: &str) {
    gives(
        runtime,
        "root = meta",
        "5\n",
        &[
            r#"{"key":null,"topic":null,"partition":0,"offset":0,"timestamp":null,"headers":{},"tombstone":false}"#,
        ],
    );
    // Line outputs do not write it, but it must be valid, for every kind of text.
    gives(
        runtime,
        "import enum\nclass T(enum.StrEnum):\n    A = 'a'\nmeta['topic'] = T.A\nmeta['key'] = T.A\nmeta['headers'] = {'h': [T.A, b'x', None]}\nmeta['timestamp'] = 1.5\nroot = 1",
        "5\n",
        &["1"],
    );
    for (script, kind) in [
        ("meta['timestamp'] = 10**30\nroot = 1", "ValueError"),
        ("meta['timestamp'] = 'now'\nroot = 1", "TypeError"),
        ("meta['key'] = 5\nroot = 1", "TypeError"),
        ("meta['topic'] = b'x'\nroot = 1", "TypeError"),
        ("meta['topic'] = '\\ud800'\nroot = 1", "UnicodeEncodeError"),
        ("meta['headers'] = 5\nroot = 1", "TypeError"),
        ("emit(1, headers={'a': 5})", "TypeError"),
    ] {
        let ran = eval(runtime, script).stdin("5\n").run().expect(1);
        let letters = ran.dead_letters();
        assert_eq!(letters[0]["error"]["type"], kind, "{script}");
        assert_eq!(letters[0]["error"]["attempts"], 1, "no guest died");
    }
}

/// Runs `scripts` one after the other.
fn stages(runtime: &str, scripts: &[&str]) -> Nerodia {
    let stage = |script: &&str| serde_json::json!({"python": {"script": script}});
    let processors: Vec<_> = scripts.iter().map(stage).collect();
    let config = serde_json::json!({
        "pipeline": {"processors": processors},
        "guests": {"runtime": runtime},
    });
    // JSON is YAML.
    pipeline(&config.to_string())
}

on_each_runtime!(several_processors_in_a_row);
fn several_processors_in_a_row(runtime: &str) {
    let cases: [(&[&str], &str, &[&str]); 9] = [
        (
            &["root = this + 1", "root = this * 2"],
            "1\n2\n",
            &["4", "6"],
        ),
        (
            &["root = this if this > 1 else None", "root = this"],
            "1\n2\n",
            &["2"],
        ),
        (&["root = null", "root = this is None"], "1\n", &["true"]),
        (
            &["root = {'a': [null]}", "root = this['a'][0] is None"],
            "1\n",
            &["true"],
        ),
        (
            &["for x in this: emit(x)", "emit(this)\nroot = -this"],
            "[1, 2]\n",
            &["1", "-1", "2", "-2"],
        ),
        (
            &["emit({'a': null})", "root = this['a'] is None"],
            "1\n",
            &["true"],
        ),
        (
            &[
                "meta['headers'] = None\nroot = this",
                "root = meta['headers']",
            ],
            "1\n",
            &["{}"],
        ),
        (
            &[
                "for x in this: emit(x)",
                "if this == 1: meta['headers']['h'] = 'set'\nroot = meta['headers']",
            ],
            "[1, 2]\n",
            &["{\"h\":\"set\"}", "{}"],
        ),
        (
            &[
                "emit(1, headers=[('a', b'1'), ('a', '2')], key='k')",
                "root = [meta['headers'], meta['key']]",
            ],
            "1\n",
            &["[{\"a\":[\"1\",\"2\"]},\"k\"]"],
        ),
    ];
    for (scripts, input, expected) in cases {
        let ran = stages(runtime, scripts).stdin(input).run().expect(0);
        assert_eq!(ran.lines(), expected, "{scripts:?}");
    }
}

on_each_runtime!(a_failure_names_the_stage_it_was_in_and_shows_its_line);
fn a_failure_names_the_stage_it_was_in_and_shows_its_line(runtime: &str) {
    let ran = stages(runtime, &["x = 1\nroot = this['a']", "root = this"])
        .stdin("{}\n")
        .run()
        .expect(1);
    let letters = ran.dead_letters();
    let traceback = letters[0]["error"]["traceback"].as_str().expect("text");
    assert!(traceback.contains("root = this['a']"), "{traceback}");
    assert!(!traceback.contains("entrypoint"), "{traceback}");
}

on_each_runtime!(later_guests_run_what_the_first_one_compiled);
fn later_guests_run_what_the_first_one_compiled(runtime: &str) {
    let function = "import os, json as j\nfrom math import sqrt\nif this == 'die': os._exit(3)\nroot = [j.dumps(this), sqrt(this)]";
    let module = "class Pair:\n    def __init__(self, value): self.value = value\nemit(Pair(this).value[0])\nroot = this[1]\nif root == 3: root = null[0]";
    let ran = stages(runtime, &[function, module])
        .set("logger.level=debug")
        .stdin("4\n9\n\"die\"\n4\n\"text\"\n9\n")
        .run()
        .expect(1);
    assert!(ran.logged("guest ready").len() > 1);
    for ready in ran.logged("scripts that run as functions") {
        assert_eq!(ready["functions"], "[true, false]");
    }
    assert_eq!(ran.lines(), [r#""4""#, "2.0", r#""4""#, "2.0"]);
    let letters = ran.dead_letters();
    let of = |field: &str| -> Vec<&str> {
        let errors = letters.iter().map(|letter| &letter["error"]);
        errors
            .map(|error| error[field].as_str().unwrap_or_default())
            .collect()
    };
    let types = ["TypeError", "Exit", "TypeError", "TypeError"];
    assert_eq!(of("type"), types);
    assert_eq!(of("at")[0], of("at")[3], "before the death and after it");
    assert_eq!(of("traceback")[0], of("traceback")[3]);
}

on_each_runtime!(huge_exceptions_are_cut);
fn huge_exceptions_are_cut(runtime: &str) {
    let script = "if this == 1: raise ValueError('x' * 50_000_000)\nif this == 2: raise type('E' * 4_000_000, (Exception,), {})()\nroot = this";
    let ran = eval(runtime, script).stdin("1\n2\n3\n").run().expect(1);
    assert_eq!(ran.lines(), ["3"]);
    let letters = ran.dead_letters();
    assert_eq!(letters.len(), 2);
    for letter in letters {
        assert!(letter.to_string().len() < 30_000);
        assert_eq!(letter["error"]["attempts"], 1, "no guest died");
    }
}

on_each_runtime!(tracebacks_are_pythons_own);
/// Checks that a script's failure has Python's own text, however often it fails at the same place.
fn tracebacks_are_pythons_own(runtime: &str) {
    let script = r#"
import traceback

class Own(ValueError):
    pass

class Odd(Exception):
    def __str__(self):
        raise RuntimeError

class Thing:
    def __init__(self, n):
        setattr(self, f"name{n}", n)

def plain(n): raise ValueError(f"number {n}")
def key(n): return sum({"a": 1}["b" * n] for _ in range(3))
def deep(n): return deep(n - 1) if n else 1 / 0
def deeper(n): return deep(n * 20)
def own(n): raise Own
def lines(n): raise ValueError("two\nlines " + str(n))
def cause(n):
    try:
        key(n)
    except KeyError as error:
        raise Own(n) from error
def context(n):
    try:
        key(n)
    except KeyError:
        raise ValueError(n)
def suppressed(n):
    try:
        key(n)
    except KeyError:
        raise ValueError(n) from None
def circle(n):
    one, other = ValueError(n), KeyError(n)
    one.__cause__, other.__cause__ = other, one
    raise one
def name(n):
    length = n
    return lenght
def names(n):
    if n % 2:
        sizes = 1
    return sizez
def attribute(n): return "abc".uper()
def thing(n): return Thing(n).nome1
def note(n):
    error = ValueError(n)
    error.add_note(f"note {n}")
    raise error
def group(n): raise ExceptionGroup("some", [ValueError(n), KeyError(n)])
def grouped(n):
    try:
        group(n)
    except ExceptionGroup:
        raise ValueError(n)
def syntax(n): compile(f"a b {n}", "x", "exec")
def imported(n): from json import lods
def odd(n): raise Odd
def inner(n): exec(compile("\n1/0", f"<{n % 2}>", "exec"))

WAYS = [plain, key, deep, deeper, own, lines, cause, context, suppressed, circle, name, names, attribute, thing, note,
        group, grouped, syntax, imported, odd, inner]
try:
    WAYS[this["way"]](this["n"])
except BaseException as error:
    if this["fails"]:
        raise
    every = traceback.TracebackException(type(error), error, error.__traceback__, limit=-20, compact=True)
    root = "".join(every.format())
"#;
    let ways = 21;
    let rounds = 5;
    let messages = |fails: bool| {
        let numbers = (0..rounds).flat_map(|n| (0..ways).map(move |way| (way, n)));
        let lines =
            numbers.map(|(way, n)| format!("{{\"way\":{way},\"n\":{n},\"fails\":{fails}}}\n"));
        lines.collect::<String>()
    };
    let told = eval(runtime, script).stdin(messages(false)).run().expect(0);
    let failed = eval(runtime, script).stdin(messages(true)).run().expect(1);
    let (told, letters) = (told.lines(), failed.dead_letters());
    assert_eq!((told.len(), letters.len()), (ways * rounds, ways * rounds));
    for (told, letter) in told.iter().zip(&letters) {
        let told: String = serde_json::from_str(told).expect("text");
        assert!(
            told.starts_with("Traceback") || told.contains("Error"),
            "{told}"
        );
        assert_eq!(letter["error"]["traceback"], told.as_str());
    }
}
