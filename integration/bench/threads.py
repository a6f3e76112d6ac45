"""Reads the processor time of a process's threads from /proc. Linux only."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Threads that do the work of the engine itself, by what they are for. Each of them is one thread.
INPUT, MAIN, OUTPUT, ACKS = "input thread", "main arbiter", "output", "acks"
ENGINE = [INPUT, MAIN, OUTPUT, ACKS]
GUESTS, CLIENT, OTHERS = "guests", "librdkafka", "others"
# Names of the engine's threads that other threads do not have.
SINGLE = {"nerodia": MAIN, "stdin": INPUT, "kafka": INPUT}
# Beginnings of the names of other threads. librdkafka has several for each client.
SEVERAL = {"guest-": GUESTS, "rdk:": CLIENT, "producer": CLIENT}
# Beginning of the names of actix's arbiters, which do not differ. The engine starts that of the output first. That of
# the input's actor, to which outputs send their acks, is the last; the web server's are between them.
ARBITER = "actix-rt|"


@dataclass(frozen=True)
class Thread:
    id: int
    name: str


Times = dict[Thread, float]


def times(pid: int) -> Times:
    """Returns the seconds of processor time of all threads that live, in the order in which they were started."""
    found = {}
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():  # the oldest first; ids are used again
            with suppress(FileNotFoundError, ProcessLookupError):
                name = (task / "comm").read_text().strip()
                nanoseconds = int((task / "schedstat").read_text().split()[0])
                found[Thread(int(task.name), name)] = nanoseconds / 1e9
    return found


def since(before: Times, now: Times) -> Counter[str]:
    """Returns the seconds between two samples, by what the threads are for."""
    arbiters = [thread.id for thread in now if thread.name.startswith(ARBITER)]
    spent: Counter[str] = Counter()
    for thread, seconds in now.items():
        spent[_purpose(thread, arbiters)] += seconds - before.get(thread, 0)
    return spent


def busiest(before: Times, now: Times, beginning: str) -> float:
    """Returns the seconds of the busiest thread whose name has this beginning."""
    spent = [seconds - before.get(one, 0) for one, seconds in now.items() if one.name.startswith(beginning)]
    return max(spent, default=0)


def at_start_of_input(pid: int, is_over: Callable[[], bool]) -> Times:
    """Waits until the process reads its input, and returns the times until then: those of the start-up."""
    while not is_over():
        sample = times(pid)
        if any(thread.name in ("stdin", "kafka") for thread in sample):
            return sample
        time.sleep(0.002)
    raise SystemExit("it ended before it read its input")


def _purpose(thread: Thread, arbiters: list[int]) -> str:
    if thread.id in arbiters:
        return {arbiters[0]: OUTPUT, arbiters[-1]: ACKS}.get(thread.id, OTHERS)
    several = (purpose for beginning, purpose in SEVERAL.items() if thread.name.startswith(beginning))
    return SINGLE.get(thread.name) or next(several, OTHERS)
