"""Runs contenders in turn, and compares those of one round: the speed of a machine changes over the minutes."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import measure
from measure import Contender, Usage


@dataclass
class Series:
    """Measurements of all rounds for one contender, in microseconds a message and without the start-up."""

    messages: int
    empty: list[Usage] = field(default_factory=list)
    loaded: list[Usage] = field(default_factory=list)

    def start_up(self) -> float:
        """Returns seconds of wall time."""
        return statistics.median(usage.wall for usage in self.empty)

    def cpu(self) -> list[float]:
        empty = statistics.median(usage.cpu for usage in self.empty)
        return [(usage.cpu - empty) / self.messages * 1e6 for usage in self.loaded]

    def wall(self) -> list[float]:
        return [(usage.wall - self.start_up()) / self.messages * 1e6 for usage in self.loaded]


@dataclass
class Compared:
    """A figure of two contenders, once for each round: the median, the least and the greatest."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, figures: list[float]) -> "Compared":
        return cls(statistics.median(figures), min(figures), max(figures))

    def spread(self) -> str:
        return f"{self.least:.2f}..{self.greatest:.2f}"


def ratios(those: list[float], base: list[float]) -> Compared:
    return Compared.of([one / other for one, other in zip(those, base)])


def differences(those: list[float], base: list[float]) -> Compared:
    return Compared.of([one - other for one, other in zip(those, base)])


def in_turn(
    contenders: list[Contender], source: Path, messages: int, rounds: int, progress: Callable[[str], None]
) -> list[Series]:
    """Measures each contender once a round, in an order that is turned round each time."""
    series = [Series(messages) for _ in contenders]
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}")
        pairs = list(zip(contenders, series))
        for contender, own in pairs if number % 2 == 0 else reversed(pairs):
            own.empty.append(measure.run(contender, Path("/dev/null")))
            own.loaded.append(measure.run(contender, source))
    return series
