# The pipeline: runs messages through all scripts.


class Pipeline:
    """All stages of a guest, and the ways to run a request's messages through them."""

    def __init__(self, stages, options):
        self.stages = tuple(stages)
        self.max_frame = options.get("max_frame", 16 << 20)
        self.uses_meta = any(stage.uses_meta for stage in stages)
        self.uses_emit = any(stage.uses_emit for stage in stages)
        self.one_to_one = not (self.uses_meta or self.uses_emit)
        use_typed(options)
        use_keys(options)
        projects = accelerator is not None and len(stages) == 1 and options.get("projection", True)
        self.projection = stages[0].projection if projects else None
        self.costs = Costs(stages, options.get("stage", False)) if len(stages) > 1 else None
        # The stages that run: with a watch, while messages are measured.
        self.running, self.measures = self.stages, False

    def convert(self, index, root):
        """Returns the extra for a result that is not simply a value."""
        if root is null or root is TOMBSTONE:
            return special(index, root)
        try:
            return index, "outputs", [(*encoded(root), None)]
        except BaseException as error:
            error.__context__ = None  # marshal's error, which does not concern the user
            return failure(index, (), error)

    def attributes(self, before, meta, given):
        """Returns the attributes of an output for the host: what the script set in `meta`, and what it gave to `emit`."""
        now = {} if before is None else changed(before, meta)
        return chosen({**now, **given} if given else now)

    def emit(self, value, key=UNSET, topic=UNSET, headers=UNSET, timestamp=UNSET, schema=UNSET):
        """Works as `emit` does in a script that is a loop, which calls it if there is more than a value."""
        accelerator.emit_chosen(value, given_to_emit(key, topic, headers, timestamp, schema)[1])

    def explain(self, index, error):
        return failure(index, self.stages, error)

    def run(self, request):
        """Runs the messages of `request` that are due, and gives it their answers."""
        if self.stages[0].is_loop:
            return self.stages[0].run(request)
        run, messages = self.run_stages if self.one_to_one else self.run_with_outputs, iter(request.messages)
        if self.measures:
            self.running, self.measures = self.costs.timed, False
            run(request, islice(messages, MEASURED))
            self.running = self.stages
        run(request, messages)

    def begin(self, count):
        """Begins a request of `count` messages: prepares its costs, if there is more than one stage."""
        if self.costs:
            self.measures = self.costs.begin(count)

    def run_stages(self, request, messages):
        deliver = request.deliver
        stages = self.running
        ended = self.costs.ended if self.costs else [0]
        for this in messages:
            try:
                for stage in stages:
                    root = stage.run(this)
                    if root is None or root is TOMBSTONE:
                        ended[stage.index] += 1
                        break
                    this = without_null(root) if stage.uses_null else root
            except BaseException as error:
                ended[stage.index] += 1
                request.fail(error)
            else:
                deliver(root)

    def run_with_outputs(self, request, messages):
        """Runs scripts that use `meta` or `emit`: a message may have any number of outputs. A message with one output,
        and with its original attributes, has a result like any other."""
        for this in messages:
            try:
                fields = request.fields()
                meta = {} if fields is None else new_meta(fields)
                outputs = []
                root, overrides = self.through(0, this, meta, {}, outputs)
                several = outputs or overrides
                if several and root is not None:
                    outputs.append((*encoded(root), chosen(overrides)))
            except BaseException as error:
                request.fail(error)
                continue
            if several:
                request.extra((request.position(), "outputs", outputs))
            else:
                request.deliver(root)

    def through(self, number, this, meta, overrides, outputs):
        """Runs `this` through the stages from `number` on. Emitted values are appended to `outputs` as (form, bytes,
        attributes); the last result is returned, with its overrides."""
        if this is TOMBSTONE:
            return this, overrides
        stage = self.running[number]
        if number:
            self.costs.entered[number] += 1
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

        def emit(value, key=UNSET, topic=UNSET, headers=UNSET, timestamp=UNSET, schema=UNSET):
            given, checked = given_to_emit(key, topic, headers, timestamp, schema)
            if value is None:
                return
            # A copy: later changes of `value` by the script must not change what it emitted.
            form, data = encoded(value)
            now = changed(before, meta) if before else {}
            now = {**overrides, **now, **checked}
            if number + 1 < len(self.stages):
                copy = (loads, json.loads, lambda _: TOMBSTONE)[form](data)
                left, now = self.through(number + 1, copy, headed(meta, given), now, outputs)
                if left is None:
                    return
                form, data = encoded(left)
            outputs.append((form, data, chosen(now)))

        return emit


def given_to_emit(key, topic, headers, timestamp, schema):
    """Returns the attributes that `emit` was given, as they are and as they are sent."""
    given = {"key": key, "topic": topic, "headers": headers, "timestamp": timestamp, "schema": schema}
    given = {name: item for name, item in given.items() if item is not UNSET}
    return given, {name: CHECKS[name](item) for name, item in given.items()}
