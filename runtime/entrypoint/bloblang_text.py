# Bloblang in a text that Python cannot read: one run tells of each of its lines.

TEXTS_AND_COMMENTS = r'"""(?:.|\n)*?"""|\'\'\'(?:.|\n)*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|#[^\n]*'
BEGINS_BLOCK = r"\s*(if|elif|else|for|while|with|try|except|finally|def|class|case|match|async)\b.*:\s*$"
FIELD = r"(?<![\w.])(this|root)((?:\.[^\W\d]\w*(?!\w|\s*\())+)(\s*=(?!=))?"
MOST_LINES = 30  # of which one run tells
MOST_OF_LINE = 5
LONGEST_LINE = 1000


def bare_lines(source):
    """Returns the lines of a text, with `""` for each text in it, and without comments."""

    def blank(found):
        text = found[0]
        return "" if text.startswith("#") else '""' + "\n" * text.count("\n")

    return re.split("\r\n?|\n", re.sub(TEXTS_AND_COMMENTS, blank, source))


def form_of_bloblang(source, lineno):
    """Returns help for a line that Python cannot read, or None if it has no form of Bloblang's."""
    lines = bare_lines(source)
    line = lines[lineno - 1] if lineno <= len(lines) else ""
    forms = forms_in(line)
    if re.search(CHAINED, line):
        forms.append(CHAINS)
    before = next((one for one in reversed(lines[: lineno - 1]) if one.strip()), "")
    if not forms and re.match(OPENS, before):
        forms = forms_in(before)
    return "; ".join((forms + words_in(line, defined_in(source)))[:MOST_OF_LINE]) if forms else None


def forms_in(line):
    """Returns the help for each form of Bloblang's in a line; a line that nobody writes by hand has none."""
    if len(line) > LONGEST_LINE:
        return []
    return [help for form, help in BLOBLANG_FORMS.items() if re.search(form, line)]


def defined_in(source):
    """Returns the names that a text may define, and those of the modules that it imports."""
    modules = {name for names in re.findall(r"\bimport\b([^\n#]*)", source) for name in re.findall(r"\w+", names)}
    return {*re.findall(r"\bdef\s+(\w+)|", source), *re.findall(r"(?<![.\w])(\w+)\s*=(?!=)", source), *modules}, modules


def other_lines(text, failed):
    """Yields place and help for each line but the failed one that has Bloblang in it."""
    count, before, opened, defined = 0, None, 0, defined_in(text.source)
    for number, line in enumerate(bare_lines(text.source), 1):
        # Within brackets no line stands alone. Those of Bloblang's blocks are others.
        is_inside = opened > 0
        opened = max(0, opened + sum(map(line.count, "([")) - sum(map(line.count, ")]")))
        if number == failed or is_inside or not line.strip():
            continue
        helps = [] if is_python(line) else forms_in(line)
        helps += words_in(line, defined, bool(helps) or (text.index == 0 and not text.is_setup))
        help = "; ".join(helps[:MOST_OF_LINE])
        if help and help != before:
            count += 1
            yield (number, len(line) - len(line.lstrip()) + 1), help
            if count == MOST_LINES:
                return
        before = help


def is_python(line):
    """Returns whether Python reads a line if it stands alone, or begins a block with it."""
    if re.match(BEGINS_BLOCK, line):
        return True
    try:
        ast.parse(line.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def words_in(line, defined, has_documents=True):
    """Returns help for functions, methods and fields of Bloblang's in a line; `defined` is what `defined_in` has found."""
    if len(line) > LONGEST_LINE:
        return []
    defined, modules = defined
    is_defined = defined.__contains__
    helps = []
    for name in re.findall(r"(?<![\w.@$])(\w+)\s*\(", line) + re.findall(r"(?<![\w.@$])(true|false)\b", line):
        if name == "deleted" and re.match(r"\s*meta\b", line):
            continue  # of that it is told what `meta k = deleted()` is
        if name in BLOBLANG_NAMES and not is_defined(name):
            helps.append(f"for `{name}`: {BLOBLANG_NAMES[name]}")
        elif name == "meta" and not is_defined(name):
            helps.append(f"for `meta(…)`: {META}")
    for of, name in re.findall(r"(\w*)\.(\w+)\s*\(", line):
        if of not in modules and name in BLOBLANG_METHODS and name not in OF_VALUES and not (name == "map_each" and "->" in line) and name != "with":
            helps.append(f"`.{name}()` is {BLOBLANG_METHODS[name]}")
    fields = re.findall(FIELD, line)
    sets = any(is_set for *_, is_set in fields)  # `root.items`, which a script may read only as a method
    for name, path, is_set in fields:
        keys = path[1:].split(".")
        if not has_documents or (keys[0] in OF_VALUES and not sets) or (name == "this" and is_defined(name)):
            continue
        before = "".join(f'.setdefault("{key}", {{}})' if is_set else f'["{key}"]' for key in keys[:-1])
        helps.append(f'`{name}{path}` is `{name}{before}["{keys[-1]}"]`')
    return [*dict.fromkeys(helps)]
