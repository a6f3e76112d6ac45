"""The programs that process the documents, and a check that all of them give the same results."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import generate
import measure
from kinds import ORDERS, Kind
from measure import ENVIRONMENT, Contender
from report import said_by

HERE = Path(__file__).parent
DEFAULT_RUNTIME = "cpython-3.14"
OTHER_RUNTIME = "cpython-3.12"
RUNTIMES = [DEFAULT_RUNTIME, OTHER_RUNTIME]
MANY_GUESTS = 8
BYTEWAX = "bytewax==0.21.1"


def native(python: str, kind: Kind) -> Contender:
    text = ["--text"] if kind.text else []
    return Contender("native CPython", [python, str(HERE / "native.py"), *text, kind.path])


def nerodia(program: str, kind: Kind, runtime: str, guests: int, through_pipe: bool = False) -> Contender:
    name = f"nerodia {runtime}, {counted(guests)}{', from a pipe' if through_pipe else ''}"
    command = pipeline(program, kind)
    for setting in (
        f"guests.runtime={runtime}",
        f"guests.min={guests}",
        f"pipeline.threads={guests}",
        "logger.level=warn",
    ):
        command += ["--set", setting]
    # The exit code is 1 if any message has failed.
    return Contender(name, command, through_pipe=through_pipe, may_fail=kind.failing is not None)


def pipeline(program: str, kind: Kind) -> list[str]:
    """Returns the command that runs the script of this kind."""
    script = f"pipeline.processors.0.python.file={kind.path}"
    return [program, "run", "-c", str(HERE / "pipeline.yaml"), "--set", script]


def counted(guests: int) -> str:
    return f"{guests} guest{'s' if guests > 1 else ''}"


def watched(program: str, kind: Kind, runtime: str, address: str | None) -> Contender:
    """Returns Nerodia as a contender; with a web server if an address is given."""
    contender = nerodia(program, kind, runtime, 1)
    server = f"http.address={address}" if address else "http.enabled=false"
    return replace(contender, command=[*contender.command, "--set", server])


def bytewax(python: str, kind: Kind) -> Contender:
    command = [python, "-m", "bytewax.run", str(HERE / "bytewax_flow.py")]
    return Contender("bytewax, 1 worker", command, ENVIRONMENT | {"SCRIPT": kind.path})


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
    sample = generate.write(work, ORDERS.documents, 20_000)
    took = {python: min(measure.run(native(python, ORDERS), sample).cpu for _ in range(5)) for python in pythons}
    return min(took, key=took.__getitem__)


def sample(work: Path, kind: Kind) -> Path:
    return generate.write(work, kind.documents, min(1000, kind.messages // 50))


def check_results(contenders: list[Contender], source: Path) -> None:
    """Checks that all programs do the same, because only then they can be compared."""
    first, *others = contenders
    expected = results(first, source)
    if not expected:
        raise SystemExit(f"{first.name} gives no results")
    for contender in others:
        compare(contender, results(contender, source), first, expected)


def compare(contender: Contender, found: list[object], first: Contender, expected: list[object]) -> None:
    if found != expected:
        raise SystemExit(f"{contender.name} gives other results than {first.name}: {' '.join(contender.command)}")


def results(contender: Contender, source: Path) -> list[object]:
    return [json.loads(line) for line in measure.output(contender, source).splitlines()]
