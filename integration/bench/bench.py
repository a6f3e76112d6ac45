"""Measures Nerodia beside a bare CPython loop: see scripts/bench.sh."""

import argparse
import itertools
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import generate
import measure
from measure import ENVIRONMENT, MB, Contender, Memory, Usage
from report import ROOT, Goal, machine, said_by, table, versions

HERE = Path(__file__).parent
DEFAULT_RUNTIME = "cpython-3.14"
OTHER_RUNTIME = "cpython-3.12"
MANY_GUESTS = 8
STARTS = 20
BYTEWAX = "bytewax==0.21.1"


@dataclass
class Kind:
    """A document and the script that it goes through."""

    name: str
    script: str
    messages: int
    quick_messages: int
    cpu_goal: float  # times that of the native loop


KINDS = [
    Kind("orders", "order", 600_000, 50_000, 1.25),
    Kind("[11, 6, 20, 5]", "sum", 5_000_000, 400_000, 0.5),
]


@dataclass
class Series:
    """What the rounds gave for one contender."""

    empty: list[Usage] = field(default_factory=list)
    loaded: list[Usage] = field(default_factory=list)

    def start_up(self) -> float:
        return statistics.median(usage.wall for usage in self.empty)

    def cpu(self, messages: int) -> float:
        """Microseconds a message, start-up left out."""
        cpu = [statistics.median(usage.cpu for usage in runs) for runs in (self.loaded, self.empty)]
        return (cpu[0] - cpu[1]) / messages * 1e6

    def wall(self, messages: int) -> float:
        wall = statistics.median(usage.wall for usage in self.loaded) - self.start_up()
        return wall / messages * 1e6

    def spread(self) -> float:
        """How far the rounds' processor times lie apart, as a share of their median."""
        cpu = [usage.cpu for usage in self.loaded]
        return (max(cpu) - min(cpu)) / statistics.median(cpu)


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory(prefix="nerodia-bench-") as folder:
        work = Path(folder)
        busy = measure.busy_seconds()
        facts = machine()
        python = options.python or fastest_python(work)
        facts |= versions(options.program, [DEFAULT_RUNTIME, OTHER_RUNTIME], python)
        bytewax = install_bytewax(work, python) if options.peers else None
        if bytewax:
            facts["bytewax"] = BYTEWAX.partition("==")[2]

        bench = Bench(options, work, python, bytewax)
        tables, goals = bench.speed()
        for part in (bench.first_output, bench.memory):
            text, more = part()
            tables.append(text)
            goals += more

        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        own = sum(part.ru_utime + part.ru_stime for part in usage)
        others = 1 - own / (measure.busy_seconds() - busy)
    facts["taken by other programs meanwhile"] = f"{max(others, 0):.0%} of the processor time spent"

    verdicts = table(["goal", "figure", "wanted", ""], [goal.row() for goal in goals])
    heading = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    text = "\n\n".join([heading, *tables, f"## Goals\n\n{verdicts}"])
    print(f"\n{text}")
    if options.write:
        made = f"# Measured\n\nWritten by `scripts/bench.sh {' '.join(sys.argv[1:])}`.\n\n"
        (HERE / "RESULTS.md").write_text(f"{made}{text}\n", encoding="utf-8")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench.sh")
    parser.add_argument("--no-build", action="store_true", help="measure target/release/nerodia as it is")
    parser.add_argument("--quick", action="store_true", help="a short look: few messages, few rounds")
    parser.add_argument("--rounds", type=int, help="default: 5, or 2 with --quick")
    parser.add_argument("--peers", action="store_true", help=f"measure {BYTEWAX} as well, from PyPI")
    parser.add_argument("--write", action="store_true", help="write integration/bench/RESULTS.md")
    parser.add_argument("--python", help="the native CPython; default: the faster of those installed")
    parser.add_argument("--program", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    return options


def progress(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def native(python: str, kind: Kind, **more: bool) -> Contender:
    command = [python, str(HERE / "native.py"), str(HERE / f"scripts/{kind.script}.py")]
    return Contender("native CPython" + (", from a pipe" if more else ""), command, ENVIRONMENT, **more)


def nerodia(program: str, kind: Kind, runtime: str, guests: int, **more: bool) -> Contender:
    command = [program, "run", "-c", str(HERE / f"{kind.script}.yaml")]
    settings = [
        f"guests.runtime={runtime}",
        f"guests.min={guests}",
        f"pipeline.threads={guests}",
        "logger.level=warn",
    ]
    for setting in settings:
        command += ["--set", setting]
    name = f"nerodia {runtime}, {guests} guest{'s' if guests > 1 else ''}" + (", from a pipe" if more else "")
    return Contender(name, command, ENVIRONMENT, guests=guests, **more)


def fastest_python(work: Path) -> str:
    """An unoptimised build of CPython, as pyenv makes them, would flatter Nerodia."""
    found = filter(None, [shutil.which("python3"), shutil.which("python3", path="/usr/bin")])
    pythons = sorted({said_by([python, "-c", "import sys; print(sys.executable)"]) for python in found})
    if len(pythons) == 1:
        return pythons[0]
    sample = write(work / "sample", KINDS[0], 20_000)
    took = {
        python: min(measure.run(native(python, KINDS[0]), sample).cpu for _ in range(5)) for python in pythons
    }
    return min(took, key=took.__getitem__)


def install_bytewax(work: Path, python: str) -> str:
    progress(f"installing {BYTEWAX}")
    venv = work / "venv"
    subprocess.run([python, "-m", "venv", venv], check=True, stdout=sys.stderr)
    pip = [venv / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", BYTEWAX]
    subprocess.run(pip, check=True, stdout=sys.stderr)
    return str(venv / "bin/python")


def write(path: Path, kind: Kind, messages: int) -> Path:
    lines = generate.orders() if kind.script == "order" else generate.sums()
    with path.open("wb") as file:
        file.writelines(itertools.islice(lines, messages))
    return path


@dataclass
class Bench:
    options: argparse.Namespace
    work: Path
    python: str
    bytewax: str | None

    def contenders(self, kind: Kind) -> list[Contender]:
        program = self.options.program
        contenders = [
            native(self.python, kind),
            nerodia(program, kind, DEFAULT_RUNTIME, 1),
            nerodia(program, kind, DEFAULT_RUNTIME, 1, through_pipe=True),
            nerodia(program, kind, DEFAULT_RUNTIME, 2),
            nerodia(program, kind, OTHER_RUNTIME, 1),
        ]
        if self.bytewax:
            command = [self.bytewax, "-m", "bytewax.run", str(HERE / "bytewax_flow.py")]
            script = str(HERE / f"scripts/{kind.script}.py")
            contenders.append(Contender("bytewax, 1 worker", command, ENVIRONMENT | {"SCRIPT": script}))
        return contenders

    def messages(self, kind: Kind) -> int:
        return kind.quick_messages if self.options.quick else kind.messages

    def speed(self) -> tuple[list[str], list[Goal]]:
        tables, goals = [], []
        for kind in KINDS:
            contenders, messages = self.contenders(kind), self.messages(kind)
            source = write(self.work / "input", kind, messages)
            same_results(contenders, write(self.work / "sample", kind, 1000))
            results = self.rounds(kind, contenders, source)
            mean = source.stat().st_size / messages
            base, one, _, two, *_ = (results[contender.name] for contender in contenders)
            text = f"{messages:,} lines of {mean:.0f} bytes on average, {self.options.rounds} rounds"
            rows = [
                speed_row(contender.name, results[contender.name], base, messages) for contender in contenders
            ]
            head = ["", "CPU µs/message", "spread", "to native", "wall µs/message", "messages/s", "start-up ms"]
            tables.append(f"## Speed: {kind.name}\n\n{text}.\n\n{table(head, rows)}")
            ratio = one.cpu(messages) / base.cpu(messages)
            gain = one.wall(messages) / two.wall(messages)
            goals += [
                Goal(f"{kind.name}: CPU, 1 guest to native", ratio, kind.cpu_goal, "×"),
                Goal(f"{kind.name}: throughput, 2 guests to 1", gain, 1.7, "×", at_least=True),
            ]
            if kind is KINDS[0]:
                loop = contenders[0]
                scaling = 2 * measure.run(loop, source).wall / measure.two_at_once(loop, source)
                tables.append(f"Two native loops at once do {scaling:.2f} times the work of one on this machine.")
        tables.append(
            "From a file, unless a pipe is named, to /dev/null. CPU is user and system time of the whole process tree.\n"
            "The rounds take the contenders in turn; each figure is the median of the rounds. Start-up is the wall time\n"
            "with an empty input; it (and its CPU time) is left out of the other figures. Spread is how far the rounds'\n"
            "CPU times lie apart."
        )
        return tables, goals

    def rounds(self, kind: Kind, contenders: list[Contender], source: Path) -> dict[str, Series]:
        results = {contender.name: Series() for contender in contenders}
        for number in range(self.options.rounds):
            progress(f"{kind.name}, round {number + 1} of {self.options.rounds}")
            for contender in contenders:
                results[contender.name].empty.append(measure.run(contender, Path("/dev/null")))
                results[contender.name].loaded.append(measure.run(contender, source))
        return results

    def first_output(self) -> tuple[str, list[Goal]]:
        progress(f"first output, {STARTS} starts each")
        kind = KINDS[1]
        contenders = [nerodia(self.options.program, kind, name, 1) for name in (DEFAULT_RUNTIME, OTHER_RUNTIME)]
        took = {
            contender.name: sorted(
                measure.first_output(contender, b"[11, 6, 20, 5]\n") * 1e3 for _ in range(STARTS)
            )
            for contender in contenders
        }
        rows = [
            [name, *(f"{figure:.1f}" for figure in (times[0], statistics.median(times), times[-1]))]
            for name, times in took.items()
        ]
        goal = Goal("first output, median", statistics.median(took[contenders[0].name]), 150, "ms")
        text = (
            f"From before the process is started to the first byte of its output, {STARTS} times; the input stays open.\n"
            "The runtimes are compiled and cached."
        )
        return f"## First output\n\n{text}\n\n{table(['', 'min ms', 'median ms', 'max ms'], rows)}", [goal]

    def memory(self) -> tuple[str, list[Goal]]:
        progress("memory")
        kind = KINDS[0]
        source = write(self.work / "input", kind, self.messages(kind))
        measured = {
            (runtime, guests): measure.memory(nerodia(self.options.program, kind, runtime, guests), source)
            for runtime in (DEFAULT_RUNTIME, OTHER_RUNTIME)
            for guests in (1, MANY_GUESTS)
        }
        rows = []
        for (runtime, guests), figures in measured.items():
            more = further_guest(measured, runtime) if guests > 1 else None
            rows.append(
                [
                    f"nerodia {runtime}, {guests} guest{'s' if guests > 1 else ''}",
                    f"{figures.guests_at_work}",
                    f"{figures.steady / MB:.1f}",
                    f"{figures.peak / MB:.1f}",
                    f"{more / MB:.1f}" if more else "",
                    f"{figures.proportional / MB:.1f}",
                ]
            )
        head = ["", "at work", "RSS MB", "peak RSS MB", "a further guest", "PSS MB"]
        text = (
            "While it works on orders. RSS is VmRSS, the median of the second half of the run; peak RSS is VmHWM; a further\n"
            "guest is what each guest after the first adds to the peak. RSS counts a page of the snapshot once for each guest\n"
            "that has it mapped; PSS counts it once, so it is nearer to what the machine gives. 1 MB is 1,000,000 bytes.\n"
            "At work: how many guests' threads took a share of the work."
        )
        goals = [
            Goal("resident, 1 guest, peak", measured[DEFAULT_RUNTIME, 1].peak / MB, 60, "MB"),
            Goal("resident, each further guest", further_guest(measured, DEFAULT_RUNTIME) / MB, 12, "MB"),
        ]
        return f"## Memory\n\n{text}\n\n{table(head, rows)}", goals


def same_results(contenders: list[Contender], sample: Path) -> None:
    """What is compared does the same."""
    results = {
        contender.name: [json.loads(line) for line in measure.output(contender, sample).splitlines()]
        for contender in contenders
    }
    expected = results[contenders[0].name]
    for name, found in results.items():
        if found != expected:
            raise SystemExit(f"{name} gives other results than {contenders[0].name}")


def speed_row(name: str, series: Series, base: Series, messages: int) -> list[str]:
    return [
        name,
        f"{series.cpu(messages):.2f}",
        f"{series.spread():.0%}",
        f"{series.cpu(messages) / base.cpu(messages):.2f}×",
        f"{series.wall(messages):.2f}",
        f"{1e6 / series.wall(messages):,.0f}",
        f"{series.start_up() * 1e3:.0f}",
    ]


def further_guest(measured: dict[tuple[str, int], Memory], runtime: str) -> float:
    return (measured[runtime, MANY_GUESTS].peak - measured[runtime, 1].peak) / (MANY_GUESTS - 1)


if __name__ == "__main__":
    main()
