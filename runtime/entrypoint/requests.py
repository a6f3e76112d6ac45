# Requests: the messages that the host sends together, and their answers.


class Request:
    """A request, for runtimes without the accelerator; this is also what the functions of `_nerodia` do."""

    merge = None  # messages are whole

    def __init__(self, pipeline):
        self.pipeline = pipeline

    def is_part(self):
        """Returns whether the current message is only the part of it that its script can touch."""
        return False

    def begin(self, frame, most):
        """Takes a request whose response may have `most` bytes. Returns the number of messages."""
        identity, self.payloads, deferred, self.metas = marshal.loads(frame)
        # A list that exists while scripts run, with known contents: code that changes every list changes it too.
        self.account = ["request", identity, len(self.payloads)]
        self.most = most
        self.results, self.extras, self.dropped = [], [], 0
        self.next_message()
        self.end = len(self.payloads)
        self.unread = deferred
        return self.end

    def until(self, number):
        """Makes `messages` end after so many messages of the request."""
        self.end = number

    @property
    def messages(self):
        """The messages that are due. Each must be answered, by one call of `deliver`, `fail` or `extra`."""
        due = self.payloads[len(self.results) : self.end]
        return self.parsed(due) if self.unread or TYPED else due

    def parsed(self, due):
        """Yields messages, some of which the host leaves to Python: those with lone surrogates in their strings, and those
        with typed values."""
        for this in due:
            try:
                if len(self.results) in self.unread:
                    this = parse_json(this)
                elif TYPED:
                    this = TYPED.load(this)
            except Exception as error:
                self.fail(error)
                continue
            yield this

    def fields(self):
        """Returns what `meta` is made of for the current message, or None."""
        return self.metas and self.metas[len(self.results)]

    def position(self):
        """Returns the index of the current message."""
        return len(self.results)

    def next_message(self):
        self.outputs, self.given, self.before = [], None, None

    def meta(self):
        """Returns the script's `meta` of the current message."""
        fields = self.fields()
        self.given = {} if fields is None else new_meta(fields)
        self.before = as_it_came(self.given)
        return self.given

    def emit(self, value, key=UNSET, topic=UNSET, headers=UNSET, timestamp=UNSET, schema=UNSET):
        """Adds an output of the current message."""
        self.add(value, given_to_emit(key, topic, headers, timestamp, schema)[1])

    def add(self, value, given=None):
        chosen = self.pipeline.attributes(self.before, self.given, given)
        if value is not None:
            self.outputs.append((*encoded(value), chosen))

    def deliver(self, root):
        """Answers the current message with the script's result."""
        if self.outputs or self.before is not None:
            try:
                if root is not None and (self.outputs or self.pipeline.attributes(self.before, self.given, None)):
                    self.add(root)
            except BaseException as error:
                return self.fail(error)
            if self.outputs:
                return self.extra((len(self.results), "outputs", self.outputs))
            self.next_message()
        if root is None:
            self.dropped += 1
        elif root is null or root is TOMBSTONE:
            return self.extra(special(len(self.results), root))
        self.results.append(root)

    def fail(self, error):
        """Answers the current message with an exception."""
        self.extra(self.pipeline.explain(len(self.results), error))

    def extra(self, extra):
        """Answers the current message with an extra, which has its index."""
        self.extras.append(extra)
        self.results.append(None)
        self.next_message()

    def keep(self, number):
        """Takes back all answers except the first `number`."""
        answers = self.end, self.dropped, self.results, self.extras
        self.end, self.dropped, self.results, self.extras = first(number, *answers)

    def response(self):
        """Returns the response's frame."""
        body = response(self.account, (self.end, self.dropped, self.results, self.extras), self.most)
        self.payloads = self.metas = self.results = self.extras = None
        return STATUS_OK + len(body).to_bytes(4, "big") + body


def first(count, answered, dropped, results, extras):
    """Returns only the answers for the first `count` messages."""
    if len(results) != answered or empty(results) != dropped + len(extras):
        return answered, dropped, results, extras  # a script has changed it; the host notices that
    results, extras = results[:count], [extra for extra in extras if extra[0] < count]
    return count, empty(results) - len(extras), results, extras


def empty(results):
    return sum(result is None for result in results)


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
                    if TYPED:
                        results[index] = TYPED.plain(value)
                    else:
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
