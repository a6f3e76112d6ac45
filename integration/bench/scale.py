"""Measures how cost grows: with the size of batches, with guests, with partitions and with processes.

Batches and guests are measured with guests that echo, so that what is left is the cost of the engine itself.
"""

import statistics
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import generate
import threads
from contenders import DEFAULT_RUNTIME, nerodia, pipeline
from kafka import Cluster, running
from kinds import ORDERS, TINY, Kind
from measure import ENVIRONMENT, MB, Contender, free_address, started, status_of
from report import table

# What `--scale` may name.
PARTS = {
    "batches": "cost of the engine's threads for batches of several sizes, and the cores that they can feed",
    "guests": "cost of the engine's threads for several numbers of guests",
    "partitions": "an idle and a busy process with several numbers of partitions",
    "processes": "the same work in one, two and three processes",
}
BATCHES = [1, 16, 256, 1024]
GUESTS = [1, 16, 64]
PARTITIONS = [1, 100, 2000]
PROCESSES = [1, 2, 3]
# Orders that come each second while a process has little to do.
RATE = 2000
ECHO = ENVIRONMENT | {"NERODIA_TEST_ECHO_GUESTS": "1"}

HOW_BATCHES = """\
Kafka to Kafka with one guest that echoes, and from a file to /dev/null. Microseconds of processor time a message, of
each thread; start-up is left out. The number is `batching.count`; beside it stands what batches had on average, since a
batch also ends at half a megabyte. Acks is the thread that tells the input what was delivered. Of
librdkafka's threads, all together and the busiest. Medians of {rounds} rounds."""
HOW_CARRY = """\
Messages a second that each thread can carry if it has a core for itself: one divided by the figure above."""
HOW_FEED = """\
With the default size of batches. The engine's thread that costs most decides how many messages a second one process can
carry; that, times what a message costs a guest of {runtime} in this run, is the cores on which guests can be kept
busy. All cores are those of the guests and of everything else in the process at that rate. librdkafka has a thread for
each broker: with one broker, as here, that of the input or of the output has all of the work."""
HOW_GUESTS = """\
Kafka to Kafka with guests that echo, {count:,} small messages; all guests are there from the start. The columns are
those of the batches."""
HOW_PARTITIONS = """\
Kafka to Kafka with one guest of {runtime} and orders; one topic, `at_least_once`. Ready is the time from the start to
`/ready`. Idle: nothing comes for {idle} s. Few: {rate:,} orders come each second, spread over the partitions, for
{live} s. Many: {count:,} orders are there before the start. A request is one of /stats or of /metrics. RSS is VmRSS, at the end of
each."""
HOW_PROCESSES = """\
Kafka to Kafka with one guest of {runtime} in each process, a topic of 12 partitions. All processes are in the group
before {count:,} orders are written as fast as it goes. The broker, its producer and all processes share the cores of
this machine: what wall time gains is what they leave."""


@dataclass
class Cost:
    """Microseconds of processor time a message."""

    of: dict[str, float]
    client: float  # the busiest of librdkafka's threads
    batch: float = 0.0

    @classmethod
    def between(cls, before: threads.Times, now: threads.Times, messages: int, batch: float = 0.0) -> "Cost":
        spent = threads.since(before, now)
        of = {purpose: seconds / messages * 1e6 for purpose, seconds in spent.items()}
        return cls(of, threads.busiest(before, now, "rdk:") / messages * 1e6, batch)

    @classmethod
    def median(cls, costs: list["Cost"]) -> "Cost":
        purposes = {purpose for cost in costs for purpose in cost.of}
        of = {purpose: statistics.median(cost.of.get(purpose, 0) for cost in costs) for purpose in purposes}
        client = statistics.median(cost.client for cost in costs)
        return cls(of, client, statistics.median(cost.batch for cost in costs))

    def get(self, purpose: str) -> float:
        return self.of.get(purpose, 0)

    def whole(self) -> float:
        return sum(self.of.values())

    def singles(self) -> dict[str, float]:
        """Returns the threads of which there is one, whatever the number of guests and brokers."""
        return {purpose: self.get(purpose) for purpose in threads.ENGINE}

    def cells(self) -> list[str]:
        figures = [*(self.get(purpose) for purpose in threads.ENGINE), self.get(threads.CLIENT), self.client]
        figures += [self.get(threads.GUESTS), self.whole()]
        return [f"{self.batch:,.0f}" if self.batch else "", *(f"{figure:.2f}" if figure else "" for figure in figures)]


HEAD = ["batch", "input µs", "main µs", "output µs", "acks µs", "librdkafka", "its busiest", "guests", "all µs"]


@dataclass
class Scale:
    """Parts of the measurement. Each returns its text."""

    program: str
    work: Path
    rounds: int
    quick: bool
    progress: Callable[[str], None]

    def __post_init__(self) -> None:
        self.cluster = Cluster(plain(self.program))
        self.topics: Counter[str] = Counter()

    def measured(self, names: list[str]) -> list[str]:
        parts = {
            "batches": self.batches,
            "guests": self.guests,
            "partitions": self.partitions,
            "processes": self.processes,
        }
        return [part() for name, part in parts.items() if name in names]

    def batches(self) -> str:
        rows, carried, fed = [], [], []
        for kind, count in ((ORDERS, 300_000), (TINY, 1_000_000)):
            count = self.count(count)
            source = self.filled(kind, count)
            for size in BATCHES:
                # Single messages cost some ten times as much.
                messages = count if size > 1 else max(count // 5, 40_000)
                topic = source if size > 1 else self.filled(kind, messages)
                cost = self.median(f"{kind.name}, {size}", lambda: self.moved(kind, topic, messages, ECHO, batch=size))
                rows.append([f"{kind.name}, {size:,}", *cost.cells()])
                carried.append([f"{kind.name}, {size:,}", *carries(cost)])
            real = self.median(f"{kind.name}, real", lambda: self.moved(kind, source, count, ENVIRONMENT))
            rows.append([f"{kind.name}, a real guest", *real.cells()])
            guest = real.get(threads.GUESTS)
            fed.append(feeds(f"{kind.name}, from Kafka", cost, guest, cost.singles()))
            fed.append(feeds(f"{kind.name}, from one broker", cost, guest, {"librdkafka's busiest": cost.client}))
            file = generate.write(self.work, kind.documents, count)
            cost = self.median(f"{kind.name}, file", lambda: self.from_file(kind, file, count))
            rows.append([f"{kind.name}, from a file", *cost.cells()])
            carried.append([f"{kind.name}, from a file", *carries(cost)])
            fed.append(feeds(f"{kind.name}, from a file", cost, guest, cost.singles()))
        head = ["", "input", "main", "output", "acks", "librdkafka's busiest"]
        feed = ["", "decides", "its µs", "messages a second", "guest µs", "cores of guests", "all cores"]
        return (
            f"## Batches\n\n{HOW_BATCHES.format(rounds=self.rounds)}\n\n{table(['', *HEAD], rows)}\n\n"
            f"### Messages a second\n\n{HOW_CARRY}\n\n{table(head, carried)}\n\n"
            f"### Cores that one process can feed\n\n{HOW_FEED.format(runtime=DEFAULT_RUNTIME)}\n\n{table(feed, fed)}"
        )

    def guests(self) -> str:
        count = self.count(500_000)
        source, rows = self.filled(TINY, count), []
        for size in (16, 1024):
            for guests in GUESTS:
                what = f"{guests} guests, {size}"
                cost = self.median(what, lambda: self.moved(TINY, source, count, ECHO, batch=size, guests=guests))
                rows.append([f"batches of {size:,}, {guests} guests", *cost.cells()])
        return f"## Guests\n\n{HOW_GUESTS.format(count=count)}\n\n{table(['', *HEAD], rows)}"

    def partitions(self) -> str:
        count, idle, live = self.count(300_000), 10 if self.quick else 20, 5 if self.quick else 15
        orders = generate.write(self.work, ORDERS.documents, count)
        overview, idles, fews, manies = [], [], [], []
        for partitions in PARTITIONS:
            self.progress(f"{partitions} partitions: idle")
            name = f"{partitions:,}"
            source, target, address = self.fresh("live", partitions), self.fresh("out"), free_address()
            command = self.command(ORDERS, source, target, ["http.enabled=true", f"http.address={address}"])
            began = time.monotonic()
            with running([command], ENVIRONMENT) as (process,):
                self.until(process, lambda: answers(f"http://{address}/ready"))
                ready = time.monotonic() - began
                time.sleep(5)
                before = threads.times(process.pid)
                time.sleep(idle)
                now = threads.times(process.pid)
                resident = [status_of(process.pid)["VmRSS"]]
                idles.append([name, *(f"{seconds * 60 / idle:.2f}" for seconds in parts_of(before, now))])
                requests = [self.request(process.pid, f"http://{address}/{path}") for path in ("stats", "metrics")]
                self.progress(f"{partitions} partitions: few")
                before = threads.times(process.pid)
                with self.cluster.filling(source, orders, RATE, live) as producer:
                    producer.wait()
                    self.until(process, lambda: self.cluster.count(target) >= RATE * live)
                now = threads.times(process.pid)
                resident.append(status_of(process.pid)["VmRSS"])
                fews.append([name, *(f"{cost / RATE / live * 1e6:.1f}" for cost in parts_of(before, now))])
            self.progress(f"{partitions} partitions: many")
            source = self.filled(ORDERS, count, partitions)
            many = self.moved(ORDERS, source, count, ENVIRONMENT)
            manies.append([f"{name}, batches of {many.batch:,.0f}", *(f"{cost:.1f}" for cost in purposes_of(many.of))])
            sizes = [f"{size / MB:.0f}" for size in (*resident, self.resident)]
            overview.append([name, f"{ready:.1f}", *sizes, *(f"{cost * 1e3:.1f}" for cost in requests)])
        how = HOW_PARTITIONS.format(runtime=DEFAULT_RUNTIME, idle=idle, rate=RATE, live=live, count=count)
        head = ["partitions", "ready s", "RSS MB idle", "few", "many", "/stats ms", "/metrics ms"]
        columns = ["input", "main", "output", "acks", "librdkafka", "guests", "others", "all"]
        sections = [f"## Partitions\n\n{how}\n\n{table(head, overview)}"]
        sections.append(f"Idle, CPU seconds a minute:\n\n{table(['partitions', *columns], idles)}")
        sections.append(f"Few, CPU µs an order:\n\n{table(['partitions', *columns], fews)}")
        sections.append(f"Many, CPU µs an order:\n\n{table(['partitions', *columns], manies)}")
        return "\n\n".join(sections)

    def processes(self) -> str:
        count, rows = self.count(500_000), []
        orders = generate.write(self.work, ORDERS.documents, count)
        for processes in PROCESSES:
            self.progress(f"{processes} processes")
            source, target = self.fresh("shared"), self.fresh("out")
            commands = [
                self.command(ORDERS, source, target, ["http.enabled=false", f"input.kafka.instance_id={target}-{one}"])
                for one in range(processes)
            ]
            with running(commands, ENVIRONMENT) as group:
                time.sleep(10)  # they join one after the other, and share the partitions again each time
                before = [threads.times(process.pid) for process in group]
                began = time.monotonic()
                self.cluster.fill(source, orders)
                self.until(group[0], lambda: self.cluster.count(target) >= count)
                wall = time.monotonic() - began
                spent: Counter[str] = Counter()
                for process, then in zip(group, before):
                    spent.update(threads.since(then, threads.times(process.pid)))
                resident = sum(status_of(process.pid)["VmRSS"] for process in group)
            costs = [f"{seconds / count * 1e6:.1f}" for seconds in purposes_of(spent)]
            rows.append([str(processes), *costs, f"{wall:.1f}", f"{count / wall:,.0f}", f"{resident / MB:.0f}"])
        columns = ["input", "main", "output", "acks", "librdkafka", "guests", "others", "all µs"]
        head = ["processes", *columns, "wall s", "messages a second", "RSS MB"]
        return f"## Processes\n\n{HOW_PROCESSES.format(runtime=DEFAULT_RUNTIME, count=count)}\n\n{table(head, rows)}"

    def count(self, messages: int) -> int:
        return messages // 5 if self.quick else messages

    def median(self, what: str, run: Callable[[], Cost]) -> Cost:
        costs = []
        for number in range(self.rounds):
            self.progress(f"{what}, round {number + 1} of {self.rounds}")
            costs.append(run())
        return Cost.median(costs)

    def moved(
        self, kind: Kind, source: str, messages: int, environment: dict[str, str], batch: int = 1024, guests: int = 1
    ) -> Cost:
        """Measures a process that moves all messages of a topic to another one."""
        target, address = self.fresh("out"), free_address()
        sets = [f"input.kafka.batching.count={batch}", f"guests.min={guests}", f"pipeline.threads={guests}"]
        sets += ["http.enabled=true", f"http.address={address}"]
        with running([self.command(kind, source, target, sets)], environment) as (process,):
            before = threads.at_start_of_input(process.pid, lambda: process.poll() is not None)
            self.until(process, lambda: self.cluster.count(target) >= messages)
            now = threads.times(process.pid)
            self.resident = status_of(process.pid)["VmRSS"]
            return Cost.between(before, now, messages, mean_batch(address))

    def from_file(self, kind: Kind, source: Path, messages: int) -> Cost:
        one = nerodia(self.program, kind, DEFAULT_RUNTIME, 1)
        sets = ["http.enabled=false", "logger.level=error", "pipeline.on_error=drop"]
        command = [*one.command, *(part for one in sets for part in ("--set", one))]
        with started(Contender("echo", command, ECHO), source) as process:
            before = threads.at_start_of_input(process.pid, lambda: process.poll() is not None)
            now = dict(before)
            while process.poll() is None:
                now |= threads.times(process.pid)  # threads that have ended keep their last times
                time.sleep(0.005)
        return Cost.between(before, now, messages)

    def command(self, kind: Kind, source: str, target: str, sets: list[str]) -> list[str]:
        sets = [
            f"input.kafka.addresses=[{self.cluster.addresses}]",
            f"input.kafka.topics=[{source}]",
            f"input.kafka.consumer_group={target}",
            f"output.kafka.addresses=[{self.cluster.addresses}]",
            f"output.kafka.topic={target}",
            "pipeline.on_error=drop",
            "pipeline.threads=1",
            f"guests.runtime={DEFAULT_RUNTIME}",
            "logger.level=error",
            *sets,
        ]
        return [*pipeline(self.program, kind), *(part for one in sets for part in ("--set", one))]

    def fresh(self, name: str, partitions: int = 12) -> str:
        self.topics[name] += 1
        topic = self.cluster.topic(f"{name}-{self.topics[name]}", partitions)
        self.cluster.count(topic)  # which waits until each partition has a leader
        return topic

    def filled(self, kind: Kind, messages: int, partitions: int = 12) -> str:
        self.progress(f"writing {messages:,} {kind.documents}")
        topic = self.fresh(kind.name, partitions)
        self.cluster.fill(topic, generate.write(self.work, kind.documents, messages))
        return topic

    def until(self, process: "Popen[bytes]", done: Callable[[], bool]) -> None:
        while not done():
            if process.poll() is not None:
                raise SystemExit("it ended by itself")
            time.sleep(0.1)

    def request(self, pid: int, url: str) -> float:
        """Returns the processor seconds that one request takes."""
        how_many = 20
        before = sum(threads.times(pid).values())
        for _ in range(how_many):
            ask(url)
        return (sum(threads.times(pid).values()) - before) / how_many


def plain(program: str) -> Path:
    """Returns the program that fills topics, which is built beside `program`."""
    return Path(program).parent / "examples" / "plain"


def carries(cost: Cost) -> list[str]:
    figures = [*(cost.get(purpose) for purpose in threads.ENGINE), cost.client]
    return [f"{1e6 / figure:,.0f}" if figure else "" for figure in figures]


def feeds(name: str, echo: Cost, guest: float, singles: dict[str, float]) -> list[str]:
    decides, most = max(singles.items(), key=lambda single: single[1])
    cells = [f"{most:.2f}", f"{1e6 / most:,.0f}", f"{guest:.2f}", f"{guest / most:.1f}"]
    others = echo.whole() - echo.get(threads.GUESTS)
    return [name, decides, *cells, f"{(guest + others) / most:.1f}"]


def purposes_of(spent: "dict[str, float] | Counter[str]") -> list[float]:
    purposes = [*threads.ENGINE, threads.CLIENT, threads.GUESTS, threads.OTHERS]
    return [*(spent.get(purpose, 0) for purpose in purposes), sum(spent.values())]


def parts_of(before: threads.Times, now: threads.Times) -> list[float]:
    return purposes_of(threads.since(before, now))


def ask(url: str) -> bytes:
    # No proxy can reach what runs here.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as answer:
        return answer.read()


def answers(url: str) -> bool:
    with suppress(OSError):
        return bool(ask(url))
    return False


def mean_batch(address: str) -> float:
    lines = ask(f"http://{address}/metrics").decode().splitlines()
    sums = {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("nerodia_batch_messages_")}
    return sums["nerodia_batch_messages_sum"] / max(sums["nerodia_batch_messages_count"], 1)
