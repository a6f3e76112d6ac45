# The text of a script: the names that it binds, and what it must not notice or cannot do.


def problem(stage, error, message=None, line=None, column=None, module=None):
    """Returns one entry of the FAILED frame's `problems`: the reason why a script cannot start."""
    return {
        "stage": stage,
        "type": type(error).__name__,
        "message": str(error) if message is None else message,
        "line": line,
        "column": column,
        "import": module,
    }


class CannotStart(Exception):
    """Error of scripts or imports that cannot start, with the reasons."""

    def __init__(self, *problems):
        super().__init__(problems)
        self.problems = problems


class NotPlain(Exception):
    """Error of a script that might notice if it were run as a function."""


# Names that read, or run code in, the namespace in which they are used.
INTROSPECTION = frozenset(
    "globals locals vars dir exec eval compile __import__ breakpoint super".split()
)
# Modules that read the frame of their caller or a function's code, or lead to such names.
FRAME_MODULES = frozenset(
    """
    __main__ _sys bdb builtins cProfile code dis doctest entrypoint gc importlib inspect pdb profile pydoc sys trace
    traceback warnings
    """.split()
)
# Attributes that lead to a frame or to its namespace, and those that evaluate text in a function's namespace.
FRAME_ATTRIBUTES = frozenset(
    """
    ag_frame cr_frame f_back f_builtins f_code f_globals f_locals get_type_hints gi_frame tb_frame _getframe
    """.split()
)
UNSUPPORTED = (
    ast.AnnAssign,  # a module evaluates and keeps annotations, a function does not
    ast.AsyncFor,
    ast.AsyncFunctionDef,
    ast.AsyncWith,
    ast.ClassDef,  # class bodies look up names in another way inside functions
    ast.Delete,
    ast.Global,
    ast.Nonlocal,
    ast.TypeAlias,
)
FUNCTIONS = (ast.FunctionDef, ast.Lambda)
# CPython inlines these into the scope around them; a generator expression stays a function.
INLINED = (ast.ListComp, ast.SetComp, ast.DictComp)
COMPREHENSIONS = (*INLINED, ast.GeneratorExp)


def every_node(tree):
    """Returns the nodes of a tree. `Text.parse` has listed those of a whole text: a walk takes longer than most checks."""
    return getattr(tree, "every", None) or ast.walk(tree)


def bound_names(node):
    """Returns the names that `node` and its descendants bind, including nested functions and comprehensions."""
    names = set()
    for child in ast.walk(node):
        names |= binds_itself(child)
        if isinstance(child, ast.arg):
            names.add(child.arg)
    return names


def own_names(nodes):
    """Returns the names that `nodes` bind in their own scope: not those of functions, classes and comprehensions in
    it."""
    return set().union(*map(binds_itself, own_nodes(nodes)))


def own_nodes(nodes):
    """Yields `nodes` and their descendants in the same scope."""
    left = list(nodes)
    while left:
        node = left.pop()
        yield node
        if isinstance(node, (*FUNCTIONS, ast.AsyncFunctionDef)):
            left.extend(evaluated_outside(node))
        elif isinstance(node, ast.ClassDef):
            left.extend([*node.decorator_list, *node.bases, *node.keywords])
        elif not isinstance(node, COMPREHENSIONS):
            left.extend(ast.iter_child_nodes(node))


def binds_itself(node):
    """Returns the names that `node` itself binds in its scope, without its descendants."""
    if isinstance(node, ast.Name):
        return set() if isinstance(node.ctx, ast.Load) else {node.id}
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        return {node.name} - {None}
    if isinstance(node, ast.MatchMapping):
        return {node.rest} - {None}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return set()


def parameters_of(function):
    """Returns the `ast.arg` of each parameter."""
    given = function.args
    every = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    return [parameter for parameter in every if parameter is not None]


def annotations_of(function):
    if isinstance(function, ast.Lambda):
        return []
    every = [parameter.annotation for parameter in parameters_of(function)]
    return [annotation for annotation in [*every, function.returns] if annotation is not None]


def evaluated_outside(function):
    """Returns the parts of a function that are evaluated at its definition, in that order."""
    decorators = [] if isinstance(function, ast.Lambda) else function.decorator_list
    defaults = [*function.args.defaults, *function.args.kw_defaults]
    defaults = [default for default in defaults if default is not None]
    return [*decorators, *defaults, *annotations_of(function)]


class Assignments:
    """Proves that every name a script assigns is assigned before it is read.

    At top level an unassigned name is searched among the imports and builtins (`sum = sum(this)` works
    there); in a function it is an UnboundLocalError. If the proof fails, the script runs with `exec`.
    States are sets of names that are certainly bound; `None` stands for a place that is never reached.
    `given` are names that are bound from outside and stay globals.
    """

    def __init__(self, tree, parameters, given=()):
        bound = {*parameters, *given}
        self.locals = bound_names(tree)
        self.variables = own_names(tree.body) | set(parameters)  # of the function that the script becomes
        self.deleted = {
            node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name
        }
        self.nested = 0  # number of functions and comprehensions around the current node
        self.block(tree.body, bound)

    def block(self, statements, bound):
        for statement in statements:
            if bound is None:
                return None
            bound = self.statement(statement, bound)
        return bound

    def statement(self, node, bound):
        method = getattr(self, "visit_" + type(node).__name__, None)
        return method(node, bound) if method else self.simple(node, bound)

    def simple(self, node, bound):
        """Handles statements without blocks: first their reads, then the names that they bind."""
        if isinstance(node, ast.Assign):
            self.reads(node.value, bound)  # before its targets
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            if node.target.id not in bound:
                raise NotPlain
        self.reads(node, bound)
        if isinstance(node, (ast.Raise, ast.Return, ast.Break, ast.Continue)):
            return None
        return bound | self.binds(node)

    def reads(self, node, bound):
        """Checks that every name that `node` reads is bound, whether it is read now or by a closure later."""
        if isinstance(node, FUNCTIONS):
            self.reads_function(node, bound)
            return
        if isinstance(node, COMPREHENSIONS):
            self.reads_comprehension(node, bound)
            return
        if isinstance(node, ast.NamedExpr):
            # Bound from here on only if it is certainly evaluated; `binds` decides that.
            self.reads(node.value, bound)
            bound.add(node.target.id)
            return
        if isinstance(node, ast.Dict) and any(isinstance(c, ast.NamedExpr) for c in ast.walk(node)):
            raise NotPlain  # keys and values are evaluated in turn
        if isinstance(node, (ast.BoolOp, ast.IfExp, ast.Compare)):
            for child in ast.iter_child_nodes(node):
                self.reads(child, set(bound))
            return
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            name = node.id
            if name in INTROSPECTION or is_dunder(name):
                raise NotPlain
            if name in self.locals and name not in bound:
                raise NotPlain
        for child in ast.iter_child_nodes(node):
            self.reads(child, bound)

    def reads_function(self, node, bound):
        """Handles a function: decorators, defaults and annotations are evaluated outside, its body inside."""
        for annotation in annotations_of(node):
            for child in ast.walk(annotation):
                # Text is evaluated in the globals, which do not have the script's names.
                if isinstance(child, ast.NamedExpr) or is_text(child):
                    raise NotPlain
        if getattr(node, "type_params", None):
            raise NotPlain  # a scope of their own
        for part in evaluated_outside(node):
            self.reads(part, bound)
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        own = {parameter.arg for parameter in parameters_of(node)} | own_names(body)
        if isinstance(node, ast.FunctionDef) and not node.decorator_list:
            own.add(node.name)  # no code can call it before it has its name
        # It may be called after the name of an exception was deleted.
        inner = (bound - self.deleted) | own
        self.nested += 1
        for part in body:
            self.reads(part, set(inner))
        self.nested -= 1

    def reads_comprehension(self, node, bound):
        """Handles a comprehension: its first iterable is evaluated outside; `:=` binds outside, at an unknown time."""
        if any(isinstance(child, ast.NamedExpr) for child in ast.walk(node)):
            raise NotPlain
        targets = set().union(*(bound_names(generator.target) for generator in node.generators))
        if self.nested and isinstance(node, INLINED) and targets & self.variables:
            # CPython confuses the variable of the outermost function with the comprehension's
            # (gh-121377, gh-156664).
            raise NotPlain
        first = node.generators[0].iter
        self.reads(first, bound)
        inner = (bound if isinstance(node, INLINED) else bound - self.deleted) | targets
        self.nested += 1
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.comprehension):
                self.reads(child, inner)
        for generator in node.generators:
            for child in ast.iter_child_nodes(generator):
                if child is not first:
                    self.reads(child, inner)
        self.nested -= 1

    def binds(self, node):
        """Returns the names that `node` binds at top level whenever it completes."""
        names = set()
        if isinstance(node, FUNCTIONS + COMPREHENSIONS):
            return names
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            return {node.id}
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return bound_names(node)
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.BoolOp):
            children = node.values[:1]
        elif isinstance(node, ast.IfExp):
            children = [node.test]
        elif isinstance(node, ast.Compare):
            children = [node.left, node.comparators[0]]
        for child in children:
            names |= self.binds(child)
        return names

    @staticmethod
    def join(*states):
        reached = [state for state in states if state is not None]
        return set.intersection(*reached) if reached else None

    def visit_Assert(self, node, bound):
        self.reads(node.test, bound)
        if node.msg:
            self.reads(node.msg, set(bound))
        return bound | self.binds(node.test)

    def visit_If(self, node, bound):
        self.reads(node.test, bound)
        bound = bound | self.binds(node.test)
        return self.join(self.block(node.body, set(bound)), self.block(node.orelse, set(bound)))

    def visit_For(self, node, bound):
        self.reads(node.iter, bound)
        self.reads(node.target, bound)
        self.block(node.body, bound | self.binds(node.target))
        self.block(node.orelse, set(bound))
        return bound

    def visit_While(self, node, bound):
        self.reads(node.test, bound)
        bound = bound | self.binds(node.test)
        self.block(node.body, set(bound))
        self.block(node.orelse, set(bound))
        return bound

    def visit_With(self, node, bound):
        for item in node.items:
            self.reads(item, bound)
            bound = bound | self.binds(item)
        self.block(node.body, set(bound))
        return bound  # the context manager may have swallowed an exception half way

    def visit_Try(self, node, bound):
        after = self.block(node.body, set(bound))
        if after is not None:
            after = self.block(node.orelse, after)
        ends = [after]
        for handler in node.handlers:
            state = set(bound)
            if handler.type:
                self.reads(handler.type, state)
            if handler.name:
                if handler.name in bound:
                    raise NotPlain  # Python deletes it at the end, wherever it was bound before
                state.add(handler.name)
            state = self.block(handler.body, state)
            if state is not None and handler.name:
                state.discard(handler.name)
            ends.append(state)
        # `finally` may run before anything in the body has bound a name.
        final = self.block(node.finalbody, set(bound))
        if final is None:
            return None
        joined = self.join(*ends)
        # The body may have bound a name before a handler deleted it.
        deleted = {handler.name for handler in node.handlers if handler.name}
        return None if joined is None else (joined | final) - deleted

    visit_TryStar = visit_Try

    def visit_Match(self, node, bound):
        self.reads(node.subject, bound)
        ends = [set(bound)]
        for case in node.cases:
            self.reads(case.pattern, set(bound))  # it binds names when the whole pattern has matched
            state = bound | bound_names(case.pattern)
            if case.guard:
                self.reads(case.guard, state)
            ends.append(self.block(case.body, state))
        return self.join(*ends)

    def visit_FunctionDef(self, node, bound):
        self.reads(node, bound)
        return bound | {node.name}


def is_dunder(name):
    return name.startswith("__") and name.endswith("__")


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_bare_text(statement):
    """Returns whether a statement is a docstring, or a comment in the form of one."""
    return isinstance(statement, ast.Expr) and is_text(statement.value)


def leads_to_frames(text, harmless=frozenset()):
    """Returns whether `text`, a name or a string, contains such an attribute's name: `getattr(f, "__globals__")` and
    `"{0.__globals__}".format(f)` are the same as `f.__globals__`."""
    words = set(re.findall(r"\w+", text)) - harmless
    return any(is_dunder(word) or word in FRAME_ATTRIBUTES for word in words)


def reaches_frames(tree, imported, harmless=frozenset()):
    """Returns whether a script can reach the frame in which it runs, and so everything in the guest. Names that are
    `harmless` do not count."""
    modules = set(imported)
    for node in every_node(tree):
        if isinstance(node, ast.Name):
            if node.id not in harmless and (node.id in INTROSPECTION or is_dunder(node.id)):
                return True
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module)
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute) and (
            node.attr in FRAME_MODULES or leads_to_frames(node.attr, harmless)
        ):
            return True  # `os.sys`
        elif is_text(node) and leads_to_frames(node.value, harmless):
            return True
    # `import importlib.util` also leads there, and the names that a star stands for are unknown.
    names = {part for name in modules if name for part in name.split(".")}
    return any(name == "*" or name in FRAME_MODULES or leads_to_frames(name) for name in names)


def refuse_unsupported(tree):
    """Refuses these nodes even if they are never reached: `global` and `del` affect the names of a whole function."""
    for node in every_node(tree):
        if isinstance(node, UNSUPPORTED) or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            raise NotPlain


def without_prefix(code, prefix):
    """Gives nested functions the qualified names that they have at top level: `f`, not `<module>.<locals>.f`."""
    constants = tuple(
        without_prefix(constant, prefix) if isinstance(constant, type(code)) else constant
        for constant in code.co_consts
    )
    return code.replace(co_consts=constants, co_qualname=code.co_qualname.removeprefix(prefix))


def import_or_raise(module, attribute):
    """Does what `import module` does, or `from module import attribute`."""
    found = importlib.import_module(module)
    if attribute in (None, "*") or hasattr(found, attribute):
        return
    try:
        importlib.import_module(f"{module}.{attribute}")
    except ModuleNotFoundError:
        text = f"cannot import name {attribute!r} from {plain(module)!r}"
        raise ImportError(text, name=module) from None
