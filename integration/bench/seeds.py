"""Small documents, each with a number from which a script computes something."""

from random import Random

from shapes import NUMBER, shapes, template

SHAPES = 8


def seeds(draw: Random, how_many: int) -> list[bytes]:
    """Returns templates of such documents."""
    found = shapes(draw, SHAPES, ["id", "seed"], ["name", "factor", "active"])

    def document() -> dict[str, object]:
        fields = {
            "id": NUMBER,
            "seed": draw.randrange(10**6),
            "name": draw.choice(["alpha", "beta", "gamma"]),
            "factor": draw.random(),
            "active": draw.random() < 0.5,
        }
        return {name: fields[name] for name in draw.choice(found)}

    return [template(document()) for _ in range(how_many)]
