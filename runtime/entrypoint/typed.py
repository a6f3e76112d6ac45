# Typed values: objects of types that JSON does not have. Host and guest exchange them as tuples (..., kind, content).


class Foreign(TypeError):
    """Error of an object that has no form outside of Python."""

    def __init__(self, item):
        self.item = item


class Typed:
    """Makes objects of the tuples, and tuples of the objects. It exists if the formats of a pipeline have such types."""

    def __init__(self, exact):
        decimal, date_time, uuid = map(importlib.import_module, ("decimal", "datetime", "uuid"))
        Decimal, datetime, timedelta = decimal.Decimal, date_time.datetime, date_time.timedelta

        class Number(Decimal):
            """Number of a JSON document, which leaves as it came if it is a result."""

            __slots__ = ("text",)

        Number.__name__ = Number.__qualname__ = "Decimal"

        def number(text):
            made = Number(text)
            made.text = text
            return made

        self.number, self.exact = number, exact
        utc = datetime(1970, 1, 1, tzinfo=date_time.timezone.utc)
        naive, epoch = datetime(1970, 1, 1), date_time.date(1970, 1, 1).toordinal()
        microsecond, second = timedelta(microseconds=1), timedelta(seconds=1)
        self.makers = (
            Decimal,
            number,
            lambda micros: utc + timedelta(0, 0, micros),
            lambda micros: naive + timedelta(0, 0, micros),
            None,  # a datetime in another time zone: only from guests
            lambda days: date_time.date.fromordinal(epoch + days),
            lambda micros: (naive + timedelta(0, 0, micros)).time(),
            lambda data: uuid.UUID(bytes=data),
        )

        def of_datetime(value):
            offset = value.utcoffset()
            if offset is None:
                return ..., 3, (value - naive) // microsecond
            micros = (value - utc) // microsecond
            return (..., 4, (micros, offset // second)) if offset else (..., 2, micros)

        def of_time(value):
            if value.tzinfo is not None:
                raise TypeError("Object of type time with a time zone is not serializable")
            return ..., 6, (datetime.combine(naive, value) - naive) // microsecond

        self.forms = {
            Decimal: lambda value: (..., 0, str(value)),
            Number: lambda value: (..., 1, value.text),
            datetime: of_datetime,
            date_time.date: lambda value: (..., 5, value.toordinal() - epoch),
            date_time.time: of_time,
            uuid.UUID: lambda value: (..., 7, value.bytes),
        }

    def make(self, kind, content):
        """Returns the object that the tuple (..., kind, content) stands for."""
        return self.makers[kind](content)

    def describe(self, value):
        """Returns the tuple that stands for an object, or None for one of another type."""
        form = self.forms.get(type(value))
        return form and form(value)

    def load(self, value):
        """Returns a value that marshal has just made, with objects in place of the tuples."""
        kind = type(value)
        if kind is dict:
            for key, item in value.items():
                value[key] = self.load(item)
        elif kind is list:
            value[:] = map(self.load, value)
        elif kind is tuple:
            return self.make(*value[1:]) if value[:1] == (...,) else (*map(self.load, value),)
        return value

    def plain(self, value):
        """Returns a copy of `value` that marshal can write: of exact types, and with tuples in place of objects."""
        try:
            return self.exact_copy(value)
        except Foreign as error:
            item = error.item
            name, place = type(item).__name__, place_of(item, value)
            raise TypeError(f"Object of type {name} is not serializable{place}") from None

    def exact_copy(self, value):
        kind = type(value)
        if value is None or value is null:
            return None
        if kind in (bool, int, float, str, bytes):
            return value
        if isinstance(value, dict):
            return {plain_key(key): self.exact_copy(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.exact_copy(item) for item in value]
        if isinstance(value, str):
            return "".join((value,))
        if isinstance(value, int):
            return int.__int__(value)
        if isinstance(value, float):
            return float.__float__(value)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        form = self.describe(value)
        if form is None:
            raise Foreign(value)
        return form


def plain_key(key):
    """Returns a key of a dict as an exact `str`, `int`, `float`, `bool` or None."""
    for kind, exact in (str, lambda key: "".join((key,))), (bool, bool), (int, int.__int__), (float, float.__float__):
        if isinstance(key, kind):
            return exact(key)
    if key is None:
        return None
    raise TypeError(f"keys must be str, int, float, bool or None, not {type(key).__name__}")


TYPED = None  # a `Typed`, as soon as a pipeline needs it


def use_typed(options):
    """Prepares for typed values, if the hello says that there may be some."""
    global TYPED
    if options.get("typed"):
        TYPED = Typed(options.get("exact"))


def loads(data):
    """Returns the value that `encoded` has turned into bytes."""
    value = marshal.loads(data)
    return TYPED.load(value) if TYPED else value


def parse_json(text):
    """Returns the value of a JSON text that the host left to Python."""
    if TYPED and TYPED.exact:
        return json.loads(text, parse_float=TYPED.number)
    return json.loads(text)
