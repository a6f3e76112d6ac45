"""Wide documents: about 80 fields of several types, some of them nested, in 1.5 to 3 KB."""

from collections.abc import Callable
from itertools import product
from random import Random

from shapes import NUMBER, shapes, template

SHAPES = 40
WORDS = ["north", "premium", "unknown", "campaign 12", "São Paulo", "retry later", "fragile", "Ångström"]
LEVELS = ["ok", "warning", "error"]
COUNTRIES = ["SE", "DE", "BR", "JP"]

# A field is named by a group and a part; the part decides its type.
GROUPS = ["billing", "shipping", "device", "session", "payment", "campaign", "store", "support", "contract"]
PARTS: dict[str, Callable[[Random], object]] = {
    "code": lambda draw: f"{draw.randrange(16**8):08x}",
    "label": lambda draw: draw.choice(WORDS),
    "count": lambda draw: draw.randrange(1000),
    "total": lambda draw: round(draw.uniform(0, 10_000), 2),
    "ratio": lambda draw: draw.random(),
    "active": lambda draw: draw.random() < 0.5,
    "created_at": lambda draw: f"2026-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}T12:30:00Z",
    "closed_at": lambda draw: draw.choice([None, 1_790_000_000_000 + draw.randrange(10**10)]),
    "reference": lambda draw: draw.choice([None, f"ref {draw.randrange(10**9)} \"{draw.choice(WORDS)}\""]),
    "version": lambda draw: draw.randrange(-5, 100),
}
ORDINARY = {f"{group}_{part}": PARTS[part] for group, part in product(GROUPS, PARTS)}

NESTED: dict[str, Callable[[Random], object]] = {
    "address": lambda draw: {
        "street": f"{draw.choice(WORDS)} {draw.randrange(200)}",
        "city": draw.choice(WORDS),
        "position": {"lat": draw.uniform(-90, 90), "lon": draw.uniform(-180, 180)},
    },
    "tags": lambda draw: draw.sample(WORDS, draw.randrange(4)),
    "history": lambda draw: [
        {"at": 1_790_000_000 + draw.randrange(10**7), "state": draw.choice(LEVELS)} for _ in range(draw.randrange(1, 4))
    ],
}
ALWAYS: dict[str, Callable[[Random], object]] = {
    "id": lambda draw: NUMBER,
    "level": lambda draw: draw.choice(LEVELS),
    "country": lambda draw: draw.choice(COUNTRIES),
}
FIELDS = ALWAYS | NESTED | ORDINARY


def wide(draw: Random, how_many: int) -> list[bytes]:
    """Returns templates of wide documents."""
    found = shapes(draw, SHAPES, [*ALWAYS, *NESTED], list(ORDINARY))
    return [template({name: FIELDS[name](draw) for name in draw.choice(found)}) for _ in range(how_many)]
