"""Measures kinds of work: beside the native loop, beside the same script without a part of it, and in other ways."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import generate
import measure
from contenders import bytewax, check_results, compare, native, nerodia, results, sample
from kinds import ORDERS, TINY, Kind
from measure import Contender
from report import Goal, table
from rounds import Series, differences, in_turn, ratios

Part = tuple[str, list[Goal]]

HOW = """\
From a file to /dev/null, with one guest of {runtime}. CPU and wall are microseconds a message; CPU is user and system
time of the whole process tree. The contenders of a kind run in turn, {rounds} times. Figures are medians of the rounds;
ratios and differences are medians of those of the rounds, and beside them stand the least and the greatest. Start-up is
left out: it is what a run with an empty input takes. Documents of one kind have 8 to 40 shapes, which differ in their
fields and in the order of these; the lines of `[11, 6, 20, 5]` are all the same. Before measuring, all contenders of a
kind have given the same results for a sample."""
NATIVE = """\
The native loop is `json.loads`, `exec` and `json.dumps` on the same lines. It drops what the script drops. For `text-re`
it takes a line as text, and does not try to read it as JSON."""
COSTS = """\
The same script with and without one thing. Each dead letter goes to a file, as a JSON line. One message in ten becomes
one: a dead letter costs ten times the difference."""


@dataclass
class Speed:
    """Kinds and ways, measured with one runtime. Each part is its text, and the goals for which it has figures."""

    program: str
    python: str
    peer: str | None
    runtime: str
    other_runtime: str
    work: Path
    rounds: int
    quick: bool
    progress: Callable[[str], None]

    def kinds(self, kinds: list[Kind]) -> Part:
        beside_native, beside_base, goals = [], [], []
        for kind in kinds:
            one = self.one(kind)
            contenders = [one]
            if kind.native:
                contenders.append(native(self.python, kind))
            if kind.without:
                contenders.append(self.one(kind.base()))
            self.check(kind, contenders)
            series = self.measured(kind, contenders)
            if kind.native:
                beside_native.append(self.native_row(kind, series[0], series[1]))
                if kind.goal:
                    ratio = ratios(series[0].cpu(), series[1].cpu()).median
                    goals.append(Goal(f"{kind.name}: CPU of 1 guest to native", ratio, kind.goal, "×"))
            if kind.without:
                beside_base.append(self.base_row(kind, series[0], series[-1]))
                if kind.more_goal:
                    more = differences(series[0].cpu(), series[-1].cpu()).median
                    goals.append(Goal(f"{kind.name}: CPU of 1 guest, more than without", more, kind.more_goal, "µs"))
                if kind.ratio_goal:
                    ratio = ratios(series[0].cpu(), series[-1].cpu()).median
                    goals.append(Goal(f"{kind.name}: CPU of 1 guest to without", ratio, kind.ratio_goal, "×"))
        sections = [f"## Speed\n\n{HOW.format(runtime=self.runtime, rounds=self.rounds)}"]
        if beside_native:
            head = ["", "messages", "bytes", "CPU µs", "native", "to native", "of pairs", "wall µs", "native"]
            sections.append(f"### Beside the native loop\n\n{NATIVE}\n\n{table(head, beside_native)}")
        if beside_base:
            head = ["", "messages", "CPU µs", "without", "µs more", "of pairs", "ratio", "of pairs"]
            head += ["wall µs", "without"]
            sections.append(f"### Beside the same script without it\n\n{COSTS}\n\n{table(head, beside_base)}")
        sections.append("\n".join(f"- {kind.name}: {kind.what}" for kind in kinds))
        return "\n\n".join(sections), goals

    def one(self, kind: Kind) -> Contender:
        return nerodia(self.program, kind, self.runtime, 1)

    def measured(self, kind: Kind, contenders: list[Contender]) -> list[Series]:
        messages = kind.count(self.quick)
        source = generate.write(self.work, kind.documents, messages)
        return in_turn(contenders, source, messages, self.rounds, lambda text: self.progress(f"{kind.name}, {text}"))

    def check(self, kind: Kind, contenders: list[Contender]) -> None:
        source = sample(self.work, kind)
        if not kind.without:
            return check_results(contenders, source)
        # The native loop can run every script without what is measured.
        base = native(self.python, kind.base())
        expected = results(base, source)
        *others, without = contenders
        compare(without, results(without, source), base, expected)
        if kind.failing:
            expected = [result for number, result in enumerate(expected) if number % kind.failing]
        for contender in others:
            compare(contender, results(contender, source), base, expected)

    def native_row(self, kind: Kind, one: Series, loop: Series) -> list[str]:
        ratio = ratios(one.cpu(), loop.cpu())
        size = generate.write(self.work, kind.documents, one.messages).stat().st_size
        return [
            kind.name,
            f"{one.messages:,}",
            f"{size / one.messages:,.0f}",
            *(f"{statistics.median(series.cpu()):.2f}" for series in (one, loop)),
            f"{ratio.median:.2f}×",
            ratio.spread(),
            *(f"{statistics.median(series.wall()):.2f}" for series in (one, loop)),
        ]

    def base_row(self, kind: Kind, one: Series, without: Series) -> list[str]:
        more, ratio = (how(one.cpu(), without.cpu()) for how in (differences, ratios))
        return [
            kind.name,
            f"{one.messages:,}",
            *(f"{statistics.median(series.cpu()):.2f}" for series in (one, without)),
            f"{more.median:.2f}",
            more.spread(),
            f"{ratio.median:.2f}×",
            ratio.spread(),
            *(f"{statistics.median(series.wall()):.2f}" for series in (one, without)),
        ]

    def two_guests(self) -> Part:
        """Measures orders with two guests, from a pipe, with the other runtime, and with Bytewax."""
        one = self.one(ORDERS)
        two = nerodia(self.program, ORDERS, self.runtime, 2)
        others = [two, nerodia(self.program, ORDERS, self.runtime, 1, through_pipe=True)]
        others.append(nerodia(self.program, ORDERS, self.other_runtime, 1))
        text, series = self.ways(ORDERS, [one, *others])
        if self.peer:
            text += f"\n\n{self.ways(TINY, [self.one(TINY)])[0]}"
        gain = ratios(series[0].wall(), series[1].wall()).median
        text = f"## Two guests, and other ways\n\n{text}\n\n{self.scaling()}"
        return text, [Goal("orders: throughput of 2 guests to 1", gain, 1.85, "×", at_least=True)]

    def ways(self, kind: Kind, contenders: list[Contender]) -> tuple[str, list[Series]]:
        if self.peer:
            contenders = [*contenders, bytewax(self.peer, kind)]
        check_results([native(self.python, kind), *contenders], sample(self.work, kind))
        found = self.measured(kind, contenders)
        rows = []
        for contender, series in zip(contenders, found):
            cpu, throughput = ratios(series.cpu(), found[0].cpu()), ratios(found[0].wall(), series.wall())
            rows.append(
                [
                    contender.name,
                    f"{statistics.median(series.cpu()):.2f}",
                    f"{cpu.median:.2f}×",
                    cpu.spread(),
                    f"{statistics.median(series.wall()):.2f}",
                    f"{throughput.median:.2f}×",
                    throughput.spread(),
                    f"{series.start_up() * 1e3:.0f}",
                ]
            )
        head = [kind.name, "CPU µs", "to the first", "of pairs", "wall µs", "throughput", "of pairs", "start-up ms"]
        return table(head, rows), found

    def scaling(self) -> str:
        """Measures the gain by a second core, whatever runs on it."""
        self.progress("two native loops at once")
        loop = native(self.python, ORDERS)
        source = generate.write(self.work, ORDERS.documents, ORDERS.count(self.quick))
        gains = [2 * measure.run(loop, source).wall / measure.two_at_once(loop, source) for _ in range(3)]
        return (
            "For the throughput of two guests, mind the machine: two native loops on orders at once do\n"
            f"{statistics.median(gains):.2f} times the work of one here."
        )
