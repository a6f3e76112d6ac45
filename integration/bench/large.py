"""Large documents: about 100 KB, nearly all of it a list of records."""

from random import Random

from shapes import NUMBER, shapes, template

SHAPES = 12
RECORDS = 520
WORDS = ["temperature", "pressure", "flow", "voltage", "Füllstand"]


def large(draw: Random, how_many: int) -> list[bytes]:
    """Returns templates of large documents. Their records differ in shape too."""
    of_documents = shapes(draw, SHAPES, ["id", "site", "records", "summary"], ["region", "operator", "note"])
    of_records = shapes(draw, SHAPES, ["at", "sensor", "value", "unit"], ["ok", "raw", "text", "limits", "station"])

    def document() -> dict[str, object]:
        records = [_record(draw) for _ in range(RECORDS)]
        fields = {
            "id": NUMBER,
            "site": f"site-{draw.randrange(1000)}",
            "records": [{name: record[name] for name in draw.choice(of_records)} for record in records],
            "summary": {"count": RECORDS, "mean": draw.random(), "worst": draw.choice(WORDS)},
            "region": draw.choice(["north", "south"]),
            "operator": draw.choice(["Ada", "Zoë", None]),
            "note": "calibrated in spring",
        }
        return {name: fields[name] for name in draw.choice(of_documents)}

    return [template(document()) for _ in range(how_many)]


def _record(draw: Random) -> dict[str, object]:
    return {
        "at": 1_790_000_000_000 + draw.randrange(10**10),
        "sensor": f"{draw.choice(WORDS)}-{draw.randrange(500)}",
        "value": draw.uniform(-50, 150),
        "unit": draw.choice(["°C", "bar", "l/s", "V"]),
        "ok": draw.random() < 0.95,
        "raw": [draw.randrange(4096) for _ in range(6)],
        "text": draw.choice([None, "as expected", "drift: look at it soon", "exchanged on Monday"]),
        "limits": {"low": draw.randrange(50), "high": draw.randrange(50, 200)},
        "station": f"hall {draw.randrange(9)}, line {draw.randrange(30)}",
    }
