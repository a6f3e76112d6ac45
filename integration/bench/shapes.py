"""Shapes of documents: which fields a document has, and in which order. All documents of one shape agree in both.

Real topics have documents of several shapes. Documents of a single shape would flatter a cache of shapes.
"""

import json
from collections.abc import Iterator
from itertools import count, cycle
from random import Random

# Value that stands for the number of the message.
NUMBER = "<number>"


def shapes(draw: Random, how_many: int, always: list[str], sometimes: list[str]) -> list[list[str]]:
    """Returns lists of fields: all of `always` and most of `sometimes`, in any order."""
    found = []
    for _ in range(how_many):
        names = always + [name for name in sometimes if draw.random() < 0.8]
        draw.shuffle(names)
        found.append(names)
    return found


def template(document: object) -> bytes:
    """Returns a document as a JSON line, with `%d` in the place of the number."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return as_template(text.replace(f'"{NUMBER}"', NUMBER))


def as_template(line: str) -> bytes:
    return line.replace("%", "%%").replace(NUMBER, "%d").encode() + b"\n"


def numbered(templates: list[bytes]) -> Iterator[bytes]:
    """Yields lines without end, numbered from 0. After the last template the first one comes again."""
    return (line % number for number, line in zip(count(), cycle(templates)))
