"""Does the same work as a Bytewax dataflow: `SCRIPT=… python3 -m bytewax.run bytewax_flow.py < lines > lines`."""

import itertools
import json
import os
import sys

import bytewax.operators as op
from bytewax.connectors.stdio import StdOutSink
from bytewax.dataflow import Dataflow
from bytewax.inputs import DynamicSource, StatelessSourcePartition

BATCH = 1000

with open(os.environ["SCRIPT"], encoding="utf-8") as file:
    code = compile(file.read(), os.environ["SCRIPT"], "exec")


class Lines(StatelessSourcePartition):
    def next_batch(self) -> list[str]:
        batch = list(itertools.islice(sys.stdin, BATCH))
        if not batch:
            raise StopIteration
        return batch


class Stdin(DynamicSource):
    def build(self, step_id: str, worker_index: int, worker_count: int) -> Lines:
        return Lines()


def transform(line: str) -> str:
    namespace = {"this": json.loads(line), "root": None}
    exec(code, namespace)
    return json.dumps(namespace["root"])


flow = Dataflow("bench")
op.output("stdout", op.map("transform", op.input("stdin", flow, Stdin()), transform), StdOutSink())
