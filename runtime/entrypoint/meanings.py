# What Python reads and does, but what surely does something else than it seems: a list that sorts itself gives nothing,
# a method that is not called is always true, a variable of the environment stays text.

# Methods that change their value and return None, each with what gives the changed value.
GIVE_NOTHING = {
    "append": "[*{value}, {given}]",
    "extend": "[*{value}, *{given}]",
    "reverse": "{value}[::-1]",
    "sort": "sorted({value})",
    "update": "{{**{value}, **{given}}}",
}
# Functions of Python that take no method as their first argument.
OF_DATA = frozenset("bool dict float int len list round set sorted str sum tuple".split())
VARIABLE = r"\$\{[A-Z][A-Z0-9_]*(:[^{}]*)?\}"
REPLACERS = frozenset("replace sub Template substitute safe_substitute expandvars".split())
PATH = r"[^\W\d]\w*(\.[^\W\d]\w*)+"


def other_meaning(node, names):
    """Returns message and help for a node that means something else than it seems, or None."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return gives_nothing(node, names) or formats_nothing(node) or dotted(node, names)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return of_meta(node, names) if node.value.id == "meta" else not_called(node, names)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and "${" in node.value:
        return not_replaced(node, names)
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "meta":
        given = node.value
        if isinstance(given, ast.Call) and getattr(given.func, "id", None) == "deleted" and "deleted" not in names.bound:
            return "`meta` is a dict: a script changes it in place", 'write `meta["headers"] = {}`'
    return None


def gives_nothing(call, names):
    """Returns message and help for `x.sort()` whose value, None, is used."""
    form, of = GIVE_NOTHING.get(call.func.attr), call.func.value
    if form is None or not names.is_json(of) or not is_used(call, names):
        return None
    given = written(call.args[0]) if call.args else "…"
    if call.keywords:
        form = "sorted({value}, …)" if call.func.attr == "sort" else form
    help = form.format(value=written(of), given=given)
    return f"`.{call.func.attr}(…)` changes its value in place, and returns None", f"write `{help}`"


def is_used(node, names):
    """Returns whether something is done with the value of a node; not if it may only stand for a condition."""
    inner, outer = node, names.parents[node]
    while isinstance(outer, ast.IfExp) and inner is not outer.test:
        inner, outer = outer, names.parents[outer]
    if isinstance(outer, (ast.Assign, ast.AnnAssign)):
        targets = outer.targets if isinstance(outer, ast.Assign) else [outer.target]
        return not any(isinstance(target, ast.Name) and target.id.startswith("_") for target in targets)
    if isinstance(outer, (ast.Attribute, ast.Subscript)):
        return outer.value is inner
    if isinstance(outer, (ast.For, ast.comprehension)):
        return outer.iter is inner
    if isinstance(outer, ast.Call):
        return outer.func is not inner
    return isinstance(outer, (ast.Dict, ast.List, ast.keyword, ast.AugAssign))


def not_called(node, names):
    """Returns message and help for `if this.items`, whose value is the method itself."""
    name = node.value.id
    is_method = node.attr in OF_VALUES and not is_dunder(node.attr) and node.attr not in NUMBERS_HAVE
    if not (is_method and name in names.documents and isinstance(node.ctx, ast.Load) and needs_data(node, names)):
        return None
    message = f"`{name}.{node.attr}` is a method of Python's, and not called"
    return message, f"write `{name}[{quoted(node.attr)}]` for the field, or call it"


def needs_data(node, names):
    """Returns whether a node stands where a method makes no sense."""
    outer = names.parents[node]
    if isinstance(outer, (ast.If, ast.While, ast.IfExp)) and outer.test is node:
        return True
    if isinstance(outer, (ast.For, ast.comprehension)) and outer.iter is node:
        return True
    if isinstance(outer, (ast.BoolOp, ast.Compare, ast.BinOp, ast.FormattedValue, ast.UnaryOp)):
        return True
    if isinstance(outer, ast.Call):
        return bool(outer.args) and outer.args[0] is node and getattr(outer.func, "id", None) in OF_DATA - names.bound.keys()
    while isinstance(outer, (ast.Dict, ast.List, ast.IfExp)):
        outer = names.parents[outer]
    if not isinstance(outer, ast.Assign):
        return False
    start = outer.targets[0]
    while isinstance(start, (ast.Attribute, ast.Subscript)):
        start = start.value
    return isinstance(start, ast.Name) and start.id == "root"


def formats_nothing(call):
    """Returns message and help for `"%v has".format(x)`, which is the text before the dot."""
    of = call.func.value
    if call.func.attr != "format" or not (is_text(of) and call.args) or "{" in of.value:
        return None
    if not re.search("%[vsdq]", of.value):
        return None
    help = re.sub("%[vsdq]", "{}", of.value)
    return "`format` puts values where `{}` is, and this text has none", f"write `{help!r}.format(…)`"


def dotted(call, names):
    """Returns message and help for `this.get("a.b")`, which is a path only in Bloblang. Keys may have dots, too."""
    if not (is_get(call) and len(call.args) == 1 and is_text(call.args[0]) and getattr(call.func.value, "id", None) in names.documents):
        return None
    path = call.args[0].value
    if names.dotted is None:
        names.dotted = any(map(is_dotted_key, names.nodes))
    if names.dotted or not re.fullmatch(PATH, path):
        return None
    name, keys = call.func.value.id, path.split(".")
    got = f"{name}.get({quoted(keys[0])})"
    for key in keys[1:]:
        got = f"({got} or {{}}).get({quoted(key)})"
    message = f"is `{path}` a path? Python looks for one key with a dot in it"
    return message, f"write `{got}` for a path, and `{name}[{quoted(path)}]` for a key"


def is_dotted_key(node):
    """Returns whether a node has a key with a dot in it, in brackets, in a dict, or before `in`."""
    if isinstance(node, ast.Subscript):
        keys = [node.slice]
    elif isinstance(node, ast.Dict):
        keys = node.keys
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
        keys = [node.left]
    else:
        return False
    return any(key is not None and is_text(key) and re.fullmatch(PATH, key.value) for key in keys)


def not_replaced(node, names):
    """Returns message and help for a text `${NAME}`, unless the script itself may replace that."""
    outer, found = names.parents[node], re.fullmatch(VARIABLE, node.value)
    while isinstance(outer, ast.Call) and getattr(outer.func, "id", None) in OF_DATA - names.bound.keys():
        node, outer = outer, names.parents[outer]
    is_value = isinstance(outer, ast.Assign) or (isinstance(outer, ast.Dict) and node in outer.values)
    if found is None or not is_value:
        return None
    if names.replaces is None:
        names.replaces = any(getattr(one, "id", getattr(one, "attr", None)) in REPLACERS for one in names.nodes)
    if names.replaces:
        return None
    name = re.match(r"\$\{(\w+)", found[0])[1]
    return f"`{found[0]}` stays as it is: variables are not replaced in a script", from_outside(name, names.index)


def of_meta(node, names):
    """Returns message and help for `meta.key`."""
    if "meta" in names.bound or node.attr in OF_VALUES:
        return None
    return "`meta` is a dict: it has no such attribute", f"write `{OF_BENTO.get(node.attr, f'meta[{quoted(node.attr)}]')}`"


# Metadata of Bento's, and what it is here.
OF_BENTO = {
    "kafka_key": 'meta["key"]',
    "kafka_offset": 'meta["offset"]',
    "kafka_partition": 'meta["partition"]',
    "kafka_timestamp_ms": 'meta["timestamp"]',
    "kafka_timestamp_unix": 'meta["timestamp"] // 1000',
    "kafka_tombstone_message": 'meta["tombstone"]',
    "kafka_topic": 'meta["topic"]',
}
OF_EVERY_MESSAGE = frozenset("key topic partition offset timestamp headers tombstone schema".split())


def unknown_meta(stages):
    """Returns an entry of `warnings` for each name that a script reads in `meta` and that no message and no script has put
    there."""
    found, known = [], {*OF_EVERY_MESSAGE}
    for stage in stages:
        stored, read = stage.meta_names
        if read is None:
            break  # nor is it known what it puts there
        known |= stored.keys()
        for name, place in read.items():
            if name not in known:
                here = OF_BENTO.get(name, f'meta["headers"].get({quoted(name)})')
                message = f"`meta` has no {quoted(name)}"
                found.append(stage.problem(Warning(), message, *place, help=f"write `{here}`"))
    return found
