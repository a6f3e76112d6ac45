"""The documents, the programs that process them, and a check that all programs give the same results."""

import itertools
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import generate
import measure
from measure import ENVIRONMENT, Contender
from report import said_by

HERE = Path(__file__).parent
DEFAULT_RUNTIME = "cpython-3.14"
OTHER_RUNTIME = "cpython-3.12"
RUNTIMES = [DEFAULT_RUNTIME, OTHER_RUNTIME]
MANY_GUESTS = 8
BYTEWAX = "bytewax==0.21.1"


@dataclass
class Kind:
    """A document and the script that processes it."""

    name: str
    script: str
    messages: int
    quick_messages: int
    cpu_goal: float  # times that of the native loop


ORDERS = Kind("orders", "order", 600_000, 50_000, cpu_goal=1.25)
SUMS = Kind("[11, 6, 20, 5]", "sum", 5_000_000, 400_000, cpu_goal=0.5)


def write(path: Path, kind: Kind, messages: int) -> Path:
    lines = generate.orders() if kind is ORDERS else generate.sums()
    with path.open("wb") as file:
        file.writelines(itertools.islice(lines, messages))
    return path


def native(python: str, kind: Kind) -> Contender:
    return Contender("native CPython", [python, str(HERE / "native.py"), _script(kind)])


def nerodia(program: str, kind: Kind, runtime: str, guests: int, through_pipe: bool = False) -> Contender:
    name = f"nerodia {runtime}, {counted(guests)}{', from a pipe' if through_pipe else ''}"
    command = [program, "run", "-c", str(HERE / f"{kind.script}.yaml")]
    for setting in (
        f"guests.runtime={runtime}",
        f"guests.min={guests}",
        f"pipeline.threads={guests}",
        "logger.level=warn",
    ):
        command += ["--set", setting]
    return Contender(name, command, through_pipe=through_pipe)


def counted(guests: int) -> str:
    return f"{guests} guest{'s' if guests > 1 else ''}"


def watched(program: str, kind: Kind, address: str | None) -> Contender:
    """Returns Nerodia as a contender; with a web server if an address is given."""
    contender = nerodia(program, kind, DEFAULT_RUNTIME, 1)
    server = f"http.address={address}" if address else "http.enabled=false"
    return replace(contender, command=[*contender.command, "--set", server])


def bytewax(python: str, kind: Kind) -> Contender:
    command = [python, "-m", "bytewax.run", str(HERE / "bytewax_flow.py")]
    return Contender("bytewax, 1 worker", command, ENVIRONMENT | {"SCRIPT": _script(kind)})


def _script(kind: Kind) -> str:
    return str(HERE / f"scripts/{kind.script}.py")


def install_bytewax(work: Path, python: str) -> str:
    """Returns a Python that has Bytewax."""
    venv = work / "venv"
    subprocess.run([python, "-m", "venv", venv], check=True, stdout=sys.stderr)
    pip = [venv / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", BYTEWAX]
    subprocess.run(pip, check=True, stdout=sys.stderr)
    return str(venv / "bin/python")


def fastest_python(work: Path) -> str:
    """Returns the faster of two python3: a build without optimisations, as pyenv makes it, would flatter Nerodia."""
    found = filter(None, [shutil.which("python3"), shutil.which("python3", path="/usr/bin")])
    pythons = sorted({said_by([python, "-c", "import sys; print(sys.executable)"]) for python in found})
    if len(pythons) == 1:
        return pythons[0]
    sample = write(work / "sample", ORDERS, 20_000)
    took = {python: min(measure.run(native(python, ORDERS), sample).cpu for _ in range(5)) for python in pythons}
    return min(took, key=took.__getitem__)


def check_results(contenders: list[Contender], sample: Path) -> None:
    """Checks that all programs do the same, because only then they can be compared."""
    first, *others = contenders
    expected = _results(first, sample)
    for contender in others:
        if _results(contender, sample) != expected:
            raise SystemExit(f"{contender.name} gives other results than {first.name}")


def _results(contender: Contender, sample: Path) -> list[object]:
    return [json.loads(line) for line in measure.output(contender, sample).splitlines()]
