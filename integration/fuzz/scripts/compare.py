"""Runs scripts as functions and at top level, in one guest, and reports differences.

The script of `integration/fuzz/scripts.py`; what is in generate.py stands before it. `this` is a seed, or the text of
a script; `root` becomes [seed, did it run as a function, None or how the two differ]. Scripts of odd seeds have a setup,
whose names are among those that scripts bind.
"""

import marshal
import re
import warnings

try:
    import entrypoint
except ImportError:
    import __main__ as entrypoint

warnings.simplefilter("ignore")  # of the compiler, on code that nobody would write
MESSAGES = [[1, 2], {"k": 5, "item": [1, 2], "x": "y"}, "ab", 3, [["k", 1], {"k": 2}]]
TOP_LEVEL = "\nif 0:\n    del never\n"  # no function has it, and it never runs
SETUP = """
x = [7]
row = 'r'
json = 'no module'
max = 3
def sum(*given): return len(given)
def g(*given): return [x, row, *given]
class item(str): pass
"""


def stage(text, setup):
    spec = {"name": "fuzz.py", "script": text, "imports": []}
    if setup:
        spec["setup"] = {"name": "setup.py", "script": setup}
    return entrypoint.Stage(0, spec, alone=True)


def outcome(stage, message):
    pipeline = entrypoint.Pipeline([stage], {})
    metas = [(None, None, 0, 0, None, [])] if stage.uses_meta else None
    request = entrypoint.Request(pipeline)
    request.begin(marshal.dumps((0, (message,), [], metas)), 1 << 24)
    (this,) = request.payloads
    pipeline.run(request)
    shown = repr((request.dropped, request.results, [*map(readable, request.extras)], this))
    stage.forget()
    if "RecursionError" in shown:
        return "RecursionError"  # at top level there is one frame more, so it comes elsewhere
    # Addresses, also letter by letter, and in a text inside another text.
    return re.sub(r"0x[0-9a-f]+|\\*'0\\*', \\*'x\\*'(, \\*'[0-9a-f]\\*')+", "0x…", shown)


def readable(extra):
    """Returns emitted data as values: the bytes of equal values may differ, depending on other references to them."""
    index, kind, *rest = extra
    if kind == "outputs":
        rest = [(marshal.loads(data) if form == 0 else data, chosen) for form, data, chosen in rest[0]]
    return index, kind, rest


def started(text, setup):
    """Returns a stage, or the error. Only a syntax error is the same in both, and does not matter here."""
    try:
        return stage(text, setup), None
    except entrypoint.CannotStart as error:
        kinds = {problem["type"] for problem in error.problems}
        return None, None if kinds <= {"SyntaxError", "IndentationError"} else repr(error)


def compared(text, setup=None):
    """Returns (did it run as a function, None or how the two differ)."""
    ours, problem = started(text, setup)
    if ours is None:
        return False, problem
    if not ours.is_function:
        return False, None
    top_level, problem = started(text + TOP_LEVEL, setup)
    if top_level is None:
        return True, problem or "at top level it cannot start"
    for message in MESSAGES:
        as_function, at_top_level = outcome(ours, message), outcome(top_level, message)
        if as_function != at_top_level:
            return True, f"for {message!r}\n  function:  {as_function}\n  top level: {at_top_level}"
    return True, None


if "this" in globals():  # in a guest
    text = this if isinstance(this, str) else script(this)
    setup = SETUP if isinstance(this, int) and this % 2 else None
    root = [this, *compared(text, setup)]
    if root[2] and not isinstance(this, str):
        root[2] = f"{text}\n{root[2]}"
