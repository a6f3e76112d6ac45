"""Orders of about 500 bytes: documents with a list of items."""

from random import Random

from shapes import NUMBER, shapes, template

SHAPES = 24


def orders(draw: Random, how_many: int) -> list[bytes]:
    """Returns templates of orders."""
    of_orders = shapes(draw, SHAPES, ["id", "customer", "items", "status", "note"], ["currency", "channel"])
    of_customers = shapes(draw, SHAPES, ["name", "email", "vip"], ["city", "phone"])
    of_items = shapes(draw, SHAPES, ["sku", "price", "qty"], ["name"])

    def order() -> dict[str, object]:
        shape = draw.randrange(SHAPES)
        customer, items = _customer(draw), [_item(draw) for _ in range(draw.randrange(4, 7))]
        fields = {
            "id": NUMBER,
            "customer": {name: customer[name] for name in of_customers[shape]},
            "items": [{name: item[name] for name in of_items[shape]} for item in items],
            "status": draw.choice(["new", "paid", "shipped"]),
            "note": draw.choice([None, "please leave at the door", "gift: no invoice in the parcel"]),
            "currency": draw.choice(["EUR", "CHF", "GBP"]),
            "channel": draw.choice(["web", "shop", "phone"]),
        }
        return {name: fields[name] for name in of_orders[shape]}

    return [template(order()) for _ in range(how_many)]


def _customer(draw: Random) -> dict[str, object]:
    return {
        "name": draw.choice(["Ada Lovelace", "Grace Hopper", "Alan Turing", "Zoë Müller"]),
        "email": f"user{draw.randrange(10**6)}@example.com",
        "city": draw.choice(["London", "Zürich", "Santiago de Cali", "Springfield"]),
        "phone": f"+{draw.randrange(10**10, 10**11)}",
        "vip": draw.random() < 0.2,
    }


def _item(draw: Random) -> dict[str, object]:
    return {
        "sku": f"SKU-{draw.randrange(10**5):05}",
        "name": draw.choice(["keyboard", "mouse", "monitor", "cable"]),
        "price": round(draw.uniform(1, 500), 2),
        "qty": draw.randrange(1, 9),
    }
