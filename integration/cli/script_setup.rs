//! Setup of a script: it runs once in each guest, its names are there for every message, and no message changes them.

use std::fs;

use support::{
    Nerodia, Ran, Running, Signal, eval, nerodia, on_each_runtime, pipeline, put, written,
};

mod commands;
mod errors;

/// Describes a run of a script with a setup.
fn with_setup(runtime: &str, setup: &str, script: &str) -> Nerodia {
    eval(runtime, script).arg("--setup").arg(setup)
}

/// Checks the results of a script with a setup for `input`. Returns what else was seen.
#[track_caller]
fn gives(runtime: &str, setup: &str, script: &str, input: &str, expected: &[&str]) -> Ran {
    let ran = with_setup(runtime, setup, script)
        .set("logger.level=debug")
        .set("pipeline.threads=1")
        .stdin(input)
        .run()
        .expect(0);
    assert_eq!(ran.lines(), expected, "{setup}\n--\n{script}");
    ran
}

fn is_function(ran: &Ran) -> bool {
    let logged = ran.logged("scripts that run as functions");
    logged.iter().any(|line| line["functions"] == "[true]")
}

/// A dataclass, an enum and a named tuple, and a script that uses them.
const CLASSES: &str = "\
from collections import namedtuple
from dataclasses import dataclass
from enum import Enum

class Status(Enum):
    NEW = 'new'
    PAID = 'paid'

Line = namedtuple('Line', ['sku', 'pieces'])

@dataclass(frozen=True)
class Order:
    __slots__ = ('number', 'status', 'lines')
    number: int
    status: Status
    lines: list

    def pieces(self):
        return sum(line.pieces for line in self.lines)

class Late(Order):
    def pieces(self):
        return -super().pieces()

";
const USES: &str = "\
kind = Late if this.get('late') else Order
order = kind(this['id'], Status(this['status']), [Line(*line) for line in this['lines']])
root = {'id': order.number, 'status': order.status.name, 'pieces': order.pieces(), 'lines': order.lines}
";
const ORDERS: &str = r#"{"id":1,"status":"new","lines":[["a",2],["b",3]]}
{"id":2,"status":"paid","lines":[],"late":true}
{"id":3,"status":"lost","lines":[]}
{"id":4,"status":"paid","late":true,"lines":[["a",7]]}
"#;

on_each_runtime!(classes_in_setup_give_the_same_as_in_the_script);
fn classes_in_setup_give_the_same_as_in_the_script(runtime: &str) {
    let seen = |ran: &Ran| {
        let letters = ran.dead_letters().into_iter();
        let errors = letters.map(|letter| letter["error"]["message"].clone());
        (ran.text().to_owned(), errors.collect::<Vec<_>>())
    };
    let run = |run: Nerodia| run.set("logger.level=debug").stdin(ORDERS).run().expect(1);
    let before = run(with_setup(runtime, CLASSES, USES));
    let within = run(eval(runtime, &format!("{CLASSES}{USES}")));
    assert_eq!(seen(&before), seen(&within));
    assert_eq!(before.lines().len(), 3);
    // Neither `class` nor `super` is in the script itself.
    assert!(is_function(&before), "{}", before.stderr);
    assert!(!is_function(&within), "{}", within.stderr);
}

on_each_runtime!(it_runs_once_and_prints_to_the_log);
fn it_runs_once_and_prints_to_the_log(runtime: &str) {
    let ran = gives(
        runtime,
        "import itertools\nprint('set up')\nmade = next(itertools.count(7))",
        "root = made",
        "1\n2\n3\n",
        &["7", "7", "7"],
    );
    let said = ran.logged("set up");
    assert_eq!(said.len(), 1);
    assert_eq!(said[0]["target"], "nerodia::script");
    // A guest that takes the place of another gets the compiled setup, and runs it.
    let script = "import os\nif this == 0: os._exit(1)\nroot = f(this)";
    let ran = with_setup(runtime, "print('set up')\ndef f(x): return x + 1", script)
        .set("pipeline.threads=1")
        .stdin("1\n0\n2\n")
        .run()
        .expect(1);
    assert_eq!(ran.text(), "2\n3\n");
    let starts = ran.logged("guest ready").len();
    assert!(starts > 1, "{}", ran.stderr);
    assert_eq!(ran.logged("set up").len(), starts);
}

on_each_runtime!(what_a_message_assigns_is_not_there_for_the_next);
/// Each script runs for several messages, as a function where it can be one and at top level, and says the same.
fn what_a_message_assigns_is_not_there_for_the_next(runtime: &str) {
    let setup = "\
n = 5
table = {'a': 1}
json = 'no module'
def total(values): return sum(values) + n
def sum(values): return 100 + len(values)
def which(): return json
note: int = 1
";
    for (script, answer, may_be_function) in [
        ("root = n", "5", true),
        ("n = n + 1\nroot = n", "6", false),
        ("if this < 0: n = 0\nroot = n", "5", false),
        ("n = this - this\nroot = [n, total([1])]", "[0,106]", true),
        ("del n\nroot = 'n' in globals()", "false", false),
        (
            "n += 1\ndel n\ntry: n\nexcept NameError: root = total([])",
            "105",
            false,
        ),
        ("for n in [1, 2]: pass\nroot = n", "2", false),
        (
            "try: 1 / 0\nexcept ZeroDivisionError as n: pass\nroot = total([])",
            "105",
            true,
        ),
        ("def f(): return n\nn = 9\nroot = f()", "9", false),
        ("root = sum([1, 2])", "102", true),
        ("root = [sum for sum in [sum([])]]", "[100]", false),
        (
            "import json\nroot = [json.dumps(1), which()]",
            r#"["1","no module"]"#,
            true,
        ),
        (
            "root = [json, which()]\nimport json",
            r#"["no module","no module"]"#,
            false,
        ),
        ("def total(x): return x\nroot = total(3)", "3", true),
        ("root = note\nother: str = 'x'", "1", false),
        ("root = table | {'b': 2}", r#"{"a":1,"b":2}"#, true),
    ] {
        for at_top_level in [false, true] {
            // `del` is allowed only at top level, and never runs here.
            let more = if at_top_level {
                "\nif 0:\n    del never"
            } else {
                ""
            };
            let script = format!("{script}{more}");
            let ran = gives(runtime, setup, &script, "1\n2\n3\n", &[answer; 3]);
            if !at_top_level && may_be_function {
                assert!(is_function(&ran), "{script}");
            }
        }
    }
}

on_each_runtime!(functions_of_setup_get_what_belongs_to_a_message_as_arguments);
fn functions_of_setup_get_what_belongs_to_a_message_as_arguments(runtime: &str) {
    let setup = "\
def both(this, emit): emit(this); emit(this)
def keyed(meta, root=None): return [meta['offset'], root]
class Holder:
    def __init__(self, this): self.this = this
    def twice(self): return [[this, this] for this in [self.this]]
";
    let script = "both(this, emit)\nroot = [keyed(meta, null), Holder(this).twice()]";
    let expected = ["3", "3", "[[0,null],[[3,3]]]"];
    gives(runtime, setup, script, "3\n", &expected);
    let ran = with_setup(
        runtime,
        "class A:\n    def f(self, this):\n        emit(this)\n        return lambda: (meta, this)\n\nx = [1, root]\n",
        "root = 1",
    )
    .run()
    .expect(2);
    for part in [
        "setup has no `emit`: it runs before the first message",
        "<setup>:3:9",
        "a function of `setup` gets it as an argument: `def name(emit): …`",
        "setup has no `meta`",
        "<setup>:4:25",
        "setup has no `root`",
        "<setup>:6:9",
    ] {
        assert!(ran.stderr.contains(part), "no {part:?} in:\n{}", ran.stderr);
    }
    assert!(!ran.stderr.contains("no `this`"), "{}", ran.stderr);
    for name in ["this", "root", "meta", "emit", "null", "tombstone"] {
        for setup in [
            format!("x = 1\nif x: {name} = 5"),
            format!("def {name}(): pass"),
            format!("import json as {name}"),
            format!("class {name}: pass"),
            format!("(y := 1, {name} := 2)"),
        ] {
            let ran = with_setup(runtime, &setup, "root = 1").run().expect(2);
            let part = format!("setup cannot define `{name}`");
            assert!(ran.stderr.contains(&part), "{setup}: {}", ran.stderr);
        }
    }
}

on_each_runtime!(a_table_with_null_goes_through_several_processors);
fn a_table_with_null_goes_through_several_processors(runtime: &str) {
    let config = format!(
        "\
guests: {{ runtime: {runtime} }}
pipeline:
  processors:
    - python:
        setup: |
          factor = 2
          table = {{'a': null}}
        script: |
          root = {{'was': this, 'now': this * factor, **table}}
    - python:
        setup: |
          factor = 'times'
          def shown(value): return [factor, value]
        script: |
          root = [*shown(this['now']), this['a'] is None]
    - python: {{ script: \"try: root = factor\\nexcept NameError: root = this\" }}
"
    );
    let ran = pipeline(&config).stdin("4\n").run().expect(0);
    assert_eq!(ran.lines(), [r#"["times",8,true]"#]);
    let made = "input: { generate: { setup: 'factor = 3', script: root = factor, count: 2, interval: 0s } }\n";
    let ran = pipeline(&format!("{config}{made}")).run().expect(0);
    assert_eq!(ran.lines(), [r#"["times",6,true]"#; 2]);
}

on_each_runtime!(parts_of_documents_are_for_scripts_with_setup_too);
/// Checks that reading a part of a document is the same with a setup, and that a document whose script may keep
/// something is not passed on by reference.
fn parts_of_documents_are_for_scripts_with_setup_too(runtime: &str) {
    let input = "{\"id\": 7, \"more\": [1, 2.50], \"id2\": 0}\n".repeat(5);
    for (setup, script, answer) in [
        (
            "def named(x): return {'n': x}",
            "root = named(this['id'])",
            r#"{"n":7}"#,
        ),
        (
            "rate = 2",
            "root = {**this, 'id2': this['id'] * rate}",
            r#"{"id":7,"more":[1,2.5],"id2":14}"#,
        ),
        // A document that is sent again would be counted twice.
        (
            "seen = []\ndef count(): seen.append(1); return len(seen) > 5",
            "root = this\nroot['new'] = count()",
            r#"{"id":7,"more":[1,2.5],"id2":0,"new":false}"#,
        ),
        // `get` and `in` of a message are Python's own, whatever the setup defines.
        (
            "def dict(*_): return 1\nget = 5",
            "root = [this.get('id', get), 'more' in this]",
            "[7,true]",
        ),
    ] {
        for projection in ["auto", "off"] {
            let ran = with_setup(runtime, setup, script)
                .set(format!("guests.projection={projection}"))
                .set("pipeline.threads=1")
                .stdin(&*input)
                .run()
                .expect(0);
            assert_eq!(ran.lines(), [answer; 5], "{script}");
        }
    }
}

on_each_runtime!(a_setup_that_reaches_the_interpreter_harms_no_message);
/// Checks that what a setup changes of the interpreter is the state to which it is restored.
fn a_setup_that_reaches_the_interpreter_harms_no_message(runtime: &str) {
    let setup = "\
import builtins, decimal, io, sys
decimal.getcontext().prec = 3
builtins.answer = 42
sys.stdout = sys.stderr = io.StringIO()
def change(): decimal.getcontext().prec = 5
def names(): return sorted(name for name in sys._getframe(1).f_globals if name in ('secret', 'answer', 'names'))
";
    let script = "root = [str(decimal.Decimal(1) / 3), answer, names()]\nchange()\nprint('told')";
    let expected = [r#"["0.333",42,["names"]]"#; 3];
    let ran = gives(runtime, setup, script, "1\n2\n3\n", &expected);
    assert_eq!(ran.logged("told").len(), 3);
    // A setup is code of its own: what it looks up with `globals` are its own names.
    let setup =
        "secret = 1\ndef own(): return sorted(name for name in globals() if name[0] != '_')";
    let expected = [r#"["null","own","secret","tombstone"]"#; 2];
    gives(runtime, setup, "x = 2\nroot = own()", "1\n2\n", &expected);
}
