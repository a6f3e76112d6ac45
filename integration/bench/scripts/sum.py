root = sum(this)
