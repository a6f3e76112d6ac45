# Costs: how many messages each stage of several gets, and what it takes.

FEW = 8  # requests at the start in which messages are measured, when nothing is known yet
SELDOM = 64  # of so many later requests, one has messages that are measured
MEASURED = 16  # messages of such a request: to look at the clock costs more than a small script
MOST_REACHED = (1 << 32) - 1  # what fits the frame
MOST_TOLD = 64  # changes of the stage in one request of which the host is told


class Costs:
    """Counts the messages that reach each stage, and measures the time of each for some messages.

    These are figures for people. A script can falsify them, and messages that run twice count twice.
    """

    def __init__(self, stages, tells):
        self.requests = 0
        self.tells, self.told = tells, MOST_TOLD  # does the host ask which stage runs; how often it was told
        self.none = [0] * len(stages)
        # Messages that a stage dropped or failed at; those that `Pipeline.through` gave to a stage; and those that were
        # measured, with the nanoseconds that they took.
        self.ended, self.entered, self.measured, self.spent = (self.none[:] for _ in range(4))
        self.timed = tuple(Timed(stage, self) for stage in stages)
        self.active, self.since = None, 0

    def begin(self, count):
        """Begins a request of `count` messages. Returns whether messages of it are to be measured. While one message alone
        is measured, the host is told which stage runs: it may be the last that it hears of this guest."""
        self.ended[:] = self.entered[:] = self.measured[:] = self.spent[:] = self.none
        self.active = None
        self.told = 0 if self.tells and count == 1 else MOST_TOLD
        self.requests += 1
        return self.requests <= FEW or self.requests % SELDOM == 0

    def switch(self, index):
        """Counts the time from here on for the stage `index`, or for none. Returns for which it was counted."""
        now, before = perf_counter_ns(), self.active
        if before is not None:
            self.spent[before] += now - self.since
        self.active, self.since = index, now
        if index is not None and self.told < MOST_TOLD:
            self.told += 1
            # The last one says that from here on nobody knows.
            number = index if self.told < MOST_TOLD else MOST_REACHED
            write_all(STATUS_STAGE + number.to_bytes(4, "big"))
            self.since = perf_counter_ns()  # the stage is not charged for that
        return before

    def frame(self, count, one_to_one):
        """Returns what the host is told about a request with `count` messages."""
        body = b""
        for index, measured in enumerate(self.measured):
            reached = count if one_to_one or not index else self.entered[index]
            count -= self.ended[index]
            body += min(reached, MOST_REACHED).to_bytes(4, "big") + measured.to_bytes(4, "big")
            body += self.spent[index].to_bytes(8, "big")
        return STATUS_COSTS + len(body).to_bytes(4, "big") + body


class Timed:
    """Stage whose time is measured. One that emits runs the stages after it meanwhile: their time is their own."""

    def __init__(self, stage, costs):
        self.index, self.of_stage, self.costs = stage.index, stage.run, costs
        self.uses_meta, self.uses_emit, self.uses_null = stage.uses_meta, stage.uses_emit, stage.uses_null

    def run(self, *given):
        self.costs.measured[self.index] += 1
        before = self.costs.switch(self.index)
        try:
            return self.of_stage(*given)
        finally:
            self.costs.switch(before)
