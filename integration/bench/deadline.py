"""Measures how long a guest runs on after its deadline, from what Nerodia logs."""

import json
import subprocess
from collections.abc import Callable
from datetime import datetime

from measure import ENVIRONMENT
from report import table

TIMEOUT_MS = 20
# In one run. Of more deaths in a second, some are not logged.
MESSAGES = 4
# Scripts that work for ever, or for far longer than any test: in Python's loop, in C code without Python code, in the C
# library, in one long operation after another.
BURNING = {
    "a loop": "while True: pass",
    "`sum(range(…))`": "sum(range(10**12))",
    "a regular expression": "__import__('re').match('(a+)+$', 'a' * 60 + 'b')",
    "comparing 8 MB": "while True: a == b",
    "copying 8 MB": "while True: bytes(a)",
    "compressing": "while True: __import__('zlib').compress(a)",
    "an integer of 10,000,000 digits": "str(7 ** 12_000_000)",
}
BEGIN = "import time, sys\nprint(time.time())\na = b'x' * 8_000_000\nb = bytes(bytearray(a))\nsys.set_int_max_str_digits(0)\n"


def measured(program: str, runtime: str, quick: bool, progress: Callable[[str], None]) -> str:
    runs = 4 if quick else 30
    found = {}
    for what, script in BURNING.items():
        progress(f"deadline, {what}")
        found[what] = [figure for _ in range(runs) for figure in lateness(program, runtime, BEGIN + script)]
    found["all"] = [figure for figures in found.values() for figure in figures]
    rows = []
    for what, figures in found.items():
        late = sorted(figures)
        quantiles = [late[int(len(late) * share)] for share in (0.5, 0.99, 0.999)]
        rows.append([what, str(len(late)), *(f"{figure:.2f}" for figure in [*quantiles, late[-1]])])
    text = (
        f"How long a guest of {runtime} runs on after its deadline, until Nerodia reports its death. The timeout is\n"
        f"{TIMEOUT_MS} ms, and counted from the script's first line."
    )
    head = ["", "deaths", "median ms", "p99 ms", "p99.9 ms", "most ms"]
    return f"## From the deadline to the death\n\n{text}\n\n{table(head, rows)}"


def lateness(program: str, runtime: str, script: str) -> list[float]:
    """Returns milliseconds after the deadline, two for each message: it is run twice."""
    command = [program, "eval", script]
    for setting in (
        f"guests.runtime={runtime}",
        "guests.min=1",
        "pipeline.threads=1",
        f"guests.timeout={TIMEOUT_MS}ms",
        "logger.level=info",
    ):
        command += ["--set", setting]
    lines = "".join(f"{number}\n" for number in range(MESSAGES))
    ran = subprocess.run(command, input=lines, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    found, began = [], None
    for line in ran.stderr.splitlines():
        if not line.startswith('{"timestamp"'):
            continue
        event = json.loads(line)
        if event["target"] == "nerodia::script":
            began = float(event["message"])
        elif event.get("death") == "Timeout" and began is not None:
            died = datetime.fromisoformat(event["timestamp"]).timestamp()
            found.append((died - began) * 1e3 - TIMEOUT_MS)
            began = None
    if len(found) < 2 * MESSAGES:
        raise SystemExit(f"{len(found)} of {2 * MESSAGES} deaths by {script!r}:\n{ran.stderr[-2000:]}")
    return found
