total = 0
lines = []
for item in this["items"]:
    line = item["price"] * item["qty"]
    total += line
    lines.append({"sku": item["sku"], "total": round(line, 2)})
discount = 0.1 if this["customer"]["vip"] else 0
root = {
    "id": this["id"],
    "customer": this["customer"]["email"],
    "lines": lines,
    "total": round(total * (1 - discount), 2),
    "items": this["items"],
    "status": this["status"],
}
if this["id"] % 10 == 0:
    raise ValueError(f"order {this['id']} is refused")
