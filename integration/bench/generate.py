"""Makes the inputs of the benchmark and of the soak test: the same bytes each time.

    python3 generate.py orders 1000 > orders.jsonl
"""

import sys
from collections.abc import Callable, Iterator
from itertools import islice, repeat
from pathlib import Path
from random import Random

from large import large
from logs import logs
from orders import orders as order_templates
from seeds import seeds
from shapes import numbered
from wide import wide

SEED = 7


def orders() -> Iterator[bytes]:
    """Yields orders without end, numbered from 0."""
    return numbered(order_templates(Random(SEED), 10_000))


# For each word the lines, without end. The templates are as many as are made in a second or less.
LINES: dict[str, Callable[[], Iterator[bytes]]] = {
    "orders": orders,
    "wide": lambda: numbered(wide(Random(SEED), 3000)),
    "logs": lambda: numbered(logs(Random(SEED), 10_000)),
    "large": lambda: numbered(large(Random(SEED), 100)),
    "seeds": lambda: numbered(seeds(Random(SEED), 10_000)),
    "sums": lambda: repeat(b"[11, 6, 20, 5]\n"),  # the README's line
}


def write(folder: Path, documents: str, messages: int) -> Path:
    """Returns a file with so many messages. It is made at the first call."""
    path = folder / f"{documents}-{messages}"
    if not path.exists():
        with path.open("wb") as file:
            file.writelines(islice(LINES[documents](), messages))
    return path


if __name__ == "__main__":
    sys.stdout.buffer.writelines(islice(LINES[sys.argv[1]](), int(sys.argv[2])))
