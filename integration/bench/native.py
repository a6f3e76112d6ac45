"""The bare loop with which Nerodia is compared: `python3 native.py SCRIPT < lines > lines`."""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    code = compile(file.read(), sys.argv[1], "exec")


def main() -> None:
    loads, dumps, write = json.loads, json.dumps, sys.stdout.write
    for line in sys.stdin:
        namespace = {"this": loads(line), "root": None}
        exec(code, namespace)
        write(dumps(namespace["root"]) + "\n")


main()
