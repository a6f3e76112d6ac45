"""The guest's side of Nerodia: takes batches of messages, runs the scripts, answers with outcomes.

One file for every runtime: `cpython-3.14` imports it into its snapshot, `cpython-3.12` gets it as the
text of `python -c`. The frames are described in docs/protocol.md; in short, over file descriptors 0 and 1:

    host  -> guest  hello     u32 big-endian length, JSON: protocol, stages, options
    guest -> host   READY     b"READY " + JSON + b"\\n", or b"FAILED " + JSON + b"\\n"
    host  -> guest  request   u32 big-endian length, marshal: (id, payloads, deferred, metas | None)
    guest -> host   response  status byte, u32 big-endian length, marshal: (id, results, extras)

`results` holds one value a message, `None` for one that leaves nothing; whatever is rarer than "one value
that marshal can carry" is told in `extras`, so that the usual message costs one list item and no more.
"""

import ast
import builtins
import importlib
import io
import json
import marshal
import os
import sys

PROTOCOL = 1
STATUS_OK = b"\x00"
MAX_INT_DIGITS = 10_000  # the host's limit, in both directions
MAX_COMPILED = 1 << 19  # what READY may have of compiled scripts: the host takes a line of twice that


class Null:
    """The type of `null`: what a script sets `root` to when it wants the JSON value null, not a drop."""

    __slots__ = ()

    def __repr__(self):
        return "null"

    def __bool__(self):
        return False


null = Null()


class Tombstone:
    """The type of what `tombstone()` gives."""

    __slots__ = ()

    def __repr__(self):
        return "tombstone()"


TOMBSTONE = Tombstone()


def tombstone():
    """What a script sets `root` to, or emits, for a record without payload: Kafka's sign that its key is
    deleted. It leaves as it is; later scripts do not see it."""
    return TOMBSTONE


# ---------------------------------------------------------------------------------------------------
# Scripts: from source text to a callable
# ---------------------------------------------------------------------------------------------------


def problem(stage, error, message=None, line=None, column=None, module=None):
    """Why a script cannot start: one entry of the FAILED frame's `problems`."""
    return {
        "stage": stage,
        "type": type(error).__name__,
        "message": str(error) if message is None else message,
        "line": line,
        "column": column,
        "import": module,
    }


class CannotStart(Exception):
    """A script or its imports cannot start, for these reasons."""

    def __init__(self, *problems):
        super().__init__(problems)
        self.problems = problems


class NotPlain(Exception):
    """The script cannot be run as a function without a chance that it notices."""


# Names that look into, or make code run in, the namespace they stand in.
INTROSPECTION = frozenset(
    "globals locals vars dir exec eval compile __import__ breakpoint super".split()
)
# Modules that can find the frame of their caller, or lead to such names.
FRAME_MODULES = frozenset("__main__ builtins gc importlib inspect sys traceback".split())
# Attributes that lead to a frame or to its namespace.
FRAME_ATTRIBUTES = frozenset(
    "ag_frame cr_frame f_back f_builtins f_code f_globals f_locals gi_frame tb_frame _getframe".split()
)
UNSUPPORTED = (
    ast.AnnAssign,  # a module evaluates and keeps annotations, a function does not
    ast.AsyncFor,
    ast.AsyncFunctionDef,
    ast.AsyncWith,
    ast.ClassDef,  # class bodies look names up in another way inside functions
    ast.Delete,
    ast.Global,
    ast.Nonlocal,
    ast.TypeAlias,
)
FUNCTIONS = (ast.FunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def bound_names(node):
    """Names that `node` and what is below it bind, nested functions' and comprehensions' own included."""
    names = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Name) and not isinstance(child.ctx, ast.Load):
            names.add(child.id)
        elif isinstance(child, ast.arg):
            names.add(child.arg)
        elif isinstance(child, (ast.FunctionDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
            names.add(child.name)
        elif isinstance(child, ast.MatchMapping):
            names.add(child.rest)
        elif isinstance(child, (ast.Import, ast.ImportFrom)):
            names.update((a.asname or a.name).partition(".")[0] for a in child.names)
    names.discard(None)
    return names


class Assignments:
    """Proves that every name a script assigns is assigned before it is read.

    At top level an unassigned name is looked up among the imports and builtins (`sum = sum(this)` works
    there); in a function it is an UnboundLocalError. Where the proof fails the script runs with `exec`.
    States are sets of names that are surely bound; `None` stands for a place that is never reached.
    """

    def __init__(self, tree, parameters):
        self.parameters = frozenset(parameters)
        self.locals = bound_names(tree)
        self.block(tree.body, set(self.parameters))

    def block(self, statements, bound):
        for statement in statements:
            if bound is None:
                return None
            bound = self.statement(statement, bound)
        return bound

    def statement(self, node, bound):
        if isinstance(node, UNSUPPORTED):
            raise NotPlain
        method = getattr(self, "visit_" + type(node).__name__, None)
        return method(node, bound) if method else self.simple(node, bound)

    def simple(self, node, bound):
        """Statements without blocks: reads first, then what they bind."""
        if isinstance(node, ast.Assign):
            self.reads(node.value, bound)  # before its targets
        self.reads(node, bound)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            if node.target.id not in bound:
                raise NotPlain
        if isinstance(node, (ast.Raise, ast.Return, ast.Break, ast.Continue)):
            return None
        return bound | self.binds(node)

    def reads(self, node, bound):
        """Every name read below `node` must be bound, whether it is read now or by a closure later."""
        if isinstance(node, FUNCTIONS):
            self.reads_function(node, bound)
            return
        if isinstance(node, COMPREHENSIONS):
            self.reads_comprehension(node, bound)
            return
        if isinstance(node, ast.NamedExpr):
            # Bound from here on only if it is surely evaluated; that is decided by `binds`.
            self.reads(node.value, bound)
            bound.add(node.target.id)
            return
        if isinstance(node, ast.Dict) and any(isinstance(c, ast.NamedExpr) for c in ast.walk(node)):
            raise NotPlain  # keys and values take turns
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
        """Defaults, decorators and annotations are evaluated outside, its body inside."""
        arguments = node.args
        for part in [*arguments.defaults, *arguments.kw_defaults]:
            if part is not None:
                self.reads(part, bound)
        inner = bound | bound_names(node)
        if isinstance(node, ast.Lambda):
            self.reads(node.body, inner)
            return
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += filter(None, [arguments.vararg, arguments.kwarg])
        annotations = [argument.annotation for argument in every] + [node.returns]
        for part in [*node.decorator_list, *filter(None, annotations)]:
            self.reads(part, bound)
        for statement in node.body:
            self.reads(statement, set(inner))

    def reads_comprehension(self, node, bound):
        """Its first iterable is evaluated outside; `:=` inside binds outside, at no sure moment."""
        if any(isinstance(child, ast.NamedExpr) for child in ast.walk(node)):
            raise NotPlain
        first, inner = node.generators[0].iter, bound | bound_names(node)
        self.reads(first, bound)
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.comprehension):
                self.reads(child, inner)
        for generator in node.generators:
            for child in ast.iter_child_nodes(generator):
                if child is not first:
                    self.reads(child, inner)

    def binds(self, node):
        """Names that `node` binds at top level whenever it completes."""
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
        # `finally` runs in the state of whatever was not reached.
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
            state = bound | bound_names(case.pattern)
            self.reads(case.pattern, state)
            if case.guard:
                self.reads(case.guard, state)
            ends.append(self.block(case.body, state))
        return self.join(*ends)

    def visit_FunctionDef(self, node, bound):
        if any(isinstance(child, UNSUPPORTED) for child in ast.walk(node)):
            raise NotPlain
        self.reads(node, bound)
        return bound | {node.name}


def is_dunder(name):
    return name.startswith("__") and name.endswith("__")


def refuse_frame_readers(tree, imported):
    """Scripts that can look at the frame they run in are run at top level."""
    modules = set(imported)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module)
            if any(alias.name == "*" for alias in node.names) or node.module == "__future__":
                raise NotPlain
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute) and node.attr in FRAME_MODULES:
            raise NotPlain  # `os.sys`
        # `getattr(f, "__globals__")` is the same as `f.__globals__`.
        word = node.attr if isinstance(node, ast.Attribute) else getattr(node, "value", None)
        if isinstance(word, str) and (is_dunder(word) or word in FRAME_ATTRIBUTES):
            raise NotPlain
    if modules & FRAME_MODULES:
        raise NotPlain


def without_prefix(code, prefix):
    """Gives nested functions the qualified names they have at top level: `f`, not `<module>.<locals>.f`."""
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
    """Says of modules of the standard library that this runtime does not have why they are not found."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in sys.stdlib_module_names:
            text = f"No module named {name!r} in this runtime: WebAssembly has not what it is made of"
            raise ModuleNotFoundError(text, name=name)


class Stage:
    """One script, ready to run. `run(this, meta, emit)` gives `root`.

    `compiled` is what another guest's stage gave for the same `spec`; compiling takes most of a start, and writes
    to much of the memory that guests would share.
    """

    def __init__(self, index, spec, compiled=None):
        self.index = index
        self.used = []  # namespaces of messages whose answer is not written yet
        self.file = spec["name"]
        self.line_offset = spec.get("line_offset", 0)
        self.source = spec["script"]
        self.compiled = compiled or self.compile(spec.get("imports", ()))
        # Plain values and code, so that marshal can carry it.
        (
            self.uses_meta,
            self.uses_emit,
            self.uses_null,
            self.fills_root,
            self.is_function,
            imports,
            codes,
        ) = self.compiled
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
        """What only the text decides, `modules` being the names it is given."""
        tree = self.parse()
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        introspects = bool(names & INTROSPECTION)
        uses_meta = "meta" in names or introspects
        uses_emit = "emit" in names or introspects
        # A script that fills `root` in without ever assigning it whole starts from an empty object.
        stored = any(
            isinstance(node, ast.Name) and node.id == "root" and not isinstance(node.ctx, ast.Load)
            for node in ast.walk(tree)
        )
        fills_root = "root" in names and not stored
        # A stage hands values on that may hold the `null` it was given.
        uses_null = "null" in names or introspects
        imports = list(self.imports(tree))
        parameters = ["this"] + ["meta"] * uses_meta + ["emit"] * uses_emit
        try:
            refuse_frame_readers(tree, modules)
            codes = self.compile_function(tree, parameters, fills_root)
            is_function = True
        except NotPlain:
            ast.increment_lineno(tree, self.line_offset)
            codes = (compile(tree, self.file, "exec", dont_inherit=True),)
            is_function = False
        return uses_meta, uses_emit, uses_null, fills_root, is_function, imports, codes

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
        """Makes each of `imports` available by name, as the import statement would."""
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
        """(module, attribute or None, is it at top level, line, bytes before it) for all that is imported."""
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
        """Imports at start what the script imports: an unknown module is a config error, not a failed
        message, and the first message does not wait for it."""
        for name, attribute, at_top, lineno, offset in imports:
            try:
                import_or_raise(name, attribute)
            except Exception as error:
                if attribute and any(name == seen["import"] for seen in problems):
                    continue  # the module itself cannot be imported
                # Below top level it may be guarded, or never reached.
                if at_top:
                    line = self.source.split("\n")[lineno - 1].encode()
                    column = len(line[:offset].decode()) + 1
                    problems.append(problem(self.index, error, None, lineno, column, name))

    def remember_source(self):
        """Lets tracebacks show the user's own lines, numbered as in the user's file, which may have several
        scripts in it."""
        linecache = sys.modules.get("linecache") or importlib.import_module("linecache")
        source = io.StringIO(self.source).readlines()
        lines = linecache.cache[self.file][2] if self.file in linecache.cache else []
        end = self.line_offset + len(source)
        lines.extend(["\n"] * (end - len(lines)))
        lines[self.line_offset : end] = source
        linecache.cache[self.file] = (len(lines), None, lines, self.file)

    def compile_function(self, tree, parameters, fills_root):
        """The code that imports, and the code that defines the function."""
        body, imports = self.hoist_imports(tree, {*parameters, "root", "null", "tombstone"})
        hoisted = set().union(*map(bound_names, imports))
        Assignments(ast.Module(body, []), [*parameters, "root", *hoisted])
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
        return imports, without_prefix(code, "<module>.<locals>.")

    def as_function(self, imports, code):
        exec(imports, self.namespace)
        exec(code, self.namespace)
        return self.namespace.pop("<module>")

    def hoist_imports(self, tree, given):
        """Takes unconditional imports out of the body, if nothing else binds their names: they would give
        every message the same module again. Gives the rest, and the imports."""
        body, imports = [], []
        for position, node in enumerate(tree.body):
            if not isinstance(node, (ast.Import, ast.ImportFrom)):
                body.append(node)
                continue
            names = bound_names(node)
            others = [other for other in tree.body if other is not node]
            if names & given or any(bound_names(other) & names for other in others):
                body.append(node)
                continue
            # A name read before its import stands must not be found early.
            before = (child for earlier in tree.body[:position] for child in ast.walk(earlier))
            if any(isinstance(child, ast.Name) and child.id in names for child in before):
                raise NotPlain
            imports.append(node)
        return body, imports

    def forget(self):
        """Empties the namespaces that were used: a function in one refers to it, and such a circle would live,
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

        return run


# ---------------------------------------------------------------------------------------------------
# Outcomes: from `root`, `emit` and exceptions to what the host reads
# ---------------------------------------------------------------------------------------------------


def as_json(value):
    """For values that marshal cannot carry faithfully: subclasses of dict, list, str, int, and enums."""

    def default(item):
        if item is null:
            return None
        raise TypeError(f"Object of type {type(item).__name__} is not JSON serializable")

    options = {"allow_nan": False, "separators": (",", ":"), "default": default}
    try:
        return json.dumps(value, ensure_ascii=False, **options).encode()
    except UnicodeEncodeError:  # lone surrogates
        return json.dumps(value, ensure_ascii=True, **options).encode()


def without_null(value):
    """What the next stage gets: JSON's null is `None` there, inside a value as well."""
    if value is null:
        return None
    if type(value) is dict:
        return {key: without_null(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(without_null, value))
    return value


def encoded(value):
    """`value` as the pair (its form, bytes): 0 for marshal, 1 for ready JSON, 2 for a tombstone."""
    if value is null:
        return 1, b"null"
    if value is TOMBSTONE:
        return 2, b""
    try:
        return 0, marshal.dumps(value, 4)
    except ValueError:
        return 1, as_json(value)


# What `traceback` makes of frames, and of the last lines of some exceptions. It reads lines of source and parses them, which
# takes a hundred times as long as the failure itself; a script that fails does so at the same few places, over and over.
RENDERED = {}
MOST_RENDERED = 128
MOST_FRAMES = 20
# Their last lines may suggest a name, or are more than one line.
ELABORATE = (AttributeError, BaseExceptionGroup, ImportError, NameError, SyntaxError)
CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def remembered(key, alive, render):
    """`render()`, or what it gave for the same `key`; `alive` are the objects whose ids are in the key."""
    found = RENDERED.get(key)
    if found is None:
        if len(RENDERED) >= MOST_RENDERED:
            RENDERED.clear()
        found = RENDERED[key] = render(), alive
    return found[0]


def whole(traceback, error, first):
    """The text as `traceback` makes it, whatever it takes."""
    try:
        every = traceback.TracebackException(type(error), error, first, limit=-MOST_FRAMES, compact=True)
        return "".join(every.format())
    except BaseException:
        return ""


def rendered(traceback, error, first):
    """The text that `traceback` gives `error` for the frames from `first` on."""
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
    """The text without that of the exceptions before it."""
    codes, places, frame, last = [], [], first, None
    while frame is not None:
        last = frame.tb_frame
        codes.append(last.f_code)
        places.append(frame.tb_lasti)
        frame = frame.tb_next
    codes, places = codes[-MOST_FRAMES:], places[-MOST_FRAMES:]
    key = (*map(id, codes), *places)

    def frames():
        # Of any exception: the frames do not depend on it.
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
    """The last line of an exception that may suggest another name, by what the suggestion depends on."""
    kind, by = type(error), ()
    if isinstance(error, AttributeError):
        by = type(error.obj)
        if by.__module__ != "builtins":
            return ending()  # its instances may differ
    elif isinstance(error, NameError) and frame is not None:
        by = tuple(frame.f_locals)
    return remembered((kind, str(error), by, *key), codes, ending)


def failure(index, stages, error, limit=100):
    """The extra that tells of an exception: type, message, line in the script, traceback."""
    traceback = sys.modules.get("traceback") or importlib.import_module("traceback")
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
        text = rendered(traceback, error, first)
    except BaseException:
        text = whole(traceback, error, first)
    if isinstance(error, SystemExit):
        message = f"the script called sys.exit({clip(message)})"
    name = clip(type(error).__name__, 200)
    return (index, "error", name, clip(message), position, number, clip(text))


def clip(text, most=8192):
    """At most so many bytes of UTF-8."""
    if len(text) <= most and text.isascii():
        return text
    return text[:most].encode("utf-8", "replace")[:most].decode("utf-8", "ignore")


def header_pairs(headers):
    """Headers as a list of (name, bytes | None), from a dict (a list value repeats the name) or pairs."""
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
    """An exact `str` that UTF-8 has: marshal takes no subclass, and Kafka no lone surrogate."""
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
    """The `meta` of one message: text where bytes are UTF-8, repeated headers as a list."""
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
    """`meta` for the next stage, a dict of its own, with the attributes in `given`."""
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
    """The extra for what leaves although no value says it: `null` and `tombstone()`."""
    return index, "null" if root is null else "tombstone"


UNSET = object()


class Pipeline:
    """All stages of a guest, and the ways to run a message through them."""

    def __init__(self, stages, options):
        self.stages = stages
        self.max_frame = options.get("max_frame", 16 << 20)
        self.uses_meta = any(stage.uses_meta for stage in stages)
        self.uses_emit = any(stage.uses_emit for stage in stages)
        self.one_to_one = not (self.uses_meta or self.uses_emit)

    def batch(self, payloads, deferred, metas):
        # What the host leaves to Python: documents with lone surrogates in their strings.
        broken = {}
        for index in deferred:
            try:
                payloads[index] = json.loads(payloads[index])
            except Exception as error:
                payloads[index], broken[index] = None, failure(index, (), error)
        results, extras = self.run(payloads, metas)
        if broken:
            extras = [extra for extra in extras if extra[0] not in broken]
            extras.extend(broken.values())
            for index in broken:
                results[index] = None
        return results, extras

    def run(self, payloads, metas):
        if not self.one_to_one:
            return self.batch_with_outputs(payloads, metas)
        if len(self.stages) == 1:
            return self.batch_of_one_stage(payloads)
        return self.batch_of_stages(payloads)

    def batch_of_one_stage(self, payloads):
        run, results, extras = self.stages[0].run, [], []
        append = results.append
        for this in payloads:
            try:
                root = run(this)
            except BaseException as error:
                extras.append(failure(len(results), self.stages, error))
                root = None
            if root is null or root is TOMBSTONE:
                extras.append(special(len(results), root))
                root = None
            append(root)
        return results, extras

    def batch_of_stages(self, payloads):
        results, extras = [], []
        for this in payloads:
            try:
                for stage in self.stages:
                    root = stage.run(this)
                    if root is None or root is TOMBSTONE:
                        break
                    this = without_null(root) if stage.uses_null else root
            except BaseException as error:
                extras.append(failure(len(results), self.stages, error))
                root = None
            if root is null or root is TOMBSTONE:
                extras.append(special(len(results), root))
                root = None
            results.append(root)
        return results, extras

    def batch_with_outputs(self, payloads, metas):
        """Scripts that use `meta` or `emit`: a message may leave as any number of outputs. One that leaves once,
        with the attributes it came with, is a result like any other."""
        results, extras = [], []
        for index, this in enumerate(payloads):
            try:
                meta = new_meta(metas[index]) if metas is not None else {}
                outputs = []
                root, overrides = self.through(0, this, meta, {}, outputs)
                if outputs or overrides:
                    if root is not None:
                        outputs.append((*encoded(root), chosen(overrides)))
                    extras.append((index, "outputs", outputs))
                    root = None
            except BaseException as error:
                extras.append(failure(index, self.stages, error))
                root = None
            if root is null or root is TOMBSTONE:
                extras.append(special(index, root))
                root = None
            results.append(root)
        return results, extras

    def through(self, number, this, meta, overrides, outputs):
        """Runs `this` through the stages from `number` on. What they emit is appended to `outputs` as (form, bytes,
        attributes); what leaves last is returned, with what it overrides."""
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
        """`emit` for the stage `number`, whose message came with these."""

        def emit(value, key=UNSET, topic=UNSET, headers=UNSET, timestamp=UNSET):
            given = checked = {}
            if not (key is UNSET and topic is UNSET and headers is UNSET and timestamp is UNSET):
                given = {"key": key, "topic": topic, "headers": headers, "timestamp": timestamp}
                given = {name: item for name, item in given.items() if item is not UNSET}
                checked = {name: CHECKS[name](item) for name, item in given.items()}
            if value is None:
                return
            # A copy: what the script does to `value` afterwards must not change what it emitted.
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
    """What a script can set in `meta`, in the order of `CHECKS`."""
    return meta.get("key"), meta.get("topic"), meta.get("headers"), meta.get("timestamp")


def as_it_came(meta):
    """What a script can set in `meta`, to be compared with what is there when it has run."""
    key, topic, headers, timestamp = settable(meta)
    if headers is not None:
        headers = {name: item[:] if type(item) is list else item for name, item in headers.items()} if headers else {}
    return key, topic, headers, timestamp


def changed(before, meta):
    """What a script set in `meta`, checked; a name it deleted counts as set to None."""
    now = settable(meta)
    if now == before:
        return {}
    if not isinstance(meta.get("headers"), (dict, list, type(None))):
        raise TypeError(f'meta["headers"] must be a dict, not {type(meta["headers"]).__name__}')
    both = zip(CHECKS.items(), before, now, strict=True)
    return {name: check(new) for (name, check), old, new in both if new != old}


def chosen(overrides):
    """`overrides` as the host reads them. It follows no reference to what holds others, so nothing of it is shared."""
    return [
        (name, [(*pair,) for pair in item] if name == "headers" else item)
        for name, item in overrides.items()
    ] or None


def response(identity, results, extras, max_frame):
    """The response's body. Answers for fewer messages than were asked where all do not fit one frame; the
    host asks again for the rest."""
    try:
        body = marshal.dumps((identity, results, extras), 4)
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
                    error.__context__ = None  # marshal's refusal, which is ours alone
                    extras.append(failure(index, (), error))
        body = marshal.dumps((identity, results, extras), 4)
    if len(body) <= max_frame:
        return body
    if len(results) == 1:
        text = f"the result takes {len(body)} bytes"
        return marshal.dumps((identity, [None], [(0, "too large", text)]), 4)
    half = len(results) // 2
    fewer = [extra for extra in extras if extra[0] < half]
    return response(identity, results[:half], fewer, max_frame)


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
    """Makes the process a script sees: no arguments, no environment, no way onto the protocol by
    accident, and randomness of its own although the interpreter may come from a snapshot."""
    sys.argv[:] = [""]
    os.environ.clear()
    sys.stdout = sys.__stdout__ = sys.stderr
    sys.stdin = sys.__stdin__ = io.StringIO()
    if "random" in sys.modules:
        sys.modules["random"].seed()
    sys.set_int_max_str_digits(MAX_INT_DIGITS)
    sys.meta_path.append(Absent)


def start(hello):
    """Makes every stage: the stages, and the problems of those that cannot start."""
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
    """The compiled stages, as READY and other guests' hellos have them."""
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
    pipeline = Pipeline(stages, hello.get("options", {}))
    gc = importlib.import_module("gc")
    gc.collect()
    gc.freeze()
    # Batches make many containers and few cycles.
    gc.set_threshold(50_000, 10, 10)
    ready = {"uses_meta": pipeline.uses_meta, "functions": [stage.is_function for stage in stages]}
    if not hello.get("compiled"):
        compiled = for_others(stages)
        if sum(map(len, compiled)) <= MAX_COMPILED:
            ready["compiled"] = compiled
    announce("READY", ready)
    serve(pipeline)


def serve(pipeline):
    """Answers requests until the host hangs up."""
    while True:
        try:
            frame = read_frame()
        except (EOFError, OSError):
            return
        identity, payloads, deferred, metas = marshal.loads(frame)
        del frame
        results, extras = pipeline.batch(payloads, deferred, metas)
        body = response(identity, results, extras, pipeline.max_frame)
        del payloads, results, extras, metas
        for stage in pipeline.stages:
            stage.forget()
        sys.stderr.flush()
        write_all(STATUS_OK + len(body).to_bytes(4, "big") + body)
        del body


if __name__ == "__main__":
    main()
