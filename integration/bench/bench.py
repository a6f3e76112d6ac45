"""Measures Nerodia and a bare CPython loop: see scripts/bench.sh."""

import argparse
import os
import resource
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import before
import deadline
import generate
import measure
import scale
from contenders import (
    BYTEWAX,
    DEFAULT_RUNTIME,
    HERE,
    MANY_GUESTS,
    RUNTIMES,
    fastest_python,
    install_bytewax,
    nerodia,
    watched,
)
from kinds import BY_NAME, COMPARED, KINDS, ORDERS, TINY, Kind
from measure import MB, Memory, free_address
from report import ROOT, Goal, machine, table, versions
from scale import Scale
from speed import Part, Speed

# What `--kinds` may name beside kinds.
PARTS = {
    "two-guests": "orders with two guests, from a pipe, with the other runtime",
    "first-output": "time from the start to the first result",
    "memory": f"memory with one guest and with {MANY_GUESTS}",
    "deadline": "time from a guest's deadline to its death",
}
STARTS = 20
# Enough for eight guests to share: {quick: messages}.
MEMORY_MESSAGES = {False: 600_000, True: 100_000}


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

        bench = Bench(options, work)
        if options.before:
            name, how = "BEFORE.md", " --before"
            parts = [compare(options, work)]
        elif options.scale:
            name, how = "SCALE.md", " --scale"
            parts = [(text, []) for text in grown(options, work)]
        elif options.telemetry:
            name, how = "TELEMETRY.md", " --telemetry"
            parts = [bench.telemetry(ORDERS), bench.telemetry(TINY)]
        else:
            name, how = "RESULTS.md", ""
            parts = measured(bench, python, peer)
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        own = sum(part.ru_utime + part.ru_stime for part in usage)
        others = 1 - own / (measure.busy_seconds() - busy)
    facts["spent by other programs meanwhile"] = f"{max(others, 0):.0%} of the processor time spent"

    sections = ["\n".join(f"- {name}: {value}" for name, value in facts.items())]
    sections += [text for text, _ in parts]
    if verdicts := [goal.row() for _, goals in parts for goal in goals]:
        sections.append(f"## Goals\n\n{table(['', 'figure', 'wanted', ''], verdicts)}")
    text = "\n\n".join(sections)
    print(f"\n{text}")
    if options.write:
        (HERE / name).write_text(f"# Measured by scripts/bench.sh{how}\n\n{text}\n", encoding="utf-8")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench.sh")
    parser.add_argument("--no-build", action="store_true", help="measure what is in target/release as it is")
    parser.add_argument("--quick", action="store_true", help="a short look: few messages, few rounds")
    parser.add_argument("--rounds", type=int, help="default: 5, or 2 with --quick; 3 and 1 with --scale")
    parser.add_argument("--kinds", type=kinds, default=[], metavar="A,B,C", help="only these; see --list")
    parser.add_argument("--list", action="store_true", help="print the kinds of work, and measure nothing")
    parser.add_argument("--runtime", choices=RUNTIMES, default=DEFAULT_RUNTIME, help="default: %(default)s")
    parser.add_argument("--peers", action="store_true", help=f"measure {BYTEWAX} too, from PyPI")
    parser.add_argument("--write", action="store_true", help="write it to integration/bench too")
    parser.add_argument("--telemetry", action="store_true", help="measure what telemetry costs, and nothing else")
    parser.add_argument(
        "--scale",
        nargs="?",
        type=parts_of_scale,
        const=list(scale.PARTS),
        metavar="A,B",
        help=f"measure how cost grows, and nothing else; or only some of {', '.join(scale.PARTS)}",
    )
    parser.add_argument("--before", type=Path, help="measure beside this other checkout, built, and nothing else")
    parser.add_argument("--python", help="the native CPython; default: the fastest found")
    parser.add_argument("--program", required=True, help="the nerodia to measure")
    parser.add_argument("--uncounted", help="the same, built to count nothing; for --telemetry")
    options = parser.parse_args()
    if options.list:
        listed()
        parser.exit()
    if options.write and options.kinds and not options.before:
        parser.error("--write is for all kinds")
    if options.write and options.scale and len(options.scale) < len(scale.PARTS):
        parser.error("--write is for all parts of --scale")
    others = [options.telemetry and options.uncounted, options.scale and scale.plain(options.program)]
    programs = [Path(path) for path in [options.program, *others] if path]
    if missing := [str(path) for path in programs if not path.exists()]:
        parser.error(f"{missing[0]} is not there: run it without --no-build")
    times = [path.stat().st_mtime for path in programs]
    if options.telemetry and options.no_build and max(times) - min(times) > 3600:
        parser.error("nerodia and nerodia-uncounted are not of one time: run it without --no-build")
    quick, full = (1, 3) if options.scale else (2, 5)
    options.rounds = options.rounds or (quick if options.quick else full)
    options.other_runtime = next(runtime for runtime in RUNTIMES if runtime != options.runtime)
    return options


def kinds(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in BY_NAME and name not in PARTS]:
        known = ", ".join([*BY_NAME, *PARTS])
        raise argparse.ArgumentTypeError(f"there is no {' and no '.join(unknown)}; there are {known}")
    return names


def parts_of_scale(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in scale.PARTS]:
        raise argparse.ArgumentTypeError(f"there is no {' and no '.join(unknown)}; there are {', '.join(scale.PARTS)}")
    return names


def listed() -> None:
    whats = {kind.name: kind.what for kind in KINDS} | PARTS
    for name, what in whats.items():
        print(f"{name:16} {what}")
    compared = [part for part in PARTS if part != "deadline"]
    print(f"\nWith --before, unless told otherwise: {', '.join([*COMPARED, *compared])}")


def measured(bench: "Bench", python: str, peer: str | None) -> list[Part]:
    options = bench.options
    names = options.kinds or [*BY_NAME, *PARTS]
    speed = Speed(
        options.program,
        python,
        peer,
        options.runtime,
        options.other_runtime,
        bench.work,
        options.rounds,
        options.quick,
        progress,
    )
    parts = []
    if wanted := [kind for kind in KINDS if kind.name in names]:
        parts.append(speed.kinds(wanted))
    ways = {
        "two-guests": speed.two_guests,
        "first-output": bench.first_output,
        "memory": bench.memory,
        "deadline": bench.deadline,
    }
    return parts + [measure_it() for part, measure_it in ways.items() if part in names]


def grown(options: argparse.Namespace, work: Path) -> list[str]:
    """Measures how cost grows."""
    return Scale(options.program, work, options.rounds, options.quick, progress).measured(options.scale)


def compare(options: argparse.Namespace, work: Path) -> tuple[str, list[Goal]]:
    """Measures this checkout and another one."""
    other = options.before.resolve()
    with tempfile.TemporaryDirectory(prefix="nerodia-bench-", dir=before.IN_MEMORY) as folder:
        memory = Path(folder)
        then = before.Checkout.copied(other, other / "target/release/nerodia", memory / "before")
        now = before.Checkout.copied(ROOT, Path(options.program), memory / "now")
        return before.Comparison(
            then,
            now,
            options.kinds,
            options.runtime,
            options.other_runtime,
            work,
            options.rounds,
            options.quick,
            progress,
        ).all()


def progress(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


@dataclass
class Bench:
    """Parts of the benchmark. Each returns its text, and the goals for which it has figures."""

    options: argparse.Namespace
    work: Path

    def telemetry(self, kind: Kind) -> tuple[str, list[Goal]]:
        """Measures the cost of counting, and of requests to the web server."""
        messages, rounds = kind.count(self.options.quick), 6 * self.options.rounds
        source, address = generate.write(self.work, kind.documents, messages), free_address()
        uncounted = watched(self.options.uncounted, kind, self.options.runtime, None)
        counted = watched(self.options.program, kind, self.options.runtime, None)
        asked = watched(self.options.program, kind, self.options.runtime, address)
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
        progress(f"first output, {STARTS} starts of each runtime")
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
            [Goal("first output, median", statistics.median(took[self.options.runtime]), 60, "ms")],
        )

    def starts(self, runtime: str) -> list[float]:
        """Returns milliseconds, sorted."""
        contender = nerodia(self.options.program, TINY, runtime, 1)
        return sorted(measure.first_output(contender, b"[11, 6, 20, 5]\n") * 1e3 for _ in range(STARTS))

    def deadline(self) -> tuple[str, list[Goal]]:
        options = self.options
        return deadline.measured(options.program, options.runtime, options.quick, progress), []

    def memory(self) -> tuple[str, list[Goal]]:
        source = generate.write(self.work, ORDERS.documents, MEMORY_MESSAGES[self.options.quick])
        rows, goals = [], []
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
            if runtime == self.options.runtime:
                goals += [
                    Goal("resident with 1 guest, peak", one.peak / MB, 60, "MB"),
                    Goal("resident for each further guest", further, 11, "MB"),
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
