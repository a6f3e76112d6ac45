//! Whether the host sends whole documents or only what a script can touch makes no difference to anything but the time.
//!
//! Scripts use `this` in the ways that the guest proves, and in ways near them; documents are of many kinds. Several
//! scripts are one, of which each document chooses a branch, because starting the program takes longer than they do.

use std::fmt::Write as _;
use std::thread;

use serde_json::Value;
use support::{Ran, eval};

const RUNTIME: &str = "cpython-3.14";
/// Scripts that use `this` in proved ways only, in groups; and scripts of all kinds, each alone.
const GROUPS: usize = 24;
const BRANCHES: usize = 10;
const ALONE: usize = 60;
/// Documents for each script.
const DOCUMENTS: usize = 40;

/// Keys of documents; scripts name some of them, and some that no document has.
const KEYS: [&str; 12] = [
    "a", "b", "c", "id", "n", "items", "user", "k\u{e9}", "q\\\"", "", "x y", "zz",
];

/// Source of choices: the same ones for the same seed.
struct Choices(u64);

impl Choices {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// Maker of scripts.
struct Scripts<'c> {
    choices: &'c mut Choices,
    /// Whether `this` is used in ways that are not proved, too.
    near: bool,
    /// Whether the document is the result, so that `root` is watched.
    refers: bool,
}

impl Scripts<'_> {
    fn key(&mut self) -> String {
        let key = self
            .choices
            .pick(&[KEYS.as_slice(), &["new", "new2"]].concat());
        format!("\"{key}\"")
    }

    fn watched(&mut self) -> &'static str {
        if self.refers && self.choices.one_in(2) {
            "root"
        } else {
            "this"
        }
    }

    fn expression(&mut self, depth: usize) -> String {
        if depth == 0 || self.choices.one_in(4) {
            let constants = [
                "None",
                "True",
                "0",
                "-7",
                "1.50",
                "'t\u{e9}xt'",
                "2**31",
                "-2**63",
                "[]",
                "{}",
                "'\\ud800'",
                "(1, 2)",
                "-0.0",
                "10**30",
            ];
            let (key, watched) = (self.key(), self.watched());
            return match self.choices.below(8) {
                0..=2 => format!("{watched}.get({key})"),
                3 => format!("{watched}[{key}]"),
                4 => format!("({key} in {watched})"),
                _ => self.choices.pick(&constants).to_owned(),
            };
        }
        let (a, b) = (self.expression(depth - 1), self.expression(depth - 1));
        let (key, watched) = (self.key(), self.watched());
        match self.choices.below(if self.near { 18 } else { 13 }) {
            0 => format!("[{a}, {b}]"),
            1 => format!("{{'x': {a}, 1: {b}}}"),
            2 => format!("len({a})"),
            3 => format!("str({a})"),
            4 => format!("({a} or {b})"),
            5 => format!("({a} + {b})"),
            6 => format!("[each for each in {a}]"),
            7 => format!("{watched}.get({key}, {a})"),
            8 => format!("({a} if {b} else {a})"),
            9 => format!("f\"{{{watched}.get({key})}}\""),
            10 => format!("({key} not in {watched})"),
            11 => format!("[{a}] * 3"),
            12 => format!("sorted({a})"),
            13 => "len(this)".to_owned(),
            14 => "[*this]".to_owned(),
            15 => format!("dict(this, x={a})"),
            16 => format!("this[str({a})]"),
            _ => "list(this.items())".to_owned(),
        }
    }

    fn document(&mut self) -> String {
        if self.choices.one_in(2) {
            return "this".to_owned();
        }
        let members: Vec<String> = (0..self.choices.below(4))
            .map(|_| format!(", {}: {}", self.key(), self.expression(2)))
            .collect();
        format!("{{**this{}}}", members.concat())
    }

    fn result(&mut self) -> String {
        let document = self.document();
        let (test, other) = (self.expression(1), self.expression(2));
        let (key, another) = (self.key(), self.document());
        match self.choices.below(if self.near { 10 } else { 6 }) {
            0..=2 => document,
            3 => format!("{document} if {test} else None"),
            4 => format!("{document} if {key} in this else {another}"),
            5 => format!("{{'only': {other}}} if {test} else {document}"),
            6 => format!("[{document}, {another}]"),
            7 => format!("{document} or {another}"),
            8 => format!("dict({document})"),
            _ => format!("{{{key}: {other}, **{another}}}"),
        }
    }

    fn statement(&mut self, indent: usize, lines: &mut String) {
        let (key, value) = (self.key(), self.expression(2));
        let watched = self.watched();
        let kinds = if self.near { 17 } else { 11 };
        let line = match self.choices.below(kinds) {
            0..=2 => format!("{watched}[{key}] = {value}"),
            3 => format!("{watched}[{key}] += {value}"),
            4 => format!("{watched}[{key}]['inner'] = {value}"),
            5 => format!("{watched}.get({key}, []).append({value})"),
            6 => format!("for {watched}[{key}] in {value}: pass"),
            7 => format!(
                "shared = {value}; {watched}[{key}] = [shared, shared]; {watched}['n'] = shared"
            ),
            8 if self.refers => format!("root = {}", self.result()),
            9 if indent < 8 => {
                let test = self.expression(1);
                writeln!(lines, "{:indent$}if {test}:", "").unwrap();
                self.statement(indent + 4, lines);
                return;
            }
            10 if indent < 8 => {
                writeln!(lines, "{:indent$}try:", "").unwrap();
                self.statement(indent + 4, lines);
                self.statement(indent + 4, lines);
                format!(
                    "except Exception as error:\n{:indent$}    caught = repr(error)",
                    ""
                )
            }
            11 => "this.pop('a', None)".to_owned(),
            12 => format!("kept = this; kept[{key}] = {value}"),
            13 => format!("this.update(x={value})"),
            14 => format!(
                "for each in this: last = each\n{:indent$}del this[{key}]",
                ""
            ),
            15 => format!("given = (lambda document: document.get({key}))(this)"),
            16 => format!(
                "def of(document): document[{key}] = 5\n{:indent$}of(this)",
                ""
            ),
            _ => format!("value = {value}"),
        };
        writeln!(lines, "{:indent$}{line}", "").unwrap();
    }

    fn script(&mut self, indent: usize) -> String {
        let mut lines = String::new();
        self.refers = false;
        for _ in 0..self.choices.below(3) {
            self.statement(indent, &mut lines);
        }
        if self.choices.one_in(4) {
            let value = self.expression(3);
            writeln!(lines, "{:indent$}root = {value}", "").unwrap();
        } else {
            let result = self.result();
            writeln!(lines, "{:indent$}root = {result}", "").unwrap();
            self.refers = true;
            for _ in 0..self.choices.below(4) {
                self.statement(indent, &mut lines);
            }
        }
        lines
    }
}

/// Returns JSON, mostly.
fn value(choices: &mut Choices, depth: usize) -> String {
    if depth == 0 || choices.one_in(3) {
        return choices
            .pick(&[
                "null",
                "true",
                "false",
                "0",
                "-0",
                "1",
                "12345678901234567890",
                "-2147483648",
                "1.50",
                "1E5",
                "-0.0",
                "1e-7",
                "\"\"",
                "\"text\"",
                "\"\\u00e9\\/\\n\"",
                "\"\u{e9}\u{1f600}\"",
                "\"\\ud83d\\ude00\"",
                "[]",
                "{ }",
                "[ 1 , 2 ]",
                "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"",
            ])
            .to_owned();
    }
    let count = choices.below(4);
    let items: Vec<String> = (0..count).map(|_| value(choices, depth - 1)).collect();
    if choices.one_in(2) {
        return format!("[{}]", items.join(", "));
    }
    let keys = ["k", "inner", "l", "k"];
    let members: Vec<_> = keys
        .iter()
        .zip(items)
        .map(|(key, item)| format!("\"{key}\":{item}"))
        .collect();
    format!("{{{}}}", members.join(" ,"))
}

/// Returns a value that is rare: JSON that the host does not copy, or none.
fn odd(choices: &mut Choices) -> String {
    let long = format!("-{}", "7".repeat(choices.pick(&[400, 4001, 10_001])));
    let levels = choices.pick(&[99, 100, 101, 300, 899, 900]);
    let nested = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    match choices.below(12) {
        0 => long,
        1 => nested,
        2 => "\"\\ud800\"".to_owned(),
        3 => "{\"\\udc00\":1}".to_owned(),
        4 => "1e999".to_owned(),
        5 => "{\"k\":1,\"k\":2}".to_owned(),
        6 => "{\"\\u006b\":1}".to_owned(),
        7 => "NaN".to_owned(),
        8 => "[1,]".to_owned(),
        9 => "01".to_owned(),
        10 => "\"\t\"".to_owned(),
        _ => format!("\"{}\"", "x".repeat(20_000)),
    }
}

/// Returns one line of input, whose member `case` is `case` if it is an object.
fn document(choices: &mut Choices, case: usize) -> String {
    if choices.one_in(25) {
        let values = [
            "5",
            "\"text\"",
            "[{\"a\":1}]",
            "null",
            "",
            "no JSON",
            "{\"a\":1",
            "\u{feff}{\"a\":1}",
            "{} {}",
        ];
        return choices.pick(&values).to_owned();
    }
    let mut members = Vec::new();
    for key in KEYS {
        if !choices.one_in(3) {
            members.push(format!("\"{key}\" : {}", value(choices, 3)));
        }
    }
    for number in 0..choices.below(6) {
        members.push(format!("\"other{number}\":{}", value(choices, 2)));
    }
    members.push(format!("\"case\":{case}"));
    // The order of members, equal keys, keys with escapes, and odd values.
    let turn = choices.below(members.len());
    members.rotate_left(turn);
    if choices.one_in(8) {
        let key = choices.pick(&KEYS);
        members.push(format!("\"{key}\":{}", value(choices, 1)));
    }
    if choices.one_in(12) {
        members.push("\"\\u0061\":\"escaped\"".to_owned());
    }
    if choices.one_in(6) {
        let key = choices.pick(&["odd", "a", "n"]);
        members.insert(
            choices.below(members.len()),
            format!("\"{key}\":{}", odd(choices)),
        );
    }
    if choices.one_in(60) {
        members.extend((0..3000).map(|number| format!("\"many{number}\":{number}")));
    }
    let end = if choices.one_in(60) { " x" } else { "" };
    format!("{{{}}}{end}", members.join(","))
}

fn run(script: &str, input: &str, projection: &str) -> Ran {
    eval(RUNTIME, script)
        .set("logger.level=warn")
        .set("pipeline.threads=1")
        .set(format!("guests.projection={projection}"))
        .stdin(input)
        .run()
}

/// Fails if the script gives anything else for these documents when they are sent in part. Returns how many of them
/// had a result.
fn compared(script: &str, documents: &[String]) -> usize {
    let input = documents.join("\n") + "\n";
    let (parts, wholes) = (run(script, &input, "auto"), run(script, &input, "off"));
    let letters = |ran: &Ran| -> Vec<Value> {
        let mut letters = ran.dead_letters();
        for letter in &mut letters {
            letter["payload"] = Value::Null;
        }
        letters
    };
    let (seen, expected) = (letters(&parts), letters(&wholes));
    for (seen, expected) in seen.iter().zip(&expected) {
        let offset = expected["offset"].as_u64().expect("a number") as usize;
        assert_eq!(seen, expected, "{script}\nfor {}", documents[offset]);
    }
    assert_eq!(seen.len(), expected.len(), "{script}");
    for (seen, expected) in parts.lines().iter().zip(wholes.lines()) {
        assert_eq!(*seen, expected, "{script}");
    }
    assert_eq!(parts.stdout, wholes.stdout, "{script}");
    assert_eq!(parts.code, wholes.code, "{script}");
    wholes.lines().len()
}

/// Returns script number `number` of a seed, with its documents.
fn made(seed: u64, number: usize) -> (String, Vec<String>) {
    let mut choices = Choices((seed << 32) + number as u64);
    let branches = if number < GROUPS { BRANCHES } else { 1 };
    let near = number >= GROUPS && number.is_multiple_of(2);
    let mut script = String::new();
    for branch in 0..branches {
        let mut scripts = Scripts {
            choices: &mut choices,
            near,
            refers: false,
        };
        if branches == 1 {
            script = scripts.script(0);
        } else {
            let word = if branch == 0 { "if" } else { "elif" };
            let body = scripts.script(4);
            write!(script, "{word} this.get('case') == {branch}:\n{body}").unwrap();
        }
    }
    let documents = (0..branches * DOCUMENTS)
        .map(|index| document(&mut choices, index % branches))
        .collect();
    (script, documents)
}

#[test]
fn generated_scripts_have_the_same_results_for_parts_of_documents() {
    let seed: u64 = std::env::var("NERODIA_FUZZ_SEED").map_or(1, |seed| {
        seed.parse().expect("NERODIA_FUZZ_SEED is a number")
    });
    println!("NERODIA_FUZZ_SEED={seed}");
    let results: usize = thread::scope(|scope| {
        let part = |start: usize| {
            let numbers = (start..GROUPS + ALONE).step_by(2);
            let compare = |number| {
                let (script, documents) = made(seed, number);
                if let Some(folder) = std::env::var_os("NERODIA_FUZZ_SCRIPTS") {
                    // To see how many of them are proved: runtime/entrypoint/projection.py.
                    let file = std::path::Path::new(&folder).join(format!("{number}.py"));
                    std::fs::write(file, &script).expect("written");
                }
                compared(&script, &documents)
            };
            scope.spawn(move || numbers.map(compare).sum::<usize>())
        };
        [part(0), part(1)]
            .map(|part| part.join().expect("equal results"))
            .iter()
            .sum()
    });
    let documents = (GROUPS * BRANCHES + ALONE) * DOCUMENTS;
    println!("{results} results of {documents} documents");
    // If most documents failed, little would have been compared.
    assert!(results > documents / 8, "{results} of {documents}");
}

#[test]
fn a_script_that_needs_whole_documents_often_still_gets_each_right() {
    let documents: Vec<String> = (0..200)
        .map(|n| format!("{{\"a\":{n},\"z\":{{\"k\":1,\"k\":{n}}}}}"))
        .collect();
    assert_eq!(
        compared("root = this\nroot['b'] = this['a']", &documents),
        200
    );
    // Questions of the guest: what it cannot write as a patch.
    assert_eq!(
        compared("root = this\nroot['b'] = '\\ud800'", &documents),
        200
    );
    let deep = "made = []\nfor _ in range(300): made = [made]\nroot = {**this, 'b': made}";
    assert_eq!(compared(deep, &documents), 200);
}

#[test]
fn members_are_set_where_python_sets_them() {
    let documents = [
        r#"{"a":1,"b":[1.50],"c":"x"}"#,
        r#"{"c":{"d":1},"a":null}"#,
        "{}",
        r#"{"b":[],"z":1}"#,
        "5",
    ]
    .map(str::to_owned);
    for script in [
        "root = this\nroot['n'] = 1\nroot['c'] = 2\nroot['a'] = 3",
        "root = {**this, 'c': 1, 'n': 2, 'a': 3}",
        "this['n'] = 1\nroot = {**this, 'm': 2}\nthis['n'] = 3\nroot['m'] = [root['n'], this['n']]",
        "root = {**this, 'a': 1}\nroot = {**this, 'b': 2}",
        "root = {**this}\nroot = this",
        "this.get('b', []).append(this.get('a'))\nroot = this",
        "root = this\nroot['c']['d'] = root['c']",
        "root = this\nroot['a'] = root['b'] = root['c'] = []\nroot['b'].append(1)",
        "root = None\nif 'a' in this: root = this",
        "root = this\nroot = {'a': this.get('a')}",
    ] {
        compared(script, &documents);
    }
}

#[test]
fn failures_have_the_same_places_and_texts() {
    let documents = [
        r#"{"a":1,"z":2}"#,
        r#"{"b":{}}"#,
        "[]",
        r#"{"a":"x"}"#,
        r#"{"z":1e999,"a":1}"#,
    ]
    .map(str::to_owned);
    for script in [
        "root = this\nroot['n'] = float('nan')\nroot['a'] = b'x'",
        "root = {**this,\n  'n': this['a'] + 1,\n  'm': 5}",
        "root = this\n\nroot['n'] = this['b']['c']",
        "def of(given):\n    return given['c']\nroot = {**this, 'n': of(this['b'])}",
        "try:\n    root = {**this, 'n': this['b']}\nexcept KeyError as error:\n    raise ValueError(this['z']) from error",
        "root = this\nroot['n'] = {1, 2}",
        "root = this\nroot['n'] = b'x'",
        "root = this\nroot['n'] = 10**10000",
        "root = this\nroot['n'] = []\nroot['n'].append(root['n'])",
        "root = this\nraise SystemExit(3)",
        "root = this\nroot['n'] = (lambda f: f(f))(lambda f: f(f))",
    ] {
        compared(script, &documents);
    }
}

#[test]
fn a_document_that_becomes_too_large_fails_alike() {
    let long = |length: usize| format!("{{\"a\":1,\"z\":\"{}\"}}", "y".repeat(length));
    let documents = [long(10), long(7 << 20), long(10)];
    let script = "root = this\nroot['n'] = 'x' * (2 << 20)";
    assert_eq!(compared(script, &documents), 2);
}
