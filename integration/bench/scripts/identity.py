root = this
