"""Prices one order: `this` is the order as the shop wrote it, `root` what accounting gets."""

from decimal import ROUND_HALF_UP, Decimal

TAX = Decimal("0.20")
DISCOUNTS = {"gold": Decimal("0.10"), "silver": Decimal("0.05")}


def cents(amount):
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


# Money is counted in Decimal: 0.1 + 0.2 is no price. `str` first, for 19.99 itself and not its nearest float.
lines = [
    {"sku": item["sku"], "qty": item["qty"], "total": cents(Decimal(str(item["price"])) * item["qty"])}
    for item in this["items"]
]
subtotal = sum((line["total"] for line in lines), Decimal())
discount = cents(subtotal * DISCOUNTS.get(this["customer"].get("tier"), Decimal()))
tax = cents((subtotal - discount) * TAX)

root = {
    "order": this["id"],
    "customer": this["customer"]["name"].title(),
    "lines": [{**line, "total": float(line["total"])} for line in lines],
    "subtotal": float(subtotal),
    "discount": float(discount),
    "tax": float(tax),
    "total": float(subtotal - discount + tax),
    "free_shipping": subtotal - discount >= 100,
}
