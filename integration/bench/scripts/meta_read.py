offset = meta["offset"]
root = sum(this)
