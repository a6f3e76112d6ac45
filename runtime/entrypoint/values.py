# Values: from `root` and `emit` to what the host reads.


def as_json(value):
    """Converts values that marshal cannot write exactly: subclasses of dict, list, str, int, and enums."""

    def default(item):
        if item is null:
            return None
        kind = type(item)
        option = FORMATS.get(kind.__name__) if kind.__module__ in ("decimal", "datetime", "uuid") else None
        help = f"; `format: {{ {option} }}` of the output writes it" if option else ""
        raise TypeError(f"Object of type {kind.__name__} is not JSON serializable{place_of(item, value)}{help}")

    options = {"allow_nan": False, "separators": (",", ":"), "default": default}
    try:
        text = json.dumps(value, ensure_ascii=False, **options).encode()
    except UnicodeEncodeError:  # lone surrogates
        text = json.dumps(value, ensure_ascii=True, **options).encode()
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH and depth(text) > MAX_DEPTH:
        raise RecursionError(f"the result is nested deeper than {MAX_DEPTH} levels")
    return text


# Settings of the output's format that write values of types that JSON lacks. The host has the same table.
FORMATS = {"Decimal": "decimal: number", **dict.fromkeys(("datetime", "date", "time", "UUID"), "datetime: iso")}


def place_of(item, value):
    """Returns the path in a value to an item that cannot leave, such as `user.names[1]`, in the words of the host."""
    path = ""
    for step in reversed(steps_to(item, value) or ()):
        if isinstance(step, str) and step.isidentifier():
            path += f".{step}" if path else step
        else:
            path += f"[{json.dumps(step, ensure_ascii=False)}]"
    if len(path) > MOST_PATH:
        path = path[:MOST_PATH] + "…"
    return f" (`{path}` of the result)" if path else ""


def steps_to(item, value):
    """Returns the keys and indexes to an item, the last first. What comes before it is finite: `json` passed it."""
    if value is item:
        return []
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, (list, tuple)):
        members = enumerate(value)
    else:
        return None
    for step, member in members:
        steps = steps_to(item, member)
        if steps is not None:
            steps.append(step)
            return steps
    return None


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
        if TYPED:
            return 0, marshal.dumps(TYPED.plain(value), 4)
        return 1, as_json(value)


def special(index, root):
    """Returns the extra for results that no value expresses: `null` and `tombstone()`."""
    return index, "null" if root is null else "tombstone"
