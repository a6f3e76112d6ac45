# Projection: which members of a document a script can touch, so that the host sends no others.
#
# The proof is one of syntax: every place where `this` stands is one of those below, with a constant key. `root` may be
# `this`, or `this` with members set, and is then watched in the same way. All else means that documents are sent whole.

MOST_KEYS = 32
LONGEST_KEY = 100


class Touched(ast.NodeVisitor):
    """Collects the keys that a script reads of `this`. Raises NotPlain if it may touch others."""

    def __init__(self, tree):
        if "this" in bound_names(tree):
            raise NotPlain
        self.keys = {}
        # Whether `this` becomes `root`.
        self.refers = any(isinstance(node, ast.Assign) and any(whole_documents(node)) for node in ast.walk(tree))
        self.watched = {"this", "root"} if self.refers else {"this"}
        self.visit(tree)
        if len(self.keys) > MOST_KEYS or any(len(key.encode()) > LONGEST_KEY for key in self.keys):
            raise NotPlain

    def is_watched(self, node):
        return isinstance(node, ast.Name) and node.id in self.watched

    def read(self, key):
        if not (isinstance(key, ast.Constant) and type(key.value) is str):
            raise NotPlain
        try:
            key.value.encode()
        except UnicodeEncodeError:
            raise NotPlain from None
        self.keys[key.value] = None

    def visit_Name(self, node):
        # The places where a watched name may stand do not come here.
        if self.is_watched(node) and not (node.id == "root" and isinstance(node.ctx, ast.Store)):
            raise NotPlain

    def visit_Subscript(self, node):
        if not self.is_watched(node.value):
            return self.generic_visit(node)
        # A member that is set may be one of the document, and is then replaced at its place.
        self.read(node.slice)

    def visit_Call(self, node):
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr == "get" and self.is_watched(function.value):
            if node.keywords or not 1 <= len(node.args) <= 2:
                raise NotPlain
            self.read(node.args[0])
            for default in node.args[1:]:
                self.visit(default)
            return
        self.generic_visit(node)

    def visit_Compare(self, node):
        if len(node.ops) == 1 and isinstance(node.ops[0], (ast.In, ast.NotIn)) and self.is_watched(node.comparators[0]):
            self.read(node.left)
            return
        self.generic_visit(node)

    def visit_AugAssign(self, node):
        if self.is_watched(node.target):
            raise NotPlain
        self.generic_visit(node)

    def visit_Assign(self, node):
        if not any(whole_documents(node)):
            return self.generic_visit(node)
        self.visit_result(node.value)

    def visit_result(self, value):
        """Handles what `root` becomes: `this` may stand here."""
        if isinstance(value, ast.IfExp):
            self.visit(value.test)
            self.visit_result(value.body)
            self.visit_result(value.orelse)
        elif isinstance(value, ast.Dict) and is_whole_document(value):
            for member in value.values[1:]:
                self.visit(member)
        elif not is_this(value):
            self.visit(value)


def is_this(node):
    return isinstance(node, ast.Name) and node.id == "this"


def is_whole_document(node):
    """Returns whether an expression is `this`, or `{**this, "key": …}`."""
    if isinstance(node, ast.Dict):
        return bool(node.keys) and node.keys[0] is None and is_this(node.values[0]) and all(map(is_key, node.keys[1:]))
    return is_this(node)


def is_key(node):
    return isinstance(node, ast.Constant) and type(node.value) is str


def whole_documents(assignment):
    """Yields the expressions in `root = …` that are whole documents."""
    if [target.id if isinstance(target, ast.Name) else None for target in assignment.targets] != ["root"]:
        return
    left = [assignment.value]
    while left:
        node = left.pop()
        if isinstance(node, ast.IfExp):
            left += [node.body, node.orelse]
        elif is_whole_document(node):
            yield node


def projection(tree):
    """Returns the keys that a script can touch, and whether a document may become its result; or None."""
    try:
        touched = Touched(tree)
    except (NotPlain, RecursionError):
        return None
    return [*touched.keys], touched.refers


def merge_documents(tree):
    """Makes each `{**this, …}` a call where `this` is only a part of the document: the result is the document with
    members set, and not the part with members set."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(whole_documents(node)):
            node.value = merged(node.value)


def merged(value):
    if isinstance(value, ast.IfExp):
        value.body, value.orelse = merged(value.body), merged(value.orelse)
    elif isinstance(value, ast.Dict) and is_whole_document(value):
        load = ast.Load()
        members = ast.Dict(value.keys[1:], value.values[1:])
        merge, is_part = ast.Name(ENGINE.format("merge"), load), ast.Name(ENGINE.format("is_part"), load)
        call = ast.Call(merge, [ast.Name("this", load), members], [])
        value = ast.copy_location(ast.IfExp(ast.Call(is_part, [], []), call, value), value)
        ast.fix_missing_locations(value)
    return value
