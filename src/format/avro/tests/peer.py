"""The other side of the cross-checks in fastavro.rs: fastavro itself.

Asks questions on the standard output and reads the answers from the standard input, each a four-byte little-endian
length and that many bytes. Ends with what is wrong, if something is.
"""

import datetime
import io
import json
import marshal
import math
import os
import random
import re
import struct
import sys
import uuid
from collections import Counter
from decimal import Context, Decimal

from fastavro import parse_schema, schemaless_reader, schemaless_writer

stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
sys.setrecursionlimit(20_000)

EPOCH = datetime.datetime(1970, 1, 1)
UTC = datetime.timezone.utc
MICRO = datetime.timedelta(microseconds=1)
counts = Counter()


def ask(*parts):
    for part in parts:
        stdout.write(struct.pack("<I", len(part)) + part)
    stdout.flush()
    return stdin.read(struct.unpack("<I", stdin.read(4))[0])


# Values of types that marshal lacks: crates/codec/src/typed.rs.


def to_frame(value):
    if isinstance(value, dict):
        return {key: to_frame(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(to_frame, value))
    if isinstance(value, Decimal):
        return (..., 0, str(value))
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            return (..., 3, (value - EPOCH) // MICRO)
        micros = (value - EPOCH.replace(tzinfo=UTC)) // MICRO
        offset = value.utcoffset() // datetime.timedelta(seconds=1)
        return (..., 2, micros) if value.tzinfo is UTC else (..., 4, (micros, offset))
    if isinstance(value, datetime.date):
        return (..., 5, value.toordinal() - EPOCH.toordinal())
    if isinstance(value, datetime.time):
        return (..., 6, ((value.hour * 60 + value.minute) * 60 + value.second) * 10**6 + value.microsecond)
    if isinstance(value, uuid.UUID):
        return (..., 7, value.bytes)
    return value


def from_frame(value):
    if isinstance(value, dict):
        return {key: from_frame(item) for key, item in value.items()}
    if isinstance(value, list):
        return list(map(from_frame, value))
    if not isinstance(value, tuple):
        return value
    _, kind, content = value
    if kind == 0:
        # The text has to be that of str().
        assert str(Decimal(content)) == content, content
        return Decimal(content)
    if kind == 2:
        return EPOCH.replace(tzinfo=UTC) + content * MICRO
    if kind == 3:
        return EPOCH + content * MICRO
    if kind == 5:
        return datetime.date.fromordinal(content + EPOCH.toordinal())
    if kind == 6:
        return (EPOCH + content * MICRO).time()
    assert kind == 7, kind
    return uuid.UUID(bytes=content)


def same(one, other):
    """Whether two values are equal, and all types in them."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(item, other[key]) for key, item in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Decimal) and len(one.as_tuple().digits) > len(other.as_tuple().digits):
        # fastavro rounds to the precision of the schema.
        return Context(prec=len(other.as_tuple().digits)).plus(one) == other
    return repr(one) == repr(other)


def holds(value, back):
    """Whether what was read back stands for the value that was written."""
    if isinstance(value, tuple) and len(value) == 2 and not isinstance(back, list):
        return holds(value[1], back)
    if isinstance(value, dict):
        return isinstance(back, dict) and all(key not in value or holds(value[key], item) for key, item in back.items())
    if isinstance(value, (list, tuple)):
        if isinstance(back, list) and len(value) == len(back) and all(map(holds, value, back)):
            return True
        return isinstance(value, tuple) and len(value) == 2 and holds(value[1], back)
    if isinstance(value, str):
        if isinstance(back, uuid.UUID):
            return uuid.UUID(value) == back
        return str(back) == value if isinstance(back, datetime.date) else value == back and isinstance(back, str)
    if isinstance(value, datetime.date) or isinstance(value, datetime.time):
        return isinstance(back, (datetime.date, datetime.time))
    if isinstance(value, bytes):
        return value == back or isinstance(back, Decimal)
    if isinstance(value, (bool, int, float, Decimal)) and isinstance(back, (bool, int, float, Decimal)):
        if isinstance(back, float):
            return True  # rounded
        return value == back
    if isinstance(value, int):  # of a logical type
        return isinstance(back, (datetime.date, datetime.time))
    if isinstance(value, (float, Decimal)) and isinstance(back, (datetime.date, datetime.time)):
        return value == int(value)
    return type(value) is type(back) and value == back


def contains(value, kind):
    if isinstance(value, kind):
        return True
    if isinstance(value, dict):
        return any(contains(item, kind) for item in value.values())
    return isinstance(value, (list, tuple)) and any(contains(item, kind) for item in value)


def write(schema, value):
    out = io.BytesIO()
    try:
        schemaless_writer(out, schema, value)
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"
    return out.getvalue(), ""


def read(datum, schema, reader=None):
    source = io.BytesIO(datum)
    try:
        return schemaless_reader(source, schema, reader), source.tell() == len(datum), ""
    except Exception as error:
        return None, False, f"{type(error).__name__}: {error}"


def note(what, **context):
    """Counts a difference that is meant; with NERODIA_TEST_SHOW, shows it."""
    counts[what] += 1
    if os.environ.get("NERODIA_TEST_SHOW") == what:
        print(what, *(f"\n  {name}: {str(value):.300}" for name, value in context.items()), file=sys.stderr)


def wrong(what, **context):
    for name, value in context.items():
        what += f"\n  {name}: {value if isinstance(value, str) else repr(value):.3000}"
    sys.exit(what)


def too_precise(message):
    """Whether we refused a decimal because of its precision: fastavro counts the digits before it adds zeros."""
    if not (refused := re.search(r"(\S+) does not fit decimal|decimal\(.*got Decimal (\S+)", message)):
        return False
    number = Decimal(refused[1] or refused[2]).as_tuple()
    limits = re.findall(r"decimal\((\d+), (\d+)\)", message)
    return any(len(number.digits) + number.exponent + int(scale) > int(precision) for precision, scale in limits)


def check_write(schema, value):
    """Compares how a value is written. Returns the bytes that fastavro writes."""
    theirs, error = write(schema, value)
    answer = ask(b"W", marshal.dumps(to_frame(value), 4))
    ours = answer[1:] if answer[:1] == b"+" else None
    context = dict(schema=json.dumps(schema), value=value, theirs=theirs, ours=answer, error=error)
    if ours == theirs:
        counts["written alike" if ours is not None else "refused alike"] += 1
        return theirs
    if theirs is not None:
        back, whole, error = read(theirs, schema)
        faithful = whole and not error and holds(value, back)
        # fastavro writes any number as an int, also one of more than 32 bits, which others cannot read.
        if re.search(rb"expected (int|date|time-millis), got (int|float|Decimal)", answer):
            faithful = False
        faithful = faithful and not too_precise(answer[1:].decode(errors="replace"))
        # Only for us, a list can be a pair of name and value, and a number that is no such decimal another branch's.
        elsewhere = contains(value, tuple) or ours is not None and contains(value, Decimal)
        if faithful and not elsewhere:
            wrong("written differently", **context, back=back)
    if ours is not None:
        back, whole, error = read(ours, schema)
        if error or not whole or not holds(value, back):
            wrong("written wrongly", **context, back=back, reading=error)
    note("refused by us" if ours is None else "taken by us" if theirs is None else "written otherwise", **context)
    return theirs


def check_read(schema, reader, datum, added, valid):
    """Compares how bytes are read. `added` has the defaults of the reader's new fields."""
    if not valid:
        # fastavro believes any number of items.
        answer = ask(b"D", datum)
        if answer[:1] == b"E":
            counts["broken"] += 1
            return
    theirs, whole, error = read(datum, schema, reader)
    if valid:
        answer = ask(b"D", datum)
    context = dict(schema=json.dumps(schema), reader=json.dumps(reader), datum=datum, theirs=theirs, ours=answer)
    if answer[:1] == b"E":
        if not error and whole:
            wrong("read only by fastavro", **context)
        note("refused by both", **context, error=error)
        return
    ours = from_frame(marshal.loads(answer[1:]))
    if error or not whole:
        wrong("read only by us", **context, error=error)
    theirs = with_defaults(theirs, added)
    if not same(ours, theirs):
        wrong("read differently", **(context | dict(theirs=theirs, ours=ours)))
    counts["read alike"] += 1


def with_defaults(value, added):
    """fastavro gives defaults as they are in the schema: bytes as text, dates as numbers."""
    if isinstance(value, dict):
        return {key: added[key] if key in added else with_defaults(item, added) for key, item in value.items()}
    return [with_defaults(item, added) for item in value] if isinstance(value, list) else value


class Maker:
    """Random schemas, their values, and later versions of them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = 0
        self.known = {}
        self.open = []

    def name(self, kind):
        self.names += 1
        return f"{kind}{self.names}"

    LOGICAL = [
        ("int", "date"), ("int", "time-millis"), ("long", "time-micros"), ("long", "timestamp-millis"),
        ("long", "timestamp-micros"), ("long", "local-timestamp-millis"), ("long", "local-timestamp-micros"),
        ("long", "timestamp-nanos"), ("string", "uuid"), ("string", "unknown"), ("int", "uuid"),
    ]
    SIMPLE = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]

    def decimal(self, size=None):
        most = 30 if size is None else int(math.floor(math.log10(2) * (8 * size - 1)))
        precision = self.random.randint(1, most)
        return {"logicalType": "decimal", "precision": precision, "scale": self.random.randint(0, precision)}

    def schema(self, depth=0, space="", union=True):
        r = self.random
        pick = r.random()
        if depth > 4 or pick < 0.3:
            return r.choice(self.SIMPLE)
        if pick < 0.4:
            of, logical = r.choice(self.LOGICAL)
            return {"type": of, "logicalType": logical}
        if pick < 0.45:
            return {"type": "bytes"} | self.decimal()
        if pick < 0.5:
            return {"type": r.choice(self.SIMPLE), "more": 1}
        if pick < 0.55 and self.known:
            return r.choice(list(self.known))
        if pick < 0.6 and self.open:
            # Recursion that has an end.
            again = r.choice(self.open)
            return r.choice([["null", again], {"type": "array", "items": again}]) if union else {"type": "map", "values": again}
        if pick < 0.67:
            size = r.choice([0, 1, 2, 5, 12, 16])
            made = {"type": "fixed", "name": self.name("Fixed"), "size": size}
            if size and r.random() < 0.5:
                made |= self.decimal(size)
            return self.named(made, space)
        if pick < 0.74:
            symbols = [f"S{number}" for number in range(r.choice([1, 3, 20]))]
            made = {"type": "enum", "name": self.name("Enum"), "symbols": r.sample(symbols, len(symbols))}
            if r.random() < 0.5:
                made["default"] = symbols[0]
            return self.named(made, space)
        if pick < 0.79:
            return {"type": "array", "items": self.schema(depth + 1, space)}
        if pick < 0.83:
            return {"type": "map", "values": self.schema(depth + 1, space)}
        if pick < 0.91 and union:
            return self.union(depth, space)
        return self.record(depth, space)

    def named(self, made, space):
        if self.random.random() < 0.3:
            made["namespace"] = space = self.random.choice(["a", "b.c"])
        full = f"{space}.{made['name']}" if space else made["name"]
        self.known[full] = made
        return made

    def union(self, depth, space):
        branches, kinds = [], set()
        for _ in range(self.random.randint(1, 4)):
            branch = self.schema(depth + 1, space, union=False)
            kind = branch if isinstance(branch, str) else branch.get("name", branch["type"])
            if kind not in kinds:
                kinds.add(kind)
                branches.append(branch)
        return branches

    def record(self, depth, space):
        r = self.random
        made = {"type": "record", "name": self.name("Record"), "fields": []}
        if r.random() < 0.3:
            made["namespace"] = space = r.choice(["a", "b.c"])
        full = f"{space}.{made['name']}" if space else made["name"]
        self.open.append(full)
        for _ in range(r.choice([0, 1, 3, 6])):
            made["fields"].append({"name": self.name("f"), "type": self.schema(depth + 1, space)})
        self.open.remove(full)
        self.known[full] = made
        return made

    def value(self, schema, depth=0, space=""):
        r = self.random
        if isinstance(schema, list):
            if depth > 8 and "null" in schema:
                return None
            return self.value(r.choice(schema), depth + 1, space)
        if isinstance(schema, str):
            if schema in self.known:
                return self.value(self.known[schema], depth + 1, space)
            return self.simple(schema)
        kind, logical = schema["type"], schema.get("logicalType")
        if kind in self.SIMPLE:
            return self.logical(kind, logical, schema) if logical else self.simple(kind)
        if kind == "fixed":
            if logical and r.random() < 0.9:
                return self.number(schema)
            return r.randbytes(schema["size"])
        if kind == "enum":
            return r.choice(schema["symbols"])
        many = 0 if depth > 8 else r.choice([0, 0, 1, 2, 5])
        if kind == "array":
            return [self.value(schema["items"], depth + 1, space) for _ in range(many)]
        if kind == "map":
            return {self.text(): self.value(schema["values"], depth + 1, space) for _ in range(many)}
        return {field["name"]: self.value(field["type"], depth + 1, space) for field in schema["fields"]}

    def text(self):
        return self.random.choice(["", "a", "Zoë", "x" * 70, "\U0001f600", "S1", "2020-01-01", "int"]) + str(self.random.randrange(9))

    def number(self, schema):
        digits = self.random.randint(1, schema["precision"])
        number = Decimal(self.random.randrange(10**digits)).scaleb(-schema["scale"])
        return -number if number and self.random.random() < 0.5 else number

    def logical(self, kind, logical, schema):
        r = self.random
        day = datetime.timedelta(days=1)
        edge = r.choice([datetime.datetime.min, datetime.datetime.max, EPOCH, EPOCH - MICRO, EPOCH + r.randrange(2 * 10**17) * MICRO])
        if logical == "date":
            return edge.date()
        if logical.startswith("time-"):
            time = r.choice([datetime.time.min, datetime.time.max, (EPOCH + r.randrange(10**11) * MICRO).time()])
            return time.replace(microsecond=time.microsecond // 1000 * 1000) if kind == "int" else time
        if logical.startswith(("timestamp-mi", "local-timestamp")):
            if logical.endswith("millis"):
                edge = edge.replace(microsecond=edge.microsecond // 1000 * 1000)
            if logical.startswith("local"):
                return edge
            zone = UTC if edge.year in (1, 9999) or r.random() < 0.5 else datetime.timezone(datetime.timedelta(minutes=r.randrange(-800, 800)))
            return edge.replace(tzinfo=zone)
        if logical == "uuid" and kind == "string":
            return uuid.UUID(bytes=r.randbytes(16))
        if logical == "decimal":
            return self.number(schema)
        return self.simple(kind)

    def simple(self, kind):
        r = self.random
        if kind == "null":
            return None
        if kind == "boolean":
            return r.random() < 0.5
        if kind in ("int", "long"):
            bits = 31 if kind == "int" else 63
            return r.choice([0, 1, -1, 63, -64, 64, 2**bits - 1, -(2**bits), r.randrange(-(2**bits), 2**bits), r.randrange(-300, 300)])
        if kind == "float":
            return r.choice([0.0, -0.0, 1.5, math.inf, -math.inf, math.nan, struct.unpack("f", r.randbytes(4))[0]])
        if kind == "double":
            return r.choice([0.0, -0.0, 0.1, 1e300, math.inf, math.nan, 5e-324, r.random(), struct.unpack("d", r.randbytes(8))[0]])
        return r.randbytes(r.choice([0, 1, 5, 300])) if kind == "bytes" else self.text()

    ODD = [
        None, True, False, 0, 1, -1, 2**31, -(2**31) - 1, 2**63, -(2**63), 2**200, 2**2000, 0.0, 1.0, 1.5, 2.0**63, 1e300, math.inf,
        math.nan, "", "x", "S1", "1.5", "2020-01-01", b"", b"x", b"12345678", [], [1], ["a"], {}, {"a": 1}, {"f2": 1}, ("int", 1),
        ("string", "x"), ("null", None), ("array", [1]), Decimal("1.5"), Decimal("2"), Decimal("1E+5"), Decimal("1E-30"), Decimal("NaN"),
        Decimal("-0"), Decimal("1E+400"), EPOCH, EPOCH.replace(tzinfo=UTC), EPOCH.date(), datetime.time(1, 2, 3, 4567), uuid.UUID(int=5),
    ]

    def spoilt(self, value):
        """A value with something in it replaced, missing or added."""
        r = self.random
        if isinstance(value, dict) and value and r.random() < 0.8:
            made, key = dict(value), r.choice(list(value))
            pick = r.random()
            if pick < 0.2:
                del made[key]
            elif pick < 0.3:
                made["extra"] = r.choice(self.ODD)
            elif pick < 0.5:
                return dict(r.sample(list(made.items()), len(made)))
            else:
                made[key] = self.spoilt(value[key])
            return made
        if isinstance(value, list) and value and r.random() < 0.8:
            place = r.randrange(len(value))
            return value[:place] + [self.spoilt(value[place])] + value[place + 1 :]
        return r.choice(self.ODD)

    def default(self, schema):
        """JSON of a default, and its value."""
        def json_of(value, schema):
            if isinstance(value, bytes):
                return value.decode("latin-1")
            if isinstance(value, dict):
                return {key: json_of(item, None) for key, item in value.items()}
            if isinstance(value, list):
                return [json_of(item, None) for item in value]
            return value
        r = self.random
        kind = r.choice(["null", "int", "long", "string", "double", "boolean", "bytes", "date", "decimal", "list", "map", "record", "union"])
        if kind == "date":
            return {"type": "int", "logicalType": "date"}, 5, datetime.date(1970, 1, 6)
        if kind == "decimal":
            return {"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 2}, "\u0001\u00ff", Decimal("5.11")
        if kind == "list":
            return {"type": "array", "items": "bytes"}, ["\u00ff", ""], [b"\xff", b""]
        if kind == "map":
            return {"type": "map", "values": ["null", "int"]}, {"a": None, "b": 1}, {"a": None, "b": 1}
        if kind == "record":
            fields = [{"name": "q", "type": "int", "default": 3}, {"name": "p", "type": "string"}]
            return {"type": "record", "name": self.name("New"), "fields": fields}, {"p": "x"}, {"q": 3, "p": "x"}
        if kind == "union":
            return ["null", "string"], "x", "x"
        value = self.simple(kind)
        if isinstance(value, float) and not math.isfinite(value):
            value = 2.5
        return kind, json_of(value, kind), value

    def later(self, schema, added):
        """A later version of a schema, which can read what was written with the first."""
        r = self.random
        if isinstance(schema, list):
            made = [self.later(branch, added) for branch in schema]
            made = [branch if isinstance(changed, list) else changed for branch, changed in zip(schema, made)]
            if r.random() < 0.3:
                r.shuffle(made)
            return made
        if isinstance(schema, str):
            made = schema
            if r.random() < 0.3:
                made = r.choice({
                    "int": ["long", "float", "double"], "long": ["float", "double"], "float": ["double"],
                    "string": ["bytes"],
                }.get(schema, [schema]))
            return ["null", made] if r.random() < 0.1 and made != "null" else made
        made = dict(schema)
        kind = made["type"]
        if kind == "array":
            made["items"] = self.later(made["items"], added)
        elif kind == "map":
            made["values"] = self.later(made["values"], added)
        elif kind == "enum" and "default" in made and r.random() < 0.5:
            made["symbols"] = [made["default"], "Z"] + [symbol for symbol in made["symbols"][1:] if symbol != made["default"]]
        elif kind == "record":
            fields = []
            for field in made["fields"]:
                pick = r.random()
                if pick < 0.1:
                    continue
                field = {"name": field["name"], "type": self.later(field["type"], added)}
                if pick < 0.25:
                    field["aliases"] = ["other", field["name"]]
                    field["name"] = self.name("renamed")
                fields.append(field)
            for _ in range(r.choice([0, 0, 1, 2])):
                of, default, value = self.default(None)
                name = self.name("added")
                added[name] = value
                fields.append({"name": name, "type": of, "default": default})
            if r.random() < 0.4:
                r.shuffle(fields)
            made["fields"] = fields
        return made


def begin(schema, reader):
    """Gives both schemas to us; returns whether fastavro and we take them."""
    answer = ask(b"S", json.dumps(schema).encode(), b"" if reader is None else json.dumps(reader).encode())
    return answer.decode()


def check_table():
    maker = Maker(0)
    simple = list(Maker.SIMPLE)
    logical = [{"type": of, "logicalType": of_what} for of, of_what in Maker.LOGICAL]
    decimals = [
        {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2},
        {"type": "bytes", "logicalType": "decimal", "precision": 40},
        {"type": "fixed", "name": "D", "size": 3, "logicalType": "decimal", "precision": 4, "scale": 2},
        {"type": "fixed", "name": "D", "size": 20, "logicalType": "decimal", "precision": 40, "scale": 40},
    ]
    others = [
        {"type": "fixed", "name": "F", "size": 1}, {"type": "fixed", "name": "F", "size": 16, "logicalType": "uuid"},
        {"type": "fixed", "name": "F", "size": 12, "logicalType": "duration"}, {"type": "fixed", "name": "F", "size": 8},
        {"type": "enum", "name": "E", "symbols": ["S1", "x"]}, {"type": "array", "items": "int"}, {"type": "array", "items": "null"},
        {"type": "map", "values": "int"}, {"type": "record", "name": "R", "fields": []},
    ]
    types = simple + logical + decimals + others
    unions = [[one, other] for one in types for other in types if one != other and json.dumps(one)[:18] != json.dumps(other)[:18]]
    unions = [union for union in unions if len({branch.get("name", str(branch)) if isinstance(branch, dict) else branch for branch in union}) == 2]
    fields = [{"type": "record", "name": "T", "fields": [{"name": "f2", "type": of}]} for of in types + [["null", "int"], ["int", "null"]]]
    some = [
        [{"type": "record", "name": "n.A", "fields": [{"name": "x", "type": "int"}]},
         {"type": "record", "name": "n.B", "fields": [{"name": "x", "type": "int"}, {"name": "y", "type": "int", "default": 1}]}],
    ]
    for schema in types + unions + fields + some:
        if problem := begin(schema, None):
            wrong("not parsed", schema=json.dumps(schema), problem=problem)
        values = maker.ODD + [{"f2": value} for value in maker.ODD] if schema in fields else maker.ODD
        values = values + [{"x": 1}, {"x": 1, "y": 2}, {"-type": "n.B", "x": 1}, {"-type": "B", "x": 1}, ("n.B", {"x": 1})] if schema in some else values
        for value in values:
            datum = check_write(schema, value)
            if datum is not None and (schema != "null" or value is None):
                check_read(schema, None, datum, {}, valid=False)


def check_random(seed, documents):
    made = 0
    while made < documents:
        seed += 1
        maker = Maker(seed)
        schema, added, reader = maker.record(0, "") if seed % 2 else maker.schema(), {}, None
        if seed % 3:
            reader = maker.later(schema, added)
        try:
            parse_schema(json.loads(json.dumps(schema)))
            if reader is not None:
                parse_schema(json.loads(json.dumps(reader)))
        except Exception:
            counts["no schema"] += 1
            continue
        if problem := begin(schema, reader):
            if reader is None:
                wrong("not parsed", schema=json.dumps(schema), problem=problem)
            note("no reader", problem=problem, schema=json.dumps(schema), reader=json.dumps(reader))
            reader = None
            begin(schema, None)
        for _ in range(20):
            value = maker.value(schema)
            datum = check_write(schema, value)
            check_write(schema, maker.spoilt(value))
            made += 2
            if datum is None:
                continue
            check_read(schema, reader, datum, added, valid=True)
            if datum:
                broken = bytearray(datum)
                for _ in range(maker.random.choice([1, 1, 3])):
                    broken[maker.random.randrange(len(broken))] = maker.random.choice([0, 1, 2, 128, 255, maker.random.randrange(256)])
                check_read(schema, reader, bytes(broken[: maker.random.choice([None, None, -1])]), added, valid=False)
            made += 2


if sys.argv[1] == "table":
    check_table()
else:
    check_random(int(sys.argv[2]), int(sys.argv[3]))
print(f"{sys.argv[1]}: {dict(counts)}", file=sys.stderr)
stdout.write(struct.pack("<I", 0))
stdout.flush()
