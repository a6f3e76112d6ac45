"""Makes scripts out of a seed: short ones that bind few names in many ways, so that scopes collide.

They end by themselves: loops are short, and what is inside a `try` of a function calls nothing.
"""

import random

NAMES = "x y item row max sum len f g this root".split()
FUNCTIONS = "f g h".split()
CONSTANTS = ["0", "1", "2.5", "'ab'", "None", "True", "[1, 2]", "{'k': 1}", "()"]
BUILTINS = "max sum len str list sorted bool".split()


def script(seed):
    return Script(random.Random(seed)).text()


class Script:
    def __init__(self, rng):
        self.rng = rng
        # With few names, scopes collide often; if many of them are bound at the start, scripts run far.
        self.names = rng.sample(NAMES, rng.randint(3, 6)) + ["this", "root"]
        self.lines = []
        self.in_function = self.in_comprehension = self.calm = 0
        self.rare = rng.random() < 0.1  # what cannot run as a function

    def text(self):
        self.prelude()
        for _ in range(self.rng.randint(2, 7)):
            self.statement(0, 3)
        self.put(0, f"root = {self.chance(0.3, 'root', self.shown())}")
        return "\n".join(self.lines) + "\n"

    def prelude(self):
        if self.chance(0.2, True, False):
            self.put(0, self.pick(["import json", "from math import floor as y", "import os.path", "from json import dumps"]))
        if self.chance(0.3, True, False):
            self.put(0, "def keep(given): return given")
            self.names.append("keep")
        bound = self.chance(0.8, 1, 0.6)
        for name in sorted({*self.names, *FUNCTIONS} - {"this", "root", "keep"}):
            if self.chance(bound, True, False):
                value = self.pick(CONSTANTS + ["str(this)", "lambda *given: 1"])
                self.put(0, f"{name} = {self.chance(0.3, 'lambda *given: given', value) if name in FUNCTIONS else value}")

    # Helpers

    def pick(self, choices):
        return self.rng.choice(choices)

    def chance(self, probability, yes, no):
        return yes if self.rng.random() < probability else no

    def name(self):
        return self.pick(self.names)

    def put(self, indent, line):
        self.lines.append("    " * indent + line)

    def shown(self):
        """Returns an expression whose value marshal can write."""
        return f"str({self.expression(2)})"

    # Expressions

    def expression(self, depth):
        if depth <= 0:
            return self.chance(0.7, self.name(), self.pick(CONSTANTS))
        kinds = [
            self.display, self.display, self.call, self.call, self.comprehension, self.comprehension, self.lambda_,
            self.conditional, self.logic, self.comparison, self.walrus, self.text_of, self.index, self.leaf, self.leaf,
        ]
        return self.pick(kinds)(depth - 1)

    def leaf(self, _):
        return self.expression(0)

    def display(self, depth):
        a, b = self.expression(depth), self.expression(depth)
        return self.pick([f"[{a}, {b}]", f"({a}, {b})", f"{{'k': {a}, 'l': {b}}}", f"[*str({a}), {b}]", f"{{**{{'a': {a}}}, 'b': {b}}}"])

    def call(self, depth):
        if self.calm:
            return self.leaf(depth)
        a, b = self.expression(depth), self.expression(depth)
        return self.pick(
            [
                f"{self.pick(BUILTINS)}({a})",
                f"{self.name()}({self.chance(0.5, a, '')})",
                f"{self.pick(FUNCTIONS)}({self.chance(0.5, a, '')})",
                f"list(map(lambda {self.name()}: {a}, str({b})))",
                f"max([{a}, {b}], key=lambda {self.name()}: str({self.expression(depth)}))",
                f"str({a}).join([{b}])",
            ]
        )

    def iterable(self, depth):
        return self.pick(["this", "'ab'", "range(2)", f"[{self.expression(depth)}, {self.expression(depth)}]", f"str({self.expression(depth)})[:3]", self.name()])

    def comprehension(self, depth):
        self.in_comprehension += 1
        made = self.comprehension_of(depth)
        self.in_comprehension -= 1
        return made

    def variable(self):
        return self.chance(0.5, self.name(), self.pick("ijk"))

    def comprehension_of(self, depth):
        target = self.chance(0.85, self.variable(), f"({self.variable()}, {self.variable()})")
        loops = f"for {target} in {self.iterable(depth)}"
        if self.chance(0.25, True, False):
            loops += f" for {self.variable()} in {self.iterable(depth)}"
        if self.chance(0.35, True, False):
            loops += f" if {self.expression(depth)}"
        element = self.expression(depth)
        return self.pick(
            [
                f"[{element} {loops}]",
                f"[{element} {loops}]",
                f"{{str({element}) {loops}}}",
                f"{{str({element}): {self.expression(depth)} {loops}}}",
                f"list({element} {loops})",
                f"({element} {loops})",
            ]
        )

    def parameters(self, depth):
        given = []
        for name in self.rng.sample(sorted({*self.names, "i"}), self.rng.randint(0, 2)):
            given.append(f"{name}={self.expression(depth)}")
        if self.chance(0.15, True, False):
            given.append("*rest")
        return ", ".join(given)

    def lambda_(self, depth):
        self.in_function += 1
        made = f"lambda {self.parameters(depth)}: {self.expression(depth)}"
        self.in_function -= 1
        if self.calm:
            return f"({made})"
        return self.chance(0.6, f"({made})()", f"({made})")

    def conditional(self, depth):
        return f"({self.expression(depth)} if {self.expression(depth)} else {self.expression(depth)})"

    def logic(self, depth):
        return f"({self.expression(depth)} {self.pick(['and', 'or'])} {self.expression(depth)})"

    def comparison(self, depth):
        operators = self.pick([("==", "!="), ("is", "is not"), ("==", "=="), ("is", "==")])
        a, b, c = (self.expression(depth) for _ in range(3))
        return f"({a} {operators[0]} {b} {operators[1]} {c})"

    def walrus(self, depth):
        if self.in_comprehension and self.chance(0.97, True, False):
            return self.leaf(depth)
        return f"({self.name()} := {self.expression(depth)})"

    def text_of(self, depth):
        return f"f\"{{{self.name()}}}{{{self.expression(0)}!r}}\"" if depth < 1 else f"f\"{{{self.name()}!s:>{{3}}}}\""

    def index(self, depth):
        return self.pick([f"[{self.expression(depth)}][0]", f"this[{self.pick(['0', repr('k')])}]", f"{{'k': {self.expression(depth)}}}['k']"])

    # Statements

    def block(self, indent, depth):
        for _ in range(self.rng.randint(1, 2)):
            self.statement(indent, depth)

    def statement(self, indent, depth):
        kinds = [self.assign] * 4 + [self.bare, self.augment, self.unpack, self.assertion]
        if depth > 0:
            kinds += [self.function] * 4 + [self.if_, self.for_, self.while_, self.with_, self.try_, self.match, self.store]
        if self.rare or self.chance(0.02, True, False):
            kinds += [self.class_, self.delete, self.outer, self.annotated, self.import_]
        self.pick(kinds)(indent, depth - 1)

    def assign(self, indent, _):
        self.put(indent, f"{self.name()} = {self.expression(self.rng.randint(1, 3))}")

    def bare(self, indent, _):
        choices = [self.expression(2), f"emit({self.shown()})", "pass"]
        self.put(indent, self.pick(choices if not self.calm else choices[2:]))

    def augment(self, indent, _):
        self.put(indent, f"{self.name()} += {self.expression(1)}")

    def unpack(self, indent, _):
        self.put(indent, f"{self.name()}, *{self.name()} = {self.iterable(1)}")

    def store(self, indent, depth):
        name = self.name()
        self.put(indent, f"{name} = {{}}")
        self.put(indent, f"{name}[{self.expression(1)}] = {self.expression(1)}")

    def assertion(self, indent, _):
        self.put(indent, f"assert [{self.expression(1)}], {self.expression(1)}")

    def if_(self, indent, depth):
        self.put(indent, f"if {self.expression(2)}:")
        self.block(indent + 1, depth)
        if self.chance(0.3, True, False):
            self.put(indent, f"elif {self.expression(1)}:")
            self.block(indent + 1, depth)
        if self.chance(0.5, True, False):
            self.put(indent, "else:")
            self.block(indent + 1, depth)

    def for_(self, indent, depth):
        self.put(indent, f"for {self.chance(0.8, self.name(), 'this[0]')} in {self.iterable(1)}:")
        self.block(indent + 1, depth)
        if self.chance(0.2, True, False):
            self.put(indent + 1, f"if {self.expression(1)}: {self.pick(['break', 'continue'])}")
        if self.chance(0.2, True, False):
            self.put(indent, "else:")
            self.block(indent + 1, depth)

    def while_(self, indent, depth):
        self.put(indent, f"while {self.expression(1)}:")
        self.block(indent + 1, depth)
        self.put(indent + 1, "break")

    def with_(self, indent, depth):
        self.put(indent, "import contextlib")
        manager = self.pick([f"contextlib.nullcontext({self.expression(1)})", "contextlib.suppress(NameError)"])
        self.put(indent, f"with {manager}{self.chance(0.5, f' as {self.name()}', '')}:")
        self.calm += bool(self.in_function)
        self.block(indent + 1, depth)
        self.calm -= bool(self.in_function)

    def try_(self, indent, depth):
        self.calm += bool(self.in_function)
        self.put(indent, "try:")
        self.block(indent + 1, depth)
        if self.chance(0.5, True, False):
            self.put(indent + 1, "1 / 0")
        star = self.chance(0.1, "*", "")
        for kind in self.rng.sample(["ZeroDivisionError", "NameError", "(TypeError, KeyError)"], self.rng.randint(1, 2)):
            self.put(indent, f"except{star} {kind}{self.chance(0.6, f' as {self.name()}', '')}:")
            self.block(indent + 1, depth)
        if self.chance(0.2, True, False):
            self.put(indent, "else:")
            self.block(indent + 1, depth)
        if self.chance(0.2, True, False):
            self.put(indent, "finally:")
            self.block(indent + 1, depth)
        self.calm -= bool(self.in_function)

    def match(self, indent, depth):
        self.put(indent, f"match {self.expression(1)}:")
        for _ in range(self.rng.randint(1, 3)):
            guard = self.chance(0.3, f" if {self.expression(1)}", "")
            self.put(indent + 1, f"case {self.pattern(2)}{guard}:")
            self.block(indent + 2, depth)
        self.put(indent + 1, "case _:")
        self.block(indent + 2, depth)

    def pattern(self, depth):
        a, b = self.rng.sample(sorted(set(self.names)), 2)
        return self.pick(
            [
                "1", "'ab'", "None", f"[{a}, *{b}]", f"({a}, {b})", f"{{'k': {a}, **{b}}}", f"int({a})", f"str({b})",
                f"list({a})", f"[int({a}), {b}]", f"[1, _] as {a}", f"(1 | 2.5) as {b}", f"{{'k': int({a})}}",
                f"{self.pick(['max', 'int', 'f'])}({a})", f"{{'item': {a}}} | [{a}]",
            ]
        )

    def function(self, indent, depth):
        name = self.chance(0.8, self.pick(FUNCTIONS), self.name())
        if self.chance(0.2, True, False):
            decorator = [f"(lambda given, {self.name()}={self.expression(1)}: given)", self.name()]
            self.put(indent, f"@{self.pick(decorator)}")
        self.in_function += 1
        parameters = self.parameters(1)
        if parameters and self.chance(0.1, True, False) and "*" not in parameters:
            parameters = parameters.replace("=", f": {self.name()} = ", 1)
        self.put(indent, f"def {name}({parameters}){self.chance(0.1, f' -> {self.name()}', '')}:")
        calm, self.calm = self.calm, 0
        self.block(indent + 1, depth)
        if self.chance(0.8, True, False):
            self.put(indent + 1, f"return {self.expression(2)}")
        self.calm = calm
        self.in_function -= 1
        if not self.calm:
            self.put(indent, f"{self.name()} = {name}()")

    # Parts that a function cannot have

    def class_(self, indent, depth):
        self.put(indent, f"class {self.name()}:")
        self.put(indent + 1, f"{self.name()} = {self.expression(1)}")
        self.block(indent + 1, depth)

    def delete(self, indent, _):
        self.put(indent, f"del {self.name()}")

    def outer(self, indent, _):
        self.put(indent, f"global {self.name()}" if self.in_function else "pass")

    def annotated(self, indent, _):
        self.put(indent, f"{self.name()}: {self.name()} = {self.expression(1)}")

    def import_(self, indent, _):
        self.put(indent, f"from math import floor as {self.name()}")
