"""Makes the inputs of the benchmark and of the soak test: the same bytes each time.

    python3 generate.py orders 1000 > orders.jsonl
"""

import itertools
import json
import random
import sys
from collections.abc import Iterator

SEED = 7
POOL = 10_000  # different orders; after them only the id is new


def order_tails() -> list[bytes]:
    """Returns orders as JSON lines, each without its beginning `{"id":N`."""
    draw = random.Random(SEED)
    return [_order_tail(draw) for _ in range(POOL)]


def orders() -> Iterator[bytes]:
    """Yields orders without end, numbered from 0."""
    for number, tail in zip(itertools.count(), itertools.cycle(order_tails())):
        yield b'{"id":%d%s' % (number, tail)


def sums() -> Iterator[bytes]:
    """Repeats the README's line without end."""
    return itertools.repeat(b"[11, 6, 20, 5]\n")


def _order_tail(draw: random.Random) -> bytes:
    order = {
        "customer": {
            "name": draw.choice(["Ada Lovelace", "Grace Hopper", "Alan Turing", "Zoë Müller"]),
            "email": f"user{draw.randrange(10**6)}@example.com",
            "city": draw.choice(["London", "Zürich", "Santiago de Cali", "Springfield"]),
            "phone": f"+{draw.randrange(10**10, 10**11)}",
            "vip": draw.random() < 0.2,
        },
        "items": [
            {
                "sku": f"SKU-{draw.randrange(10**5):05}",
                "name": draw.choice(["keyboard", "mouse", "monitor", "cable"]),
                "price": round(draw.uniform(1, 500), 2),
                "qty": draw.randrange(1, 9),
            }
            for _ in range(draw.randrange(4, 7))
        ],
        "status": draw.choice(["new", "paid", "shipped"]),
        "note": draw.choice([None, "please leave at the door", "gift: no invoice in the parcel"]),
    }
    text = json.dumps(order, separators=(",", ":"), ensure_ascii=False)
    return f",{text[1:]}\n".encode()


if __name__ == "__main__":
    kind, count = sys.argv[1], int(sys.argv[2])
    lines = {"orders": orders, "sums": sums}[kind]()
    sys.stdout.buffer.writelines(itertools.islice(lines, count))
