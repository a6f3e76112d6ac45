//! A script cannot notice whether it runs as a function or at top level.

use support::{Ran, eval, on_each_runtime};

/// Scripts that might notice whether they run as a function or at top level; each runs for [`MESSAGES`].
const SCRIPTS: &[&str] = &[
    "root = this",
    "sum = sum(this)\nroot = sum",
    "root = [max for max in max([this, this])]\nmax = 3",
    "def f(sum=sum): return sum(this)\nsum = f()\nroot = sum",
    "f = lambda sum=sum: sum(this)\nroot = f()\nsum = 5",
    "import json as this\nroot = this.dumps(1)",
    "import json as root",
    "root = json.dumps(this)\nimport json",
    "import json\nroot = json.dumps(this)",
    "import builtins\nbuiltins.exec('root = 5')",
    "import builtins\ng = builtins.globals()\ng['n'] = g.get('n', 0) + 1\nroot = g['n']",
    "(lambda: 0).__globals__.setdefault('seen', []).append(1)\nroot = seen",
    "getattr(lambda: 0, '__globals__').setdefault('seen', []).append(1)\nroot = seen",
    "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    g = e.__traceback__.tb_frame.f_globals\n    g['n'] = g.get('n', 0) + 1\n    root = n",
    "import os\nroot = sorted(k for k in os.sys._getframe().f_locals if not k.startswith('_'))",
    "import sys\nroot = sorted(k for k in sys._getframe().f_globals if not k.startswith('_'))",
    "x = 1\nfor i in [1, 2]:\n    try:\n        1 / 0\n    except ZeroDivisionError as x:\n        pass\nroot = x",
    "for i in [1, 2]:\n    try:\n        root = e\n    except NameError as e:\n        root = type(e).__name__",
    "try:\n    e = 1\n    1 / 0\nexcept ZeroDivisionError as e:\n    pass\nroot = e",
    "root = 0 < 0 < (x := 5), x",
    "x = 1 if this else (y := 2)\nroot = y",
    "root = [(y := i) for i in this], y",
    "root = {0: max, (max := 1): 2}",
    "a = {}\na[(k := 1)] = k\nroot = a",
    "del this\nroot = this",
    "root = {}\nroot['a'] = 1\ndel root\nroot = 3",
    "class A:\n    x = this\n    y = [x for _ in range(2)]\nroot = A.y",
    "def f():\n    return g()\ndef g():\n    return this\nroot = f()",
    "def f(n): return 1 if n < 2 else n * f(n - 1)\nroot = f(10)",
    "def f(): return later\nlater = 3\nroot = f()",
    "def f(): return later\nroot = f()\nlater = 3",
    "def f():\n    nonlocal_ = 1\n    def g():\n        nonlocal nonlocal_\n        nonlocal_ += 1\n        return nonlocal_\n    return g()\nroot = f()",
    "def f():\n    global counter\n    counter = globals().get('counter', 0) + 1\n    return counter\nroot = f()",
    "root = f.__qualname__ if 'f' in dir() else None\ndef f(): pass",
    "def f(): pass\nroot = f.__qualname__, f.__module__, __name__",
    "x: int = 1\nroot = x, __annotations__",
    "if this: x = 1\nroot = x",
    "for x in []: pass\nroot = x",
    "while True:\n    y = 1\n    break\nroot = y",
    "with open as f: pass\nroot = f",
    "match this:\n    case [a, *rest]: root = [a, rest]\n    case {'k': v, **others}: root = [v, others]\n    case _: root = 'other'",
    "match this:\n    case [a] if a > 5: pass\nroot = a",
    "root['a'] = 1\nroot['b'] = root",
    "root.setdefault('a', []).append(this)",
    "root += 1",
    "root = (yield_ := this)",
    "import os.path\nroot = os.path.join('a', 'b')",
    "from math import *\nroot = floor(2.5)",
    "from math import floor as f, ceil\nroot = f(2.5), ceil(2.5)",
    "try:\n    import numpy\nexcept ImportError as error:\n    root = str(error)",
    "this.append(1)\nroot = this",
    "null = 1\nroot = null",
    "root = null",
    "root = [locals() is globals(), sorted(vars())[-1]]",
    "print = None\nroot = print",
    "root = [x for x in this if (lambda: x)()]",
    "fs = [lambda: i for i in range(3)]\nroot = [f() for f in fs]",
    "root = list(map(lambda v: v + offset, this))\noffset = 1",
    "raise ValueError('no')",
    "raise SystemExit(3)",
    "raise KeyboardInterrupt",
    "assert this == 1, this",
    "async def f(): return 1\nroot = 1",
    "import logging\nlogging.lastResort = None\nroot = logging.getLogger().findCaller()[2:]",
    // CPython's comprehensions inside functions (gh-121377, gh-156664).
    "item = 'x'\ndef names():\n    ids = [item for item in [1, 2]]\n    return [f'{item}-{i}' for i in ids]\nroot = names()",
    "row = {'a': 1, 'b': 2}\ndef total():\n    a = sum(row[k] for k in 'ab')\n    rows = [row for row in [this]]\n    return a\nroot = total()",
    "x = this\nroot = [[1 for x in [1, 2]] for y in [3] if (lambda: x)()]",
    // A name that only an inner scope binds.
    "def f():\n    ys = [max for max in [1]]\n    return max([1, 2])\nroot = f()\nmax = 3",
    "def f():\n    g = lambda sum: sum\n    return sum([1, 2])\nroot = f()\nsum = 3",
    "root = [max([1, x]) for x in [2] if [max for max in [1]]]\nmax = 3",
    "call = lambda f: f()\n@call\ndef max(): return max([1, 2])\nroot = max",
    // Read before it is bound, in Python's order of evaluation.
    "match 5:\n    case int(int): root = int",
    "assert 1, (max := 3)\nroot = max([1, 2])",
    "max += (max := 1)\nroot = max",
    "def ident(f): return lambda g: f\n@ident(max)\ndef f(a=(max := 5)): pass\nroot = f([1, 2])",
    "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    f = lambda: str(e)\nroot = f()",
    "if 0:\n    raise KeyError\n    global root\nroot = this",
    // Code that looks up a function's names among its globals.
    "import typing\nX = int\ndef f(a: 'X'): pass\nroot = str(typing.get_type_hints(f))",
    "X = int\ndef f(a: list['X']): pass\nimport functools\nroot = callable(functools.singledispatch(f).dispatch(int))",
    "this = 5\nroot = '{0.__globals__[this]}'.format(lambda: 0)",
    "import operator\nthis = 5\nroot = 'this' in operator.attrgetter('__globals__.keys')(lambda: 0)()",
    "def f[T](x: T): return x\nroot = f(this), f.__type_params__ != ()",
    // A module that the script changes before it imports a name from it.
    "import json\nfrom json import encoder\njson.encoder = 5\nroot = str(type(encoder)), json.encoder",
    "'A docstring.'\nfrom json import dumps\nroot = dumps(this)",
    "import json\njson.decoder = 5\nfrom json import decoder\nroot = str(decoder)",
    "from . import x\nroot = 1",
    "root = 1\nfrom .x import y",
];

/// Scripts as people write them. They must run as functions, because at top level they are slower.
const FUNCTIONS: &[&str] = &[
    "'''A docstring.'''\nimport math\nfrom json import dumps\nroot = dumps([math.floor(x) for x in this])",
    "def walk(value):\n    if isinstance(value, list): return [walk(item) for item in value]\n    return value\nroot = walk(this)",
    "def total(rows, rate=2): return sum(row * rate for row in rows)\nroot = {'total': total(this), 'count': len(this)}",
    "try:\n    n = int(this)\nexcept (TypeError, ValueError) as error:\n    root = str(error)\nelse:\n    root = n",
    "total = 0\nfor item in this:\n    if item > 1: total += item\n    else: continue\nroot = {'total': total}",
    "match this:\n    case {'k': int(k)}: root = k\n    case [first, *_]: root = first\n    case _: pass",
    "key = lambda pair: pair[1]\nroot = sorted(enumerate(this), key=key)",
    "if (n := len(this)) > 1: emit(n)\nroot = [x for x in this if x]",
];

const MESSAGES: &str = "[1, 2]\n[1, 2]\n{\"k\": 5, \"l\": 6}\n3\nnull\n";

/// Returns standard output, and each failure's type, message and place.
fn seen(ran: &Ran) -> (String, Vec<String>) {
    let error = |letter: &serde_json::Value| {
        let error = &letter["error"];
        format!("{} {} {}", error["type"], error["message"], error["at"])
    };
    (
        ran.text().to_owned(),
        ran.dead_letters().iter().map(error).collect(),
    )
}

on_each_runtime!(whether_it_runs_as_a_function_cannot_be_told);
fn whether_it_runs_as_a_function_cannot_be_told(runtime: &str) {
    let mut functions = 0;
    for script in SCRIPTS.iter().chain(FUNCTIONS) {
        // A statement that is allowed only at top level, and never runs.
        let at_top_level = format!("{script}\nif 0:\n    del never");
        let as_it_is = eval(runtime, script)
            .set("logger.level=debug")
            .stdin(MESSAGES)
            .run();
        let top_level = eval(runtime, &at_top_level).stdin(MESSAGES).run();
        assert_eq!(seen(&as_it_is), seen(&top_level), "{script}");
        assert_eq!(as_it_is.code, top_level.code, "{script}");
        let logged = as_it_is.logged("scripts that run as functions");
        let is_function = logged.iter().any(|line| line["functions"] == "[true]");
        assert!(is_function || !FUNCTIONS.contains(script), "{script}");
        functions += usize::from(is_function);
    }
    // If no script ran as a function, this test would show nothing.
    assert!(
        functions > SCRIPTS.len() / 4,
        "{functions} ran as functions"
    );
}

on_each_runtime!(no_message_sees_what_another_left);
fn no_message_sees_what_another_left(runtime: &str) {
    let leaks = [
        "root = 'x' in globals()\nx = 1",
        "try:\n    root = x\nexcept NameError:\n    root = False\nx = True",
        "def f(seen=[]):\n    seen.append(1)\n    return len(seen) > 1\nroot = f()",
        "class A: n = 0\nroot = A.n > 0\nA.n += 1",
        "import builtins\nroot = 'y' in dir()\ny = 1",
    ];
    for script in leaks {
        let ran = eval(runtime, script).stdin("1\n".repeat(5)).run().expect(0);
        assert_eq!(ran.text(), "false\n".repeat(5), "{script}");
    }
}
