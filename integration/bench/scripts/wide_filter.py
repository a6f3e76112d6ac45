root = this if this["level"] == "error" else None
