# Words and forms of Bloblang, each with what Python has for it. `value` is what stands before the dot.

META = 'write `meta["key"]`, `meta["topic"]` and so on, or `meta["headers"].get("name")` for a header'


def from_outside(name, index):
    """Returns how the script of processor `index` gets a value from outside. The user's shell replaces the variable, not the
    engine."""
    setup = f"--set pipeline.processors.{index}.python.setup=\"{name} = '${name}'\""
    return f"give the value at the start, if the processor has no setup: `{setup}`, and read `{name}` in the script"


FROM_OUTSIDE = from_outside("NAME", 0)
# Names that Python does not have.
BLOBLANG_NAMES = {
    "batch_index": "no script knows of a batch",
    "batch_size": "no script knows of a batch",
    "content": "`this` is the content, with `format: text` or `bytes` on input and output",
    "count": "a script keeps no state",
    "counter": "a script keeps no state; `meta[\"offset\"]` numbers the messages",
    "deleted": "`root = None` drops the message; `root.pop(\"a\", None)` takes one key out",
    "env": f"a script sees no environment, and no `${{NAME}}` is replaced in it; {FROM_OUTSIDE}",
    "error": "a failed message goes to `dead_letter`",
    "errored": "a failed message goes to `dead_letter`",
    "fake": "make values with `random`, as in `random.choice(…)`, with `import random`",
    "false": "write `False`",
    "file": "guests have no files: put what is read there into a module beside the script",
    "hostname": f"a script sees no machine, and no `${{HOSTNAME}}` is replaced in it; {FROM_OUTSIDE}",
    "json": "`this` is the document: `json(\"a.b\")` is `this[\"a\"][\"b\"]`; Python's module needs `import json`",
    "ksuid": "write `str(uuid.uuid4())`, with `import uuid`",
    "metadata": META,
    "nanoid": "write `str(uuid.uuid4())`, with `import uuid`",
    "nothing": "leave `root` as it is",
    "now": "write `datetime.datetime.now(datetime.timezone.utc).isoformat()`, with `import datetime`",
    "pi": "write `math.pi`, with `import math`",
    "random_int": "write `random.randint(1, 6)`, with `import random`; both ends are included, as in Bloblang",
    "throw": 'write `raise ValueError("…")`',
    "timestamp_unix": "write `int(time.time())`, with `import time`",
    "timestamp_unix_micro": "write `time.time_ns() // 10**3`, with `import time`",
    "timestamp_unix_milli": "write `time.time_ns() // 10**6`, with `import time`",
    "timestamp_unix_nano": "write `time.time_ns()`, with `import time`",
    "true": "write `True`",
    "ulid": "write `str(uuid.uuid4())`, with `import uuid`",
    "uuid_v4": "write `str(uuid.uuid4())`, with `import uuid`",
}
# Methods. Those that Python's values have too, with another meaning, count only where all else is Bloblang.
BLOBLANG_METHODS = {
    "abs": "`abs(value)`",
    "all": '`all(i["qty"] > 0 for i in value)`',
    "any": '`any(i["qty"] > 0 for i in value)`',
    "append": '`[*value, "x"]`',
    "apply": "`f(value)`, with `def f(value): …` in `setup`",
    "array": "`value if isinstance(value, list) else [value]`",
    "assign": "`{**value, **other}`, which replaces objects in it whole",
    "capitalize": "`string.capwords(value, \" \")`, with `import string`",
    "catch": "`try: …` and `except …:` on lines of their own",
    "ceil": "`math.ceil(value)`, with `import math`",
    "concat": "`[*value, *other]`",
    "contains": '`"x" in value`',
    "decode": "`base64.b64decode(value).decode()`, or `bytes.fromhex(value).decode()`",
    "encode": "`base64.b64encode(value.encode()).decode()`, or `value.encode().hex()`",
    "enumerated": '`[{"index": n, "value": i} for n, i in enumerate(value)]`',
    "escape_html": "`html.escape(value)`, with `import html`",
    "escape_url_query": "`urllib.parse.quote_plus(value)`, with `import urllib.parse`",
    "exists": '`"a" in value`, for one key',
    "explode": '`[{**value, "items": i} for i in value["items"]]`',
    "filter": '`[i for i in value if i["qty"] > 0]`',
    "find": "`value.index(x)`, which fails if it is not there",
    "find_by": '`next((n for n, i in enumerate(value) if i["qty"] > 0), -1)`',
    "flatten": "`[i for v in value for i in (v if isinstance(v, list) else [v])]`",
    "floor": "`math.floor(value)`, with `import math`",
    "fold": "`sum(value)`, or a loop",
    "format": '`f"{x} has {y}"`',
    "format_json": "`json.dumps(value, indent=4, sort_keys=True, ensure_ascii=False)`, with `import json`",
    "get": '`value["a"]["b"]` for `.get("a.b")`',
    "has_prefix": "`.startswith(…)`",
    "has_suffix": "`.endswith(…)`",
    "hash": "`hashlib.sha256(value.encode()).digest()`, which are bytes (`.hexdigest()` for hex, `base64.b64encode(….digest())"
    ".decode()` for base64), with `import hashlib`",
    "index": "`value[-1]`",
    "index_of": '`value.find("x")`',
    "join": '`",".join(value)`',
    "key_values": '`[{"key": k, "value": v} for k, v in value.items()]`',
    "keys": "`sorted(value)`",
    "length": "`len(value)` (`len(value.encode())` for the bytes of a text)",
    "lowercase": "`.lower()`",
    "map": "`x = value` on a line before, and `x` in what is within",
    "map_each": '`[i["price"] for i in value]`, `{k: v * 2 for k, v in value.items()}` for an object; what is `deleted()` is left out '
    "by an `if` at the end",
    "map_each_key": "`{k.upper(): v for k, v in value.items()}`",
    "max": "`max(value)`",
    "merge": "`{**value, **other}` if no key is in both: Bloblang makes lists of equal keys, and Python has nothing for that",
    "min": "`min(value)`",
    "not_empty": '`if not value: raise ValueError("empty")` on a line before',
    "not_null": '`if value is None: raise ValueError("null")` on a line before',
    "number": "`json.loads(value)` for a text, with `import json` (`float(\"5\")` is 5.0)",
    "parse_csv": "`list(csv.DictReader(io.StringIO(value)))`, with `import csv, io`",
    "parse_json": "`json.loads(value)`, with `import json`",
    "parse_url": "`urllib.parse.urlsplit(value)`, with `import urllib.parse`, and of that `.scheme`, `.netloc`, `.path`, `.query`",
    "pow": "`value ** 2`",
    "re_find_all": "`re.findall(…, value)`, with `import re`",
    "re_match": "`re.search(…, value) is not None`, with `import re`",
    "re_replace": r'`re.sub("(a)(b)", r"\2\1", value)`, with `import re`: `$1` is `\1`',
    "re_replace_all": r'`re.sub("(a)(b)", r"\2\1", value)`, with `import re`: `$1` is `\1`',
    "repeat": "`value * 3`",
    "replace_all": "`.replace(…, …)`",
    "reverse": "`value[::-1]`",
    "round": "`int(value + math.copysign(0.5, value))`, with `import math` (`round(2.5)` is 2)",
    "slice": "`value[1:3]`",
    "sort": "`sorted(value)`",
    "sort_by": '`sorted(value, key=lambda i: i["n"])`',
    "squash": "`{k: v for i in value for k, v in i.items()}`, if no key is in two of them",
    "string": '`value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)`, '
    "with `import json`",
    "sum": "`sum(value)`",
    "trim": "`.strip()`",
    "trim_prefix": '`.removeprefix("x")`',
    "trim_suffix": '`.removesuffix("x")`',
    "ts_format": '`datetime.datetime.fromisoformat(value).strftime("%Y-%m-%d")`, with `import datetime`; the layout '
    "`2006-01-02 15:04:05` is `%Y-%m-%d %H:%M:%S`",
    "ts_parse": '`datetime.datetime.strptime(value, "%Y-%m-%d")`, with `import datetime`; the layout `2006-01-02 15:04:05` is '
    "`%Y-%m-%d %H:%M:%S`",
    "ts_strftime": "`datetime.datetime.fromisoformat(value).strftime(…)`, with `import datetime`",
    "ts_strptime": "`datetime.datetime.strptime(value, …)`, with `import datetime`",
    "ts_unix": "`int(datetime.datetime.fromisoformat(value).timestamp())`, with `import datetime`",
    "ts_unix_milli": "`round(datetime.datetime.fromisoformat(value).timestamp() * 1000)`, with `import datetime`",
    "type": "`type(value)`, or `isinstance(value, dict)`",
    "unescape_html": "`html.unescape(value)`, with `import html`",
    "unescape_url_query": "`urllib.parse.unquote_plus(value)`, with `import urllib.parse`",
    "unique": "`list(dict.fromkeys(value))`",
    "uppercase": "`.upper()`",
    "values": "`list(value.values())`",
    "with": '`{k: v for k, v in value.items() if k in ("a", "b")}`',
    "without": '`{k: v for k, v in value.items() if k not in ("a", "b")}`',
    "zip": "`[list(pair) for pair in zip(value, other)]`",
}
BLOBLANG_METHODS |= dict.fromkeys([f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)], "`int(value)`")
# Forms that Python cannot read, in a line without the texts in it.
BLOBLANG_FORMS = {
    r"^\s*\}\s*else\b": "Bloblang's `} else {` is `else:`",
    r"^\s*(\}\s*else\s+)?if\b[^:]*\{\s*($|[^:]*\}\s*$)": 'Bloblang\'s `if a { root.b = 1 }` is `if a:`, with `root["b"] = 1` on a line below',
    r"^(?!\s*(\}\s*else\s+)?if\b).*\bif\b(?:(?!\belse\b)[^:])*(?<!\bin)(?<!\bin\s)\{|^\s*if\b[^:]*\{[^:{]*\}\s*else\s*\{": "Bloblang's `if a { b } else { c }` "
    "is `b if a else c`",
    r"\bmatch\b.*\{|=>": 'Bloblang\'s `match x { "a" => 1 }` is `{"a": 1}.get(x)`, or `match x:` with `case "a":` on lines below',
    r"(?:[=(,\[{:+!<>|&?]|\b(?:if|and|or|not|in|match|return))\s*@": 'Bloblang\'s `@k` is `meta["headers"].get("k")`, `@kafka_key` is '
    '`meta["key"]`',
    r"^\s*let\s+\S+\s*=": "Bloblang's `let x = 1` is `x = 1`",
    r"^\s*meta\s+\S+\s*=\s*deleted\(\)": 'Bloblang\'s `meta k = deleted()` is `meta["headers"].pop("k", None)`',
    r"^\s*meta\s+\S+\s*=(?!\s*deleted\()": 'Bloblang\'s `meta k = "v"` is `meta["headers"] = {**meta["headers"], "k": "v"}`',
    r"\$\w": "Bloblang's `$x` is `x`",
    r"^(?!\s*(async\s+)?def\b).*->(?!.*:\s*$)": 'Bloblang\'s `.map_each(i -> i.price)` is `[i["price"] for i in value]`',
    r"&&|\|\||!(?!=)": "Python has `and`, `or` and `not`",
    r"\.or\(": 'Bloblang\'s `this.a.or("x")` is `"x" if (v := this.get("a")) is None else v`',
    r"\.with\(": f"Bloblang's `.with(…)` is {BLOBLANG_METHODS['with']}",
    r"(?<=[A-Za-z_\])])\.(and|as|class|def|del|else|for|from|if|import|in|is|lambda|not|or|return|try|while|with)\b(?!\()": "a field whose name is a "
    'word of Python\'s is a key like others: `this["in"]`',
    r"\.from(_all)?\(": "no script knows of a batch",
    r"(?<![\w.])\d+\.[a-z]\w*\(": "Bloblang's `10.pow(2)` is `10 ** 2`",
    r"\.\(": 'Bloblang\'s `this.(a | b)` is `this.get("b") if (v := this.get("a")) is None else v`',
    r'\.\s*""': 'Bloblang\'s `root."a b"` is `root["a b"]`',
    r"^\s*map\s+\w+\s*\{": "Bloblang's `map f { … }` is `def f(value): …` in `setup`, which returns what `root` was, and `.apply(\"f\")` is `f(value)`",
    r'^\s*(import|from)\s*""': 'Bloblang\'s `import "./maps.blobl"` is a module beside the script: `from maps import f`',
    r"^(?!.*\b(def|lambda)\b).*[\w\])]\(\s*\w+\s*:(?!=)": "Bloblang's named argument `f(a: 1)` is `f(a=1)` in Python",
}
CHAINED = r"^\s*\.\w+\(|[\w\])]\.\s*$"
CHAINS = "a chain of methods over several lines needs parentheses around it"
OPENS = r"^\s*((\}\s*else\s+)?if\b[^:]*|map\s+\w+\s*)\{\s*$"
