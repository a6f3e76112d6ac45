//! Scripts and documents that are made at random.

use std::fmt::Write as _;

use support::Random;

/// Keys of documents; scripts name some of them, and some that no document has.
const KEYS: [&str; 12] = [
    "a", "b", "c", "id", "n", "items", "user", "k\u{e9}", "q\\\"", "", "x y", "zz",
];

/// Maker of scripts.
pub(super) struct Scripts<'c> {
    pub(super) choices: &'c mut Random,
    /// Whether `this` is used in ways that are not proved, too.
    pub(super) near: bool,
    /// Whether the document is the result, so that `root` is watched.
    pub(super) refers: bool,
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
            return match self.choices.index(8) {
                0..=2 => format!("{watched}.get({key})"),
                3 => format!("{watched}[{key}]"),
                4 => format!("({key} in {watched})"),
                _ => self.choices.pick(&constants).to_owned(),
            };
        }
        let (a, b) = (self.expression(depth - 1), self.expression(depth - 1));
        let (key, watched) = (self.key(), self.watched());
        match self.choices.index(if self.near { 18 } else { 13 }) {
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
        let members: Vec<String> = (0..self.choices.index(4))
            .map(|_| format!(", {}: {}", self.key(), self.expression(2)))
            .collect();
        format!("{{**this{}}}", members.concat())
    }

    fn result(&mut self) -> String {
        let document = self.document();
        let (test, other) = (self.expression(1), self.expression(2));
        let (key, another) = (self.key(), self.document());
        match self.choices.index(if self.near { 10 } else { 6 }) {
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
        let line = match self.choices.index(kinds) {
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

    pub(super) fn script(&mut self, indent: usize) -> String {
        let mut lines = String::new();
        self.refers = false;
        for _ in 0..self.choices.index(3) {
            self.statement(indent, &mut lines);
        }
        if self.choices.one_in(4) {
            let value = self.expression(3);
            writeln!(lines, "{:indent$}root = {value}", "").unwrap();
        } else {
            let result = self.result();
            writeln!(lines, "{:indent$}root = {result}", "").unwrap();
            self.refers = true;
            for _ in 0..self.choices.index(4) {
                self.statement(indent, &mut lines);
            }
        }
        lines
    }
}

/// Returns JSON, mostly.
fn value(choices: &mut Random, depth: usize) -> String {
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
    let count = choices.index(4);
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
fn odd(choices: &mut Random) -> String {
    let long = format!("-{}", "7".repeat(choices.pick(&[400, 4001, 10_001])));
    let levels = choices.pick(&[99, 100, 101, 300, 899, 900]);
    let nested = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    match choices.index(12) {
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
pub(super) fn document(choices: &mut Random, case: usize) -> String {
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
    for number in 0..choices.index(6) {
        members.push(format!("\"other{number}\":{}", value(choices, 2)));
    }
    members.push(format!("\"case\":{case}"));
    // The order of members, equal keys, keys with escapes, and odd values.
    let turn = choices.index(members.len());
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
            choices.index(members.len()),
            format!("\"{key}\":{}", odd(choices)),
        );
    }
    if choices.one_in(60) {
        members.extend((0..3000).map(|number| format!("\"many{number}\":{number}")));
    }
    let end = if choices.one_in(60) { " x" } else { "" };
    format!("{{{}}}{end}", members.join(","))
}
