# State that the scripts of one guest share.

TOOLS = range(6)  # of `sys.monitoring`
NO_TOOLS = [None] * len(TOOLS)


class Surroundings:
    """State that all messages of a guest share and that one of them can change for others: builtins, hooks, limits,
    the stream of `print`, decimal arithmetic, the effect of warnings, names that were imported from modules.

    It is checked once per request. If it was changed, the messages that met it are unknown: only the first answer
    counts, the state is restored, and from then on it is checked after each message. So no message is affected by
    what another one left here, and if no script does such things, a message costs nothing.
    """

    def __init__(self, stages):
        self.copying = tuple(stage for stage in stages if stage.copies)
        # Most scripts cannot reach any of it, so nothing is restored after them.
        self.reachable = BESIDE.reaches_frames or any(stage.reaches_frames for stage in stages)
        self.watched = self.reachable or any(stage.has_modules for stage in stages)
        self.careful = False
        self.recursion = sys.getrecursionlimit()
        self.log = sys.stderr
        self.names = self.builtins = self.values = self.filters = self.decimal = self.arithmetic = None
        # A copy counts a reference in each object, and these are all over the snapshot: 0.5 MB more of it would be
        # resident in every guest. So only what a script can reach is copied.
        if self.reachable:
            self.names = vars(builtins)
            self.builtins = self.names.copy()
            self.values = [*self.builtins.values()]  # a comparison of lists takes a quarter of the time
        if not self.watched:
            return
        # Modules that scripts import at top level are imported by now; those that are imported later are not watched.
        if warnings := sys.modules.get("warnings"):
            self.filters = warnings.filters[:]
        if decimal := sys.modules.get("decimal"):
            self.decimal = decimal
            self.arithmetic = decimal.getcontext().copy()

    def same_arithmetic(self):
        now, before = self.decimal.getcontext(), self.arithmetic
        return (
            now.prec == before.prec
            and now.rounding == before.rounding
            and now.traps == before.traps
            and now.Emin == before.Emin
            and now.Emax == before.Emax
            and now.capitals == before.capitals
            and now.clamp == before.clamp
        )

    def changed(self):
        return (
            sys.gettrace() is not None
            or sys.getprofile() is not None
            or sys.getrecursionlimit() != self.recursion
            or sys.get_int_max_str_digits() != MAX_INT_DIGITS
            or (self.reachable and self.changed_by_frames())
            or (self.filters is not None and sys.modules["warnings"].filters != self.filters)
            or (self.decimal is not None and not self.same_arithmetic())
            or (self.copying and any(stage.is_outdated() for stage in self.copying))
        )

    def changed_by_frames(self):
        return (
            [*self.names.values()] != self.values
            or [*map(sys.monitoring.get_tool, TOOLS)] != NO_TOOLS
            or not (sys.stdout is sys.stderr is self.log)
            or self.log.closed
        )

    def restore(self):
        if self.reachable:
            self.names.clear()  # so that they get the same order again
            self.names.update(self.builtins)
        for unset in (sys.settrace, sys.setprofile):
            try:
                unset(None)
            except BaseException:
                unset(None)  # the hook was called, and failed; Python has removed it
        sys.setrecursionlimit(self.recursion)
        sys.set_int_max_str_digits(MAX_INT_DIGITS)
        for tool in filter(sys.monitoring.get_tool, TOOLS):
            sys.monitoring.set_events(tool, 0)
            sys.monitoring.free_tool_id(tool)
        if self.log.closed:
            self.log = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
        sys.stdout = sys.stderr = self.log
        if self.filters is not None:
            sys.modules["warnings"].resetwarnings()
            sys.modules["warnings"].filters[:] = self.filters
        if self.decimal is not None:
            self.decimal.setcontext(self.arithmetic.copy())
        for stage in self.copying:
            stage.import_again()

    def run(self, pipeline, request, count):
        """Runs the `count` messages of a request."""
        if self.careful:
            for number in range(1, count + 1):
                request.until(number)
                pipeline.run(request)
                self.is_changed()
            return
        pipeline.run(request)
        if self.watched and self.is_changed():
            self.careful = True
            request.keep(1)

    def is_changed(self):
        """Restores what was changed, and returns whether there was a change."""
        try:
            if not self.changed():
                return False
        except BaseException:
            pass  # a hook of the script interferes, or a name of Python's own is missing
        self.restore()
        return True
