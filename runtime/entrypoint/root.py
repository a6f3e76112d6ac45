# What `root` is at the start of a script. `nerodia debug` uses this file too.


def fills_root(tree):
    """Returns whether a script starts from an empty object: it sets parts of `root`, or hands `root` on, and never assigns
    it. For one that only looks at `root`, as `print(root)` does, and for all others, `root` starts as None."""
    used, looks = [], set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            if node.id == "root":
                if not isinstance(node.ctx, ast.Load):
                    return False
                used.append(node)
        else:
            looks.update(looked_at(node))
    return any(node not in looks for node in used)


def looked_at(node):
    """Returns the parts of `node` that are the same for None and for an empty object, or are printed, and go no further."""
    if isinstance(node, ast.Compare):
        is_none = isinstance(node.comparators[0], ast.Constant) and node.comparators[0].value is None
        return [node.left] if is_none and isinstance(node.ops[0], (ast.Is, ast.IsNot)) else []
    if isinstance(node, (ast.If, ast.While, ast.IfExp, ast.Assert)):
        return [node.test]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return [node.operand]
    if isinstance(node, ast.Expr):
        return [node.value]
    return shown(node.args) if is_call_of(node, ("print",)) else []


def shown(arguments):
    """Returns the parts of what is printed, with what stands in f-strings, and in `str` and `repr`."""
    parts = list(arguments)
    for part in parts:
        if isinstance(part, (ast.JoinedStr, ast.FormattedValue, ast.Tuple, ast.BinOp)):
            parts += ast.iter_child_nodes(part)
        elif is_call_of(part, ("str", "repr")):
            parts += part.args
    return parts


def is_call_of(node, names):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
