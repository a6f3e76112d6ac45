lines = [(item["sku"], item["qty"]) for item in this["items"]]
root = {
    "id": this["id"],
    "status": this["status"].upper(),
    "pieces": sum(pieces for sku, pieces in lines),
    "lines": lines,
}
