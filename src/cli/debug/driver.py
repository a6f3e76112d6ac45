"""Runs the scripts of a pipeline in this Python, under its debugger. Started by `nerodia debug`.

Names and rules are those of a guest, as far as one sees them in a debugger: a fresh namespace for each message, `root`
that begins as None or {}, `emit`. There is no sandbox and no limit.
"""

import ast
import builtins
import importlib
import io
import json
import os
import pdb
import re
import sys


class Constant:
    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name


NULL, TOMBSTONE = Constant("null"), Constant("tombstone")


def compiled(part, folder):
    """Returns the syntax tree and the code of a script, with the lines of the file that it stands in."""
    tree = BESIDE.rename(ast.parse(part["text"], part["file"]), folder)
    ast.increment_lineno(tree, part["line"] - 1)
    return tree, compile(tree, part["file"], "exec")


class Stage:
    def __init__(self, spec):
        folder = spec["folder"]
        tree, self.code = compiled(spec, folder)
        self.fills_root = fills_root(tree)
        self.names = {"__builtins__": builtins, "__name__": "__main__", "null": NULL, "tombstone": TOMBSTONE}
        for name in spec["imports"]:
            found = BESIDE.resolved(name, folder)
            importlib.import_module(found)
            self.names[name.partition(".")[0]] = sys.modules[found.partition(".")[0]]
        if spec["setup"]:
            exec(compiled(spec["setup"], folder)[1], self.names)

    def run(self, debugger, this, meta):
        """Returns what leaves the stage."""
        left = []
        root = {} if self.fills_root else None

        def emit(value, **attributes):
            if value is not None:
                left.append(value)

        names = {**self.names, "this": this, "root": root, "meta": meta, "emit": emit}
        debugger.run(self.code, names, names)
        if names["root"] is not None:
            left.append(names["root"])
        return left


def value_of(line):
    """Returns `this` for a line."""
    if not line:
        return None
    try:
        return json.loads(line)
    except ValueError:
        pass
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line


def shown(value):
    if value is NULL:
        return "null"
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        return f"{value!r}    # no result: {error}"


class Debugger(pdb.Pdb):
    """Ends with the program, not only with the message."""

    quit_by_user = False

    def set_quit(self):
        self.quit_by_user = True
        super().set_quit()


def main():
    global BESIDE
    spec = json.loads(sys.argv[1])
    sys.path[:] = filter(None, sys.path)  # the folder of the shell has no part in it
    for module in spec["modules"]:
        with open(module["file"], encoding="utf-8") as file:
            module["script"] = file.read()
    BESIDE = Beside(spec["modules"])
    sys.meta_path.append(BESIDE)
    stages = [Stage(one) for one in spec["stages"]]
    debugger = Debugger()
    print(f"Python {sys.version.split()[0]}, without the sandbox. n: next line, c: next message, p this: a value, q: the end")
    with open(spec["samples"], "rb") as samples:
        for offset, line in enumerate(samples):
            line = line.rstrip(b"\r\n")
            if offset < spec["skip"]:
                continue
            print(f"\nmessage {offset}: {line.decode(errors='replace')[:200]}")
            values = [value_of(line)]
            meta = {"key": None, "topic": None, "partition": 0, "offset": offset, "timestamp": None, "headers": {}}
            meta["tombstone"] = False
            try:
                for stage in stages:
                    values = [left for value in values for left in stage.run(debugger, value, dict(meta))]
            except Exception as error:
                print(f"  failed: {type(error).__name__}: {error}")
                debugger.reset()
                debugger.interaction(None, error.__traceback__)
                values = None
            if debugger.quit_by_user:
                return
            for value in values or ():
                print(f"  {shown(value)}")
            if values == []:
                print("  dropped")


if __name__ == "__main__":
    try:
        main()
    except (EOFError, KeyboardInterrupt, BrokenPipeError):
        os._exit(1)
