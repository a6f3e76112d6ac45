"""Runs a program and measures it: processor time, wall time, time to the first output, resident memory. Linux only."""

import http.client
import os
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

# Nothing that slows Python's output down (PYTHONUNBUFFERED) or changes what Nerodia logs.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("PYTHON", "NERODIA_LOG", "NERODIA_TEST"))
}

MB = 1e6


@dataclass
class Contender:
    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=ENVIRONMENT.copy)
    through_pipe: bool = False
    may_fail: bool = False  # may end with exit code 1


@dataclass
class Usage:
    """Times, in seconds."""

    wall: float
    cpu: float


@dataclass
class Memory:
    """Resident memory, in bytes."""

    peak: float
    steady: float
    proportional: float  # PSS: what is mapped several times is counted once
    guests_at_work: int


def run(contender: Contender, source: Path) -> Usage:
    """Runs a program with `source` as input, and discards its output. The processor time is that of the process tree."""
    began = time.perf_counter()
    with started(contender, source, subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(wall, usage.ru_utime + usage.ru_stime)


def run_asked(contender: Contender, source: Path, urls: list[str]) -> Usage:
    """Does the same as `run`, while all of `urls` are requested every second, as monitors do."""
    answers = dict.fromkeys(urls, 0)
    over = threading.Event()
    # No proxy can reach what runs here.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask() -> None:
        while not over.is_set():
            for url in urls:
                # The server must start first, and may end meanwhile.
                with suppress(OSError, http.client.HTTPException), opener.open(url, timeout=5) as answer:
                    answers[url] += bool(answer.read())
            over.wait(1 if any(answers.values()) else 0.05)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        usage = run(contender, source)
    finally:
        over.set()
        asking.join()
    if unanswered := [url for url, count in answers.items() if not count]:
        raise SystemExit(f"{contender.name} has not answered once: {' '.join(unanswered)}")
    return usage


def two_at_once(contender: Contender, source: Path) -> float:
    """Returns the seconds until two processes are done, each with all of `source`."""
    began = time.perf_counter()
    with started(contender, source, subprocess.DEVNULL) as one, started(contender, source, subprocess.DEVNULL) as two:
        one.wait()
        two.wait()
        return time.perf_counter() - began


def output(contender: Contender, source: Path) -> bytes:
    with started(contender, source, subprocess.PIPE) as process:
        return process.communicate()[0]


def first_output(contender: Contender, message: bytes) -> float:
    """Returns the seconds from before the start to the first byte of output. The input stays open meanwhile."""
    began = time.perf_counter()
    with subprocess.Popen(
        contender.command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=contender.environment,
        bufsize=0,
    ) as process:
        process.stdin.write(message)
        first = process.stdout.read(1)
        took = time.perf_counter() - began
        process.stdin.close()
        process.stdout.read()
    if not first:
        raise SystemExit(f"{contender.name}: no output")
    return took


def memory(contender: Contender, source: Path) -> Memory:
    """Samples the memory of a running program. The steady value is the median of the second half of the samples."""
    samples: list[dict[str, int]] = []
    busiest = 0
    with started(contender, source, subprocess.DEVNULL) as process:
        while process.poll() is None:
            if status := status_of(process.pid):
                samples.append(status)
                busiest = max(busiest, _guests_at_work(process.pid))
            time.sleep(0.1)
    half = samples[len(samples) // 2 :]
    return Memory(
        peak=samples[-1]["VmHWM"],
        steady=statistics.median(sample["VmRSS"] for sample in half),
        proportional=statistics.median(sample["Pss"] for sample in half),
        guests_at_work=busiest,
    )


def read_anew(files: Iterable[Path]) -> None:
    """Makes the kernel forget its pages of these files, as if the machine had just started."""
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def busy_seconds() -> float:
    """Returns the time that all processors of the machine have worked since its start."""
    user, nice, system, _idle, _waiting, irq, soft_irq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + soft_irq) / os.sysconf("SC_CLK_TCK")


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def started(
    contender: Contender, source: Path, stdout: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a program with `source` as input. Checks its exit code at the end."""
    with tempfile.TemporaryFile() as errors, ExitStack() as stack:
        stdin = stack.enter_context(source.open("rb"))
        if contender.through_pipe:
            cat = stack.enter_context(subprocess.Popen(["cat"], stdin=stdin, stdout=subprocess.PIPE))
            stdin = cat.stdout
        process = subprocess.Popen(
            contender.command, stdin=stdin, stdout=stdout, stderr=errors, env=contender.environment
        )
        stdin.close()
        yield process
        if process.wait() not in {0, int(contender.may_fail)}:
            errors.seek(0)
            text = errors.read(2000).decode(errors="replace")
            raise SystemExit(f"{contender.name} ended with exit code {process.returncode}\n{text}")


def status_of(pid: int) -> dict[str, int]:
    """Returns a process's memory from /proc, in bytes; nothing after it has ended."""
    try:
        text = "".join(Path(f"/proc/{pid}/{name}").read_text() for name in ("status", "smaps_rollup"))
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in text.splitlines() if line.endswith(" kB")}


def _guests_at_work(pid: int) -> int:
    """Returns the guests whose threads have worked for 50 ms or more: a start takes far less."""
    least = 0.05 * os.sysconf("SC_CLK_TCK")
    count = 0
    for task in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            name, rest = task.read_text().rsplit(")", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        user, system = rest.split()[11:13]
        count += "(guest-" in name and int(user) + int(system) >= least
    return count
