//! Tests that what one message leaves in its guest does not affect another, and kills no guest.

use support::{eval, on_each_runtime};

const MESSAGES: usize = 60;
const LEAVES: usize = 40;

/// Scripts that change the interpreter for one message, and show what all messages find.
const LEFTOVERS: &[(&str, &str)] = &[
    // Hooks that run in later code.
    (
        "import sys\ndef f(): return 1\nroot = f()\nif leaves: sys.settrace(lambda *a: 1 / 0)",
        "1",
    ),
    (
        "import sys\nif leaves: sys.settrace(lambda *a: sys.exit())\nroot = 1",
        "1",
    ),
    (
        "import sys\nhelper = 1\ndef hook(*_): helper\nif leaves: sys.setprofile(hook)\nroot = 1",
        "1",
    ),
    (
        "import sys\nif sys.monitoring.get_tool(3): raise ValueError('in use')\nif leaves: sys.monitoring.use_tool_id(3, 'mine')\nroot = 1",
        "1",
    ),
    (
        "import cProfile\nprofile = cProfile.Profile()\nprofile.enable()\nif not leaves: profile.disable()\nroot = 1",
        "1",
    ),
    // Limits.
    (
        "import sys\ndef f(n): return f(n - 1) if n else 0\nroot = f(150)\nif leaves: sys.setrecursionlimit(100)",
        "0",
    ),
    (
        "import sys\nroot = len(str(10 ** 2000))\nif leaves: sys.set_int_max_str_digits(700)",
        "2001",
    ),
    // Things on which all names and all arithmetic depend.
    (
        "import builtins\nroot = [len([1]), hasattr(builtins, 'more')]\nif leaves:\n    builtins.len = None\n    builtins.more = 1",
        "[1,false]",
    ),
    (
        "import builtins\nroot = len([1])\nif leaves: del builtins.len",
        "1",
    ),
    (
        "import decimal\nroot = str(decimal.Decimal(1) / 3)\nif leaves: decimal.getcontext().prec = 3",
        "\"0.3333333333333333333333333333\"",
    ),
    (
        "import decimal\nroot = str(decimal.Decimal('1e-7') + 1)\nif leaves: decimal.getcontext().traps[decimal.Inexact] = True",
        "\"1.0000001\"",
    ),
    (
        "import warnings\nwarnings.warn('deprecated')\nroot = 1\nif leaves: warnings.simplefilter('error')",
        "1",
    ),
    // Printing, and the stream for it.
    (
        "import sys\nprint('seen')\nroot = 1\nif leaves: sys.stderr.close()",
        "1",
    ),
    (
        "import sys\nsys.stdout.write('seen')\nroot = 1\nif leaves: sys.stderr = sys.stdout = None",
        "1",
    ),
];

on_each_runtime!(what_a_message_leaves_behind_decides_nothing_for_others);
fn what_a_message_leaves_behind_decides_nothing_for_others(runtime: &str) {
    let input: String = (0..MESSAGES).map(|i| format!("{i}\n")).collect();
    for (script, expected) in LEFTOVERS {
        let script = format!("leaves = this == {LEAVES}\n{script}");
        let ran = eval(runtime, &script)
            .set("pipeline.threads=1")
            .stdin(input.as_str())
            .run()
            .expect(0);
        assert_eq!(ran.lines(), vec![*expected; MESSAGES], "{script}");
        let summary = &ran.logged("pipeline ended")[0];
        assert_eq!(summary["guest_deaths"], 0, "{script}");
    }
}

on_each_runtime!(names_out_of_modules_are_those_of_now);
/// Checks that a function may copy a name out of a module once, as long as the name does not change. (Messages of one
/// request share their modules, so those before the one that changes it may be run again after it.)
fn names_out_of_modules_are_those_of_now(runtime: &str) {
    let script = "import colorsys\nfrom colorsys import ONE_SIXTH as x\nroot = x\nif this == 40: colorsys.ONE_SIXTH = 5";
    let input: String = (0..MESSAGES).map(|i| format!("{i}\n")).collect();
    let ran = eval(runtime, script)
        .set("pipeline.threads=1")
        .stdin(input.as_str())
        .run()
        .expect(0);
    let lines = ran.lines();
    assert_eq!(lines.len(), MESSAGES);
    assert!(lines[0].starts_with("0.1666"), "{lines:?}");
    assert_eq!(lines[LEAVES + 1..], vec!["5"; MESSAGES - LEAVES - 1]);
}
