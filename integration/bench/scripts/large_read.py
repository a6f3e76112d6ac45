root = this["site"]
