from collections import namedtuple
from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    NEW = "new"
    PAID = "paid"
    SHIPPED = "shipped"


Line = namedtuple("Line", ["sku", "pieces"])


@dataclass
class Order:
    number: int
    status: Status
    lines: list

    def pieces(self):
        return sum(line.pieces for line in self.lines)


# %% message
order = Order(
    this["id"],
    Status(this["status"]),
    [Line(item["sku"], item["qty"]) for item in this["items"]],
)
root = {"id": order.number, "status": order.status.name, "pieces": order.pieces(), "lines": order.lines}
