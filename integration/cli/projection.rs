//! Whether the host sends whole documents or only what a script can touch makes no difference to anything but the time.
//!
//! Scripts use `this` in the ways that the guest proves, and in ways near them; documents are of many kinds. Several
//! scripts are one, of which each document chooses a branch, because starting the program takes longer than they do.

mod made;

use std::fmt::Write as _;
use std::thread;

use serde_json::Value;
use support::{Ran, Random, eval};

use made::{Scripts, document};

const RUNTIME: &str = "cpython-3.14";
/// Scripts that use `this` in proved ways only, in groups; and scripts of all kinds, each alone.
const GROUPS: usize = 24;
const BRANCHES: usize = 10;
const ALONE: usize = 60;
/// Documents for each script.
const DOCUMENTS: usize = 40;

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
    let mut choices = Random::new((seed << 32) + number as u64);
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
