# Text: Python that a user wrote, in a file or a config, and the problems with it.


class Text:
    """Python code of the user's, with its place in the user's own file."""

    is_setup = False

    def __init__(self, index, spec):
        self.index = index  # of the stage
        self.file = spec["name"]
        self.line_offset = spec.get("line_offset", 0)
        self.source, self.lines = spec["script"], None
        self.folder = spec.get("folder")  # number of the folder with the modules beside it

    def problem(self, error, message=None, line=None, column=None, module=None, **more):
        """Returns an entry of `problems` about this text."""
        found = problem(self.index, error, message, line, column, module) | more
        return found | {"setup": True} if self.is_setup else found

    def import_problem(self, error, *place):
        """Returns an entry of `problems` about an import, which may be one in a module beside the text."""
        found = self.problem(error, None, *place) | BESIDE.place(error)
        if isinstance(error, ModuleNotFoundError) and error.name:
            found["missing"] = plain(error.name)
        return found

    def hidden_modules(self, imports):
        """Yields an entry of `warnings` for each import that does not get the file beside the text."""
        for name, attribute, _, lineno, offset in imports:
            if attribute is None and BESIDE.is_hidden(name, self.folder):
                top = name.partition(".")[0]
                text = f"`{top}` is a module of the runtime, and not the file beside the script"
                help = f"give the file another name than `{top}`"
                yield self.problem(Warning(), text, *self.place(lineno, offset), help=help)

    def parse(self):
        try:
            tree = BESIDE.rename(ast.parse(self.source, self.file), self.folder)
            # Some errors are found only by the compiler ('return' outside function).
            compile(tree, self.file, "exec", dont_inherit=True)
            tree.every = [*ast.walk(tree)][1:]  # for `every_node`; without the tree itself, which would be a circle
        except SyntaxError as error:
            place = error.lineno, error.offset
            found = self.problem(error, error.msg, *place)
            others = []
            if error.lineno and (help := form_of_bloblang(self.source, error.lineno)):
                found["help"] = help
                others = [self.problem(error, "this is Bloblang", *at, help=more) for at, more in other_lines(self, error.lineno)]
            raise CannotStart(found, *others) from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise CannotStart(self.problem(error)) from None
        return tree

    def place(self, lineno, offset):
        """Returns line and column, in characters, of what begins after so many bytes of a line."""
        return lineno, len(self.line(lineno).encode()[:offset].decode()) + 1

    def line(self, lineno):
        if self.lines is None:
            self.lines = re.split("\r\n?|\n", self.source)
        return self.lines[lineno - 1]

    @staticmethod
    def imports(tree):
        """Yields (module, attribute or None, is it at top level, line, bytes before it) for each import."""
        for node in every_node(tree):
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
        """Imports at the start what the text imports: an unknown module is a config error, not a failed
        message, and the first message does not wait for it."""
        for name, attribute, at_top, lineno, offset in imports:
            try:
                import_or_raise(name, attribute)
            except (Exception, SystemExit) as error:
                if attribute and any(name == seen["import"] for seen in problems):
                    continue  # the module itself cannot be imported
                # Below top level the import may be guarded, or never reached.
                if at_top or isinstance(error, SyntaxError):
                    found = self.import_problem(error, *self.place(lineno, offset))
                    problems.append(found | {"import": name})

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
