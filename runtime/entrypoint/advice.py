# Advice: what a script does for each message although once is enough.

# Functions that make a class of a name and its members.
MAKERS = frozenset(
    "namedtuple NamedTuple TypedDict make_dataclass Enum IntEnum StrEnum Flag IntFlag new_class".split()
)
MOVE = (
    "move it to `setup`, or above a line `# %% message` of the script's file: that part runs once in each guest, not "
    "for each message"
)


def made_again(tree):
    """Yields (node, text) for each class and each pattern that a script makes."""
    for node in every_node(tree):
        if isinstance(node, ast.ClassDef):
            yield node, f"class {node.name}"
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
            if name in MAKERS and len(node.args) > 1:
                yield node, f"{name}(…)"
            elif is_pattern(node):
                yield node, "re.compile(…)"


def is_pattern(call):
    """Returns whether a call is `re.compile` of a constant."""
    function = call.func
    is_compile = isinstance(function, ast.Attribute) and function.attr == "compile"
    of_re = is_compile and isinstance(function.value, ast.Name) and function.value.id == "re"
    return of_re and bool(call.args) and isinstance(call.args[0], ast.Constant)


def advice(text, tree):
    """Returns an entry of `warnings` for each of them."""
    found = sorted(made_again(tree), key=lambda one: (one[0].lineno, one[0].col_offset))
    return [
        text.problem(Warning(), f"`{what}` runs for each message", *text.place(node.lineno, node.col_offset), help=MOVE)
        for node, what in found
    ]
