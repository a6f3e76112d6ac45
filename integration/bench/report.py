"""Formats the figures as tables that are readable on a terminal and in Markdown."""

import json
import os
import platform
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass
class Goal:
    what: str
    figure: float
    bound: float
    unit: str
    at_least: bool = False

    def row(self) -> list[str]:
        met = self.figure >= self.bound if self.at_least else self.figure <= self.bound
        sign = "≥" if self.at_least else "≤"
        return [
            self.what,
            f"{self.figure:.{1 if self.unit in ('ms', 'MB') else 2}f} {self.unit}",
            f"{sign} {self.bound:g} {self.unit}",
            "met" if met else "MISSED",
        ]


def table(head: list[str], rows: list[list[str]]) -> str:
    """Returns a table whose first column is text; the others are figures."""
    widths = [max(map(len, column)) for column in zip(head, *rows)]

    def line(cells: list[str]) -> str:
        first = cells[0].ljust(widths[0])
        others = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])]
        return f"| {' | '.join([first, *others])} |"

    rule = f"| {'-' * widths[0]} | {' | '.join('-' * (width - 1) + ':' for width in widths[1:])} |"
    return "\n".join([line(head), rule, *map(line, rows)])


def machine() -> dict[str, str]:
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", info, re.MULTILINE)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "date": time.strftime("%Y-%m-%d %H:%M %Z"),
        "processor": f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores",
        "memory": f"{memory / 1e9:.0f} GB",
        "kernel": f"{platform.system()} {platform.release()}",
        "load average before": f"{os.getloadavg()[0]:.2f} (1 min), {os.getloadavg()[1]:.2f} (5 min)",
    }


def versions(program: str, runtimes: list[str], python: str) -> dict[str, str]:
    lock = (ROOT / "Cargo.lock").read_text()
    wasmtime = re.search(r'name = "wasmtime"\nversion = "([^"]+)"', lock)
    facts = {
        "nerodia": said_by([program, "--version"]).removeprefix("nerodia "),
        "wasmtime": wasmtime[1] if wasmtime else "?",
    }
    for runtime in runtimes:
        script = "import sys\nroot = sys.version"
        command = [program, "eval", "--set", f"guests.runtime={runtime}", "--set", "logger.level=warn", script]
        facts[f"guests of {runtime}"] = f"CPython {json.loads(said_by(command, 'null'))}"
    about = "import sys; print(sys.version, sys.executable, sep=', ')"
    facts["native"] = f"CPython {said_by([python, '-c', about])}"
    return facts


def said_by(command: list[str], text: str = "") -> str:
    ran = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return ran.stdout.strip()
