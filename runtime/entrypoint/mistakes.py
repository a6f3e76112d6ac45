# Mistakes with which a script can start: nothing can leave it, or a name is defined nowhere. Both err on the side of
# silence. Names are looked for in the modules beside scripts too.

# Functions whose result nobody wants to assign.
WITHOUT_RESULT = frozenset("print setattr delattr".split())
OTHERS_DEFINE = "NameError"  # a script that names it may look whether a name is defined
OF_MODULES = HARMLESS | {"__name__", "__main__", "__file__"}  # names with which a module hides nothing
DEBUGGERS = frozenset("breakpoint pdb.set_trace".split())


def mistakes(text, tree, modules, given, harmless=frozenset()):
    """Returns an entry of `warnings` for each mistake; `modules` and `given` are the names that the text has from
    outside, or None if these are unknown."""
    stops = stopping(text, tree)
    if given is None or hides_names(tree, modules, harmless):
        return stops
    given = {*given, *(name.partition(".")[0] for name in modules)}
    found = stops + undefined(text, tree, given)
    found += bloblang(text, tree, given)
    return found if text.is_setup else nothing_leaves(text, tree) + beginnings(text, tree) + found


def mistakes_beside(stages):
    """Returns an entry of `warnings` for each name that a module beside `stages` reads and that is defined nowhere."""
    found = []
    for module, tree in BESIDE.trees:
        if not hides_names(tree, (), OF_MODULES):
            stage = next(stage for stage in stages if stage.folder == module["folder"])
            text = Text(stage.index, module)
            found += (one | {"module": module["file"]} for one in undefined(text, tree, set()))
    return found


def stopping(text, tree):
    """Returns an entry of `warnings` for each call of a debugger, for which a pipeline has no terminal."""
    calls = [(node, called_name(node.func)) for node in every_node(tree) if isinstance(node, ast.Call)]
    return [
        text.problem(
            Warning(),
            f"`{name}()` has no terminal in a pipeline",
            *text.place(node.lineno, node.col_offset),
            help="remove it, and step through the script with `nerodia debug -c CONFIG`",
        )
        for node, name in calls
        if name in DEBUGGERS
    ]


def called_name(function):
    """Returns `a` or `a.b` for a function of that name, or None; a chain may be too long for `ast.unparse`."""
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return f"{function.value.id}.{function.attr}"
    return getattr(function, "id", None)


def hides_names(tree, modules, harmless=frozenset()):
    """Returns whether names may be bound in ways that the text does not show."""
    star = any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in every_node(tree))
    return star or reaches_frames(tree, modules, harmless)


def every_bound_name(tree):
    """Returns the names that a text binds or deletes anywhere. They are found once: several checks ask for them."""
    if hasattr(tree, "bound"):
        return tree.bound
    names = tree.bound = set()
    for node in every_node(tree):
        names |= binds_itself(node)
        if isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            names.update(node.names)
        elif type(node).__name__ in ("TypeVar", "ParamSpec", "TypeVarTuple"):
            names.add(node.name)
    return names


def reads(nodes):
    """Yields those of `nodes` that read a name."""
    return (node for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))


def nothing_leaves(text, tree):
    """Returns an entry of `warnings` if every message is dropped, or fails."""
    names = every_bound_name(tree)
    if only_none := sets_root_to_none_only(tree):
        place = text.place(only_none.lineno, only_none.col_offset)
        message, help = "`root` is only ever None: every message is dropped", "use the output `drop` if that is meant"
        return [text.problem(Warning(), message, *place, help=help)]
    if "root" in names or "emit" in names | {node.id for node in reads(every_node(tree))} or fills_root(tree):
        return []
    if any(is_comparison_of_root(node) for node in every_node(tree)):
        return []  # `beginnings` tells what was meant
    at, help = (tree.body or [None])[0], "set `root` to what is to leave, for example `root = this`"
    if tree.body and isinstance(tree.body[-1], ast.Expr) and has_result(tree.body[-1].value) and not reads_root(tree):
        at = tree.body[-1]
        shown = written(at)
        help = f"write `root = {shown}`" if shown != TOO_LONG else "begin the line with `root = `"
    elif meant := close("root", names):
        stored = (node for node in every_node(tree) if isinstance(node, ast.Name) and node.id == meant)
        at, help = next(stored, at), f"did you mean `root` by `{meant}`?"
    place = text.place(at.lineno, at.col_offset) if at else (1, 1)
    message = "the script sets neither `root` nor calls `emit`: every message is dropped"
    return [text.problem(Warning(), message, *place, help=help)]


def reads_root(tree):
    return any(node.id == "root" for node in reads(every_node(tree)))


def sets_root_to_none_only(tree):
    """Returns the first `root = None` of a script that does nothing else with `root`, and does not emit; or None."""
    to_none = [node for node in every_node(tree) if isinstance(node, ast.Assign) and is_none(node.value)]
    to_none = [node for node in to_none if all(isinstance(one, ast.Name) and one.id == "root" for one in node.targets)]
    named = [node for node in every_node(tree) if isinstance(node, ast.Name) and node.id in ("root", "emit")]
    return to_none[0] if to_none and len(named) == sum(len(node.targets) for node in to_none) else None


def is_none(node):
    return isinstance(node, ast.Constant) and node.value is None


def beginnings(text, tree):
    """Returns an entry of `warnings` for each way in which `root` is not what it seems at the start: `{}` for a script that
    only sets parts of it, and None for one that also assigns it."""
    found = []
    if "root" in every_bound_name(tree) and (part := part_before_whole(tree.body)):
        message = "`root` is None here, since this script also assigns it"
        help = "begin with `root = {}`, or with `root = this`"
        found.append(text.problem(Warning(), message, *text.place(part.lineno, part.col_offset), help=help))
    for node in every_node(tree):
        if is_comparison_of_root(node):
            help = f"write `root = {written(node.value.comparators[0])}`"
            place = text.place(node.lineno, node.col_offset)
            found.append(text.problem(Warning(), "`root == …` compares, and sets nothing", *place, help=help))
    return found


def is_comparison_of_root(node):
    """Returns whether a node is `root == …`, standing alone."""
    if not (isinstance(node, ast.Expr) and isinstance(value := node.value, ast.Compare)):
        return False
    return isinstance(value.left, ast.Name) and value.left.id == "root" and isinstance(value.ops[0], ast.Eq)


def part_before_whole(body):
    """Returns the first place in `body` that sets a part of `root` before anything is assigned to it, or None."""
    for statement in body:
        inside = [*ast.walk(statement)]
        whole = any(isinstance(node, ast.Name) and node.id == "root" and isinstance(node.ctx, ast.Store) for node in inside)
        if isinstance(statement, ast.If):
            part = part_before_whole(statement.body) or part_before_whole(statement.orelse)
        else:
            part = None if whole else next(filter(sets_part_of_root, inside), None)
        if part or whole:
            return part
    return None


def sets_part_of_root(node):
    """Returns whether a node is `root["a"]`, or a part of that, to which something is assigned."""
    if not (isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Store)):
        return False
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return isinstance(node, ast.Name) and node.id == "root"


def has_result(value):
    """Returns whether the value of an expression that stands alone may be the one that was to be assigned."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id not in WITHOUT_RESULT
    return not isinstance(value, (ast.Constant, ast.Yield, ast.YieldFrom, ast.Await))


def undefined(text, tree, given):
    """Returns an entry of `warnings` for each name that is not `given` and that the text reads and never binds."""
    known = every_bound_name(tree) | given | set(vars(builtins))
    names = [*reads(evaluated(tree))]
    if any(node.id == OTHERS_DEFINE for node in names):
        return []
    found = {}
    for node in sorted(names, key=lambda node: (node.lineno, node.col_offset)):
        if node.id not in known and not is_dunder(node.id):
            found.setdefault(node.id, node)
    return [
        text.problem(
            Warning(),
            f"`{name}` is not defined",
            *text.place(node.lineno, node.col_offset),
            help=advice_about(name, known),
        )
        for name, node in found.items()
    ]


def evaluated(tree):
    """Yields the nodes of a tree except its annotations, which Python may never evaluate."""
    left = [tree]
    while left:
        node = left.pop()
        yield node
        for field, value in ast.iter_fields(node):
            if field not in ("annotation", "returns", "type_params"):
                left += [child for child in (value if isinstance(value, list) else [value]) if isinstance(child, ast.AST)]


def advice_about(name, known):
    if name in OF_MESSAGES:
        return f"only a script has `{name}`: give its value to a function as an argument, or return it"
    if help := BLOBLANG_NAMES.get(name):
        return help
    if name in sys.stdlib_module_names:
        return f"add it to `imports`, or write `import {name}`"
    if meant := close(name, known):
        return f"did you mean `{meant}`?"
    return "assign it before it is used, or import it"


def close(name, names, likeness=0.7):
    """Returns the one of `names` that is most like `name`, if one is."""
    names = [one for one in sorted(names) if not is_dunder(one)]
    difflib = importlib.import_module("difflib")
    return next(iter(difflib.get_close_matches(name, names, 1, likeness)), None)


def meta_names(text, tree):
    """Returns the names that a script sets in `meta`, with their places, and those that it reads: None if it may use any."""
    stored, read, understood = {}, {}, set()
    for node in every_node(tree):
        if isinstance(node, ast.Subscript) and is_text(node.slice):
            place, name = node.value, node.slice.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            place, name = node.func.value, node.args[0].value if node.args and is_text(node.args[0]) else None
        else:
            continue
        if name is not None and isinstance(place, ast.Name) and place.id == "meta":
            understood.add(place)
            of_kind = stored if isinstance(getattr(node, "ctx", None), ast.Store) else read
            if name not in of_kind:
                of_kind[name] = text.place(node.lineno, node.col_offset)
    names = {node for node in every_node(tree) if isinstance(node, ast.Name) and node.id == "meta"}
    return stored, read if names <= understood and "meta" not in every_bound_name(tree) else None


def ignored_meta(stages):
    """Returns an entry of `warnings` for each name in `meta` that is set and that no output and no later script reads."""
    found, read = [], set()
    for stage in reversed(stages):
        stored, own = stage.meta_names
        if own is None:
            break  # nor is it known what it reads of earlier scripts
        read |= own.keys()
        for name, place in stored.items():
            if name not in CHECKS and name not in read:
                meant = close(name.removeprefix("kafka_"), CHECKS, 0.6)  # Bento's `kafka_key`
                header = f'`meta["headers"] = {{**meta["headers"], {quoted(name)}: …}}` sets a header'
                help = f'did you mean `meta["{meant}"]`?' if meant else f"an output takes {', '.join(CHECKS)}; {header}"
                message = f"`meta[{quoted(name)}]` is set, and neither the output nor a later processor reads it"
                found.append(stage.problem(Warning(), message, *place, help=help))
    return found
