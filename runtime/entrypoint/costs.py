# Costs: how many messages each stage of several gets, and what it takes.

FEW = 8  # requests that are measured at the start, when nothing is known yet
MEASURED = 64  # of so many later requests, one is measured: to look at the clock costs as much as a small script
MOST_REACHED = (1 << 32) - 1  # what fits the frame


class Costs:
    """Counts the messages that reach each stage, and measures the time of each in some requests.

    These are figures for people. A script can falsify them, and messages that run twice count twice.
    """

    def __init__(self, stages):
        self.requests = 0
        # Messages that a stage dropped or failed at, and those that `Pipeline.through` gave to a stage.
        self.ended = [0] * len(stages)
        self.entered = [0] * len(stages)
        self.spent = [0] * len(stages)
        self.timed = tuple(Timed(stage, self) for stage in stages)
        self.measures = False
        self.active, self.since = None, 0

    def begin(self, stages):
        """Begins a request. Returns the stages to run: those that are given, or the same with a watch."""
        for counts in (self.ended, self.entered, self.spent):
            counts[:] = [0] * len(counts)
        self.measures = self.requests < FEW or self.requests % MEASURED == 0
        self.requests += 1
        self.active = None
        return self.timed if self.measures else stages

    def switch(self, index):
        """Counts the time from here on for the stage `index`, or for none. Returns for which it was counted."""
        now, before = perf_counter_ns(), self.active
        if before is not None:
            self.spent[before] += now - self.since
        self.active, self.since = index, now
        return before

    def frame(self, count, one_to_one):
        """Returns what the host is told about a request with `count` messages."""
        body = [b"\x01" if self.measures else b"\x00"]
        for index, spent in enumerate(self.spent):
            reached = count if one_to_one or not index else self.entered[index]
            count -= self.ended[index]
            body += min(reached, MOST_REACHED).to_bytes(4, "big"), spent.to_bytes(8, "big")
        body = b"".join(body)
        return STATUS_COSTS + len(body).to_bytes(4, "big") + body


class Timed:
    """Stage whose time is measured. One that emits runs the stages after it meanwhile: their time is their own."""

    def __init__(self, stage, costs):
        self.index, self.measured, self.switch = stage.index, stage.run, costs.switch
        self.uses_meta, self.uses_emit, self.uses_null = stage.uses_meta, stage.uses_emit, stage.uses_null

    def run(self, *given):
        before = self.switch(self.index)
        try:
            return self.measured(*given)
        finally:
            self.switch(before)
