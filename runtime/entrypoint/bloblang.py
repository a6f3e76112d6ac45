# Habits of Bloblang: what a script that was written like a mapping of Bento's gets told. docs/from-bento.md has the most used
# of it; here is what fails in Python, or means something else there.

IN_MESSAGES = dict, list, str, bytes, int, float, bool, type(None)
OF_VALUES = frozenset(name for kind in IN_MESSAGES for name in dir(kind))
NUMBERS_HAVE = frozenset("real imag numerator denominator".split())  # and these are no methods
# Methods of other values that a script may have: dates, and numbers of typed formats.
OF_OTHERS = frozenset("max min timestamp".split())
OTHER = "other"
LONGEST_HINT, TOO_LONG = 60, "…"  # characters of Python in a help, and what stands for more
MOST_FOUND = 100  # places in one text; the host is told of fewer


class Names:
    """What is known of a text: its nodes, and what its names stand for."""

    def __init__(self, text, tree, given):
        self.nodes, self.parents, self.bound, self.values = [tree], {}, {}, {}
        self.index, self.given = text.index, given - RESERVED
        # Whether the text has keys with dots in them, and whether it replaces parts of texts; known when it is asked.
        self.dotted = self.replaces = None
        roots = []
        for node in self.nodes:  # what is around a node comes before it
            names = binds_itself(node) | ({node.arg} if isinstance(node, ast.arg) else set())
            for name in names:
                self.bound[name] = self.bound.get(name, 0) + 1
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self.values[target.id] = node.value
                if any("root" in binds_itself(target) for target in node.targets):
                    roots.append(node.value)
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
                self.nodes.append(child)
        # Only of the first script's `this` it is known that it has no attributes but those of JSON's values.
        is_first = text.index == 0 and not text.is_setup
        self.documents = {"this"} - self.bound.keys() if is_first else set()
        if not text.is_setup and self.bound.get("root", 0) == len(roots) and all(self.is_object(one, is_first) for one in roots):
            self.documents |= {"root"}

    @staticmethod
    def is_object(value, is_first):
        """Returns whether a value is a dict by its form, or the message."""
        return isinstance(value, (ast.Dict, ast.DictComp)) or (is_first and getattr(value, "id", None) == "this")

    def is_json(self, node, deepest=20):
        """Returns whether a value is surely one of JSON's: a part of a document, or a list or dict by its form."""
        if isinstance(node, ast.Name):
            value = self.values.get(node.id) if self.bound.get(node.id) == 1 and deepest else None
            return node.id in self.documents or (value is not None and self.is_json(value, deepest - 1))
        if isinstance(node, ast.Subscript):
            # What is in a list or a dict that the text makes may be anything.
            return deepest > 0 and self.is_in_document(node.value)
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                return node.func.id in ("dict", "list", "sorted") and node.func.id not in self.bound
            return deepest > 0 and is_get(node) and len(node.args) == 1 and self.is_in_document(node.func.value)
        return isinstance(node, (ast.List, ast.ListComp, ast.Dict, ast.DictComp))


    def is_in_document(self, node):
        """Returns whether a value is a document or a part of one."""
        while isinstance(node, ast.Subscript) or is_get(node):
            node = node.value if isinstance(node, ast.Subscript) else node.func.value
        return isinstance(node, ast.Name) and node.id in self.documents

    def unused(self):
        """Returns a name that the text does not bind, for a help."""
        return next((name for name in ("v", "got", "found") if name not in self.bound), "value_or_none")


def is_get(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and bool(node.args)


def bloblang(text, tree, given):
    """Returns an entry of `warnings` for each place that Python reads and that fails, or means something else; `given` are the
    names that the text has from outside."""
    names = Names(text, tree, given)
    found, seen = [], set()
    for node in names.nodes:
        if len(found) == MOST_FOUND:
            break
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            told = fields(node.left, names, seen, node.right) or default_by_or(node, names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "meta" and "meta" not in names.bound:
            told = "`meta` is a dict, not a function", META
        elif isinstance(node, ast.Compare) and "null" not in names.bound and any(map(is_null, [node.left, *node.comparators])):
            told = "JSON's null is `None` in a message: it never equals `null`", "write `is None`, or `is not None`"
        else:
            told = fields(node, names, seen) or other_meaning(node, names)
        if told:
            found.append((node, *told))
    found = sorted(found, key=lambda one: (one[0].lineno, one[0].col_offset))
    return [
        text.problem(Warning(), message, *text.place(node.lineno, node.col_offset), help=help)
        for node, message, help in found
    ]


def default_by_or(node, names):
    """Returns message and help for `this["a"] | "x"`, or None. Whole numbers and dicts have such an operator."""
    given = node.right
    is_default = isinstance(given, ast.List) or (isinstance(given, ast.Constant) and isinstance(given.value, (str, float)))
    of = node.left
    if not (is_default and (isinstance(of, ast.Subscript) or is_get(of)) and names.is_json(of)):
        return None
    if isinstance(of, ast.Subscript) and isinstance(of.slice, ast.Constant) and isinstance(of.slice.value, str):
        got = f"{written(of.value)}.get({key_of(of)})"
    else:
        got = written(of)
    return "`|` does not give a default in Python", f"write `{otherwise(got, given, names)}`"


def otherwise(got, default, names):
    """Returns the Python for a default in place of a value that is null or missing, as Bloblang's `|` gives it."""
    name = names.unused()
    return f"({default_of(default)} if ({name} := {got}) is None else {name})"


def default_of(node):
    return written(node) if isinstance(node, (ast.Constant, ast.List, ast.Dict)) else OTHER


def written(node):
    """Returns the Python of a node, if it is no longer than a help should be; it may be too long for a recursive function."""
    if len([*islice(ast.walk(node), LONGEST_HINT)]) == LONGEST_HINT:
        return TOO_LONG
    found = ast.unparse(node)
    return found if len(found) <= LONGEST_HINT else TOO_LONG


def is_null(node):
    return isinstance(node, ast.Name) and node.id == "null"


def chain(node):
    """Returns what a chain begins with, and its links after that: attributes, subscripts and calls."""
    links = []
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        links.append(node)
        node = node.func if isinstance(node, ast.Call) else node.value
    return node, links[::-1]


def fields(node, names, seen, default=None):
    """Returns message and help for `this.a.b` and the methods after it, or None; `seen` has nodes in what was told of."""
    if node in seen or not isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        return None
    start, links = chain(node)
    seen.update(links)
    if not isinstance(start, ast.Name):
        return None
    if start.id not in names.documents:
        # `now().ts_format(…)`: of the name itself it is told that it is not defined.
        is_bound = start.id in names.bound or start.id in names.given
        of_bloblang = start.id in BLOBLANG_NAMES and not is_bound and isinstance(links[0], ast.Call)
        methods = methods_in(links[1:], True) if of_bloblang else []
        return methods and (f"no value has a method `{methods[0][0]}`", also_methods(methods))
    called = [isinstance(after, ast.Call) for after in links[1:]] + [False]
    number = next((n for n, (link, is_called) in enumerate(zip(links, called)) if is_called or isinstance(link, ast.Call)), len(links))
    keys, rest = links[:number], links[number:]
    if not (keys and is_field(keys, rest)):
        direct = not keys and rest and isinstance(rest[0], ast.Attribute) and rest[0].attr not in OF_VALUES
        methods = methods_in(rest, direct)
        return methods and (f"no value has a method `{methods[0][0]}`", also_methods(methods))
    # As a statement of its own, `.append(…)` is Python.
    methods = methods_in(rest, True, as_statement=isinstance(names.parents.get(node), ast.Expr))
    help = of_keys(start.id, keys, default if not rest else None, names)
    if methods:
        help += f"; {also_methods(methods, False)}"
    if default is not None and rest:
        help += f", and `{OTHER} if value is None else value` for `|`"
    return f"a field of `{start.id}` is no attribute: it is a key of a dict", help


def is_field(keys, rest):
    """Returns whether keys begin with an attribute that no value has: `this["when"].year` is right for a date."""
    first = keys[0]
    if not isinstance(first, ast.Attribute) or is_dunder(first.attr) or first.attr in NUMBERS_HAVE:
        return False
    # A method that is not called has no parts.
    after = [*keys[1:], *rest][:1]
    return first.attr not in OF_VALUES or bool(after and not is_dunder(getattr(after[0], "attr", "")))


def methods_in(links, is_bloblang, as_statement=False):
    """Returns the methods in a chain that Python's values lack, each with its help or None."""
    found = []
    for link, after in zip(links, links[1:]):
        if not (isinstance(link, ast.Attribute) and isinstance(after, ast.Call)):
            continue
        name, help = link.attr, BLOBLANG_METHODS.get(link.attr)
        if name not in OF_VALUES and ((help and name not in OF_OTHERS) or is_bloblang):
            found.append((name, help))
            is_bloblang = True  # and so is what follows
        elif name in OF_VALUES and help and is_bloblang and not as_statement:
            found.append((name, help))
    return found


def also_methods(methods, is_all=True):
    """Returns the help for methods, which is all of a help or follows another."""
    if is_all and len(methods) == 1 and methods[0][1]:
        return f"write {methods[0][1]}"
    parts = [f"`.{name}()` is {help}" for name, help in methods if help]
    unknown = [f"`.{name}()`" for name, help in methods if not help]
    if unknown:
        parts.append(f"write what {' and '.join(dict.fromkeys(unknown))} did: Python's values have no such method")
    return "; ".join(parts)


def of_keys(name, attributes, default, names):
    """Returns the help for fields: how they are read, or set, as keys."""
    context = attributes[-1].ctx
    keys = [quoted(one.attr) if isinstance(one, ast.Attribute) else key_of(one) for one in attributes]
    help = f"write `{name}{''.join(f'[{key}]' for key in keys)}`"
    are_names = all(isinstance(one, ast.Attribute) or is_text(one.slice) for one in attributes)
    if default is not None:
        if not are_names:
            return f"{help}, and `{OTHER} if value is None else value` for `|`"
        got = f"{name}.get({keys[0]})"
        for key in keys[1:]:
            got = f"({got} or {{}}).get({key})"
        return f"write `{otherwise(got, default, names)}`"
    if isinstance(context, ast.Store) and len(keys) > 1:
        return f"write `{name}{''.join(f'.setdefault({key}, {{}})' for key in keys[:-1])}[{keys[-1]}]`"
    if isinstance(context, ast.Load) and (isinstance(attributes[-1], ast.Attribute) or are_names):
        before = name + "".join(f"[{key}]" for key in keys[:-1])
        help += f", or `{before}.get({keys[-1]})` if it may be missing"
    return help


def key_of(subscript):
    """Returns what stands between the brackets."""
    return written(subscript.slice)


def quoted(name):
    return f'"{name}"'


# Frequent exceptions of which `habit` knows nothing.
WITHOUT_HABIT = frozenset((ValueError, KeyError, IndexError, ZeroDivisionError, AssertionError, RuntimeError))


def habit(error):
    """Returns what to add to the message of a failure that comes from a habit, of Bloblang or of Python with files, or an
    empty text."""
    if isinstance(error, NameError):
        help = BLOBLANG_NAMES.get(error.name)
    elif isinstance(error, AttributeError) and type(error.obj) in IN_MESSAGES and isinstance(error.name, str):
        helps = [f"write `[{quoted(error.name)}]` for a key"] if type(error.obj) is dict else []
        method = None if error.name in OF_VALUES else BLOBLANG_METHODS.get(error.name)
        if method:
            helps.append(f"for the method {method}" if helps else f"write {method}")
        help = ", ".join(helps)
    elif isinstance(error, OSError) and error.filename is not None:
        help = "guests have no files: put what is read there into a module beside the script"
    elif type(error) in (TypeError, LookupError):
        text = str(error)
        help = next((help for start, help in OF_FAILURES.items() if start in text), None)
    else:
        return ""
    return f" ({help})" if help else ""


PARSED = "this is parsed already: it needs no `json.loads`"
# Parts of the messages of failures, each with its help.
OF_FAILURES = {
    "the JSON object must be str, bytes or bytearray, not dict": PARSED,
    "the JSON object must be str, bytes or bytearray, not list": PARSED,
    "unsupported operand type(s) for |: 'NoneType' and 'str'": "`|` gives no default in Python: `\"x\" if value is None else value`",
    "is not a text encoding; use codecs": f"write {BLOBLANG_METHODS['encode']}",
}
