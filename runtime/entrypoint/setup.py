# Setup: what a script needs for all messages. It runs once in each guest, before the first message.

# Names that each message has anew. Nothing in a setup can see them, except as arguments.
OF_MESSAGES = frozenset("this root meta emit".split())
RESERVED = OF_MESSAGES | {"null", "tombstone"}
# Names of a module in which Python keeps something; a script would add to the annotations.
OF_PYTHON = frozenset(
    """
    __builtins__ __name__ __doc__ __annotations__ __annotate__ __conditional_annotations__ __warningregistry__
    """.split()
)
# Names that classes need and that do not lead out of them. In a script they would show that it is a function.
HARMLESS = frozenset(
    """
    super __class__ __name__ __qualname__ __doc__ __slots__ __match_args__ __init__ __new__ __post_init__
    __init_subclass__ __set_name__ __setattr__ __eq__ __lt__ __hash__ __repr__ __str__ __format__ __len__ __iter__
    __contains__ __getitem__ __enter__ __exit__ __call__
    """.split()
)
SCOPES = (*FUNCTIONS, ast.AsyncFunctionDef)


class Setup(Text):
    """The setup of one script."""

    is_setup = True

    def compile(self, modules):
        """Returns what depends only on the text, for `Stage.compiled`; `modules` are the names that it is given."""
        tree = self.parse()
        problems = [*self.misuses(tree)]
        if problems:
            raise CannotStart(*problems)
        # The names that scripts may have from it, if they are known.
        self.defined = None if hides_names(tree, modules, HARMLESS) else every_bound_name(tree)
        imports = list(self.imports(tree))
        self.warnings = mistakes(self, tree, modules, RESERVED - OF_MESSAGES, HARMLESS)
        self.warnings += self.hidden_modules(imports)
        names = {node.id for node in every_node(tree) if isinstance(node, ast.Name)}
        uses_null = "null" in names or bool(names & INTROSPECTION - HARMLESS)
        reaches = reaches_frames(tree, modules, HARMLESS)
        ast.increment_lineno(tree, self.line_offset)
        return uses_null, reaches, imports, compile(tree, self.file, "exec", dont_inherit=True)

    def misuses(self, tree):
        """Yields a problem for each place where the setup uses a name of messages as its own."""
        found = [(node, True) for node in assigned(tree)] + [(node, False) for node in strays(tree)]
        for node, is_assigned in sorted(found, key=lambda one: (one[0].lineno, one[0].col_offset)):
            if is_assigned:
                names = " and ".join(f"`{name}`" for name in sorted(binds_itself(node) & RESERVED))
                text = f"setup cannot define {names}: scripts get that name from the engine"
                help = "choose another name"
            else:
                text = f"setup has no `{node.id}`: it runs before the first message"
                help = f"a function of `setup` gets it as an argument: `def name({node.id}): …`"
            yield self.problem(NameError(), text, *self.place(node.lineno, node.col_offset), help=help)

    def run(self, code, namespace):
        """Runs the setup in `namespace`. Returns the names that it defined, with their values."""
        self.remember_source()
        out, err = sys.stdout, sys.stderr
        try:
            exec(code, namespace)
        except BaseException as error:
            _, _, _, message, line, _, text = failure(self.index, (self,), error)
            place = self.statement(line) if type(line) is int else (None, None)
            found = self.problem(error, message, *place) | BESIDE.place(error)
            raise CannotStart(found | {"traceback": text}) from None
        finally:
            sys.stdout, sys.stderr = out, err
            err.flush()
        return {name: value for name, value in namespace.items() if name not in RESERVED | OF_PYTHON}

    def statement(self, lineno):
        """Returns the place at which a line's text begins."""
        line = self.line(lineno)
        return lineno, len(line) - len(line.lstrip()) + 1


def assigned(tree):
    """Yields the nodes at top level that bind a reserved name."""
    return (node for node in own_nodes(tree.body) if binds_itself(node) & RESERVED)


def strays(tree):
    """Yields each place where a name of messages is read that is not a variable around it."""
    left = [(node, own_names(tree.body)) for node in tree.body]
    while left:
        node, bound = left.pop()
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load) and node.id in OF_MESSAGES - bound:
                yield node
            continue
        inside, inner = [], bound
        if isinstance(node, SCOPES):
            inside = [node.body] if isinstance(node, ast.Lambda) else node.body
            inner = bound | {parameter.arg for parameter in parameters_of(node)}
        elif isinstance(node, ast.ClassDef):
            inside = node.body
        elif isinstance(node, COMPREHENSIONS):
            inner = bound.union(*(bound_names(generator.target) for generator in node.generators))
            inside = [*ast.iter_child_nodes(node)]
        inner = inner | own_names(inside)
        left += [(child, inner) for child in inside]
        outside = evaluated_outside(node) if isinstance(node, SCOPES) else ast.iter_child_nodes(node)
        left += [(child, bound) for child in outside if child not in inside]
