meta["key"] = str(this[0])
root = sum(this)
