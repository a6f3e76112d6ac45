root = this if this["status"] == "paid" else None
