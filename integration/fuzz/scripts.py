#!/usr/bin/env python3
"""Searches for scripts that behave differently as a function and at top level.

Guests of the built engine make the scripts, each out of a number, run them both ways, and compare all that can be
seen: results, what is emitted, exceptions with their tracebacks, and what became of `this`.

    integration/fuzz/scripts.py --minutes 1              both runtimes, from a random number on, which is printed
    integration/fuzz/scripts.py --seed 7 --count 1       the script of one number again
    integration/fuzz/scripts.py --show --seed 7          prints that script

Ends with exit code 1 if there is a difference.
"""

import argparse
import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RUNTIMES = ["cpython-3.14", "cpython-3.12"]
AT_ONCE = 1000


def driver():
    return "".join((HERE / "scripts" / name).read_text(encoding="utf-8") for name in ("generate.py", "compare.py"))


def compare(engine, runtime, seeds):
    """Returns (number, did it run as a function, difference or None) for each number; and those that took too long."""
    command = [engine, "eval", "--set", f"guests.runtime={runtime}", "--set", "logger.level=error"]
    command += ["--set", "guests.timeout=5s", driver()]
    environment = {**os.environ, "NERODIA_RUNTIME_DIR": str(ROOT / "runtime")}
    lines = "".join(f"{seed}\n" for seed in seeds)
    ran = subprocess.run(command, input=lines, text=True, capture_output=True, env=environment, check=False)
    compared, late = [json.loads(line) for line in ran.stdout.splitlines()], []
    for line in ran.stderr.splitlines():
        letter = json.loads(line) if line.startswith("{") else {}
        error = letter.get("error")
        if not isinstance(error, dict):
            continue
        seed = int(letter["payload"])
        if error["type"] == "Timeout":
            late.append(seed)
        else:
            compared.append([seed, False, f"the comparison itself failed: {error['type']}: {error['message']}"])
    if len(compared) + len(late) != len(seeds):
        sys.exit(f"{len(seeds)} scripts, {len(compared)} answers:\n{ran.stderr[-2000:]}")
    return compared, late


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, help="how long, by the clock on the wall")
    parser.add_argument("--count", type=int, help="how many scripts, instead")
    parser.add_argument("--seed", type=int, help="the first number")
    parser.add_argument("--runtime", choices=RUNTIMES, action="append", help="this one alone")
    parser.add_argument("--engine", default=str(ROOT / "target/release/nerodia"))
    parser.add_argument("--show", action="store_true", help="prints the first script and ends")
    given = parser.parse_args()
    seed = random.randrange(10**9) if given.seed is None else given.seed
    if given.show:
        sys.path.insert(0, str(HERE / "scripts"))
        import generate

        print(generate.script(seed), end="")
        return
    print(f"seed {seed}", flush=True)
    end = time.monotonic() + 60 * (given.minutes or (0 if given.count else 1))
    first, scripts, functions, late, differences = seed, 0, 0, 0, 0
    while (given.count and seed < first + given.count) or time.monotonic() < end:
        size = min(AT_ONCE, first + given.count - seed) if given.count and not given.minutes else AT_ONCE
        for runtime in given.runtime or RUNTIMES:
            compared, slow = compare(given.engine, runtime, range(seed, seed + size))
            scripts, late = scripts + len(compared), late + len(slow)
            functions += sum(is_function for _, is_function, _ in compared)
            for number, _, difference in compared:
                if difference:
                    differences += 1
                    print(f"\n{runtime}, --seed {number} --count 1:\n{difference}", flush=True)
        seed += size
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (used.ru_utime + used.ru_stime) / 60
    print(
        f"{scripts} scripts from seed {first} to {seed - 1}, {functions} of them as functions, {late} too slow to "
        f"compare; {cpu:.1f} CPU minutes; {differences} differences"
    )
    sys.exit(bool(differences))


if __name__ == "__main__":
    main()
