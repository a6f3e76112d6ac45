# Failures: from exceptions to what the host reads.

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
    """Returns the extra for an exception: type, message, line in the script or in a module beside it, traceback."""
    files = {stage.file: stage for stage in stages}
    beside = BESIDE.files if files else ()
    position, number, frame = None, 0, error.__traceback__
    first = None
    while frame is not None:
        file = frame.tb_frame.f_code.co_filename
        stage = files.get(file)
        if stage is not None:
            first = first or frame
            if len(stages) > 1:
                # Scripts in one config have the same file; which it is, their namespaces say.
                of = frame.tb_frame.f_globals.get(OF_STAGE)
                stage = next((one for one in stages if one.index is of), stage)
            position, number = frame.tb_lineno - stage.line_offset, stage.index
        elif file in beside:
            position = beside[file][0], frame.tb_lineno
        frame = frame.tb_next
    try:
        message = str(error)
    except BaseException:
        message = "<its message cannot be shown>"
    else:
        if type(error) not in WITHOUT_HABIT:
            message += habit(error)
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
    """Returns at most this many bytes of UTF-8, as an exact `str`: scripts have subclasses of it."""
    text = "".join((text,))
    if len(text) <= most and text.isascii():
        return text
    return text[:most].encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
