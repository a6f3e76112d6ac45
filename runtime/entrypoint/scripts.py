# Scripts: from source text to a callable.


class Absent:
    """Gives the reason why modules of the standard library that this runtime does not have are not found."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in sys.stdlib_module_names:
            text = f"No module named {name!r} in this runtime: it needs a C library, or what WebAssembly does not have"
            raise ModuleNotFoundError(text, name=name)


class Stage(Text):
    """One script, ready to run. `run(this, meta, emit)` returns `root`; or, if `is_loop`, `run(request)` runs all
    messages of a request. Only a script that is `alone` in its pipeline is a loop.

    `compiled` is the compiled form of another guest's stage with the same `spec`; compiling takes most of a start, and
    writes to much of the memory that guests would share.
    """

    def __init__(self, index, spec, compiled=None, alone=False):
        super().__init__(index, spec)
        self.alone = alone
        self.used = []  # namespaces of messages whose answer is not written yet
        self.setup = Setup(index, {**spec["setup"], "folder": self.folder}) if spec.get("setup") else None
        self.warnings = []
        modules = spec.get("imports", ())
        self.compiled = compiled or self.compile(modules)
        # Plain values and code, so that marshal can write it.
        (
            self.uses_meta,
            self.uses_emit,
            self.uses_null,
            self.fills_root,
            self.reaches_frames,
            self.is_function,
            self.is_loop,
            self.projection,
            imports,
            self.copies,
            codes,
            setup,
        ) = self.compiled
        _, _, setup_imports, setup_code = setup or NO_SETUP
        self.has_modules = bool(imports or modules or setup_imports)
        self.namespace = {"__builtins__": builtins, "__name__": "__main__", "null": null, "tombstone": tombstone}
        self.namespace[OF_STAGE] = index
        problems = []
        self.inject(modules, problems)
        if setup:
            self.setup.preload(setup_imports, problems)
        self.preload(imports, problems)
        if problems:
            raise CannotStart(*problems)
        if setup:
            # Its functions have a namespace of their own: they do not see what the script imports or assigns, whether
            # that is a function or not.
            self.namespace |= self.setup.run(setup_code, self.namespace.copy())
        self.namespace[BASE_ERROR] = BaseException
        self.remember_source()
        self.run = self.as_function(*codes) if self.is_function else self.as_module(*codes)

    def compile(self, modules):
        """Determines what depends only on the text; `modules` are the names that the script is given."""
        setup, tree = self.parse_all(modules)
        defined = self.setup.defined if setup else ()
        given = None if defined is None else RESERVED.union(defined)
        imports = list(self.imports(tree))
        found = advice(self, tree) + mistakes(self, tree, modules, given) + [*self.hidden_modules(imports)]
        found.sort(key=lambda one: (one["line"], one["column"]))
        self.meta_names = meta_names(self, tree)
        self.warnings = (self.setup.warnings if setup else []) + found
        setup_uses_null, setup_reaches, *_ = setup or NO_SETUP
        names = {node.id for node in every_node(tree) if isinstance(node, ast.Name)}
        introspects = bool(names & INTROSPECTION)
        uses_meta = "meta" in names or introspects
        uses_emit = "emit" in names or introspects
        is_filled = "root" in names and fills_root(tree)
        # A stage passes on values that may contain the `null` it was given.
        uses_null = "null" in names or introspects or setup_uses_null
        parameters = ["this"] + ["meta"] * uses_meta + ["emit"] * uses_emit
        reaches = setup_reaches or reaches_frames(tree, modules)
        try:
            if reaches:
                raise NotPlain
            refuse_unsupported(tree)
            codes, copies, is_loop, projection = self.compile_function(tree, parameters, is_filled)
            is_function = True
            if projection and projection[1] and (imports or modules or setup):
                # A document that has to be sent whole runs again, which a script that keeps something would notice: in
                # a module, or in a list of its setup.
                projection = None
        except (NotPlain, RecursionError) as why:
            if not isinstance(why, NotPlain):
                tree = self.parse()  # line numbers may be increased already
            ast.increment_lineno(tree, self.line_offset)
            codes, copies = (compile(tree, self.file, "exec", dont_inherit=True),), []
            is_function, is_loop, projection = False, False, None
        uses = uses_meta, uses_emit, uses_null
        return *uses, is_filled, reaches, is_function, is_loop, projection, imports, copies, codes, setup

    def parse_all(self, modules):
        """Returns the compiled setup, if there is one, and the tree of the script. Reports the problems of both."""
        problems, setup, tree = [], None, None
        try:
            setup = self.setup and self.setup.compile(modules)
        except CannotStart as error:
            problems += error.problems
        try:
            tree = self.parse()
        except CannotStart as error:
            problems += error.problems
        if problems:
            raise CannotStart(*problems)
        return setup, tree

    def inject(self, imports, problems):
        """Makes each of `imports` available by name, as an import statement would."""
        for name in imports:
            found = BESIDE.resolved(name, self.folder)
            try:
                importlib.import_module(found)
            except (Exception, SystemExit) as error:
                problems.append(self.import_problem(error) | {"import": name})
                continue
            self.namespace[name.partition(".")[0]] = sys.modules[found.partition(".")[0]]

    def compile_function(self, tree, parameters, fills_root):
        """Returns the code that imports and the code that defines the function; what the first copies from modules, as
        (module, attribute, name); whether the function is a loop over messages; and what it touches of each."""
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
        body.insert(0, ast.fix_missing_locations(ast.Assign([ast.Name("root", ast.Store())], initial, lineno=1)))
        for node in body:
            ast.increment_lineno(node, self.line_offset)
        code = self.define(parameters, [*body, ast.Return(ast.Name("root", ast.Load()))])
        # What a function captures would change with the next message.
        is_loop, touched = self.alone and not captured(code), None
        if is_loop:
            touched = projection(tree)
            loop = loop_over_messages(body, parameters)
            if touched:
                merge_documents(loop)
            code = self.define(LOOP_PARAMETERS, [loop])
        imports = compile(ast.Module(imports, []), self.file, "exec", dont_inherit=True)
        return (imports, without_prefix(code, "<module>.<locals>.")), copies, is_loop, touched

    def define(self, parameters, body):
        """Returns the code that defines a function, whose name in tracebacks is that of a module."""
        arguments = ast.arguments([], [ast.arg(name) for name in parameters], None, [], [], None, [])
        function = ast.FunctionDef("<module>", arguments, body, [], None, None, [])
        module = ast.fix_missing_locations(ast.Module([function], []))
        return compile(module, self.file, "exec", dont_inherit=True)

    def as_function(self, imports, code):
        self.do_imports = imports
        exec(imports, self.namespace)
        exec(code, self.namespace)
        function = self.namespace.pop("<module>")
        if not self.is_loop:
            return function
        return lambda request: function(*[getattr(request, name) for name in FROM_REQUEST])

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


# What `Setup.compile` returns, for a script without one.
NO_SETUP = False, False, (), None


def captured(code):
    """Returns the variables of the function `<module>` that functions in it capture."""
    function = next(constant for constant in code.co_consts if hasattr(constant, "co_code"))
    return function.co_cellvars


# What a loop over messages takes from a request. No script can have such names, and none is so like one of a script's that
# Python would suggest it.
ENGINE = "<the engine's {}>"
BASE_ERROR, ERROR = ENGINE.format("BaseException"), ENGINE.format("error")
FROM_REQUEST = ["messages", "deliver", "fail", "is_part", "merge", "meta", "emit"]
LOOP_PARAMETERS = [*map(ENGINE.format, FROM_REQUEST)]


def loop_over_messages(body, parameters):
    """Returns a loop that runs `body` for each message; a call for each would take as long as a short script."""

    def load(name):
        return ast.Name(name, ast.Load())

    def of_engine(name):
        return load(ENGINE.format(name))

    def call(function, *arguments):
        return ast.Call(of_engine(function), list(arguments), [])

    values = {"meta": call("meta"), "emit": of_engine("emit")}
    given = [ast.Assign([ast.Name(name, ast.Store())], values[name]) for name in parameters if name != "this"]
    caught = ast.ExceptHandler(load(BASE_ERROR), ERROR, [ast.Expr(call("fail", load(ERROR)))])
    attempt = ast.Try([*given, *body], [caught], [ast.Expr(call("deliver", load("root")))], [])
    return ast.For(ast.Name("this", ast.Store()), of_engine("messages"), [attempt], [])


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
