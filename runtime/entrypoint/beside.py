# Modules beside the scripts: the host sends their text with the scripts that import them. `nerodia debug` uses this file too.


class Beside:
    """Finds and loads modules that lie beside scripts. Those of the standard library and of packages come first.

    All scripts share `sys.modules`. So a module whose name is taken, by one in the folder of another script or by one of
    the engine's, has another name there, `name@folder`, and the imports of the scripts and modules in its folder are
    changed to that. `name@` is what a script imports from a folder that is not its own: nothing.
    """

    def __init__(self, modules=()):
        self.modules = {}  # name in `sys.modules` → what the host sent
        self.names = {}  # (folder, first part of a name) → the same in `sys.modules`; None for the standard library's
        self.files = {}  # file → (number, name)
        self.codes = {}
        self.trees = []  # (what the host sent, its tree) of those that this guest has compiled
        self.reaches_frames = False
        for number, module in enumerate(modules):
            top, dot, rest = module["name"].partition(".")
            key = module["folder"], top
            if key not in self.names:
                self.names[key] = self.free_name(*key)
            if self.names[key]:
                name = self.names[key] + dot + rest
                self.modules[name] = module
                self.files[module["file"]] = number, name

    def free_name(self, folder, top):
        """Returns a name for a module in `sys.modules`, or None if an import does not get to it."""
        for finder in sys.meta_path:
            try:
                if finder.find_spec(top, None) is not None:
                    return None
            except ImportError:
                pass  # the runtime does not have it
        return f"{top}@{folder}" if top in sys.modules or top in self.names.values() else top

    def resolved(self, name, folder):
        """Returns the name in `sys.modules` of what a text in `folder` imports as `name`."""
        top, dot, rest = name.partition(".")
        if own := self.names.get((folder, top)):
            return own + dot + rest
        return f"{top}@{dot}{rest}" if top in self.modules else name

    def is_hidden(self, name, folder):
        """Returns whether there is such a module in `folder` and the standard library or a package has one too."""
        return self.names.get((folder, name.partition(".")[0]), "") is None

    def rename(self, tree, folder):
        """Changes the imports in the tree of a text in `folder` to names in `sys.modules`. Returns the tree."""
        for node in ast.walk(tree) if self.modules else ():
            if isinstance(node, ast.Import):
                node.names = [new for alias in node.names for new in self.renamed(alias, folder)]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                node.module = self.resolved(node.module, folder)
        return tree

    def renamed(self, alias, folder):
        name, (top, dot, _) = self.resolved(alias.name, folder), alias.name.partition(".")
        if name == alias.name:
            return [alias]
        if alias.asname or not dot:
            new = [ast.alias(name, alias.asname or top)]
        else:  # it binds the package, and under its own name
            new = [ast.alias(name), ast.alias(name.partition(".")[0], top)]
        return [ast.copy_location(one, alias) for one in new]

    def compile_all(self):
        """Compiles the modules, for this guest and others. One that cannot be compiled fails when it is imported."""
        for name, module in self.modules.items():
            try:
                tree = ast.parse(module["script"], module["file"])
                self.reaches_frames = self.reaches_frames or reaches_frames(tree, (), HARMLESS)
                self.codes[name] = self.compiled(tree, module)
                self.trees.append((module, tree))
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                pass

    def compiled(self, tree, module):
        return compile(self.rename(tree, module["folder"]), module["file"], "exec", dont_inherit=True)

    # What importlib calls.

    def find_spec(self, name, path=None, target=None):
        module = self.modules.get(name)
        if module is None:
            if "@" in name:
                raise ModuleNotFoundError(f"No module named {plain(name)!r}", name=plain(name))
            return None
        machinery = importlib.import_module("importlib.machinery")
        spec = machinery.ModuleSpec(name, self, origin=module["file"], is_package=module["package"])
        spec.has_location = True  # so that the module has a `__file__`, as code may expect
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__spec__.name
        spec = self.modules[name]
        linecache = sys.modules.get("linecache") or importlib.import_module("linecache")
        lines = io.StringIO(spec["script"]).readlines()
        linecache.cache[spec["file"]] = len(lines), None, lines, spec["file"]
        code = self.codes.get(name) or self.compiled(ast.parse(spec["script"], spec["file"]), spec)
        exec(code, module.__dict__)

    def get_source(self, name):
        return self.modules[name]["script"]

    def place(self, error):
        """Returns where in the modules an exception of an import comes from, as entries of a problem."""
        if isinstance(error, SyntaxError) and error.filename in self.files:
            found = {"module": error.filename, "line": error.lineno, "column": error.offset}
            return found | {"message": error.msg}
        found, frame = {}, error.__traceback__
        while frame is not None:
            file, line = frame.tb_frame.f_code.co_filename, frame.tb_lineno
            if file in self.files:
                source = self.modules[self.files[file][1]]["script"]
                text = re.split("\r\n?|\n", source)[line - 1]
                found = {"module": file, "line": line, "column": len(text) - len(text.lstrip()) + 1}
            frame = frame.tb_next
        if found and not isinstance(error, ModuleNotFoundError):
            found["traceback"] = self.traceback(error)
        return found

    def traceback(self, error):
        """Returns a traceback with the frames of modules, without those of the engine and of importlib."""
        traceback = importlib.import_module("traceback")
        every = traceback.TracebackException.from_exception(error)
        every.stack = traceback.StackSummary.from_list([one for one in every.stack if one.filename in self.files])
        return clip("".join(every.format(chain=False)))


def plain(name):
    """Returns the name by which scripts know a module."""
    return re.sub("@[0-9]*", "", name)


BESIDE = Beside()
