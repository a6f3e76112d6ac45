# Habits of Bloblang: what a script that was written like a mapping of Bento's gets told. The table in docs/from-bento.md has
# all of it; here is what fails in Python, or means something else there.

META = 'write `meta["key"]`, `meta["topic"]` and so on, or `meta["headers"].get("name")` for a header'
# Names that Python does not have.
BLOBLANG_NAMES = {
    "batch_index": "no script knows of a batch",
    "content": "`this` is the content, with `format: text` or `bytes` on input and output",
    "count": "a script keeps no state",
    "deleted": "`root = None` drops the message; `root.pop(\"a\", None)` takes one key out",
    "env": "a script sees no environment; `${NAME}` works in the config",
    "counter": "a script keeps no state; `meta[\"offset\"]` numbers the messages",
    "error": "a failed message goes to `dead_letter`",
    "errored": "a failed message goes to `dead_letter`",
    "fake": "make values with `random`, as in `random.choice(…)`, with `import random`",
    "false": "write `False`",
    "hostname": "a script sees no machine; `${HOSTNAME}` works in the config",
    "json": "`this` is the document: `json(\"a.b\")` is `this[\"a\"][\"b\"]`; Python's module needs `import json`",
    "ksuid": "write `str(uuid.uuid4())`, with `import uuid`",
    "metadata": META,
    "nanoid": "write `str(uuid.uuid4())`, with `import uuid`",
    "nothing": "leave `root` as it is",
    "now": "write `datetime.datetime.now(datetime.timezone.utc).isoformat()`, with `import datetime`",
    "random_int": "write `random.randrange(…)`, with `import random`",
    "throw": 'write `raise ValueError("…")`',
    "timestamp_unix": "write `int(time.time())`, with `import time`",
    "timestamp_unix_milli": "write `time.time_ns() // 10**6`, with `import time`",
    "true": "write `True`",
    "uuid_v4": "write `str(uuid.uuid4())`, with `import uuid`",
}
# Methods that no value of a message has.
BLOBLANG_METHODS = {
    "catch": "`try: …` and `except …:` on lines of their own",
    "contains": '`"x" in value`',
    "exists": '`"a" in value`',
    "filter": '`[i for i in value if i["qty"] > 0]`',
    "flatten": "`[i for inner in value for i in inner]`",
    "fold": "`sum(value)`, or a loop",
    "format_json": "`json.dumps(value)`, with `import json`",
    "has_prefix": "`.startswith(…)`",
    "has_suffix": "`.endswith(…)`",
    "hash": "`hashlib.sha256(value.encode()).hexdigest()`, with `import hashlib`",
    "length": "`len(value)`",
    "lowercase": "`.lower()`",
    "map_each": '`[i["price"] for i in value]`',
    "not_empty": "`if value`",
    "number": "`float(value)`, or `int(value)`",
    "parse_json": "`json.loads(value)`, with `import json`",
    "re_find_all": "`re.findall(…, value)`, with `import re`",
    "re_match": "`re.search(…, value)`, with `import re`",
    "re_replace_all": "`re.sub(…, …, value)`, with `import re`",
    "replace_all": "`.replace(…, …)`",
    "string": "`str(value)`",
    "sum": "`sum(value)`",
    "trim": "`.strip()`",
    "ts_format": '`.strftime("%Y-%m-%d")`',
    "ts_parse": '`datetime.datetime.strptime(value, "%Y-%m-%d")`, with `import datetime`',
    "type": "`type(value)`, or `isinstance(value, dict)`",
    "unique": "`list(dict.fromkeys(value))`",
    "uppercase": "`.upper()`",
    "without": '`{k: v for k, v in value.items() if k != "a"}`',
}
# Forms that Python cannot read, in a line without the texts in it.
BLOBLANG_FORMS = {
    r"\bif\b[^:]*\{": 'Bloblang\'s `if a { b } else { c }` is `b if a else c`',
    r"\bmatch\b.*\{|=>": 'Bloblang\'s `match x { "a" => 1 }` is `{"a": 1}.get(x)`, or `match x:` with `case "a":` on lines below',
    r"[=(,\[{:+]\s*@\w": 'Bloblang\'s `@k` is `meta["headers"].get("k")`, `@kafka_key` is `meta["key"]`',
    r"^\s*let\s+\w+\s*=": "Bloblang's `let x = 1` is `x = 1`",
    r"^\s*meta\s+\w+\s*=": 'Bloblang\'s `meta k = "v"` is `meta["headers"] = {**meta["headers"], "k": "v"}`',
    r"\$\w": "Bloblang's `$x` is `x`",
    r"^(?!\s*(async\s+)?def\b).*->": 'Bloblang\'s `.map_each(i -> i.price)` is `[i["price"] for i in value]`',
    r"&&|\|\||!(?!=)": "Python has `and`, `or` and `not`",
    r"\.or\(": 'Bloblang\'s `this.a.or("x")` is `this.get("a", "x")`',
}
IN_MESSAGES = dict, list, str, bytes, int, float, bool, type(None)
OF_VALUES = frozenset(name for kind in IN_MESSAGES for name in dir(kind))


def form_of_bloblang(line):
    """Returns help for a line that Python cannot read, or None."""
    bare = re.sub(r'"[^"]*"|\'[^\']*\'|#.*', '""', line)
    return next((help for form, help in BLOBLANG_FORMS.items() if re.search(form, bare)), None)


def bloblang(text, tree):
    """Returns an entry of `warnings` for each place that Python reads and that fails, or is never true.

    Only of the first script's `this` it is known that it has no attributes but those of JSON's values.
    """
    stored = bound_names(tree)
    plain_names = {"this"} - stored if text.index == 0 else set()
    if set_to_documents(tree, text.index == 0):
        plain_names |= {"root"}
    found, seen = [], set()
    for node in ast.walk(tree):  # what is around a node comes before it
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and isinstance(node.right, ast.Constant):
            told = fields(node.left, plain_names, seen, repr(node.right.value)) or default_by_or(node, plain_names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "meta" and "meta" not in stored:
            told = "`meta` is a dict, not a function", META
        elif isinstance(node, ast.Compare) and any(map(is_null, [node.left, *node.comparators])):
            told = "JSON's null is `None` in a message: it never equals `null`", "write `is None`, or `is not None`"
        else:
            told = fields(node, plain_names, seen)
        if told:
            found.append((node, *told))
    found = sorted(found, key=lambda one: (one[0].lineno, one[0].col_offset))
    return [
        text.problem(Warning(), message, *text.place(node.lineno, node.col_offset), help=help)
        for node, message, help in found
    ]


def default_by_or(node, names):
    """Returns message and help for `this["a"] | "x"`, or None. With a number it may be meant: bits have such an operator."""
    of = node.left
    if isinstance(node.right.value, int) or not (isinstance(of, ast.Subscript) and isinstance(of.value, ast.Name) and of.value.id in names):
        return None
    help = f"write `{of.value.id}.get({key_of(of)}, {node.right.value!r})`"
    return "`|` does not give a default in Python", help


def is_null(node):
    return isinstance(node, ast.Name) and node.id == "null"


def set_to_documents(tree, is_first):
    """Returns whether all that is assigned to `root` is a dict by its form, or the message."""
    values = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and any("root" in binds_itself(target) for target in node.targets)
    ]
    forms = (ast.Dict, ast.DictComp)
    is_document = [isinstance(value, forms) or (is_first and getattr(value, "id", None) == "this") for value in values]
    bound = [node for node in ast.walk(tree) if "root" in binds_itself(node)]
    return all(is_document) and len(bound) == len(values)


def fields(node, names, seen, otherwise=None):
    """Returns message and help for `this.a.b`, or None; `seen` has nodes in what was told of."""
    call = node if isinstance(node, ast.Call) else None
    outer = node = call.func if call else node
    attributes = []
    while isinstance(node, (ast.Attribute, ast.Subscript)) and node not in seen:
        seen.add(node)
        attributes.insert(0, node)
        node = node.value
    if not (attributes and isinstance(node, ast.Name) and node.id in names):
        return None
    method = BLOBLANG_METHODS.get(outer.attr) if call and isinstance(outer, ast.Attribute) else None
    if call and (method or isinstance(outer, ast.Attribute) and outer.attr in OF_VALUES):
        attributes.pop()
    # `this["when"].year` is right for a datetime, and `this.items.x` may mean anything.
    if not attributes or not isinstance(attributes[0], ast.Attribute) or attributes[0].attr in OF_VALUES:
        return method and (f"no value has a method `{outer.attr}`", f"write {method}")
    keys = [quoted(one.attr) if isinstance(one, ast.Attribute) else key_of(one) for one in attributes]
    written = node.id + "".join(f"[{key}]" for key in keys)
    help = f"write `{written}`"
    if otherwise and len(keys) == 1:
        help = f"write `{node.id}.get({keys[0]}, {otherwise})`"
    elif isinstance(outer.ctx, ast.Store) and len(keys) > 1:
        inner = "".join(f"[{key}]" for key in keys[1:])
        help = f"write `{node.id}.setdefault({keys[0]}, {{}}){inner}`"
    elif isinstance(outer.ctx, ast.Load):
        before = node.id + "".join(f"[{key}]" for key in keys[:-1])
        help += f", or `{before}.get({keys[-1]})` if it may be missing"
    if method:
        help += f", and {method} for `.{outer.attr}()`"
    return f"a field of `{node.id}` is no attribute: it is a key of a dict", help


def key_of(subscript):
    """Returns what stands between the brackets; it may be too long for a line, and for a recursive function."""
    return repr(subscript.slice.value) if isinstance(subscript.slice, ast.Constant) else "…"


def quoted(name):
    return f'"{name}"'


def habit(error):
    """Returns what to add to the message of a failure that comes from a habit, of Bloblang or of Python with files, or an
    empty text."""
    if isinstance(error, NameError):
        help = BLOBLANG_NAMES.get(error.name)
    elif isinstance(error, AttributeError) and type(error.obj) in IN_MESSAGES and isinstance(error.name, str):
        help = BLOBLANG_METHODS.get(error.name)
        if help:
            help = f"write {help}"
        elif type(error.obj) is dict:
            help = f"write `[{quoted(error.name)}]` for a key"
    elif isinstance(error, OSError) and error.filename is not None:
        help = "guests have no files: put what is read there into a module beside the script"
    else:
        return ""
    return f" ({help})" if help else ""
