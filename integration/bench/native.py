"""The bare loop with which Nerodia is compared: `python3 native.py [--text] SCRIPT < lines > lines`.

It drops a message whose `root` is None, as Nerodia does. With `--text` a line is text: `this` is the line itself, as
Nerodia gives a line that is not JSON to the script, and nothing tries to read it as JSON. What stands in the script
before the line `# %% message` is run once.
"""

import json
import sys

with open(sys.argv[-1], encoding="utf-8") as file:
    setup, marker, script = file.read().rpartition("# %% message\n")
code = compile(script, sys.argv[-1], "exec")


def main() -> None:
    loads, dumps, write = json.loads, json.dumps, sys.stdout.write
    if "--text" in sys.argv:
        loads = lambda line: line.rstrip("\n")
    made: dict[str, object] = {}
    if setup:
        made["__name__"] = "setup"
        exec(setup, made)
    for line in sys.stdin:
        namespace = {"this": loads(line), "root": None}
        if made:
            namespace.update(made)
        exec(code, namespace)
        if (root := namespace["root"]) is not None:
            write(dumps(root) + "\n")


main()
