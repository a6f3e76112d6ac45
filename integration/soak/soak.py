"""Runs a pipeline for minutes while its guests crash, and shows the curve of its memory: see scripts/soak.sh."""

import argparse
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))

import generate  # noqa: E402
from report import machine, table  # noqa: E402

HERE = Path(__file__).parent
MB = 1e6
BARS = "▁▂▃▄▅▆▇█"


class Feeder(threading.Thread):
    """Writes numbered orders without end, and once a second one that crashes its guest."""

    def __init__(self, pipe, until):
        super().__init__(name="feeder")
        self.pipe, self.until = pipe, until
        self.sent, self.crashing = 0, []

    def run(self):
        next_crash, block = time.monotonic() + 1, []
        for line in generate.orders():
            if time.monotonic() > next_crash:
                next_crash += 1
                self.crashing.append(self.sent)
                line = b'{"id":%d,"crash":true}\n' % self.sent
            block.append(line)
            self.sent += 1
            if len(block) == 100:
                self.pipe.write(b"".join(block))
                block.clear()
                if time.monotonic() > self.until:
                    break
        self.pipe.close()


class Reader(threading.Thread):
    """Reads the results: every id once and in order, except those that crash."""

    def __init__(self, pipe, crashing):
        super().__init__(name="reader")
        self.pipe, self.crashing = pipe, crashing
        self.received, self.wrong = 0, None

    def run(self):
        expected, crashed = 0, 0
        for line in self.pipe:
            while crashed < len(self.crashing) and self.crashing[crashed] == expected:
                crashed, expected = crashed + 1, expected + 1
            if line.split(b",", 1)[0] != b'{"id":%d' % expected:
                self.wrong = self.wrong or f"{expected} was due, and this came: {line[:60]!r}"
            expected += 1
            self.received += 1


def resident(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def chart(samples):
    """Returns one bar for each tenth of a minute, over the range from 0 to the largest value."""
    width = 6
    tops = [max(samples[start : start + width]) for start in range(0, len(samples), width)]
    return "".join(BARS[min(int(top / max(tops) * len(BARS)), len(BARS) - 1)] for top in tops)


def main():
    parser = argparse.ArgumentParser(prog="scripts/soak.sh", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--program", required=True)
    parser.add_argument("--write", action="store_true", help="write integration/soak/RESULTS.md")
    options = parser.parse_args()

    command = [options.program, "run", "-c", str(HERE / "soak.yaml"), "--set", "logger.level=error"]
    environment = {**os.environ, "NERODIA_TEST_KILL_GUESTS_AFTER": "2s"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        until = time.monotonic() + options.minutes * 60
        feeder = Feeder(process.stdin, until)
        reader = Reader(process.stdout, feeder.crashing)
        letters = []
        listener = threading.Thread(target=lambda: letters.extend(line[:300] for line in process.stderr))
        for thread in (feeder, reader, listener):
            thread.start()
        samples = []
        while feeder.is_alive():
            samples.append(resident(process.pid))
            if len(samples) % 60 == 0:
                print(f"soak: {len(samples)} s, {samples[-1] / MB:.1f} MB, {feeder.sent:,} messages", file=sys.stderr)
            time.sleep(1)
        for thread in (feeder, reader, listener):
            thread.join()
        code = process.wait()

    minutes = [samples[start : start + 60] for start in range(0, len(samples), 60)]
    rows = [
        [str(number + 1), *(f"{pick(minute) / MB:.1f}" for pick in (min, max))]
        for number, minute in enumerate(minutes)
        if len(minute) > 30
    ]
    dead = len(letters)
    facts = [f"- {name}: {value}" for name, value in machine().items()]
    facts += [
        f"- sent: {feeder.sent:,} orders, of which {len(feeder.crashing)} crash their guest, about one a second;"
        " besides, each guest is ended at random about every 2 s",
        f"- results: {reader.received:,}, in order" if not reader.wrong else f"- WRONG: {reader.wrong}",
        f"- dead letters: {dead}, exit code {code}",
    ]
    text = "\n".join(facts) + "\n\nResident memory in MB (1,000,000 bytes), a sample a second:\n\n"
    text += table(["minute", "least", "most"], rows)
    text += f"\n\nThe most in each 6 seconds, from 0:\n\n```text\n{chart(samples)}\n```\n"
    print(text)
    if options.write:
        (HERE / "RESULTS.md").write_text(f"# The soak test\n\nMade by `scripts/soak.sh --write`.\n\n{text}", encoding="utf-8")
    fine = (
        not reader.wrong
        and code == 1
        and dead == len(feeder.crashing)
        and reader.received == feeder.sent - len(feeder.crashing)
    )
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
