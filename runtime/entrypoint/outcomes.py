# Outcomes: from `root`, `emit` and exceptions to what the host reads.


def as_json(value):
    """Converts values that marshal cannot write exactly: subclasses of dict, list, str, int, and enums."""

    def default(item):
        if item is null:
            return None
        raise TypeError(f"Object of type {type(item).__name__} is not JSON serializable")

    options = {"allow_nan": False, "separators": (",", ":"), "default": default}
    try:
        text = json.dumps(value, ensure_ascii=False, **options).encode()
    except UnicodeEncodeError:  # lone surrogates
        text = json.dumps(value, ensure_ascii=True, **options).encode()
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH and depth(text) > MAX_DEPTH:
        raise RecursionError(f"the result is nested deeper than {MAX_DEPTH} levels")
    return text


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
        return 1, as_json(value)


# Results of `traceback` for frames, and for the last lines of some exceptions. It reads and parses source lines, which
# takes a hundred times as long as the failure itself; a script that fails usually does so at the same few places.
RENDERED = {}
MOST_RENDERED = 128
MOST_FRAMES = 20
# Exceptions whose last lines may suggest a name, or are more than one line.
ELABORATE = (AttributeError, BaseExceptionGroup, ImportError, NameError, SyntaxError)
CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def remembered(key, alive, render):
    """Returns `render()`, or its earlier result for this `key`; `alive` are the objects whose ids are in the key."""
    found = RENDERED.get(key)
    if found is None:
        if len(RENDERED) >= MOST_RENDERED:
            RENDERED.clear()
        found = RENDERED[key] = render(), alive
    return found[0]


def whole(traceback, error, first):
    """Returns the text as `traceback` makes it, at any cost."""
    try:
        every = traceback.TracebackException(type(error), error, first, limit=-MOST_FRAMES, compact=True)
        return "".join(every.format())
    except BaseException:
        return ""


def rendered(traceback, error, first):
    """Returns the text that `traceback` makes of `error` for the frames from `first` on."""
    parts, seen = [], set()
    while True:
        if isinstance(error, BaseExceptionGroup):  # a tree of its own
            parts.append(whole(traceback, error, first))
            break
        parts.append(rendered_alone(traceback, error, first))
        seen.add(id(error))
        cause = error.__cause__
        before = error.__context__ if cause is None and not error.__suppress_context__ else cause
        if before is None or id(before) in seen:
            break
        parts.append(CONTEXT if cause is None else CAUSE)
        error, first = before, before.__traceback__
    return "".join(reversed(parts))


def rendered_alone(traceback, error, first):
    """Returns the text without that of earlier exceptions in the chain."""
    codes, places, frame, last = [], [], first, None
    while frame is not None:
        last = frame.tb_frame
        codes.append(last.f_code)
        places.append(frame.tb_lasti)
        frame = frame.tb_next
    codes, places = codes[-MOST_FRAMES:], places[-MOST_FRAMES:]
    key = (*map(id, codes), *places)

    def frames():
        # With any exception: the frames do not depend on it.
        stack = traceback.TracebackException(Exception, None, first, limit=-MOST_FRAMES).stack
        return "" if not stack else "".join(["Traceback (most recent call last):\n", *stack.format()])

    def ending():
        alone = traceback.TracebackException(type(error), error, first, limit=0, compact=True)
        return "".join(alone.format_exception_only())

    kind = type(error)
    if getattr(error, "__notes__", None) is not None or isinstance(error, SyntaxError):
        end = ending()
    elif not isinstance(error, ELABORATE):
        module = kind.__module__
        name = kind.__qualname__ if module in ("__main__", "builtins") else f"{module}.{kind.__qualname__}"
        try:
            message = str(error)
        except BaseException:
            message = "<exception str() failed>"
        end = f"{name}: {message}\n" if message else f"{name}\n"
    else:
        end = suggested(error, key, codes, last, ending)
    return remembered(key, codes, frames) + end


def suggested(error, key, codes, frame, ending):
    """Returns the last line of an exception that may suggest a name; the key is what the suggestion depends on."""
    kind, by = type(error), ()
    if isinstance(error, AttributeError):
        by = type(error.obj)
        if by.__module__ != "builtins":
            return ending()  # its instances may differ
    elif isinstance(error, NameError) and frame is not None:
        by = tuple(frame.f_locals)
    return remembered((kind, str(error), by, *key), codes, ending)


def failure(index, stages, error, limit=100):
    """Returns the extra for an exception: type, message, line in the script, traceback."""
    files = {stage.file: stage for stage in stages}
    position, number, frame = None, 0, error.__traceback__
    first = None
    while frame is not None:
        stage = files.get(frame.tb_frame.f_code.co_filename)
        if stage is not None:
            first = first or frame
            position, number = frame.tb_lineno - stage.line_offset, stage.index
        frame = frame.tb_next
    try:
        message = str(error)
    except BaseException:
        message = "<its message cannot be shown>"
    try:
        traceback = sys.modules.get("traceback") or importlib.import_module("traceback")
        try:
            text = rendered(traceback, error, first)
        except BaseException:
            text = whole(traceback, error, first)
    except BaseException:
        text = ""
    if isinstance(error, SystemExit):
        message = f"the script called sys.exit({clip(message)})"
    name = clip(type(error).__name__, 200)
    return (index, "error", name, clip(message), position, number, clip(text))


def clip(text, most=8192):
    """Returns at most this many bytes of UTF-8."""
    if len(text) <= most and text.isascii():
        return text
    return text[:most].encode("utf-8", "replace")[:most].decode("utf-8", "ignore")


def header_pairs(headers):
    """Returns headers as a list of (name, bytes | None), from a dict (a list value repeats the name) or pairs."""
    if headers is None:
        return []
    pairs = headers.items() if isinstance(headers, dict) else headers
    flat = []
    for name, value in pairs:
        if not isinstance(name, str):
            raise TypeError(f"the name of a header must be str, not {type(name).__name__}")
        for one in value if isinstance(value, list) else [value]:
            if not (one is None or isinstance(one, (str, bytes))):
                raise TypeError(f"header {name!r} must be str, bytes or None, not {type(one).__name__}")
            flat.append((plain_text(name), as_key(one)))
    return flat


def plain_text(text):
    """Returns an exact `str` that is valid in UTF-8: marshal accepts no subclass, and Kafka no lone surrogate."""
    return text.encode().decode()


def as_key(key):
    if key is None:
        return None
    if isinstance(key, bytes):
        return bytes(key)
    if isinstance(key, str):
        return key.encode()
    raise TypeError(f"the key must be str, bytes or None, not {type(key).__name__}")


def as_topic(topic):
    if topic is None:
        return None
    if isinstance(topic, str):
        return plain_text(topic)
    raise TypeError(f"the topic must be str, not {type(topic).__name__}")


def as_timestamp(timestamp):
    if timestamp is None:
        return None
    if isinstance(timestamp, (int, float)) and not isinstance(timestamp, bool):
        if not -(2**63) <= timestamp < 2**63:
            raise ValueError(f"the timestamp {timestamp} is beyond what milliseconds since 1970 can be")
        return int(timestamp)
    raise TypeError(f"the timestamp must be milliseconds, not {type(timestamp).__name__}")


CHECKS = {"key": as_key, "topic": as_topic, "headers": header_pairs, "timestamp": as_timestamp}


def new_meta(fields):
    """Returns the `meta` of one message: text where bytes are UTF-8, repeated headers as a list."""
    key, topic, partition, offset, timestamp, pairs = fields
    return {
        "key": as_text(key),
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "timestamp": timestamp,
        "headers": headers_of(pairs) if pairs else {},
    }


def headers_of(pairs):
    headers = {}
    for name, value in pairs:
        value = as_text(value)
        if name not in headers:
            headers[name] = value
        elif isinstance(headers[name], list):
            headers[name].append(value)
        else:
            headers[name] = [headers[name], value]
    return headers


def headed(meta, given):
    """Returns `meta` for the next stage, a dict of its own, with the attributes in `given`."""
    meta = {**meta, **given}
    if "headers" in meta:
        meta["headers"] = headers_of(header_pairs(meta["headers"]))
    return meta


def as_text(value):
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def special(index, root):
    """Returns the extra for results that no value expresses: `null` and `tombstone()`."""
    return index, "null" if root is null else "tombstone"


UNSET = object()


class Pipeline:
    """All stages of a guest, and the ways to run messages through them.

    Each way returns how many messages have no result at all, a result for each message, and the extras.
    """

    def __init__(self, stages, options):
        self.stages = tuple(stages)
        self.max_frame = options.get("max_frame", 16 << 20)
        self.uses_meta = any(stage.uses_meta for stage in stages)
        self.uses_emit = any(stage.uses_emit for stage in stages)
        self.one_to_one = not (self.uses_meta or self.uses_emit)

    def batch(self, payloads, deferred, metas):
        if not deferred:
            return self.run(payloads, metas)
        # Documents that the host leaves to Python: those with lone surrogates in their strings.
        payloads, broken = list(payloads), {}
        for index in deferred:
            try:
                payloads[index] = json.loads(payloads[index])
            except Exception as error:
                payloads[index], broken[index] = None, failure(index, (), error)
        dropped, results, extras = self.run(tuple(payloads), metas)
        if broken:
            told = {extra[0] for extra in extras}
            extras = [extra for extra in extras if extra[0] not in broken]
            extras.extend(broken.values())
            for index in broken:
                dropped -= results[index] is None and index not in told
                results[index] = None
        return dropped, results, extras

    def run(self, payloads, metas):
        if not self.one_to_one:
            return self.batch_with_outputs(payloads, metas)
        if len(self.stages) == 1:
            return self.batch_of_one_stage(payloads)
        return self.batch_of_stages(payloads)

    def batch_of_one_stage(self, payloads):
        run, results, extras = self.stages[0].run, [], []
        append, json_null, no_payload, dropped = results.append, null, TOMBSTONE, 0
        for this in payloads:
            try:
                root = run(this)
            except BaseException as error:
                extras.append(failure(len(results), self.stages, error))
                append(None)
                continue
            if root is None:
                dropped += 1
            elif root is json_null or root is no_payload:
                extras.append(special(len(results), root))
                root = None
            append(root)
        return dropped, results, extras

    def batch_of_stages(self, payloads):
        dropped, results, extras = 0, [], []
        for this in payloads:
            try:
                for stage in self.stages:
                    root = stage.run(this)
                    if root is None or root is TOMBSTONE:
                        break
                    this = without_null(root) if stage.uses_null else root
            except BaseException as error:
                extras.append(failure(len(results), self.stages, error))
                results.append(None)
                continue
            if root is None:
                dropped += 1
            elif root is null or root is TOMBSTONE:
                extras.append(special(len(results), root))
                root = None
            results.append(root)
        return dropped, results, extras

    def batch_with_outputs(self, payloads, metas):
        """Runs scripts that use `meta` or `emit`: a message may have any number of outputs. A message with one output,
        and with its original attributes, has a result like any other."""
        dropped, results, extras = 0, [], []
        for index, this in enumerate(payloads):
            try:
                meta = new_meta(metas[index]) if metas is not None else {}
                outputs = []
                root, overrides = self.through(0, this, meta, {}, outputs)
                if outputs or overrides:
                    if root is not None:
                        outputs.append((*encoded(root), chosen(overrides)))
                    extras.append((index, "outputs", outputs))
                    results.append(None)
                    continue
            except BaseException as error:
                extras.append(failure(index, self.stages, error))
                results.append(None)
                continue
            if root is None:
                dropped += 1
            elif root is null or root is TOMBSTONE:
                extras.append(special(index, root))
                root = None
            results.append(root)
        return dropped, results, extras

    def through(self, number, this, meta, overrides, outputs):
        """Runs `this` through the stages from `number` on. Emitted values are appended to `outputs` as (form, bytes,
        attributes); the last result is returned, with its overrides."""
        if this is TOMBSTONE:
            return this, overrides
        stage = self.stages[number]
        before = as_it_came(meta) if stage.uses_meta else None
        given = (meta,) * stage.uses_meta
        if stage.uses_emit:
            given += (self.emitter(number, before, meta, overrides, outputs),)
        root = stage.run(this, *given)
        if root is None:
            return None, None
        if before and (now := changed(before, meta)):
            overrides = {**overrides, **now}
        if number + 1 == len(self.stages):
            return root, overrides
        this = without_null(root) if stage.uses_null else root
        return self.through(number + 1, this, headed(meta, meta), overrides, outputs)

    def emitter(self, number, before, meta, overrides, outputs):
        """Returns `emit` for the stage `number`, with what belongs to its message."""

        def emit(value, key=UNSET, topic=UNSET, headers=UNSET, timestamp=UNSET):
            given = checked = {}
            if not (key is UNSET and topic is UNSET and headers is UNSET and timestamp is UNSET):
                given = {"key": key, "topic": topic, "headers": headers, "timestamp": timestamp}
                given = {name: item for name, item in given.items() if item is not UNSET}
                checked = {name: CHECKS[name](item) for name, item in given.items()}
            if value is None:
                return
            # A copy: later changes of `value` by the script must not change what it emitted.
            form, data = encoded(value)
            now = changed(before, meta) if before else {}
            now = {**overrides, **now, **checked}
            if number + 1 < len(self.stages):
                copy = (marshal.loads, json.loads, lambda _: TOMBSTONE)[form](data)
                left, now = self.through(number + 1, copy, headed(meta, given), now, outputs)
                if left is None:
                    return
                form, data = encoded(left)
            outputs.append((form, data, chosen(now)))

        return emit


def settable(meta):
    """Returns what a script can set in `meta`, in the order of `CHECKS`."""
    return meta.get("key"), meta.get("topic"), meta.get("headers"), meta.get("timestamp")


def as_it_came(meta):
    """Returns what a script can set in `meta`, for a comparison after the script has run."""
    key, topic, headers, timestamp = settable(meta)
    if headers is not None:
        headers = {name: item[:] if type(item) is list else item for name, item in headers.items()} if headers else {}
    return key, topic, headers, timestamp


def changed(before, meta):
    """Returns what a script set in `meta`, checked; a name that it deleted counts as set to None."""
    now = settable(meta)
    if now == before:
        return {}
    if not isinstance(meta.get("headers"), (dict, list, type(None))):
        raise TypeError(f'meta["headers"] must be a dict, not {type(meta["headers"]).__name__}')
    both = zip(CHECKS.items(), before, now, strict=True)
    return {name: check(new) for (name, check), old, new in both if new != old}


def chosen(overrides):
    """Returns `overrides` for the host. It follows no reference to a container, so no container may occur twice."""
    return [
        (name, [(*pair,) for pair in item] if name == "headers" else item)
        for name, item in overrides.items()
    ] or None


def response(account, answers, max_frame):
    """Returns the response's body. Answers for fewer messages than requested if not all fit one frame; the
    host requests the rest again."""
    answered, dropped, results, extras = answers
    try:
        body = marshal.dumps((account, answered, dropped, results, extras), 4)
    except ValueError:
        results, extras = results[:], list(extras)
        for index, value in enumerate(results):
            try:
                marshal.dumps(value, 4)
            except ValueError:
                results[index] = None
                try:
                    extras.append((index, "json", as_json(value)))
                except BaseException as error:
                    error.__context__ = None  # marshal's error, which does not concern the user
                    extras.append(failure(index, (), error))
        body = marshal.dumps((account, answered, dropped, results, extras), 4)
    if len(body) <= max_frame:
        return body
    if answered == 1:
        text = f"the result takes {len(body)} bytes"
        return marshal.dumps((account, 1, 0, [None], [(0, "too large", text)]), 4)
    return response(account, first(answered // 2, answered, dropped, results, extras), max_frame)
