"""Measures Nerodia and a bare CPython loop: see scripts/bench.sh."""

import argparse
import os
import resource
import socket
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import before
import measure
from contenders import (
    BYTEWAX,
    DEFAULT_RUNTIME,
    HERE,
    MANY_GUESTS,
    ORDERS,
    OTHER_RUNTIME,
    RUNTIMES,
    SUMS,
    Kind,
    bytewax,
    check_results,
    fastest_python,
    install_bytewax,
    native,
    nerodia,
    watched,
    write,
)
from measure import MB, Contender, Memory, Usage
from report import ROOT, Goal, machine, table, versions

STARTS = 20


@dataclass
class Series:
    """Measurements of all rounds for one contender."""

    empty: list[Usage] = field(default_factory=list)
    loaded: list[Usage] = field(default_factory=list)

    def start_up(self) -> float:
        return statistics.median(usage.wall for usage in self.empty)

    def cpu(self, messages: int) -> float:
        """Returns microseconds per message, without the start-up."""
        loaded, empty = (statistics.median(usage.cpu for usage in runs) for runs in (self.loaded, self.empty))
        return (loaded - empty) / messages * 1e6

    def wall(self, messages: int) -> float:
        loaded = statistics.median(usage.wall for usage in self.loaded)
        return (loaded - self.start_up()) / messages * 1e6

    def spread(self) -> float:
        """Returns the range of the rounds' processor times, as a share of their median."""
        cpu = [usage.cpu for usage in self.loaded]
        return (max(cpu) - min(cpu)) / statistics.median(cpu)


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory(prefix="nerodia-bench-") as folder:
        work = Path(folder)
        busy = measure.busy_seconds()
        facts = machine()
        python = options.python or fastest_python(work)
        facts |= versions(options.program, RUNTIMES, python)
        peer = None
        if options.peers:
            progress(f"installing {BYTEWAX}")
            peer = install_bytewax(work, python)
            facts["bytewax"] = BYTEWAX.partition("==")[2]

        bench = Bench(options, work, python, peer)
        if options.before:
            name, how = "BEFORE.md", " --before"
            parts = [compare(options, work)]
        elif options.telemetry:
            name, how = "TELEMETRY.md", " --telemetry"
            parts = [bench.telemetry(ORDERS), bench.telemetry(SUMS)]
        else:
            name, how = "RESULTS.md", ""
            parts = [bench.speed(ORDERS), bench.speed(SUMS), bench.scaling(), bench.first_output(), bench.memory()]
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        own = sum(part.ru_utime + part.ru_stime for part in usage)
        others = 1 - own / (measure.busy_seconds() - busy)
    facts["spent by other programs meanwhile"] = f"{max(others, 0):.0%} of the processor time spent"

    sections = ["\n".join(f"- {name}: {value}" for name, value in facts.items())]
    sections += [text for text, _ in parts]
    verdicts = [goal.row() for _, goals in parts for goal in goals]
    sections.append(f"## Goals\n\n{table(['', 'figure', 'wanted', ''], verdicts)}")
    text = "\n\n".join(sections)
    print(f"\n{text}")
    if options.write:
        (HERE / name).write_text(f"# Measured by scripts/bench.sh{how}\n\n{text}\n", encoding="utf-8")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench.sh")
    parser.add_argument("--no-build", action="store_true", help="measure what is in target/release as it is")
    parser.add_argument("--quick", action="store_true", help="a short look: few messages, few rounds")
    parser.add_argument("--rounds", type=int, help="default: 5, or 2 with --quick")
    parser.add_argument("--peers", action="store_true", help=f"measure {BYTEWAX} too, from PyPI")
    parser.add_argument("--write", action="store_true", help="write it to integration/bench too")
    parser.add_argument("--telemetry", action="store_true", help="measure what telemetry costs, and nothing else")
    parser.add_argument("--before", type=Path, help="measure beside this other checkout, built, and nothing else")
    parser.add_argument("--python", help="the native CPython; default: the fastest found")
    parser.add_argument("--program", required=True, help="the nerodia to measure")
    parser.add_argument("--uncounted", help="the same, built to count nothing; for --telemetry")
    options = parser.parse_args()
    programs = [Path(options.program)] + [Path(options.uncounted)] * options.telemetry
    if missing := [str(path) for path in programs if not path.exists()]:
        parser.error(f"{missing[0]} is not there: run it without --no-build")
    times = [path.stat().st_mtime for path in programs]
    if options.no_build and max(times) - min(times) > 3600:
        parser.error("nerodia and nerodia-uncounted are not of one time: run it without --no-build")
    options.rounds = options.rounds or (2 if options.quick else 5)
    return options


def compare(options: argparse.Namespace, work: Path) -> tuple[str, list[Goal]]:
    """Measures this checkout and another one."""
    other = options.before.resolve()
    with tempfile.TemporaryDirectory(prefix="nerodia-bench-", dir=before.IN_MEMORY) as folder:
        memory = Path(folder)
        then = before.Checkout.copied(other, other / "target/release/nerodia", memory / "before")
        now = before.Checkout.copied(ROOT, Path(options.program), memory / "now")
        return before.Comparison(then, now, work, options.rounds, options.quick, progress).all()


def progress(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


@dataclass
class Bench:
    """Parts of the benchmark. Each returns its text, and the goals for which it has figures."""

    options: argparse.Namespace
    work: Path
    python: str
    peer: str | None

    def messages(self, kind: Kind) -> int:
        return kind.quick_messages if self.options.quick else kind.messages

    def input(self, kind: Kind) -> Path:
        return write(self.work / "input", kind, self.messages(kind))

    def speed(self, kind: Kind) -> tuple[str, list[Goal]]:
        program, messages = self.options.program, self.messages(kind)
        base = native(self.python, kind)
        one = nerodia(program, kind, DEFAULT_RUNTIME, 1)
        two = nerodia(program, kind, DEFAULT_RUNTIME, 2)
        piped = nerodia(program, kind, DEFAULT_RUNTIME, 1, through_pipe=True)
        contenders = [base, one, piped, two, nerodia(program, kind, OTHER_RUNTIME, 1)]
        if self.peer:
            contenders.append(bytewax(self.peer, kind))
        check_results(contenders, write(self.work / "sample", kind, 1000))

        source = self.input(kind)
        results = self.rounds(kind, contenders, source)
        rows = [
            [
                name,
                f"{series.cpu(messages):.2f}",
                f"{series.spread():.0%}",
                f"{series.cpu(messages) / results[base.name].cpu(messages):.2f}×",
                f"{series.wall(messages):.2f}",
                f"{1e6 / series.wall(messages):,.0f}",
                f"{series.start_up() * 1e3:.0f}",
            ]
            for name, series in results.items()
        ]
        head = ["", "CPU µs/message", "spread", "to native", "wall µs/message", "messages/s", "start-up ms"]
        size = source.stat().st_size / messages
        text = (
            f"## Speed: {kind.name}\n\n"
            f"{messages:,} lines of {size:.0f} bytes on average, {self.options.rounds} rounds.\n\n{table(head, rows)}"
        )
        ratio = results[one.name].cpu(messages) / results[base.name].cpu(messages)
        gain = results[one.name].wall(messages) / results[two.name].wall(messages)
        return text, [
            Goal(f"{kind.name}: CPU of 1 guest to native", ratio, kind.cpu_goal, "×"),
            Goal(f"{kind.name}: throughput of 2 guests to 1", gain, 1.7, "×", at_least=True),
        ]

    def rounds(self, kind: Kind, contenders: list[Contender], source: Path) -> dict[str, Series]:
        results = {contender.name: Series() for contender in contenders}
        for number in range(self.options.rounds):
            progress(f"{kind.name}, round {number + 1} of {self.options.rounds}")
            for contender in contenders:
                results[contender.name].empty.append(measure.run(contender, Path("/dev/null")))
                results[contender.name].loaded.append(measure.run(contender, source))
        return results

    def scaling(self) -> tuple[str, list[Goal]]:
        """Measures the gain by a second core, whatever runs on it."""
        progress("two native loops at once")
        loop, source = native(self.python, ORDERS), self.input(ORDERS)
        gains = [2 * measure.run(loop, source).wall / measure.two_at_once(loop, source) for _ in range(3)]
        text = (
            "From a file, unless a pipe is named, to /dev/null. CPU is user and system time of the whole process tree.\n"
            "Each round takes all contenders in turn; the figures are medians of the rounds. Start-up is the wall time\n"
            "with an empty input; it (and its CPU time) is left out of the other figures. Spread is how far the rounds'\n"
            f"CPU times lie apart. For the throughput of two guests, mind the machine: two native loops on orders at once\n"
            f"do {statistics.median(gains):.2f} times the work of one here."
        )
        return text, []

    def telemetry(self, kind: Kind) -> tuple[str, list[Goal]]:
        """Measures the cost of counting, and of requests to the web server."""
        messages, rounds = self.messages(kind) // 3, 6 * self.options.rounds
        source, address = write(self.work / "input", kind, messages), free_address()
        uncounted = watched(self.options.uncounted, kind, None)
        counted = watched(self.options.program, kind, None)
        asked = watched(self.options.program, kind, address)
        urls = [f"http://{address}/{path}" for path in ("metrics", "stats")]
        runs = {
            "nothing counted": lambda: measure.run(uncounted, source),
            "counted": lambda: measure.run(counted, source),
            "counted, asked every second": lambda: measure.run_asked(asked, source, urls),
        }
        names = list(runs)
        cpu: dict[str, list[float]] = {name: [] for name in names}
        # The differences are small, and the machine's speed changes over time: many short runs, each contender first in
        # turn.
        for number in range(rounds):
            progress(f"telemetry, {kind.name}, round {number + 1} of {rounds}")
            first = number % len(names)
            for name in names[first:] + names[:first]:
                cpu[name].append(runs[name]().cpu)
        base = cpu[names[0]]
        costs = {name: statistics.median(figures) / statistics.median(base) for name, figures in cpu.items()}
        rows = [
            [
                name,
                f"{statistics.median(figures):.3f}",
                f"{costs[name]:.3f}×",
                f"{min(figures):.3f}",
                f"{min(figures) / min(base):.3f}×",
            ]
            for name, figures in cpu.items()
        ]
        text = (
            f"## {kind.name}\n\n"
            "The program built to count nothing, without web server; the program; and the program while /metrics and /stats\n"
            f"are asked every second. CPU seconds for {messages:,} messages with 1 guest, start-up included, {rounds} rounds."
        )
        head = ["", "median", "to the first", "least", "to the first"]
        goal = Goal(f"{kind.name}: CPU with all telemetry to without", costs[names[-1]], 1.03, "×")
        return f"{text}\n\n{table(head, rows)}", [goal]

    def first_output(self) -> tuple[str, list[Goal]]:
        progress(f"first output, {STARTS} starts each")
        took = {runtime: self.starts(runtime) for runtime in RUNTIMES}
        rows = [
            [runtime, *(f"{figure:.1f}" for figure in (times[0], statistics.median(times), times[-1]))]
            for runtime, times in took.items()
        ]
        text = (
            f"From before the process is started to the first byte of its output, {STARTS} starts; the input stays open.\n"
            "The runtimes are compiled and cached, as after the first run."
        )
        return (
            f"## First output\n\n{text}\n\n{table(['', 'min ms', 'median ms', 'max ms'], rows)}",
            [Goal("first output, median", statistics.median(took[DEFAULT_RUNTIME]), 150, "ms")],
        )

    def starts(self, runtime: str) -> list[float]:
        """Returns milliseconds, sorted."""
        contender = nerodia(self.options.program, SUMS, runtime, 1)
        return sorted(measure.first_output(contender, b"[11, 6, 20, 5]\n") * 1e3 for _ in range(STARTS))

    def memory(self) -> tuple[str, list[Goal]]:
        source, rows, goals = self.input(ORDERS), [], []
        cache = os.environ.get("NERODIA_CACHE_DIR") or f"{os.environ['NERODIA_RUNTIME_DIR']}/.cache"
        for runtime in RUNTIMES:
            progress(f"memory, {runtime}")
            compiled = list(Path(cache).glob(f"{runtime}-*.cwasm"))
            if not compiled:
                raise SystemExit(f"no compiled {runtime} in {cache}")
            measure.read_anew([Path(self.options.program), *compiled])
            one, many = (
                measure.memory(nerodia(self.options.program, ORDERS, runtime, guests), source)
                for guests in (1, MANY_GUESTS)
            )
            further = (many.peak - one.peak) / (MANY_GUESTS - 1) / MB
            rows.append([f"{runtime}, 1 guest", *memory_cells(one), ""])
            rows.append([f"{runtime}, {MANY_GUESTS} guests", *memory_cells(many), f"{further:.1f}"])
            if runtime == DEFAULT_RUNTIME:
                goals += [
                    Goal("resident with 1 guest, peak", one.peak / MB, 60, "MB"),
                    Goal("resident for each further guest", further, 12, "MB"),
                ]
        head = ["", "at work", "RSS MB", "peak RSS MB", "PSS MB", "RSS MB a further guest"]
        text = (
            "While it works on orders. RSS is VmRSS, the median of the second half of the run; peak RSS is VmHWM; a further\n"
            "guest is what each after the first adds to the peak. RSS counts a page of the snapshot once for each guest that\n"
            "has it mapped, PSS counts it once: it is what the machine gives. 1 MB is 1,000,000 bytes. At work are the\n"
            "guests whose threads took a share of the work. Program and compiled runtimes are read from disk: of files that\n"
            "were written a moment ago the kernel maps larger pieces at once, some 3 MB more."
        )
        return f"## Memory\n\n{text}\n\n{table(head, rows)}", goals


def memory_cells(memory: Memory) -> list[str]:
    sizes = (memory.steady, memory.peak, memory.proportional)
    return [str(memory.guests_at_work), *(f"{size / MB:.1f}" for size in sizes)]


if __name__ == "__main__":
    main()
