"""The other side of the cross-checks in python.rs: CPython's own json and marshal.

Frames of a four-byte little-endian length and that many bytes go both ways.
"""

import json
import marshal
import random
import struct
import sys

stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
sys.setrecursionlimit(20_000)
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)


def read():
    return stdin.read(struct.unpack("<I", stdin.read(4))[0])


def write(data):
    stdout.write(struct.pack("<I", len(data)) + data)


def refuse_constant(name):
    raise ValueError(name)


def meaning(payload):
    """The value that the payload stands for."""
    if not payload:
        return None
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return payload
    try:
        return json.loads(text.removeprefix("\ufeff"), parse_constant=refuse_constant)
    except ValueError:
        return text


def check_encoder():
    """Reads a count, payloads each with a byte for its kind, and the frame; answers "" or what is wrong."""
    while header := read():
        payloads = [(read(), read()) for _ in range(int(header))]
        values = marshal.loads(read())
        wrong = "" if len(values) == len(payloads) else "wrong number of values"
        for (payload, kind), got in zip(payloads, values):
            if kind == b"D":
                got = json.loads(got)
            # repr distinguishes 1 from 1.0 and True, 0.0 from -0.0, and different orders of keys.
            if repr(got) != repr(meaning(payload)):
                wrong = f"{payload!r}: {got!r}"
        write(wrong.encode())
        stdout.flush()


class Shared:
    """Random values that share parts with each other."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.pool = []

    def text(self):
        pick = self.random.random()
        if pick < 0.5:
            return self.random.choice(["id", "name", "price", "", "a", "x" * 300, 'q"\\', "naïve", "\n\t\0", "\U0001f600"])
        if pick < 0.55:
            return self.random.choice(["\ud800", "\udc00x", "\ud83d\ude00", "é\udfff"])
        alphabet = self.random.choice(["abc", 'ab"\\\n', "aé", "a\U0001f40d"])
        return "".join(self.random.choices(alphabet, k=self.random.randrange(40)))

    def number(self):
        r = self.random
        return r.choice([
            lambda: r.randrange(-300, 300),
            lambda: r.randrange(-2**34, 2**34),
            lambda: r.randrange(-2**66, 2**66),
            lambda: r.choice([1, -1]) * 10 ** r.randrange(400),
            lambda: r.getrandbits(r.randrange(1, 2000)),
            lambda: r.random(),
            lambda: r.uniform(-1, 1) * 10.0 ** r.randrange(-20, 25),
            lambda: struct.unpack("d", r.randbytes(8))[0],
            lambda: float(r.randrange(-10**6, 10**6)),
            lambda: r.choice([0.0, -0.0, 1e16, 1e15, 1e-4, 1e-5, 9.999e-5, 1.5e-7, 5e-324, 1e22, 123456789012345680.0]),
        ])()

    def leaf(self):
        pick = self.random.random()
        if pick < 0.4:
            return self.text()
        if pick < 0.8:
            return self.number()
        return self.random.choice([None, True, False])

    def odd(self):
        loop = []
        loop.append([loop])
        circle = {}
        circle["a"] = (circle,)
        return self.random.choice([
            {1, 2}, frozenset("ab"), 1j, ..., StopIteration, b"x", bytearray(b"y"), float("nan"),
            float("inf"), compile("f(1)", "f", "exec"), loop, circle, {(1, 2): 3}, {b"k": 1},
            {float("-inf"): 1}, {frozenset(): 1},
        ])

    def value(self, depth=0):
        pick = self.random.random()
        if self.pool and pick < 0.25:
            return self.random.choice(self.pool)
        if pick > 0.995:
            return self.odd()
        if depth > 5 or pick < 0.5:
            made = self.leaf()
        elif pick < 0.7:
            made = [self.value(depth + 1) for _ in range(self.random.randrange(5))]
        elif pick < 0.8:
            made = tuple(self.value(depth + 1) for _ in range(self.random.randrange(4)))
        else:
            made = {}
            for _ in range(self.random.randrange(6)):
                key = self.leaf() if self.random.random() < 0.2 else self.text()
                made[key] = self.value(depth + 1)
        # Keep the pool shallow: values made of other values made of others would grow without end.
        if depth > 2 and len(self.pool) < 300:
            self.pool.append(made)
        return made


def expected(value):
    if value is None:
        return b"N", b""
    if isinstance(value, (bytes, bytearray)):
        return b"B", bytes(value)
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        return b"E", f"{type(error).__name__}: {error}".encode()
    # Lone surrogates are written as escapes. json.dumps can escape only all non-ASCII characters or none.
    return b"J", "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text).encode()


def same(want, got):
    if want == got:
        return True
    if want[0] == got[0] == b"E":
        # Older Pythons do not name the float; marshal does not distinguish a bytearray from bytes.
        got = got[1].replace(b"type bytes ", b"type bytearray ")
        return got.startswith(want[1]) or want[1] == got
    return False


def check_decoder(seed, frames):
    """Writes frames of values; for each, reads a kind byte and the result for every value."""
    for number in range(frames):
        made = Shared(f"{seed} {number}")
        values = [made.value() for _ in range(30)]
        frame = marshal.dumps(values, 4)
        write(frame)
        stdout.flush()
        for value in values:
            got, want = (read(), read()), expected(value)
            if not same(want, got):
                sys.exit(f"{str(want):.9000}\n{str(got):.9000}")
    write(b"")


class Doubtful(Exception):
    """JSON that canonical.rs does not copy."""


def distinct(pairs):
    made = dict(pairs)
    if len(made) < len(pairs):
        raise Doubtful
    return made


def finite(text):
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise Doubtful
    return number


def check_canonical():
    """Reads a count, and payloads each with its copy and with an object of its members, if there are; answers "" or
    what is wrong. What has neither must have a reason."""
    while header := read():
        wrong = ""
        for _ in range(int(header)):
            payload, (copied, copy), (split, members) = read(), (read(), read()), (read(), read())
            want, simple = None, False
            try:
                text = payload.decode()
                value = json.loads(text, parse_constant=refuse_constant)
                # Escaped surrogates cannot be encoded.
                want = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
                json.loads(text, object_pairs_hook=distinct, parse_float=finite)
                simple = True
            except (ValueError, Doubtful):
                pass
            if simple != (copied == b"+") or (simple and copy != want):
                wrong = f"{payload!r}: copied as {copy!r}"
            if split == b"+" and (want is None or repr(json.loads(members)) != repr(value)):
                wrong = f"{payload!r}: members {members!r}"
            if split != b"+" and simple and payload.strip()[:1] == b"{" and b"\\" not in payload:
                wrong = f"{payload!r}: no members"
        write(wrong.encode())
        stdout.flush()


if sys.argv[1] == "encoder":
    check_encoder()
elif sys.argv[1] == "canonical":
    check_canonical()
else:
    check_decoder(*map(int, sys.argv[2:]))
