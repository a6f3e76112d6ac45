root = {**this, "checked": True}
