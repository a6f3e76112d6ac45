# The loop: hello, READY, then requests and responses.


def read_exactly(size):
    data = os.read(0, size)
    if len(data) == size:
        return data
    parts, missing = [data], size - len(data)
    while missing:
        data = os.read(0, missing)
        if not data:
            raise EOFError
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)


def write_all(data):
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def read_frame():
    return read_exactly(int.from_bytes(read_exactly(4), "big"))


def settle():
    """Sets up the process that a script sees: no arguments, no environment, no access to the protocol by
    accident, and its own random numbers although the interpreter may come from a snapshot."""
    sys.argv[:] = [""]
    os.environ.clear()
    sys.stdout = sys.__stdout__ = sys.stderr
    sys.stdin = sys.__stdin__ = io.StringIO()
    if "random" in sys.modules:
        sys.modules["random"].seed()
    sys.set_int_max_str_digits(MAX_INT_DIGITS)
    sys.meta_path.append(Absent)


def start(hello):
    """Makes every stage. Returns the stages, and the problems of those that cannot start."""
    global BESIDE
    problems, stages = [], []
    specs = hello["stages"]
    if modules := hello.get("modules"):
        BESIDE = Beside(modules)
        if hello.get("compiled"):
            BESIDE.reaches_frames, BESIDE.codes = marshal.loads(bytes.fromhex(hello["compiled"][-1]))
        else:
            BESIDE.compile_all()
        sys.meta_path.insert(sys.meta_path.index(Absent), BESIDE)
    for index, (spec, compiled) in enumerate(zip(specs, hello.get("compiled") or [None] * len(specs))):
        try:
            compiled = compiled and marshal.loads(bytes.fromhex(compiled))
            stages.append(Stage(index, spec, compiled, alone=len(specs) == 1))
        except CannotStart as error:
            problems.extend(error.problems)
        except BaseException as error:
            problems.append(problem(index, error))
    return stages, problems


def for_others(stages):
    """Returns the compiled stages, and modules beside them, in the form that READY and other guests' hellos have."""
    beside = [(BESIDE.reaches_frames, BESIDE.codes)] if BESIDE.names else []
    return [marshal.dumps(one).hex() for one in [*(stage.compiled for stage in stages), *beside]]


def announce(word, content):
    content["protocol"] = PROTOCOL
    content["python"] = ".".join(map(str, sys.version_info[:3]))
    write_all(f"{word} {json.dumps(content)}\n".encode())


def main():
    settle()
    hello = json.loads(read_frame())
    if hello.get("protocol") != PROTOCOL:
        message = f"this runtime speaks protocol {PROTOCOL}, the host {hello.get('protocol')}"
        problems = [problem(None, ValueError(message))]
        return announce("FAILED", {"problems": problems})
    stages, problems = start(hello)
    if problems:
        return announce("FAILED", {"problems": problems})
    pipeline, surroundings = Pipeline(stages, hello.get("options", {})), Surroundings(stages)
    gc = importlib.import_module("gc")
    gc.collect()
    gc.freeze()
    # Batches create many containers and few cycles.
    gc.set_threshold(50_000, 10, 10)
    ready = {"uses_meta": pipeline.uses_meta, "functions": [stage.is_function for stage in stages]}
    ready |= {"streams": accelerator is not None, "setup": True, "modules": True}
    warnings = [warning for stage in stages for warning in stage.warnings]
    if not hello.get("compiled"):
        warnings += ignored_meta(stages) + unknown_meta(stages) + mistakes_beside(stages)
        BESIDE.trees.clear()
    if warnings:
        ready["warnings"] = warnings[:MOST_WARNINGS]
    if pipeline.projection:
        keys, refers = pipeline.projection
        ready["projection"] = {"keys": keys, "refers": refers}
    if not hello.get("compiled"):
        compiled = for_others(stages)
        if sum(map(len, compiled)) <= MAX_COMPILED:
            ready["compiled"] = compiled
    announce("READY", ready)
    serve(pipeline, surroundings, gc.collect)


def requests_of(pipeline):
    """Returns what takes requests for this pipeline."""
    if accelerator is None:
        return Request(pipeline)
    rare = pipeline.convert, pipeline.explain, encoded, pipeline.attributes, pipeline.emit
    typed = (TYPED.make, TYPED.describe) if TYPED else (None, None)
    keys = copied if KEYS_READ else None, CHECKS["key"] is as_value
    accelerator.configure(null, TOMBSTONE, parse_json, *rare, *typed, *keys)
    return accelerator


def serve(pipeline, surroundings, collect):
    """Answers requests until the host closes the connection."""
    request, uncollected = requests_of(pipeline), 0
    while True:
        try:
            frame = read_frame()
        except (EOFError, OSError):
            return
        count = request.begin(frame, pipeline.max_frame)
        uncollected += len(frame)
        del frame
        pipeline.begin(count)
        surroundings.run(pipeline, request, count)
        response = request.response()
        for stage in pipeline.stages:
            stage.forget()
        if uncollected > COLLECT_AFTER:
            # Recursive functions and stored exceptions create cycles, which keep their message in memory.
            collect()
            uncollected = 0
        surroundings.log.flush()
        if pipeline.costs:
            write_all(pipeline.costs.frame(count, pipeline.one_to_one))
        write_all(response)
        del response
