"""The other side of the cross-checks in google.rs: Google's package `protobuf` itself.

Asks questions on the standard output and reads the answers from the standard input, each a four-byte little-endian
length and that many bytes. Ends with what is wrong, if something is.
"""

import base64
import contextlib
import datetime
import marshal
import math
import os
import random
import struct
import sys
import tempfile
from collections import Counter
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as F
from google.protobuf.internal import type_checkers
from grpc_tools import protoc

stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
WELL_KNOWN = str(Path(protoc.__file__).parent / "_proto")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
MICRO = datetime.timedelta(microseconds=1)
counts = Counter()


def ask(*parts):
    for part in parts:
        stdout.write(struct.pack("<I", len(part)) + part)
    stdout.flush()
    return stdin.read(struct.unpack("<I", stdin.read(4))[0])


def wrong(what, **context):
    for name, value in context.items():
        what += f"\n  {name}: {value if isinstance(value, str) else repr(value):.4000}"
    sys.exit(what)


def note(what, **context):
    """Counts a difference that is meant; with NERODIA_TEST_SHOW, shows it."""
    counts[what] += 1
    if os.environ.get("NERODIA_TEST_SHOW") == what:
        print(what, *(f"\n  {name}: {str(value):.600}" for name, value in context.items()), file=sys.stderr)


# The mapping of JSON with our deviations: exact integers, bytes, datetimes, floats, and `Any` as it is.


class Printer(json_format._Printer):
    def __init__(self):
        super().__init__(preserving_proto_field_name=True, always_print_fields_with_no_presence=True)

    def _FieldToJsonObject(self, field, value):
        if field.type == F.TYPE_BYTES or field.cpp_type in json_format._INT64_TYPES:
            return value
        if field.cpp_type == F.CPPTYPE_FLOAT:
            return type_checkers.ToShortestFloat(value) if math.isfinite(value) else value
        return value if field.cpp_type == F.CPPTYPE_DOUBLE else super()._FieldToJsonObject(field, value)

    def _GenericMessageToJsonObject(self, message):
        text = super()._GenericMessageToJsonObject(message)
        if message.DESCRIPTOR.name == "Timestamp":
            return message.ToDatetime(datetime.timezone.utc)
        return text

    def _AnyMessageToJsonObject(self, message):
        return {"@type": message.type_url, "value": message.value}

    def _ValueMessageToJsonObject(self, message):
        if message.WhichOneof("kind") == "number_value":
            return message.number_value
        return super()._ValueMessageToJsonObject(message)

    def _RegularMessageToJsonObject(self, message, js):
        js = super()._RegularMessageToJsonObject(message, js)
        # Extensions are unknown fields.
        return {key: value for key, value in js.items() if not key.startswith("[")}


class Parser(json_format._Parser):
    def __init__(self):
        super().__init__(False, None, 101)

    def _ConvertAnyMessage(self, value, message, path):
        if not isinstance(value, dict) or value.keys() - {"@type", "value"}:
            raise json_format.ParseError("no Any")
        message.type_url = value.get("@type", "")
        raw = value.get("value", b"")
        message.value = raw if isinstance(raw, bytes) else base64.urlsafe_b64decode(raw)


def to_dict(message):
    return Printer()._MessageToJsonObject(message)


def to_json(value):
    """Returns a value in the form that ParseDict takes."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key).lower(): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return list(map(to_json, value))
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value


def convert_float(value, field, original=json_format._ConvertFloat):
    """Takes NaN and infinities, which are no texts here."""
    return value if isinstance(value, float) and not math.isfinite(value) else original(value, field)


json_format._ConvertFloat = convert_float


# Values of types that marshal lacks: crates/codec/src/typed.rs.


def to_frame(value):
    if isinstance(value, dict):
        return {key: to_frame(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return list(map(to_frame, value))
    if isinstance(value, datetime.datetime):
        return (..., 2, (value - EPOCH) // MICRO)
    return value


def from_frame(value):
    if isinstance(value, dict):
        return {key: from_frame(item) for key, item in value.items()}
    if isinstance(value, list):
        return list(map(from_frame, value))
    if isinstance(value, tuple):
        assert value[:2] == (..., 2), value
        return EPOCH + value[2] * MICRO
    return value


def same(one, other):
    """Whether two values are equal, and all types in them."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(item, other[key]) for key, item in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other)


# Schemas.


class Schema:
    def __init__(self, text, name, imported='syntax = "proto3";'):
        self.text = text
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            (folder / "schema.proto").write_text(text)
            (folder / "imported.proto").write_text(imported)
            out = folder / "out"
            args = ["protoc", f"-I{folder}", f"-I{WELL_KNOWN}", "--include_imports", f"-o{out}", "schema.proto"]
            with quiet():
                code = protoc.main(args)
            if code:
                wrong("protoc refuses the schema", code=code, text=text)
            files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
        pool = descriptor_pool.DescriptorPool()
        for file in files:
            pool.Add(file) if hasattr(pool, "Add") else pool.AddSerializedFile(file.SerializeToString())
        self.pool = pool
        self.descriptor = pool.FindMessageTypeByName(name)
        self.type = message_factory.GetMessageClass(self.descriptor)
        self.has_map = any_map(self.descriptor, set())
        # In half of the cases, the schema comes as a descriptor.
        encoded = base64.b64encode(files[-1].SerializeToString())
        given = encoded if len(text) % 2 else text.encode()
        if answer := ask(b"S", name.encode(), given, imported.encode()):
            wrong("a schema is refused", text=text, answer=answer.decode())


@contextlib.contextmanager
def quiet():
    """Discards what C++ code writes to the standard error: warnings about unused imports."""
    kept = os.dup(2)
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def any_map(descriptor, seen):
    if descriptor.full_name in seen:
        return False
    seen.add(descriptor.full_name)
    return any(
        field.message_type is not None and (is_map(field) or any_map(field.message_type, seen))
        for field in descriptor.fields
    )


def is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def parsed(schema, data):
    message = schema.type()
    try:
        message.ParseFromString(data)
        # To write it would find this too, but some messages with unknown fields crash the interpreter then (7.36, upb).
        if not message.IsInitialized():
            return None, "a required field is missing"
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"
    return message, ""


def check_read(schema, data, broken=False):
    """Compares how bytes are read. Returns the value."""
    message, error = parsed(schema, data)
    theirs = None
    if message is not None:
        try:
            theirs = to_dict(message)
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
    answer = ask(b"D", data)
    ours = from_frame(marshal.loads(answer[1:])) if answer[:1] == b"+" else None
    context = dict(schema=schema.text, data=data, theirs=theirs, ours=ours if ours is not None else answer, error=error)
    if ours is None and theirs is None:
        counts["broken ones refused alike" if broken else "refused alike"] += 1
    elif ours is not None and theirs is not None:
        if same(ours, theirs):
            counts["read alike"] += 1
        elif broken and schema.has_map:
            # Google's package (upb) drops an entry of a map that has an unknown field; the other implementations keep it.
            note("entries kept by us alone", **context)
        else:
            wrong("read differently", **context)
    elif broken and b"a field has the number 0" in answer:
        # The other implementations of Google refuse this too.
        note("number 0 refused by us alone", **context)
    elif broken and "proto2" in schema.text and b"not UTF-8" in answer:
        # Of proto2, Google's package gives the text of the repr() of bytes.
        note("text refused by us alone", **context)
    elif broken and ours is not None:
        # We do not look into what is replaced by something later.
        note("read by us alone", **context)
    else:
        wrong("only one of us reads", **context)
    return theirs if ours is not None else None


def check_write(schema, value, wild=False):
    """Compares how a value is written."""
    theirs, error = schema.type(), ""
    try:
        Parser().ConvertMessage(to_json(value), theirs, None)
        expected = theirs.SerializeToString(deterministic=True)
    except Exception as failure:
        expected, error = None, f"{type(failure).__name__}: {failure}"
    answer = ask(b"W", marshal.dumps(to_frame(value), 4))
    ours = answer[1:] if answer[:1] == b"+" else None
    context = dict(schema=schema.text, value=value, theirs=expected, ours=answer, error=error)
    if ours is None or expected is None:
        if (ours is None) == (expected is None):
            note("values refused alike", **context)
        elif expected is None and "'NoneType'" in error or "null is not allowed" in error:
            # Google's package cannot read back what it gives for a NullValue in a list or a map.
            note("None written by us alone", **context)
        elif wild:
            note("written by us alone" if ours is not None else "refused by us alone", **context)
        else:
            wrong("only one of us writes", **context)
        return
    if schema.has_map:
        back, failure = parsed(schema, ours)
        if back is None:
            wrong("we write what cannot be read", failure=failure, **context)
        ours = back.SerializeToString(deterministic=True)
    if ours != expected:
        wrong("written differently", **context)
    counts["written alike"] += 1


def check(schema, data, rng=None):
    value = check_read(schema, data)
    if value is not None:
        check_write(schema, value)
    if rng is None:
        return
    for _ in range(2):
        check_read(schema, broken(data, rng), broken=True)
    if value is not None:
        for _ in range(2):
            check_write(schema, wild(schema.descriptor, value, rng), wild=True)


# The table.

INTS = {
    "int32": (-(2**31), 2**31 - 1),
    "sint32": (-(2**31), 2**31 - 1),
    "sfixed32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "sint64": (-(2**63), 2**63 - 1),
    "sfixed64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1),
    "fixed32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
    "fixed64": (0, 2**64 - 1),
}
FLOATS = [0.0, -0.0, 1.0, -1.5, 0.1, 1e10, 1e-10, math.inf, -math.inf, math.nan, 16777217.0, 123456.789, 3.0e-45]
TEXTS = ["", "a", "é", "🐍" * 40, "x" * 300, "\0", "\ufeff", '"\\\n']
BLOBS = [b"", b"\0", b"\xff\xfe", b"x" * 300, bytes(range(256))]


def edge_values(kind):
    if kind in INTS:
        least, most = INTS[kind]
        numbers = {least, most, 0, 1, 127, 128, 255, 2**14, 2**21, 2**28, 2**31 - 1, 2**31, 2**53 + 1, -1, -64, -65}
        return sorted(number for number in numbers if least <= number <= most)
    return {
        "double": FLOATS + [5e-324, 1.7976931348623157e308],
        "float": FLOATS + [3.4028234663852886e38, 1.401298464324817e-45, 1.1754943508222875e-38],
        "bool": [False, True],
        "string": TEXTS,
        "bytes": BLOBS,
        "E": [0, 1, 2, -1, 77, 2**31 - 1],
        "C": [1, 2, -5],
    }[kind]


SCALARS = [*INTS, "double", "float", "bool", "string", "bytes", "E"]
KEYS = [*INTS, "bool", "string"]
WRAPPERS = {
    "double": "DoubleValue", "float": "FloatValue", "int64": "Int64Value", "uint64": "UInt64Value",
    "int32": "Int32Value", "uint32": "UInt32Value", "bool": "BoolValue", "string": "StringValue", "bytes": "BytesValue",
}
IMPORTS = "".join(
    f'import "google/protobuf/{name}.proto"; '
    for name in ("any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers")
)


def table():
    for syntax in ("proto3", "proto2"):
        label = "" if syntax == "proto3" else "optional "
        head = f'syntax = "{syntax}"; package t; {IMPORTS} enum E {{ ZERO = 0; ONE = 1; TWO = 2; MINUS = -1; }}'
        for kind in SCALARS:
            wrapper = WRAPPERS.get(kind)
            schema = Schema(
                f"""{head} message M {{ {label}{kind} a = 1; optional {kind} b_c = 2; repeated {kind} d = 3;
                repeated {kind} e = 4 {'' if kind in ('string', 'bytes') else '[packed = ' + str(syntax == 'proto2').lower() + ']'};
                oneof o {{ {kind} f = 5; {kind} g = 600; }}
                map<string, {kind}> h = 7; {f'{label}google.protobuf.{wrapper} i = 8; repeated google.protobuf.{wrapper} j = 9;' if wrapper else ''} }}""",
                "t.M",
            )
            check(schema, b"")
            values = edge_values(kind)
            if kind == "E" and syntax == "proto2":
                values = [0, 1, 2, -1]
            for value in values:
                message = schema.type(a=value, b_c=value, d=[value, values[0]], e=[value, value], f=value)
                message.h["x"] = value
                if wrapper:
                    message.i.value = value
                    message.j.add().value = value
                check(schema, message.SerializeToString())
                check(schema, schema.type(g=value).SerializeToString())
        for key in KEYS:
            schema = Schema(f"{head} message M {{ map<{key}, string> a = 1; map<{key}, M> b = 2; }}", "t.M")
            for value in edge_values(key):
                message = schema.type()
                message.a[value] = "x"
                message.b[value].a[value] = ""
                check(schema, message.SerializeToString())
    well_known()
    proto2()


def well_known():
    schema = Schema(
        f"""syntax = "proto3"; {IMPORTS} message M {{ google.protobuf.Timestamp t = 1; google.protobuf.Duration d = 2;
        google.protobuf.Struct s = 3; google.protobuf.Value v = 4; google.protobuf.ListValue l = 5;
        google.protobuf.Any a = 6; google.protobuf.FieldMask m = 7; google.protobuf.Empty e = 8;
        google.protobuf.NullValue n = 9; optional google.protobuf.NullValue o = 10;
        repeated google.protobuf.Timestamp ts = 11; map<string, google.protobuf.Value> vs = 12;
        repeated google.protobuf.Value vl = 13; oneof x {{ google.protobuf.NullValue y = 14; google.protobuf.Value z = 15; }} }}""",
        "M",
    )
    for seconds in (0, 1, -1, 1_795_929_201, -62_135_596_800, 253_402_300_799, -62_135_596_801, 253_402_300_800, 2**62):
        for nanos in (0, 1000, 500_000_000, 999_999_000, -1, 1_000_000_000):
            message = schema.type()
            message.t.seconds, message.t.nanos = seconds, nanos
            check(schema, message.SerializeToString())
    for seconds in (0, 1, -1, 315_576_000_000, -315_576_000_000, 315_576_000_001):
        for nanos in (0, 1, -1, 1000, 1_000_000, -500_000_000, 999_999_999, 1_000_000_000):
            message = schema.type()
            message.d.seconds, message.d.nanos = seconds, nanos
            check(schema, message.SerializeToString())
    for mask in ([], ["a"], ["a_b", "c.d_e"], ["A"], ["a_"], ["a__b"], [""], ["a", ""], ["a_1"], ["é_é"]):
        message = schema.type()
        message.m.paths.extend(mask)
        check_read(schema, message.SerializeToString())
        if all(mask):
            check(schema, message.SerializeToString())
    deep = None
    for _ in range(20):
        deep = [deep, {"k": deep, "": 1.5}, "x", True] if len(str(deep)) < 5000 else [deep]
    for value in (None, 0.0, -1.5, math.inf, math.nan, "", "x", True, [], {}, [None, [[]], {"a": {"b": None}}], deep):
        for name in ("v", "z"):
            message = schema.type()
            fill_value(getattr(message, name), value)
            fill_value(message.vs["k"], value)
            fill_value(message.vl.add(), value)
            check(schema, message.SerializeToString())
        if isinstance(value, dict):
            message.s.update(value)
        if isinstance(value, list):
            fill_value(message.v, value)
            message.l.CopyFrom(message.v.list_value)
        check(schema, message.SerializeToString())
    for data in (b"", b"\x22\x00", b"\x32\x00", b"\x32\x05\x0a\x01x\x12\x00", b"\x42\x00", b"\x48\x00", b"\x50\x00", b"\x50\x05", b"\x70\x00", b"\x6a\x00"):
        check_read(schema, data)
    for depth in range(90, 110):
        for tag in (b"\x22", b"\x1a", b"\x2a"):
            check_read(schema, nested(tag, depth))


def nested(tag, depth):
    """Returns Values within Values."""
    data = b"\x20\x01"
    for _ in range(depth):
        data = b"\x32" + varint(len(data) + 1 + len(varint(len(data)))) + b"\x0a" + varint(len(data)) + data
    return b"\x22" + varint(len(data)) + data


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def fill_value(message, value):
    if value is None:
        message.null_value = 0
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, float):
        message.number_value = value
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, list):
        message.list_value.SetInParent()
        for item in value:
            fill_value(message.list_value.values.add(), item)
    else:
        message.struct_value.SetInParent()
        for key, item in value.items():
            fill_value(message.struct_value.fields[key], item)


def proto2():
    schema = Schema(
        """syntax = "proto2"; enum C { A = 1; B = 2; D = -5; } enum Z { NO = 0; YES = 1; } message M { required int32 r = 1; optional C c = 2 [default = B];
        repeated C cs = 3; repeated C cp = 4 [packed = true]; map<int32, Z> cm = 5; optional group G = 6 { optional string s = 1;
        optional M m = 2; } repeated group H = 7 { optional int32 i = 1; } oneof o { C oc = 8; string os = 9; M om = 10; }
        optional M m = 11; extensions 100 to 200; } extend M { optional string x = 100; repeated int32 y = 101; }""",
        "M",
    )
    for data in (
        b"", b"\x08\x01", b"\x08\x01\x10\x02", b"\x08\x01\x10\x63", b"\x08\x01\x10\x01\x10\x63", b"\x08\x01\x18\x01\x18\x63\x18\x02",
        b"\x08\x01\x1a\x03\x01\x63\x02", b"\x08\x01\x22\x03\x01\x63\x02", b"\x08\x01\x20\x01\x20\x63", b"\x08\x01\x2a\x04\x08\x01\x10\x01",
        b"\x08\x01\x2a\x04\x08\x01\x10\x63", b"\x08\x01\x2a\x02\x08\x01", b"\x08\x01\x2a\x02\x10\x02", b"\x08\x01\x2a\x06\x10\x02\x10\x63\x08\x01",
        b"\x08\x01\x2a\x06\x10\x63\x10\x02\x08\x01", b"\x08\x01\x33\x0a\x01x\x34", b"\x08\x01\x33\x34\x33\x0a\x01x\x34", b"\x08\x01\x33\x12\x02\x08\x01\x34",
        b"\x08\x01\x33\x12\x00\x34", b"\x08\x01\x3b\x08\x01\x3c\x3b\x3c", b"\x08\x01\x33\x3c", b"\x08\x01\x34", b"\x08\x01\x33",
        b"\x08\x01\x4a\x01x\x40\x63", b"\x08\x01\x4a\x01x\x40\x02", b"\x08\x01\x52\x02\x08\x01\x52\x02\x08\x02", b"\x08\x01\x52\x02\x08\x01\x40\x01\x52\x02\x08\x02",
        b"\x08\x01\xa2\x06\x01x", b"\x08\x01\xa8\x06\x01", b"\x08\x01\x32\x02\x0a\x00", b"\x08\x01\x5a\x00", b"\x08\x01\x5a\x02\x08\x05\x5a\x02\x10\x01",
        b"\x08\x01\x0b\x0c", b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02",
        b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", b"\x88\x80\x80\x80\x00\x01", b"\x88\x80\x80\x80\x10\x01", b"\x88\x80\x80\x80\x80\x00\x01",
        b"\x88\x80\x00\x01", b"\x00\x01", b"\x07", b"\x06\x01", b"\x08\x01\xf8\xff\xff\xff\x0f\x01",
        b"\x08\x01\xf8\xff\xff\xff\x1f\x01", b"\x08\x01\xa3\x06\x08\x01\xa4\x06", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    ):
        check(schema, data) if parsed(schema, data)[0] is not None else check_read(schema, data)
    for depth in range(95, 105):
        data = b"\x08\x01"
        for _ in range(depth):
            data = b"\x5a" + varint(len(data)) + data + b"\x08\x01"
        check_read(schema, data)
        for groups in (b"\x33\x34", b"\xa3\x06\xa4\x06", b"\x3b\x3c"):
            half = len(groups) // 2
            check_read(schema, b"\x08\x01" + groups[:half] * depth + groups[half:] * depth)


# Random schemas and messages.


def random_schema(rng):
    proto3 = rng.random() < 0.6
    names = ["M", "N", "Other"]

    def kind():
        return rng.choice(SCALARS if rng.random() < 0.7 else [*names, "M.Inner", "Imported", *wkts])

    wkts = [f"google.protobuf.{name}" for name in ("Timestamp", "Duration", "Struct", "Value", "ListValue", "Empty", "NullValue", "StringValue", "Int64Value", "FieldMask", "Any")]

    def message(name, inner=""):
        numbers = rng.sample([*range(1, 40), 127, 128, 2047, 2048, 18999, 20000, 536870911], rng.randrange(14))
        fields, oneofs = [], []
        for place, number in enumerate(numbers):
            field = rng.choice(["f{}", "a_b{}", "camelCase{}", "Upper{}", "_x{}", "y_{}_z"]).format(place)
            options = []
            if rng.random() < 0.1:
                options.append(f'json_name = "json{place}"')
            what = rng.random()
            if what < 0.15:
                fields.append(f"map<{rng.choice(KEYS)}, {kind()}> {field} = {number};")
                continue
            of = kind()
            single = f"{of} {field} = {number}"
            if what < 0.3:
                oneofs.append(single + (f" [{', '.join(options)}]" if options else "") + ";")
                continue
            label = rng.choice(["", "optional ", "repeated "] if proto3 else ["optional ", "optional ", "required " if of in SCALARS else "", "repeated "]) or ("" if proto3 else "optional ")
            if label == "repeated " and of in SCALARS and of not in ("string", "bytes") and rng.random() < 0.5:
                options.append(f"packed = {rng.choice(['true', 'false'])}")
            if not proto3 and what > 0.95:
                fields.append(f"{label.replace('required', 'optional')}group Grp{place} = {number} {{ {rng.choice(['optional', 'repeated'])} {of} x = 1; }}")
                continue
            if rng.random() < 0.1:
                options.append("deprecated = true")
            fields.append(f"{label}{single}{' [' + ', '.join(options) + ']' if options else ''};")
        while oneofs:
            take = rng.randrange(1, 4)
            fields.append(f"oneof one{len(oneofs)} {{ {' '.join(oneofs[:take])} }}")
            oneofs = oneofs[take:]
        rng.shuffle(fields)
        return f"message {name} {{ {inner} {' '.join(fields)} }}\n"

    text = f'syntax = "{"proto3" if proto3 else "proto2"}"; // {rng.random()}\npackage r.s;\nimport "imported.proto"; {IMPORTS}\n'
    text += "enum E { option allow_alias = true; ZERO = 0; ONE = 1; UNO = 1; TWO = 2; MINUS = -1; }\n"
    text += message("M", message("Inner")) + message("N") + message("Other")
    imported = 'syntax = "proto3"; package r; message Imported { int32 i = 1; Imported next = 2; repeated string s = 3; }'
    return Schema(text, "r.s.M", imported)


def random_value(field, rng, depth):
    kind = field.type
    names = {getattr(F, f"TYPE_{name.upper()}"): name for name in [*INTS, "double", "float", "bool", "string", "bytes"]}
    if kind == F.TYPE_ENUM:
        numbers = [value.number for value in field.enum_type.values]
        return rng.choice(numbers + ([] if field.enum_type.is_closed else [77, -9]))
    name = names[kind]
    if name in INTS and rng.random() < 0.5:
        least, most = INTS[name]
        return rng.randint(max(least, -(2 ** rng.randrange(1, 63))), min(most, 2 ** rng.randrange(1, 64)))
    if name == "float" and rng.random() < 0.5:
        return struct.unpack("<f", rng.randbytes(4))[0]
    if name == "double" and rng.random() < 0.5:
        return struct.unpack("<d", rng.randbytes(8))[0]
    return rng.choice(edge_values(name))


def fill(message, rng, depth):
    descriptor = message.DESCRIPTOR
    if descriptor.full_name == "google.protobuf.Timestamp":
        message.seconds = rng.randrange(-62_135_596_800, 253_402_300_800)
        message.nanos = rng.randrange(10**6) * 1000
        return
    if descriptor.full_name == "google.protobuf.Duration":
        message.seconds, message.nanos = rng.randrange(10**9), rng.randrange(10**9)
        return
    if descriptor.full_name == "google.protobuf.FieldMask":
        message.paths.extend(rng.choices(["a", "b_c", "d.e_f"], k=rng.randrange(3)))
        return
    if descriptor.full_name == "google.protobuf.Value" and not depth:
        message.string_value = "x"
        return
    for field in descriptor.fields:
        chance = rng.random()
        required = field.is_required if hasattr(field, "is_required") else field.label == F.LABEL_REQUIRED
        if chance < 0.35 and not required:
            continue
        is_message = field.message_type is not None
        if is_map(field):
            key, value = field.message_type.fields
            for _ in range(rng.randrange(4)):
                if value.message_type is not None:
                    if depth:
                        fill(getattr(message, field.name)[random_value(key, rng, 0)], rng, depth - 1)
                else:
                    getattr(message, field.name)[random_value(key, rng, 0)] = random_value(value, rng, 0)
        elif field.is_repeated:
            for _ in range(rng.randrange(4)):
                if is_message:
                    if depth:
                        fill(getattr(message, field.name).add(), rng, depth - 1)
                else:
                    getattr(message, field.name).append(random_value(field, rng, 0))
        elif is_message:
            if depth:
                getattr(message, field.name).SetInParent()
                fill(getattr(message, field.name), rng, depth - 1)
        else:
            setattr(message, field.name, random_value(field, rng, 0))


def pieces(data):
    """Cuts a message into its fields."""
    out, at = [], 0

    def number():
        nonlocal at
        start = at
        while data[at] & 128:
            at += 1
        at += 1
        return sum((byte & 127) << 7 * place for place, byte in enumerate(data[start:at]))

    def skip(tag):
        nonlocal at
        match tag & 7:
            case 0:
                number()
            case 1:
                at += 8
            case 2:
                size = number()
                at += size
            case 3:
                while (inner := number()) & 7 != 4:
                    skip(inner)
            case 5:
                at += 4

    while at < len(data):
        start = at
        skip(number())
        out.append(data[start:at])
    return out


def broken(data, rng):
    data = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(4):
            case 0:
                del data[at:]
            case 1:
                data.insert(at, rng.randrange(256))
            case _ if at < len(data):
                data[at] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256), data[at] ^ 1 << rng.randrange(8)])
    return bytes(data)


ODD = [None, True, 0, 1, -1, 1.0, 1.5, 2**31, 2**63, 2**64, -(2**63) - 1, "", "1", "x", "1.0", "1e3", "true", "AA==", "NaN", b"", b"x", [], [None], {}, {"x": 1}]


def wild(descriptor, value, rng):
    """Changes a value: other forms of the same, and what is wrong."""
    if isinstance(value, dict) and value:
        value = dict(value)
        key = rng.choice(list(value))
        match rng.randrange(8):
            case 0:
                value[key] = rng.choice(ODD)
            case 1:
                del value[key]
            case 2:
                value[rng.choice(["nothing", "f0", "a_b1", "aB1"])] = rng.choice(ODD)
            case 3:
                field = descriptor.fields_by_name.get(key) if descriptor else None
                if field:
                    value[field.json_name] = value.pop(key)
            case 4:
                value = dict(rng.sample(list(value.items()), len(value)))
            case _:
                field = descriptor.fields_by_name.get(key) if descriptor else None
                value[key] = wild(field.message_type if field else None, value[key], rng)
        return value
    if isinstance(value, list) and value:
        value = list(value)
        at = rng.randrange(len(value))
        value[at] = wild(descriptor, value[at], rng)
        return value
    if isinstance(value, bool) or value is None:
        return rng.choice(ODD)
    if isinstance(value, int):
        # Google's package rounds "9007199254740993.0".
        exact = [float(value), f"{value}.0"] if abs(value) < 2**53 else []
        return rng.choice([*exact, str(value), value + 1, rng.choice(ODD)])
    if isinstance(value, float):
        return rng.choice([str(value), repr(value).upper(), rng.choice(ODD)])
    return rng.choice(ODD)


def randoms(seed, documents):
    rng = random.Random(int(seed))
    while sum(counts.values()) < int(documents):
        schema = random_schema(rng)
        for _ in range(12):
            message = schema.type()
            fill(message, rng, rng.randrange(5))
            data = message.SerializeToString()
            check(schema, data, rng)
            if rng.random() < 0.5:
                again = schema.type()
                fill(again, rng, rng.randrange(4))
                parts = pieces(data + again.SerializeToString())
                rng.shuffle(parts)
                check(schema, b"".join(parts), rng)


if __name__ == "__main__":
    {"table": table, "random": randoms}[sys.argv[1]](*sys.argv[2:])
    print(*(f"{count} {what}" for what, count in sorted(counts.items())), sep=", ", file=sys.stderr)
    ask_end = struct.pack("<I", 0)
    stdout.write(ask_end)
    stdout.flush()
