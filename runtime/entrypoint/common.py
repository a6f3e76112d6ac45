"""The guest's side of Nerodia: takes batches of messages, runs the scripts, answers with outcomes.

The files of this folder are one module, `entrypoint`, joined in this order: common, analysis, projection, root, text, beside,
setup, advice, bloblang_words, bloblang_text, bloblang, meanings, mistakes, scripts, surroundings, typed, values, failures,
meta, costs, pipeline, requests, loop. Every runtime uses it: `cpython-3.14` imports it into its snapshot, `cpython-3.12`
gets it as bytecode, which it compiled once. Both then call `main()`. The frames are described in docs/protocol.md; in
short, over file descriptors 0 and 1:

    host  -> guest  hello     u32 big-endian length, JSON: protocol, stages, options
    guest -> host   READY     b"READY " + JSON + b"\\n", or b"FAILED " + JSON + b"\\n"
    host  -> guest  request   u32 big-endian length, marshal: (id, payloads, deferred, metas | None); or a stream
    guest -> host   response  status byte, u32 big-endian length, marshal:
                              (account, answered, dropped, results, extras)

`results` holds one value per message, `None` for one without a result; everything rarer than "one value
that marshal can write" is in `extras`, so that the usual message costs only one list item.
Scripts share the interpreter with this code, and some go through all of its objects (`gc.get_objects()`). So counts
are kept in ints, which scripts cannot reach, and the host compares them.
"""

import ast
import builtins
import importlib
import io
import json
import marshal
import os
import re
import sys
from itertools import islice
from time import perf_counter_ns

try:
    import _nerodia as accelerator  # runtime/accelerator
except ImportError:
    accelerator = None
else:
    del sys.modules["_nerodia"]  # not for scripts
    builtins.round = accelerator.round

# Scripts share `builtins` and may change them; functions that are defined after this line use this copy.
__builtins__ = vars(builtins).copy()

PROTOCOL = 3
STATUS_OK = b"\x00"
STATUS_COSTS = b"\x01"
STATUS_STAGE = b"\x02"
MAX_INT_DIGITS = 10_000  # the host's limit, in both directions
MAX_DEPTH = 900  # the host's limit, too
MAX_COMPILED = 1 << 19  # most bytes of compiled scripts in READY: the host accepts a line of twice that
MOST_WARNINGS = 20  # in READY
OF_STAGE = "__stage__"  # in a script's namespace, its index
MOST_PATH = 200  # characters of a path in a value, as in the host
COLLECT_AFTER = 4 << 20  # bytes of requests after which objects that they left in cycles are freed


class Null:
    """Type of `null`, to which a script sets `root` if it wants the JSON value null, not a drop."""

    __slots__ = ()

    def __repr__(self):
        return "null"

    def __bool__(self):
        return False


null = Null()


class Tombstone:
    """Type of the result of `tombstone()`."""

    __slots__ = ()

    def __repr__(self):
        return "tombstone()"


TOMBSTONE = Tombstone()


def tombstone():
    """Returns what a script assigns to `root`, or emits, for a record without payload: Kafka's sign that its key is
    deleted. It is written unchanged; later scripts do not see it."""
    return TOMBSTONE
