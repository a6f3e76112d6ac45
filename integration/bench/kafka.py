"""Measures Kafka to Kafka: see scripts/bench-kafka.sh."""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import generate
from contenders import DEFAULT_RUNTIME, HERE, nerodia, pipeline
from kinds import FILTER, ORDERS, Kind
from measure import MB, Contender, output, run, status_of
from report import machine, said_by, table

ROOT = HERE.parent.parent
PARTITIONS = 12
WANTED = 1.2
# Orders per second that come while lag is measured, and for how long.
TRAFFIC = 20_000
TRAFFIC_SECONDS = 15


@dataclass
class Moved:
    """Cost of moving all messages from one topic to another."""

    cpu: float
    wall: float
    memory: int = 0


@dataclass
class Lag:
    """Number of orders without a result, measured repeatedly while more came."""

    median: float
    worst: int


def progress(text: str) -> None:
    print(text, file=sys.stderr)


class Cluster:
    """Broker that only this run uses."""

    def __init__(self, plain: Path) -> None:
        self.plain = str(plain)
        self.name = f"bench-{os.getpid()}"
        started = self.script("start", "--name", self.name, "--owner", str(os.getpid()))
        facts = dict(line.split("=", 1) for line in started.splitlines())
        self.addresses = facts["KAFKA_ADDRESSES"]

    def script(self, *arguments: str) -> str:
        command = [str(ROOT / "scripts/kafka.sh"), *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def topic(self, name: str, partitions: int = PARTITIONS) -> str:
        options = ["--name", self.name, "--create", "--topic", name, "--partitions", str(partitions)]
        self.script("tool", "TopicCommand", *options)
        return name

    def fill(self, topic: str, source: Path) -> None:
        with source.open("rb") as lines:
            subprocess.run([self.plain, "produce", self.addresses, topic], stdin=lines, check=True)

    @contextmanager
    def filling(
        self, topic: str, source: Path, rate: int, seconds: float = TRAFFIC_SECONDS
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Writes orders to `topic` at a steady rate."""
        pace = [sys.executable, __file__, "--pace", str(rate), "--seconds", str(seconds), str(source)]
        with (
            subprocess.Popen(pace, stdout=subprocess.PIPE) as lines,
            subprocess.Popen([self.plain, "produce", self.addresses, topic], stdin=lines.stdout) as producer,
        ):
            yield producer

    def count(self, topic: str) -> int:
        return int(said_by([self.plain, "count", self.addresses, topic]))


class Bench:
    def __init__(self, program: str, work: Path, messages: int) -> None:
        self.program, self.work, self.messages = program, work, messages
        self.plain = Path(program).parent / "examples" / "plain"
        self.cluster = Cluster(self.plain)
        self.source = generate.write(work, ORDERS.documents, messages)
        # Results of a kind with one guest: the filter drops two of three orders.
        self.results = {kind.name: output(self.lines(kind), self.source).count(b"\n") for kind in (ORDERS, FILTER)}
        self.topics = 0
        self.input = self.cluster.topic("orders")
        progress(f"writing {messages:,} orders to a topic of {PARTITIONS} partitions")
        self.cluster.fill(self.input, self.source)

    def fresh(self) -> str:
        self.topics += 1
        return self.cluster.topic(f"out-{self.topics}")

    def lines(self, kind: Kind) -> Contender:
        return nerodia(self.program, kind, DEFAULT_RUNTIME, 1)

    def from_lines(self, kind: Kind) -> Moved:
        usage = run(self.lines(kind), self.source)
        return Moved(usage.cpu, usage.wall)

    def forward(self) -> Moved:
        target = self.fresh()
        command = [str(self.plain), "forward", self.cluster.addresses, self.input, target, target]
        return self.timed([command], target, self.messages)

    def engine(self, processes: int = 1, delivery: str = "at_least_once", kind: Kind = ORDERS) -> Moved:
        target = self.fresh()
        commands = self.commands(self.input, target, processes, delivery, kind)
        return self.timed(commands, target, self.results[kind.name], ends=False)

    def commands(
        self, source: str, target: str, processes: int, delivery: str = "at_least_once", kind: Kind = ORDERS
    ) -> list[list[str]]:
        commands = []
        for number in range(processes):
            sets = [
                f"input.kafka.addresses=[{self.cluster.addresses}]",
                f"input.kafka.topics=[{source}]",
                f"input.kafka.consumer_group={target}",
                f"input.kafka.instance_id={target}-{number}",
                f"output.kafka.addresses=[{self.cluster.addresses}]",
                f"output.kafka.topic={target}",
                f"delivery={delivery}",
                "pipeline.on_error=drop",
                "pipeline.threads=1",
                f"guests.runtime={DEFAULT_RUNTIME}",
                "logger.level=error",
            ]
            commands.append([*pipeline(self.program, kind), *(part for one in sets for part in ("--set", one))])
        return commands

    def lag(self, processes: int) -> Lag:
        """Measures a group of this many processes, from the time when each has partitions."""
        source, target = self.cluster.topic(f"live-{self.topics}"), self.fresh()
        samples = []
        with running(self.commands(source, target, processes)) as group:
            time.sleep(10)  # they join one after the other, and share the partitions again each time
            with self.cluster.filling(source, self.source, TRAFFIC) as producer:
                while producer.poll() is None:
                    results = self.cluster.count(target)
                    samples.append(self.cluster.count(source) - results)
                    time.sleep(0.5)
            if any(process.poll() is not None for process in group):
                raise SystemExit("it ended by itself")
        return Lag(statistics.median(samples), max(samples))

    def timed(self, commands: list[list[str]], target: str, results: int, ends: bool = True) -> Moved:
        """Runs `commands` until so many results are in `target`."""
        with running(commands) as started:
            return self.waited_for(started, target, results, ends)

    def waited_for(self, started: list[subprocess.Popen[bytes]], target: str, results: int, ends: bool) -> Moved:
        began = time.monotonic()
        if not ends:
            while self.cluster.count(target) < results:
                if any(process.poll() is not None for process in started):
                    raise SystemExit("it ended before all was moved")
                time.sleep(0.1)
        wall = time.monotonic() - began
        memory = max((status_of(process.pid).get("VmHWM", 0) for process in started), default=0) if not ends else 0
        cpu = 0.0
        for process in started:
            if not ends:
                process.terminate()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                raise SystemExit(f"{process.args} ended with {process.returncode}")
            cpu += usage.ru_utime + usage.ru_stime
        if ends:
            wall = time.monotonic() - began
        if (count := self.cluster.count(target)) < results:
            raise SystemExit(f"{target} has {count} messages of {results}")
        return Moved(cpu, wall, memory)


@contextmanager
def running(
    commands: list[list[str]], environment: dict[str, str] | None = None
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Starts commands, and ends them with the measurement."""
    started = [subprocess.Popen(command, env=environment) for command in commands]
    try:
        yield started
    finally:
        for process in started:
            if process.returncode is None:
                process.terminate()
                process.wait()


def pace(source: str, rate: int, seconds: float) -> None:
    """Writes lines of `source` to standard output at this rate per second: `rate` times `seconds`."""
    began, sent, count = time.monotonic(), 0, int(rate * seconds)
    with open(source, "rb") as lines:
        while sent < count:
            due = min(int((time.monotonic() - began) * rate), count)
            sys.stdout.buffer.writelines(lines.readline() for _ in range(due - sent))
            sys.stdout.buffer.flush()
            sent = due
            time.sleep(0.01)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--program", help=argparse.SUPPRESS)
    parser.add_argument("--pace", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    parser.add_argument("source", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--messages", type=int, default=1_000_000, help="orders to move")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured; the median counts")
    parser.add_argument("--write", action="store_true", help="write integration/bench/KAFKA.md")
    parser.add_argument("--no-build", action="store_true", help="measure what is built")
    options = parser.parse_args()
    if options.pace:
        return pace(options.source, options.pace, options.seconds)
    with tempfile.TemporaryDirectory(prefix="nerodia-bench-") as work:
        report = measured(Bench(options.program, Path(work), options.messages), options.rounds)
    print(report)
    if options.write:
        (HERE / "KAFKA.md").write_text(f"# Kafka to Kafka\n\nMade by `scripts/bench-kafka.sh --write`.\n\n{report}")


def measured(bench: Bench, rounds: int) -> str:
    rows: dict[str, list[Moved]] = {}
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}")
        for name, moved in [
            ("(a) a bare forwarder", bench.forward()),
            ("(b) orders, standard input to standard output, 1 guest", bench.from_lines(ORDERS)),
            ("orders, Kafka to Kafka, 1 guest", bench.engine()),
            ("a filter, standard input to standard output, 1 guest", bench.from_lines(FILTER)),
            ("a filter, Kafka to Kafka, 1 guest", bench.engine(kind=FILTER)),
            ("orders, exactly once", bench.engine(delivery="exactly_once")),
            ("orders, 2 processes of 1 guest", bench.engine(2)),
            ("orders, 3 processes of 1 guest", bench.engine(3)),
        ]:
            rows.setdefault(name, []).append(moved)
    cells, cpu = [], {}
    for name, moves in rows.items():
        cpu[name] = statistics.median(moved.cpu for moved in moves) / bench.messages * 1e6
        rate = bench.messages / statistics.median(moved.wall for moved in moves)
        peak = max(moved.memory for moved in moves)
        cells.append([name, f"{cpu[name]:.1f}", f"{rate:,.0f}", f"{peak / MB:.0f}" if peak else ""])
    lags = []
    for processes in (1, 2, 3):
        progress(f"lag of {processes}")
        lag = bench.lag(processes)
        lags.append([str(processes), f"{lag.median:,.0f}", f"{lag.median / TRAFFIC * 1000:,.0f}", f"{lag.worst:,}"])
    forwarder, lines, engine = list(cpu.values())[:3]
    ratio = engine / (forwarder + lines)
    facts = "\n".join(f"- {name}: {value}" for name, value in machine().items())
    verdict = "reached" if ratio <= WANTED else "MISSED"
    return (
        f"{facts}\n- Kafka: one broker on the same machine; {bench.messages:,} orders of about 500 bytes with key, header "
        f"and timestamp, {PARTITIONS} partitions; median of {rounds} rounds\n\n"
        + table(["what", "µs CPU a message", "messages a second", "peak MB"], cells)
        + f"\n\nKafka to Kafka costs {ratio:.2f} times (a) + (b); wanted: at most {WANTED}: {verdict}.\n"
        "Start-up and the group's joining are part of all figures. The broker shares the cores with its clients, so "
        "more processes gain only what it leaves. The filter writes one order in three.\n\n"
        f"Lag of a group while {TRAFFIC:,} orders a second come, for {TRAFFIC_SECONDS} seconds:\n\n"
        + table(["processes", "median lag", "that is, in ms", "most"], lags)
        + "\n"
    )


if __name__ == "__main__":
    main()
