"""The kinds of work that the benchmark measures: documents, a script, and what is wanted of it."""

from dataclasses import dataclass, replace
from pathlib import Path

SCRIPTS = Path(__file__).parent / "scripts"


@dataclass(frozen=True)
class Kind:
    """Documents and the script that processes them."""

    name: str
    what: str
    documents: str  # a word of generate.py
    script: str
    messages: int  # a run of the slower contender takes 1.5 to 3 s of processor time
    goal: float | None = None  # processor time, times that of the native loop
    without: str | None = None  # the same script without what is measured
    more_goal: float | None = None  # µs of processor time more than without it
    ratio_goal: float | None = None  # processor time, times that without it
    native: bool = True  # whether the native loop can run the script
    text: bool = False
    failing: int | None = None  # each message fails whose number is a multiple of this

    @property
    def path(self) -> str:
        return str(SCRIPTS / f"{self.script}.py")

    def count(self, quick: bool) -> int:
        return self.messages // 5 if quick else self.messages

    def base(self) -> "Kind":
        """Returns the kind that this one is compared with."""
        return replace(self, name=f"{self.name}, without it", script=self.without, without=None, failing=None)


ORDERS = Kind("orders", "15 lines that price an order", "orders", "order", 150_000, goal=0.80)
TINY = Kind("tiny", "`[11, 6, 20, 5]`, `root = sum(this)`", "sums", "sum", 1_200_000, goal=0.22)
FILTER = Kind("filter", "orders, one field read, one in three kept", "orders", "order_filter", 300_000, goal=0.35)
KINDS = [
    ORDERS,
    Kind("orders-no-round", "the same without `round`", "orders", "order_no_round", 150_000, goal=0.80),
    Kind("identity", "orders, `root = this`", "orders", "identity", 200_000, goal=0.25),
    FILTER,
    Kind("add-field", 'orders, `root = {**this, "checked": True}`', "orders", "add_field", 150_000, goal=0.50),
    Kind("wide-read", "wide documents, two fields read", "wide", "wide_read", 100_000, goal=0.20),
    Kind("wide-filter", "wide documents, one in three kept", "wide", "wide_filter", 80_000, goal=0.15),
    Kind("wide-add", 'wide documents, `root = {**this, "checked": True}`', "wide", "add_field", 60_000, goal=0.20),
    Kind("text-re", "lines of logs, taken apart with `re`", "logs", "log_line", 450_000, goal=0.85, text=True),
    Kind("loop", "a loop of 250 steps", "seeds", "loop", 90_000, goal=1.05),
    TINY,
    Kind("large", "documents of 100 KB, one field read", "large", "large_read", 2_200, goal=0.20),
    Kind(
        "meta-read", '`meta["offset"]` read', "sums", "meta_read", 1_000_000, without="sum", more_goal=1.0, native=False
    ),
    Kind(
        "meta-key",
        '`meta["key"]` set',
        "sums",
        "meta_key",
        400_000,
        without="meta_key_without",
        more_goal=2.0,
        native=False,
    ),
    Kind(
        "emit",
        "`emit(…)` in place of `root = …`",
        "sums",
        "emit",
        600_000,
        without="sum",
        more_goal=1.5,
        native=False,
    ),
    Kind(
        "classes",
        "orders, with a dataclass, an enum and a named tuple",
        "orders",
        "classes",
        4_000,
        without="classes_without",
    ),
    Kind(
        "setup",
        "the same, made in the script's setup",
        "orders",
        "setup",
        100_000,
        without="classes_without",
        ratio_goal=1.2,
    ),
    Kind(
        "dead-letters",
        "orders, one in ten fails",
        "orders",
        "order_failing",
        120_000,
        without="order",
        native=False,
        failing=10,
    ),
]
BY_NAME = {kind.name: kind for kind in KINDS}
# What a comparison of two checkouts measures, unless told otherwise.
COMPARED = ["orders", "tiny", "identity", "wide-read"]
