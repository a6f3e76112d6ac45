# What `root` is at the start of a script. `nerodia debug` uses this file too.

# Functions that only look at their arguments.
LOOKERS = frozenset("print repr str len bool isinstance type id".split())


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
    """Returns the parts of `node` whose value decides something, or is shown, and goes no further."""
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    if isinstance(node, (ast.If, ast.While, ast.IfExp, ast.Assert)):
        return [node.test]
    if isinstance(node, ast.UnaryOp):
        return [node.operand]
    if isinstance(node, (ast.FormattedValue, ast.Expr)):
        return [node.value]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in LOOKERS:
        return node.args
    return []
