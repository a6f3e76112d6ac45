total = 0
lines = []
for item in this["items"]:
    line = item["price"] * item["qty"]
    total += line
    lines.append({"sku": item["sku"], "total": line})
discount = 0.1 if this["customer"]["vip"] else 0
root = {
    "id": this["id"],
    "customer": this["customer"]["email"],
    "lines": lines,
    "total": total * (1 - discount),
    "items": this["items"],
    "status": this["status"],
}
