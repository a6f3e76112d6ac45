"""Measures this checkout of Nerodia and another one, pair by pair: the cost of a change.

Both run from a file system in memory. Of a file on disk Linux maps whole folios, and their size depends on how the file
came into the page cache: the same guest then has 9 MB resident, or 11.
"""

import shutil
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import generate
import measure
from contenders import MANY_GUESTS, RUNTIMES, check_results, counted, nerodia, sample
from kinds import BY_NAME, COMPARED, ORDERS, TINY, Kind
from measure import MB, Contender, Memory
from report import Goal, table

# Factor by which a figure may be worse than before.
BOUND = 1.02
IN_MEMORY = Path("/dev/shm")

T = TypeVar("T")


@dataclass
class Checkout:
    """Programs that were built in a checkout, copied into memory."""

    program: str
    environment: dict[str, str]

    @classmethod
    def copied(cls, path: Path, program: Path, work: Path) -> "Checkout":
        compiled = path / "runtime/.cache"
        if missing := [place for place in (program, compiled) if not place.exists()]:
            raise SystemExit(f"{missing[0]} is not there: build that checkout, and run its `nerodia runtime compile`")
        work.mkdir()
        shutil.copy(program, work / "nerodia")
        shutil.copytree(compiled, work / "compiled")
        places = {"NERODIA_RUNTIME_DIR": str(path / "runtime"), "NERODIA_CACHE_DIR": str(work / "compiled")}
        return cls(str(work / "nerodia"), measure.ENVIRONMENT | places)

    def contender(self, kind: Kind, runtime: str, guests: int) -> Contender:
        return replace(nerodia(self.program, kind, runtime, guests), environment=self.environment)


@dataclass
class Pairs:
    """One figure of both checkouts, once per round."""

    what: str
    unit: str
    before: list[float]
    now: list[float]

    def ratios(self) -> list[float]:
        return sorted(now / before for before, now in zip(self.before, self.now))

    def row(self) -> list[str]:
        ratios = self.ratios()
        return [
            f"{self.what}, {self.unit}",
            f"{statistics.median(self.before):.2f}",
            f"{statistics.median(self.now):.2f}",
            f"{statistics.median(ratios):.3f}×",
            f"{ratios[0]:.3f}× to {ratios[-1]:.3f}×",
        ]

    def goal(self) -> Goal:
        return Goal(self.what, statistics.median(self.ratios()), BOUND, "×")


@dataclass
class Comparison:
    """`rounds` has the same meaning as in the other parts of the benchmark.

    `names` are those of kinds and parts; without any, all parts and a few kinds are compared.
    """

    before: Checkout
    now: Checkout
    names: list[str]
    runtime: str
    other_runtime: str
    work: Path
    rounds: int
    quick: bool
    progress: Callable[[str], None]

    def all(self) -> tuple[str, list[Goal]]:
        found = []
        for kind in [BY_NAME[name] for name in self.names or COMPARED if name in BY_NAME]:
            found.append(self.cpu(kind, self.runtime, 1))
        if self.wants("two-guests"):
            for kind in (ORDERS, TINY):
                found += [self.cpu(kind, self.runtime, 2), self.cpu(kind, self.other_runtime, 1)]
        for runtime in RUNTIMES:
            if self.wants("first-output"):
                found.append(self.first_output(runtime))
            if self.wants("memory"):
                found += self.memory(runtime)
        text = (
            f"Two checkouts in turn: {2 * self.rounds} pairs of runs for processor time, {4 * self.rounds} for the first "
            f"output, {self.rounds} for\nmemory. The ratio is now to before, the median of the pairs' ratios; beside it the "
            "least and the greatest.\nStart-up is left out of processor time. Memory is while it works on orders; RSS is "
            "VmHWM, and PSS the median of\nthe second half of the run. Both checkouts run from a file system in memory."
        )
        head = ["", "before", "now", "ratio", "of pairs"]
        rows = [pairs.row() for pairs in found]
        return f"## Before and now\n\n{text}\n\n{table(head, rows)}", [pairs.goal() for pairs in found]

    def wants(self, part: str) -> bool:
        return not self.names or part in self.names

    def in_turn(self, what: str, rounds: int, run: Callable[[Checkout], T]) -> list[tuple[T, T]]:
        """Returns (before, now) for each round. They take turns in going first; one more round is not counted."""
        pairs = []
        for number in range(rounds + 1):
            self.progress(f"{what}, round {number} of {rounds}")
            if number % 2:
                before, now = run(self.before), run(self.now)
            else:
                now, before = run(self.now), run(self.before)
            pairs.append((before, now))
        return pairs[1:]

    def cpu(self, kind: Kind, runtime: str, guests: int) -> Pairs:
        both = [checkout.contender(kind, runtime, guests) for checkout in (self.before, self.now)]
        check_results(both, sample(self.work, kind))
        messages = kind.count(self.quick)
        source = generate.write(self.work, kind.documents, messages)

        def run(checkout: Checkout) -> float:
            contender = checkout.contender(kind, runtime, guests)
            empty, loaded = (measure.run(contender, path).cpu for path in (Path("/dev/null"), source))
            return (loaded - empty) / messages * 1e6

        what = f"{kind.name}: CPU of {runtime}, {counted(guests)}"
        before, now = zip(*self.in_turn(what, 2 * self.rounds, run))
        return Pairs(what, "µs a message", before, now)

    def first_output(self, runtime: str) -> Pairs:
        def run(checkout: Checkout) -> float:
            return measure.first_output(checkout.contender(TINY, runtime, 1), b"[11, 6, 20, 5]\n") * 1e3

        what = f"first output of {runtime}"
        before, now = zip(*self.in_turn(what, 4 * self.rounds, run))
        return Pairs(what, "ms", before, now)

    def memory(self, runtime: str) -> list[Pairs]:
        """Memory with one guest, and the addition for each further one."""
        source = generate.write(self.work, ORDERS.documents, ORDERS.count(self.quick))

        def run(checkout: Checkout) -> tuple[Memory, Memory]:
            one, many = (checkout.contender(ORDERS, runtime, guests) for guests in (1, MANY_GUESTS))
            return measure.memory(one, source), measure.memory(many, source)

        pairs = self.in_turn(f"memory of {runtime}", self.rounds, run)

        def of_one(what: str, size: Callable[[Memory], float]) -> Pairs:
            before, now = ([size(runs[0]) / MB for runs in side] for side in zip(*pairs))
            return Pairs(f"{what} of {runtime}, {counted(1)}", "MB", before, now)

        def further(what: str, size: Callable[[Memory], float]) -> Pairs:
            before, now = (
                [(size(many) - size(one)) / (MANY_GUESTS - 1) / MB for one, many in side] for side in zip(*pairs)
            )
            return Pairs(f"{what} of {runtime}, each further guest", "MB", before, now)

        sizes = {"RSS": lambda memory: memory.peak, "PSS": lambda memory: memory.proportional}
        return [part(what, size) for part in (of_one, further) for what, size in sizes.items()]
