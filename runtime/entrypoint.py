"""The guest's side of Nerodia: takes batches of messages, runs the scripts, answers with outcomes.

Every runtime uses this file: `cpython-3.14` imports it into its snapshot, `cpython-3.12` gets it as bytecode, which it
compiled once. Both then call `main()`. The frames are described in docs/protocol.md; in short, over file descriptors
0 and 1:

    host  -> guest  hello     u32 big-endian length, JSON: protocol, stages, options
    guest -> host   READY     b"READY " + JSON + b"\\n", or b"FAILED " + JSON + b"\\n"
    host  -> guest  request   u32 big-endian length, marshal: (id, payloads, deferred, metas | None)
    guest -> host   response  status byte, u32 big-endian length, marshal:
                              (account, answered, dropped, results, extras)

`results` holds one value per message, `None` for one without a result; everything rarer than "one value
that marshal can write" is in `extras`, so that the usual message costs only one list item.
Scripts share the interpreter with this code, and some go through all of its objects (`gc.get_objects()`). So counts
are kept in ints, which scripts cannot reach, and the host compares them.
"""

import ast
import builtins
import importlib
import io
import json
import marshal
import os
import re
import sys

# Scripts share `builtins` and may change them; functions that are defined after this line use this copy.
__builtins__ = vars(builtins).copy()

PROTOCOL = 2
STATUS_OK = b"\x00"
MAX_INT_DIGITS = 10_000  # the host's limit, in both directions
MAX_DEPTH = 900  # the host's limit, too
MAX_COMPILED = 1 << 19  # most bytes of compiled scripts in READY: the host accepts a line of twice that
COLLECT_AFTER = 4 << 20  # bytes of requests after which objects that they left in cycles are freed


class Null:
    """Type of `null`, to which a script sets `root` if it wants the JSON value null, not a drop."""

    __slots__ = ()

    def __repr__(self):
        return "null"

    def __bool__(self):
        return False


null = Null()


class Tombstone:
    """Type of the result of `tombstone()`."""

    __slots__ = ()

    def __repr__(self):
        return "tombstone()"


TOMBSTONE = Tombstone()


def tombstone():
    """Returns what a script assigns to `root`, or emits, for a record without payload: Kafka's sign that its key is
    deleted. It is written unchanged; later scripts do not see it."""
    return TOMBSTONE


# ---------------------------------------------------------------------------------------------------
# Scripts: from source text to a callable
# ---------------------------------------------------------------------------------------------------


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


def bound_names(node):
    """Returns the names that `node` and its descendants bind, including nested functions and comprehensions."""
    names = set()
    for child in ast.walk(node):
        names |= binds_itself(child)
        if isinstance(child, ast.arg):
            names.add(child.arg)
    return names


def own_names(nodes):
    """Returns the names that `nodes` bind in their own scope: not those of nested functions and comprehensions."""
    names, left = set(), list(nodes)
    while left:
        node = left.pop()
        names |= binds_itself(node)
        if isinstance(node, FUNCTIONS):
            left.extend(evaluated_outside(node))
        elif not isinstance(node, COMPREHENSIONS):
            left.extend(ast.iter_child_nodes(node))
    return names


def binds_itself(node):
    """Returns the names that `node` itself binds in its scope, without its descendants."""
    if isinstance(node, ast.Name):
        return set() if isinstance(node.ctx, ast.Load) else {node.id}
    if isinstance(node, (ast.FunctionDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
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


def leads_to_frames(text):
    """Returns whether `text`, a name or a string, contains such an attribute's name: `getattr(f, "__globals__")` and
    `"{0.__globals__}".format(f)` are the same as `f.__globals__`."""
    words = re.findall(r"\w+", text)
    return any(is_dunder(word) or word in FRAME_ATTRIBUTES for word in words)


def reaches_frames(tree, imported):
    """Returns whether a script can reach the frame in which it runs, and so everything in the guest."""
    modules = set(imported)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and (node.id in INTROSPECTION or is_dunder(node.id)):
            return True
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module)
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute) and (node.attr in FRAME_MODULES or leads_to_frames(node.attr)):
            return True  # `os.sys`
        elif is_text(node) and leads_to_frames(node.value):
            return True
    # `import importlib.util` also leads there, and the names that a star stands for are unknown.
    names = {part for name in modules if name for part in name.split(".")}
    return any(name == "*" or name in FRAME_MODULES or leads_to_frames(name) for name in names)


def refuse_unsupported(tree):
    """Refuses these nodes even if they are never reached: `global` and `del` affect the names of a whole function."""
    for node in ast.walk(tree):
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
        text = f"cannot import name {attribute!r} from {module!r}"
        raise ImportError(text, name=module) from None


class Absent:
    """Gives the reason why modules of the standard library that this runtime does not have are not found."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in sys.stdlib_module_names:
            text = f"No module named {name!r} in this runtime: WebAssembly has not what it is made of"
            raise ModuleNotFoundError(text, name=name)


class Stage:
    """One script, ready to run. `run(this, meta, emit)` returns `root`.

    `compiled` is the compiled form of another guest's stage with the same `spec`; compiling takes most of a start, and
    writes to much of the memory that guests would share.
    """

    def __init__(self, index, spec, compiled=None):
        self.index = index
        self.used = []  # namespaces of messages whose answer is not written yet
        self.file = spec["name"]
        self.line_offset = spec.get("line_offset", 0)
        self.source = spec["script"]
        self.compiled = compiled or self.compile(spec.get("imports", ()))
        # Plain values and code, so that marshal can write it.
        (
            self.uses_meta,
            self.uses_emit,
            self.uses_null,
            self.fills_root,
            self.reaches_frames,
            self.is_function,
            imports,
            self.copies,
            codes,
        ) = self.compiled
        self.has_modules = bool(imports or spec.get("imports"))
        self.namespace = {"__builtins__": builtins, "__name__": "__main__"}
        self.namespace |= {"null": null, "tombstone": tombstone}
        problems = []
        self.inject(spec.get("imports", ()), problems)
        self.preload(imports, problems)
        if problems:
            raise CannotStart(*problems)
        self.remember_source()
        self.run = self.as_function(*codes) if self.is_function else self.as_module(*codes)

    def compile(self, modules):
        """Determines what depends only on the text; `modules` are the names that the script is given."""
        tree = self.parse()
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        introspects = bool(names & INTROSPECTION)
        uses_meta = "meta" in names or introspects
        uses_emit = "emit" in names or introspects
        # A script that sets parts of `root` without ever assigning `root` itself starts from an empty object.
        stored = any(
            isinstance(node, ast.Name) and node.id == "root" and not isinstance(node.ctx, ast.Load)
            for node in ast.walk(tree)
        )
        fills_root = "root" in names and not stored
        # A stage passes on values that may contain the `null` it was given.
        uses_null = "null" in names or introspects
        imports = list(self.imports(tree))
        parameters = ["this"] + ["meta"] * uses_meta + ["emit"] * uses_emit
        reaches = reaches_frames(tree, modules)
        try:
            if reaches:
                raise NotPlain
            refuse_unsupported(tree)
            codes, copies = self.compile_function(tree, parameters, fills_root)
            is_function = True
        except (NotPlain, RecursionError) as why:
            if not isinstance(why, NotPlain):
                tree = self.parse()  # line numbers may be increased already
            ast.increment_lineno(tree, self.line_offset)
            codes, copies = (compile(tree, self.file, "exec", dont_inherit=True),), []
            is_function = False
        return uses_meta, uses_emit, uses_null, fills_root, reaches, is_function, imports, copies, codes

    def parse(self):
        try:
            tree = ast.parse(self.source, self.file)
            # Some errors are found only by the compiler ('return' outside function).
            compile(tree, self.file, "exec", dont_inherit=True)
        except SyntaxError as error:
            place = error.lineno, error.offset
            raise CannotStart(problem(self.index, error, error.msg, *place)) from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise CannotStart(problem(self.index, error)) from None
        return tree

    def inject(self, imports, problems):
        """Makes each of `imports` available by name, as an import statement would."""
        for name in imports:
            try:
                importlib.import_module(name)
            except Exception as error:
                problems.append(problem(self.index, error, module=name))
                continue
            root_name = name.partition(".")[0]
            self.namespace[root_name] = sys.modules[root_name]

    @staticmethod
    def imports(tree):
        """Yields (module, attribute or None, is it at top level, line, bytes before it) for each import."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                imports = [(alias.name, None, alias) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imports = [(node.module, None, node)]
                imports += [(node.module, alias.name, alias) for alias in node.names]
            else:
                continue
            for name, attribute, at in imports:
                yield name, attribute, node in tree.body, at.lineno, at.col_offset

    def preload(self, imports, problems):
        """Imports at the start what the script imports: an unknown module is a config error, not a failed
        message, and the first message does not wait for it."""
        for name, attribute, at_top, lineno, offset in imports:
            try:
                import_or_raise(name, attribute)
            except Exception as error:
                if attribute and any(name == seen["import"] for seen in problems):
                    continue  # the module itself cannot be imported
                # Below top level the import may be guarded, or never reached.
                if at_top:
                    line = self.source.split("\n")[lineno - 1].encode()
                    column = len(line[:offset].decode()) + 1
                    problems.append(problem(self.index, error, None, lineno, column, name))

    def remember_source(self):
        """Makes tracebacks show the user's own lines, numbered as in the user's file, which may have several
        scripts in it."""
        linecache = sys.modules.get("linecache") or importlib.import_module("linecache")
        source = io.StringIO(self.source).readlines()
        lines = linecache.cache[self.file][2] if self.file in linecache.cache else []
        end = self.line_offset + len(source)
        lines.extend(["\n"] * (end - len(lines)))
        lines[self.line_offset : end] = source
        linecache.cache[self.file] = (len(lines), None, lines, self.file)

    def compile_function(self, tree, parameters, fills_root):
        """Returns the code that imports and the code that defines the function; and what the first copies from modules,
        as (module, attribute, name)."""
        body, imports = self.hoist_imports(tree, {*parameters, "root", "null", "tombstone"})
        hoisted = set().union(*map(bound_names, imports))
        copies = [
            (node.module, alias.name, alias.asname or alias.name)
            for node in imports
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        ]
        Assignments(ast.Module(body, []), [*parameters, "root"], hoisted)
        initial = ast.Dict([], []) if fills_root else ast.Constant(None)
        function = ast.FunctionDef(
            name="<module>",
            args=ast.arguments([], [ast.arg(name) for name in parameters], None, [], [], None, []),
            body=[
                ast.Assign([ast.Name("root", ast.Store())], initial, lineno=1),
                *body,
                ast.Return(ast.Name("root", ast.Load())),
            ],
            decorator_list=[],
            type_params=[],
        )
        module = ast.fix_missing_locations(ast.Module([function], []))
        ast.increment_lineno(module, self.line_offset)
        code = compile(module, self.file, "exec", dont_inherit=True)
        imports = compile(ast.Module(imports, []), self.file, "exec", dont_inherit=True)
        return (imports, without_prefix(code, "<module>.<locals>.")), copies

    def as_function(self, imports, code):
        self.do_imports = imports
        exec(imports, self.namespace)
        exec(code, self.namespace)
        return self.namespace.pop("<module>")

    def is_outdated(self):
        """Returns whether a name imported `from` a module has changed there: a script may change the module."""
        for module, attribute, name in self.copies:
            if getattr(sys.modules.get(module), attribute, UNSET) is not self.namespace[name]:
                return True
        return False

    def import_again(self):
        exec(self.do_imports, self.namespace)

    def hoist_imports(self, tree, given):
        """Moves unconditional imports out of the body, if nothing else binds their names: they would give
        every message the same module again. Returns the rest, and the imports.

        What is imported `from` a module may depend on what the script did to it before."""
        body, imports = [], []
        for position, node in enumerate(tree.body):
            late = isinstance(node, ast.ImportFrom) and (node.level or not all(map(is_bare_text, body)))
            if not isinstance(node, (ast.Import, ast.ImportFrom)) or late:
                body.append(node)
                continue
            names = bound_names(node)
            others = [other for other in tree.body if other is not node]
            if names & given or any(bound_names(other) & names for other in others):
                body.append(node)
                continue
            # A name that is read before its import must not be found early.
            before = (child for earlier in tree.body[:position] for child in ast.walk(earlier))
            if any(isinstance(child, ast.Name) and child.id in names for child in before):
                raise NotPlain
            imports.append(node)
        return body, imports

    def forget(self):
        """Empties the namespaces that were used: a function in one refers to it, and such a cycle would live,
        with `this`, until the next collection."""
        for namespace in self.used:
            namespace.clear()
        self.used.clear()

    def as_module(self, code):
        base, fills_root, used = self.namespace, self.fills_root, self.used
        uses = ("meta",) * self.uses_meta + ("emit",) * self.uses_emit

        def run(this, *given):
            namespace = base.copy()
            namespace["this"] = this
            namespace["root"] = {} if fills_root else None
            namespace.update(zip(uses, given))
            used.append(namespace)
            exec(code, namespace)
            return namespace.get("root")

        return without_hooks(run) if self.reaches_frames else run


def without_hooks(run):
    """Returns `run` with an end to tracing and profiling: a hook runs in the next call of any code, and is removed if
    it fails there, so that afterwards the message for which it failed is unknown."""
    tracing, profiling, trace, profile = sys.gettrace, sys.getprofile, sys.settrace, sys.setprofile

    def run_alone(this, *given):
        try:
            return run(this, *given)
        finally:
            try:
                if tracing() is not None:
                    trace(None)
                if profiling() is not None:
                    profile(None)
            except BaseException:
                trace(None)
                profile(None)

    return run_alone


# ---------------------------------------------------------------------------------------------------
# State that the scripts of one guest share
# ---------------------------------------------------------------------------------------------------


TOOLS = range(6)  # of `sys.monitoring`
NO_TOOLS = [None] * len(TOOLS)


class Surroundings:
    """State that all messages of a guest share and that one of them can change for others: builtins, hooks, limits,
    the stream of `print`, decimal arithmetic, the effect of warnings, names that were imported from modules.

    It is checked once per request. If it was changed, the messages that met it are unknown: only the first answer
    counts, the state is restored, and from then on it is checked after each message. So no message is affected by
    what another one left here, and if no script does such things, a message costs nothing.
    """

    def __init__(self, stages):
        self.copying = tuple(stage for stage in stages if stage.copies)
        # Most scripts cannot reach any of it, so nothing is restored after them.
        self.reachable = any(stage.reaches_frames for stage in stages)
        self.watched = self.reachable or any(stage.has_modules for stage in stages)
        self.careful = False
        self.recursion = sys.getrecursionlimit()
        self.log = sys.stderr
        self.names = self.builtins = self.values = self.filters = self.decimal = self.arithmetic = None
        # A copy counts a reference in each object, and these are all over the snapshot: 0.5 MB more of it would be
        # resident in every guest. So only what a script can reach is copied.
        if self.reachable:
            self.names = vars(builtins)
            self.builtins = self.names.copy()
            self.values = [*self.builtins.values()]  # a comparison of lists takes a quarter of the time
        if not self.watched:
            return
        # Modules that scripts import at top level are imported by now; those that are imported later are not watched.
        if warnings := sys.modules.get("warnings"):
            self.filters = warnings.filters[:]
        if decimal := sys.modules.get("decimal"):
            self.decimal = decimal
            self.arithmetic = decimal.getcontext().copy()

    def same_arithmetic(self):
        now, before = self.decimal.getcontext(), self.arithmetic
        return (
            now.prec == before.prec
            and now.rounding == before.rounding
            and now.traps == before.traps
            and now.Emin == before.Emin
            and now.Emax == before.Emax
            and now.capitals == before.capitals
            and now.clamp == before.clamp
        )

    def changed(self):
        return (
            sys.gettrace() is not None
            or sys.getprofile() is not None
            or sys.getrecursionlimit() != self.recursion
            or sys.get_int_max_str_digits() != MAX_INT_DIGITS
            or (self.reachable and self.changed_by_frames())
            or (self.filters is not None and sys.modules["warnings"].filters != self.filters)
            or (self.decimal is not None and not self.same_arithmetic())
            or (self.copying and any(stage.is_outdated() for stage in self.copying))
        )

    def changed_by_frames(self):
        return (
            [*self.names.values()] != self.values
            or [*map(sys.monitoring.get_tool, TOOLS)] != NO_TOOLS
            or not (sys.stdout is sys.stderr is self.log)
            or self.log.closed
        )

    def restore(self):
        if self.reachable:
            self.names.clear()  # so that they get the same order again
            self.names.update(self.builtins)
        for unset in (sys.settrace, sys.setprofile):
            try:
                unset(None)
            except BaseException:
                unset(None)  # the hook was called, and failed; Python has removed it
        sys.setrecursionlimit(self.recursion)
        sys.set_int_max_str_digits(MAX_INT_DIGITS)
        for tool in filter(sys.monitoring.get_tool, TOOLS):
            sys.monitoring.set_events(tool, 0)
            sys.monitoring.free_tool_id(tool)
        if self.log.closed:
            self.log = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
        sys.stdout = sys.stderr = self.log
        if self.filters is not None:
            sys.modules["warnings"].resetwarnings()
            sys.modules["warnings"].filters[:] = self.filters
        if self.decimal is not None:
            self.decimal.setcontext(self.arithmetic.copy())
        for stage in self.copying:
            stage.import_again()

    def answers(self, pipeline, payloads, deferred, metas):
        """Runs a request's messages and returns (how many count, how many of them are dropped, results, extras)."""
        if self.careful:
            return self.one_by_one(pipeline, payloads, deferred, metas)
        dropped, results, extras = pipeline.batch(payloads, deferred, metas)
        if not self.watched or not self.is_changed():
            return len(payloads), dropped, results, extras
        self.careful = True
        return first(1, len(payloads), dropped, results, extras)

    def is_changed(self):
        """Restores what was changed, and returns whether there was a change."""
        try:
            if not self.changed():
                return False
        except BaseException:
            pass  # a hook of the script interferes, or a name of Python's own is missing
        self.restore()
        return True

    def one_by_one(self, pipeline, payloads, deferred, metas):
        dropped, results, extras = 0, [], []
        for index, payload in enumerate(payloads):
            own = [0] if index in deferred else []
            more, result, told = pipeline.batch((payload,), own, metas and metas[index : index + 1])
            dropped += more
            results += result
            extras += [(index, *rest) for _, *rest in told]
            self.is_changed()
        return len(payloads), dropped, results, extras


def first(count, answered, dropped, results, extras):
    """Returns only the answers for the first `count` messages."""
    if len(results) != answered or empty(results) != dropped + len(extras):
        return answered, dropped, results, extras  # a script has changed it; the host notices that
    results, extras = results[:count], [extra for extra in extras if extra[0] < count]
    return count, empty(results) - len(extras), results, extras


def empty(results):
    return sum(result is None for result in results)


# ---------------------------------------------------------------------------------------------------
# Outcomes: from `root`, `emit` and exceptions to what the host reads
# ---------------------------------------------------------------------------------------------------


def as_json(value):
    """Converts values that marshal cannot write exactly: subclasses of dict, list, str, int, and enums."""

    def default(item):
        if item is null:
            return None
        raise TypeError(f"Object of type {type(item).__name__} is not JSON serializable")

    options = {"allow_nan": False, "separators": (",", ":"), "default": default}
    try:
        text = json.dumps(value, ensure_ascii=False, **options).encode()
    except UnicodeEncodeError:  # lone surrogates
        text = json.dumps(value, ensure_ascii=True, **options).encode()
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH and depth(text) > MAX_DEPTH:
        raise RecursionError(f"the result is nested deeper than {MAX_DEPTH} levels")
    return text


def depth(text):
    """Returns the nesting depth of a JSON text: `[]` has depth 1."""
    deepest = now = 0
    for bracket in re.findall(rb"[\[\]{}]", re.sub(rb'"(?:[^"\\]|\\.)*"', b"", text)):
        now += 1 if bracket in b"[{" else -1
        deepest = max(deepest, now)
    return deepest


def without_null(value):
    """Returns the value for the next stage, in which JSON's null is `None`, inside a value as well."""
    if value is null:
        return None
    if type(value) is dict:
        return {key: without_null(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(without_null, value))
    return value


def encoded(value):
    """Returns `value` as the pair (form, bytes): 0 for marshal, 1 for ready JSON, 2 for a tombstone."""
    if value is null:
        return 1, b"null"
    if value is TOMBSTONE:
        return 2, b""
    try:
        return 0, marshal.dumps(value, 4)
    except ValueError:
        return 1, as_json(value)


# Results of `traceback` for frames, and for the last lines of some exceptions. It reads and parses source lines, which
# takes a hundred times as long as the failure itself; a script that fails usually does so at the same few places.
RENDERED = {}
MOST_RENDERED = 128
MOST_FRAMES = 20
# Exceptions whose last lines may suggest a name, or are more than one line.
ELABORATE = (AttributeError, BaseExceptionGroup, ImportError, NameError, SyntaxError)
CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def remembered(key, alive, render):
    """Returns `render()`, or its earlier result for this `key`; `alive` are the objects whose ids are in the key."""
    found = RENDERED.get(key)
    if found is None:
        if len(RENDERED) >= MOST_RENDERED:
            RENDERED.clear()
        found = RENDERED[key] = render(), alive
    return found[0]


def whole(traceback, error, first):
    """Returns the text as `traceback` makes it, at any cost."""
    try:
        every = traceback.TracebackException(type(error), error, first, limit=-MOST_FRAMES, compact=True)
        return "".join(every.format())
    except BaseException:
        return ""


def rendered(traceback, error, first):
    """Returns the text that `traceback` makes of `error` for the frames from `first` on."""
    parts, seen = [], set()
    while True:
        if isinstance(error, BaseExceptionGroup):  # a tree of its own
            parts.append(whole(traceback, error, first))
            break
        parts.append(rendered_alone(traceback, error, first))
        seen.add(id(error))
        cause = error.__cause__
        before = error.__context__ if cause is None and not error.__suppress_context__ else cause
        if before is None or id(before) in seen:
            break
        parts.append(CONTEXT if cause is None else CAUSE)
        error, first = before, before.__traceback__
    return "".join(reversed(parts))


def rendered_alone(traceback, error, first):
    """Returns the text without that of earlier exceptions in the chain."""
    codes, places, frame, last = [], [], first, None
    while frame is not None:
        last = frame.tb_frame
        codes.append(last.f_code)
        places.append(frame.tb_lasti)
        frame = frame.tb_next
    codes, places = codes[-MOST_FRAMES:], places[-MOST_FRAMES:]
    key = (*map(id, codes), *places)

    def frames():
        # With any exception: the frames do not depend on it.
        stack = traceback.TracebackException(Exception, None, first, limit=-MOST_FRAMES).stack
        return "" if not stack else "".join(["Traceback (most recent call last):\n", *stack.format()])

    def ending():
        alone = traceback.TracebackException(type(error), error, first, limit=0, compact=True)
        return "".join(alone.format_exception_only())

    kind = type(error)
    if getattr(error, "__notes__", None) is not None or isinstance(error, SyntaxError):
        end = ending()
    elif not isinstance(error, ELABORATE):
        module = kind.__module__
        name = kind.__qualname__ if module in ("__main__", "builtins") else f"{module}.{kind.__qualname__}"
        try:
            message = str(error)
        except BaseException:
            message = "<exception str() failed>"
        end = f"{name}: {message}\n" if message else f"{name}\n"
    else:
        end = suggested(error, key, codes, last, ending)
    return remembered(key, codes, frames) + end


def suggested(error, key, codes, frame, ending):
    """Returns the last line of an exception that may suggest a name; the key is what the suggestion depends on."""
    kind, by = type(error), ()
    if isinstance(error, AttributeError):
        by = type(error.obj)
        if by.__module__ != "builtins":
            return ending()  # its instances may differ
    elif isinstance(error, NameError) and frame is not None:
        by = tuple(frame.f_locals)
    return remembered((kind, str(error), by, *key), codes, ending)


def failure(index, stages, error, limit=100):
    """Returns the extra for an exception: type, message, line in the script, traceback."""
    files = {stage.file: stage for stage in stages}
    position, number, frame = None, 0, error.__traceback__
    first = None
    while frame is not None:
        stage = files.get(frame.tb_frame.f_code.co_filename)
        if stage is not None:
            first = first or frame
            position, number = frame.tb_lineno - stage.line_offset, stage.index
        frame = frame.tb_next
    try:
        message = str(error)
    except BaseException:
        message = "<its message cannot be shown>"
    try:
        traceback = sys.modules.get("traceback") or importlib.import_module("traceback")
        try:
            text = rendered(traceback, error, first)
        except BaseException:
            text = whole(traceback, error, first)
    except BaseException:
        text = ""
    if isinstance(error, SystemExit):
        message = f"the script called sys.exit({clip(message)})"
    name = clip(type(error).__name__, 200)
    return (index, "error", name, clip(message), position, number, clip(text))


def clip(text, most=8192):
    """Returns at most this many bytes of UTF-8."""
    if len(text) <= most and text.isascii():
        return text
    return text[:most].encode("utf-8", "replace")[:most].decode("utf-8", "ignore")


def header_pairs(headers):
    """Returns headers as a list of (name, bytes | None), from a dict (a list value repeats the name) or pairs."""
    if headers is None:
        return []
    pairs = headers.items() if isinstance(headers, dict) else headers
    flat = []
    for name, value in pairs:
        if not isinstance(name, str):
            raise TypeError(f"the name of a header must be str, not {type(name).__name__}")
        for one in value if isinstance(value, list) else [value]:
            if not (one is None or isinstance(one, (str, bytes))):
                raise TypeError(f"header {name!r} must be str, bytes or None, not {type(one).__name__}")
            flat.append((plain_text(name), as_key(one)))
    return flat


def plain_text(text):
    """Returns an exact `str` that is valid in UTF-8: marshal accepts no subclass, and Kafka no lone surrogate."""
    return text.encode().decode()


def as_key(key):
    if key is None:
        return None
    if isinstance(key, bytes):
        return bytes(key)
    if isinstance(key, str):
        return key.encode()
    raise TypeError(f"the key must be str, bytes or None, not {type(key).__name__}")


def as_topic(topic):
    if topic is None:
        return None
    if isinstance(topic, str):
        return plain_text(topic)
    raise TypeError(f"the topic must be str, not {type(topic).__name__}")


def as_timestamp(timestamp):
    if timestamp is None:
        return None
    if isinstance(timestamp, (int, float)) and not isinstance(timestamp, bool):
        if not -(2**63) <= timestamp < 2**63:
            raise ValueError(f"the timestamp {timestamp} is beyond what milliseconds since 1970 can be")
        return int(timestamp)
    raise TypeError(f"the timestamp must be milliseconds, not {type(timestamp).__name__}")


CHECKS = {"key": as_key, "topic": as_topic, "headers": header_pairs, "timestamp": as_timestamp}


def new_meta(fields):
    """Returns the `meta` of one message: text where bytes are UTF-8, repeated headers as a list."""
    key, topic, partition, offset, timestamp, pairs = fields
    return {
        "key": as_text(key),
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "timestamp": timestamp,
        "headers": headers_of(pairs) if pairs else {},
    }


def headers_of(pairs):
    headers = {}
    for name, value in pairs:
        value = as_text(value)
        if name not in headers:
            headers[name] = value
        elif isinstance(headers[name], list):
            headers[name].append(value)
        else:
            headers[name] = [headers[name], value]
    return headers


def headed(meta, given):
    """Returns `meta` for the next stage, a dict of its own, with the attributes in `given`."""
    meta = {**meta, **given}
    if "headers" in meta:
        meta["headers"] = headers_of(header_pairs(meta["headers"]))
    return meta


def as_text(value):
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def special(index, root):
    """Returns the extra for results that no value expresses: `null` and `tombstone()`."""
    return index, "null" if root is null else "tombstone"


UNSET = object()


class Pipeline:
    """All stages of a guest, and the ways to run messages through them.

    Each way returns how many messages have no result at all, a result for each message, and the extras.
    """

    def __init__(self, stages, options):
        self.stages = tuple(stages)
        self.max_frame = options.get("max_frame", 16 << 20)
        self.uses_meta = any(stage.uses_meta for stage in stages)
        self.uses_emit = any(stage.uses_emit for stage in stages)
        self.one_to_one = not (self.uses_meta or self.uses_emit)

    def batch(self, payloads, deferred, metas):
        if not deferred:
            return self.run(payloads, metas)
        # Documents that the host leaves to Python: those with lone surrogates in their strings.
        payloads, broken = list(payloads), {}
        for index in deferred:
            try:
                payloads[index] = json.loads(payloads[index])
            except Exception as error:
                payloads[index], broken[index] = None, failure(index, (), error)
        dropped, results, extras = self.run(tuple(payloads), metas)
        if broken:
            told = {extra[0] for extra in extras}
            extras = [extra for extra in extras if extra[0] not in broken]
            extras.extend(broken.values())
            for index in broken:
                dropped -= results[index] is None and index not in told
                results[index] = None
        return dropped, results, extras

    def run(self, payloads, metas):
        if not self.one_to_one:
            return self.batch_with_outputs(payloads, metas)
        if len(self.stages) == 1:
            return self.batch_of_one_stage(payloads)
        return self.batch_of_stages(payloads)

    def batch_of_one_stage(self, payloads):
        run, results, extras = self.stages[0].run, [], []
        append, json_null, no_payload, dropped = results.append, null, TOMBSTONE, 0
        for this in payloads:
            try:
                root = run(this)
            except BaseException as error:
                extras.append(failure(len(results), self.stages, error))
                append(None)
                continue
            if root is None:
                dropped += 1
            elif root is json_null or root is no_payload:
                extras.append(special(len(results), root))
                root = None
            append(root)
        return dropped, results, extras

    def batch_of_stages(self, payloads):
        dropped, results, extras = 0, [], []
        for this in payloads:
            try:
                for stage in self.stages:
                    root = stage.run(this)
                    if root is None or root is TOMBSTONE:
                        break
                    this = without_null(root) if stage.uses_null else root
            except BaseException as error:
                extras.append(failure(len(results), self.stages, error))
                results.append(None)
                continue
            if root is None:
                dropped += 1
            elif root is null or root is TOMBSTONE:
                extras.append(special(len(results), root))
                root = None
            results.append(root)
        return dropped, results, extras

    def batch_with_outputs(self, payloads, metas):
        """Runs scripts that use `meta` or `emit`: a message may have any number of outputs. A message with one output,
        and with its original attributes, has a result like any other."""
        dropped, results, extras = 0, [], []
        for index, this in enumerate(payloads):
            try:
                meta = new_meta(metas[index]) if metas is not None else {}
                outputs = []
                root, overrides = self.through(0, this, meta, {}, outputs)
                if outputs or overrides:
                    if root is not None:
                        outputs.append((*encoded(root), chosen(overrides)))
                    extras.append((index, "outputs", outputs))
                    results.append(None)
                    continue
            except BaseException as error:
                extras.append(failure(index, self.stages, error))
                results.append(None)
                continue
            if root is None:
                dropped += 1
            elif root is null or root is TOMBSTONE:
                extras.append(special(index, root))
                root = None
            results.append(root)
        return dropped, results, extras

    def through(self, number, this, meta, overrides, outputs):
        """Runs `this` through the stages from `number` on. Emitted values are appended to `outputs` as (form, bytes,
        attributes); the last result is returned, with its overrides."""
        if this is TOMBSTONE:
            return this, overrides
        stage = self.stages[number]
        before = as_it_came(meta) if stage.uses_meta else None
        given = (meta,) * stage.uses_meta
        if stage.uses_emit:
            given += (self.emitter(number, before, meta, overrides, outputs),)
        root = stage.run(this, *given)
        if root is None:
            return None, None
        if before and (now := changed(before, meta)):
            overrides = {**overrides, **now}
        if number + 1 == len(self.stages):
            return root, overrides
        this = without_null(root) if stage.uses_null else root
        return self.through(number + 1, this, headed(meta, meta), overrides, outputs)

    def emitter(self, number, before, meta, overrides, outputs):
        """Returns `emit` for the stage `number`, with what belongs to its message."""

        def emit(value, key=UNSET, topic=UNSET, headers=UNSET, timestamp=UNSET):
            given = checked = {}
            if not (key is UNSET and topic is UNSET and headers is UNSET and timestamp is UNSET):
                given = {"key": key, "topic": topic, "headers": headers, "timestamp": timestamp}
                given = {name: item for name, item in given.items() if item is not UNSET}
                checked = {name: CHECKS[name](item) for name, item in given.items()}
            if value is None:
                return
            # A copy: later changes of `value` by the script must not change what it emitted.
            form, data = encoded(value)
            now = changed(before, meta) if before else {}
            now = {**overrides, **now, **checked}
            if number + 1 < len(self.stages):
                copy = (marshal.loads, json.loads, lambda _: TOMBSTONE)[form](data)
                left, now = self.through(number + 1, copy, headed(meta, given), now, outputs)
                if left is None:
                    return
                form, data = encoded(left)
            outputs.append((form, data, chosen(now)))

        return emit


def settable(meta):
    """Returns what a script can set in `meta`, in the order of `CHECKS`."""
    return meta.get("key"), meta.get("topic"), meta.get("headers"), meta.get("timestamp")


def as_it_came(meta):
    """Returns what a script can set in `meta`, for a comparison after the script has run."""
    key, topic, headers, timestamp = settable(meta)
    if headers is not None:
        headers = {name: item[:] if type(item) is list else item for name, item in headers.items()} if headers else {}
    return key, topic, headers, timestamp


def changed(before, meta):
    """Returns what a script set in `meta`, checked; a name that it deleted counts as set to None."""
    now = settable(meta)
    if now == before:
        return {}
    if not isinstance(meta.get("headers"), (dict, list, type(None))):
        raise TypeError(f'meta["headers"] must be a dict, not {type(meta["headers"]).__name__}')
    both = zip(CHECKS.items(), before, now, strict=True)
    return {name: check(new) for (name, check), old, new in both if new != old}


def chosen(overrides):
    """Returns `overrides` for the host. It follows no reference to a container, so no container may occur twice."""
    return [
        (name, [(*pair,) for pair in item] if name == "headers" else item)
        for name, item in overrides.items()
    ] or None


def response(account, answers, max_frame):
    """Returns the response's body. Answers for fewer messages than requested if not all fit one frame; the
    host requests the rest again."""
    answered, dropped, results, extras = answers
    try:
        body = marshal.dumps((account, answered, dropped, results, extras), 4)
    except ValueError:
        results, extras = results[:], list(extras)
        for index, value in enumerate(results):
            try:
                marshal.dumps(value, 4)
            except ValueError:
                results[index] = None
                try:
                    extras.append((index, "json", as_json(value)))
                except BaseException as error:
                    error.__context__ = None  # marshal's error, which does not concern the user
                    extras.append(failure(index, (), error))
        body = marshal.dumps((account, answered, dropped, results, extras), 4)
    if len(body) <= max_frame:
        return body
    if answered == 1:
        text = f"the result takes {len(body)} bytes"
        return marshal.dumps((account, 1, 0, [None], [(0, "too large", text)]), 4)
    return response(account, first(answered // 2, answered, dropped, results, extras), max_frame)


# ---------------------------------------------------------------------------------------------------
# The loop
# ---------------------------------------------------------------------------------------------------


def read_exactly(size):
    data = os.read(0, size)
    if len(data) == size:
        return data
    parts, missing = [data], size - len(data)
    while missing:
        data = os.read(0, missing)
        if not data:
            raise EOFError
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)


def write_all(data):
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def read_frame():
    return read_exactly(int.from_bytes(read_exactly(4), "big"))


def settle():
    """Sets up the process that a script sees: no arguments, no environment, no access to the protocol by
    accident, and its own random numbers although the interpreter may come from a snapshot."""
    sys.argv[:] = [""]
    os.environ.clear()
    sys.stdout = sys.__stdout__ = sys.stderr
    sys.stdin = sys.__stdin__ = io.StringIO()
    if "random" in sys.modules:
        sys.modules["random"].seed()
    sys.set_int_max_str_digits(MAX_INT_DIGITS)
    sys.meta_path.append(Absent)


def start(hello):
    """Makes every stage. Returns the stages, and the problems of those that cannot start."""
    problems, stages = [], []
    specs = hello["stages"]
    for index, (spec, compiled) in enumerate(zip(specs, hello.get("compiled") or [None] * len(specs))):
        try:
            stages.append(Stage(index, spec, compiled and marshal.loads(bytes.fromhex(compiled))))
        except CannotStart as error:
            problems.extend(error.problems)
        except BaseException as error:
            problems.append(problem(index, error))
    return stages, problems


def for_others(stages):
    """Returns the compiled stages, in the form that READY and other guests' hellos have."""
    return [marshal.dumps(stage.compiled).hex() for stage in stages]


def announce(word, content):
    content["protocol"] = PROTOCOL
    content["python"] = ".".join(map(str, sys.version_info[:3]))
    write_all(f"{word} {json.dumps(content)}\n".encode())


def main():
    settle()
    hello = json.loads(read_frame())
    if hello.get("protocol") != PROTOCOL:
        message = f"this runtime speaks protocol {PROTOCOL}, the host {hello.get('protocol')}"
        problems = [problem(None, ValueError(message))]
        return announce("FAILED", {"problems": problems})
    stages, problems = start(hello)
    if problems:
        return announce("FAILED", {"problems": problems})
    pipeline, surroundings = Pipeline(stages, hello.get("options", {})), Surroundings(stages)
    gc = importlib.import_module("gc")
    gc.collect()
    gc.freeze()
    # Batches create many containers and few cycles.
    gc.set_threshold(50_000, 10, 10)
    ready = {"uses_meta": pipeline.uses_meta, "functions": [stage.is_function for stage in stages]}
    if not hello.get("compiled"):
        compiled = for_others(stages)
        if sum(map(len, compiled)) <= MAX_COMPILED:
            ready["compiled"] = compiled
    announce("READY", ready)
    serve(pipeline, surroundings, gc.collect)


def serve(pipeline, surroundings, collect):
    """Answers requests until the host closes the connection."""
    uncollected = 0
    while True:
        try:
            frame = read_frame()
        except (EOFError, OSError):
            return
        identity, payloads, deferred, metas = marshal.loads(frame)
        uncollected += len(frame)
        del frame
        # A list that exists while scripts run, with known contents: code that changes every list changes it too.
        account = ["request", identity, len(payloads)]
        answers = surroundings.answers(pipeline, payloads, deferred, metas)
        body = response(account, answers, pipeline.max_frame)
        del payloads, answers, metas
        for stage in pipeline.stages:
            stage.forget()
        if uncollected > COLLECT_AFTER:
            # Recursive functions and stored exceptions create cycles, which keep their message in memory.
            collect()
            uncollected = 0
        surroundings.log.flush()
        write_all(STATUS_OK + len(body).to_bytes(4, "big") + body)
        del body
