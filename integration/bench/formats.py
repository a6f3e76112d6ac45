"""Measures formats, Kafka to Kafka: see scripts/bench-formats.sh."""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import fastavro
from confluent_kafka import Consumer, Producer

import generate
from contenders import DEFAULT_RUNTIME, HERE
from kafka import Cluster, Moved, progress, running
from report import machine, table

ROOT = HERE.parent.parent
PARTITIONS = 4

ITEM = {"type": "record", "name": "Item", "fields": [
    {"name": "sku", "type": "string"},
    {"name": "price", "type": "double"},
    {"name": "qty", "type": "int"},
    {"name": "name", "type": ["null", "string"], "default": None},
]}  # fmt: skip
OPTIONAL = ["null", "string"]
ORDER = {"type": "record", "name": "Order", "namespace": "bench", "fields": [
    {"name": "id", "type": "long"},
    {"name": "customer", "type": {"type": "record", "name": "Customer", "fields": [
        {"name": "name", "type": "string"},
        {"name": "email", "type": "string"},
        {"name": "vip", "type": "boolean"},
        {"name": "city", "type": OPTIONAL, "default": None},
        {"name": "phone", "type": OPTIONAL, "default": None},
    ]}},
    {"name": "items", "type": {"type": "array", "items": ITEM}},
    {"name": "status", "type": "string"},
    {"name": "note", "type": OPTIONAL, "default": None},
    {"name": "currency", "type": OPTIONAL, "default": None},
    {"name": "channel", "type": OPTIONAL, "default": None},
]}  # fmt: skip
PRICED = {"type": "record", "name": "Priced", "namespace": "bench", "fields": [
    {"name": "id", "type": "long"},
    {"name": "customer", "type": "string"},
    {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
        {"name": "sku", "type": "string"},
        {"name": "total", "type": "double"},
    ]}}},
    {"name": "total", "type": "double"},
    {"name": "items", "type": {"type": "array", "items": ITEM}},
    {"name": "status", "type": "string"},
]}  # fmt: skip
PROTO = """syntax = "proto3";
package bench;
message Item { string sku = 1; double price = 2; int32 qty = 3; optional string name = 4; }
message Customer { string name = 1; string email = 2; bool vip = 3; optional string city = 4; optional string phone = 5; }
message Order {
  int64 id = 1; Customer customer = 2; repeated Item items = 3; string status = 4;
  optional string note = 5; optional string currency = 6; optional string channel = 7;
}
message Line { string sku = 1; double total = 2; }
message Priced {
  int64 id = 1; string customer = 2; repeated Line lines = 3; double total = 4; repeated Item items = 5; string status = 6;
}
"""
SCRIPT = (HERE / "scripts" / "order.py").read_text()


class Registry:
    """Registry that only this run uses."""

    def __init__(self) -> None:
        name = f"bench-{os.getpid()}"
        command = [str(ROOT / "scripts/registry.sh"), "start", "--name", name, "--owner", str(os.getpid())]
        started = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        self.url = dict(line.split("=", 1) for line in started.splitlines())["REGISTRY_URL"]

    def register(self, subject: str, kind: str, schema: str) -> int:
        body = json.dumps({"schema": schema, "schemaType": kind}).encode()
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
        request = urllib.request.Request(f"{self.url}/subjects/{subject}/versions", body, headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["id"]


def framed(schema: int) -> bytes:
    return b"\0" + schema.to_bytes(4, "big")


def avro_writer(schema: int) -> Callable[[dict], bytes]:
    parsed, head = fastavro.parse_schema(ORDER), framed(schema)

    def write(order: dict) -> bytes:
        out = io.BytesIO(head)
        out.seek(0, io.SEEK_END)
        fastavro.schemaless_writer(out, parsed, order)
        return out.getvalue()

    return write


def protobuf_writer(schema: int, folder: Path) -> Callable[[dict], bytes]:
    from google.protobuf import json_format
    from grpc_tools import protoc

    (folder / "order.proto").write_text(PROTO)
    if protoc.main(["protoc", f"-I{folder}", f"--python_out={folder}", str(folder / "order.proto")]):
        raise SystemExit("protoc failed")
    sys.path.insert(0, str(folder))
    import order_pb2

    head = framed(schema) + b"\2\4"  # one index: the third message, in zig-zag

    def write(order: dict) -> bytes:
        order = {name: value for name, value in order.items() if value is not None}
        return head + json_format.ParseDict(order, order_pb2.Order()).SerializeToString()

    return write


def fill(addresses: str, topic: str, payloads: Iterator[bytes]) -> None:
    producer = Producer({"bootstrap.servers": addresses, "linger.ms": 50})
    for number, payload in enumerate(payloads):
        while True:
            try:
                producer.produce(topic, payload, partition=number % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()


def bare_loop(addresses: str, source: str, target: str, messages: int, schemas: tuple[int, int]) -> None:
    """What people write without an engine: a consumer, fastavro, `exec`, fastavro, a producer."""
    reads, writes = fastavro.parse_schema(ORDER), fastavro.parse_schema(PRICED)
    consumer = Consumer({"bootstrap.servers": addresses, "group.id": target, "auto.offset.reset": "earliest"})
    consumer.subscribe([source])
    producer = Producer({"bootstrap.servers": addresses, "linger.ms": 50})
    code, head, seen = compile(SCRIPT, "order", "exec"), framed(schemas[1]), 0
    while seen < messages:
        for message in consumer.consume(1000, 1.0):
            scope = {"this": fastavro.schemaless_reader(io.BytesIO(message.value()[5:]), reads)}
            exec(code, scope)
            out = io.BytesIO()
            out.write(head)
            fastavro.schemaless_writer(out, writes, scope["root"])
            while True:
                try:
                    producer.produce(target, out.getvalue())
                    break
                except BufferError:
                    producer.poll(0.1)
            seen += 1
        producer.poll(0)
    producer.flush()
    consumer.close()


class Bench:
    def __init__(self, program: str, work: Path, messages: int) -> None:
        self.program, self.work, self.messages = program, work, messages
        self.cluster, self.registry = Cluster(Path(program).parent / "examples" / "plain"), Registry()
        self.number = 0
        avro = self.registry.register("in-avro", "AVRO", json.dumps(ORDER))
        self.schemas = avro, self.registry.register("out-avro", "AVRO", json.dumps(PRICED))
        protobuf = self.registry.register("protobuf", "PROTOBUF", PROTO)
        self.outputs = {
            "json": {"type": "json"},
            "avro": {"type": "avro", "subject": "out-avro"},
            "protobuf": {"type": "protobuf", "schema_id": protobuf, "message": "bench.Priced"},
        }
        with generate.write(work, "orders", messages).open("rb") as lines:
            orders = [json.loads(line) for line in lines]
        writers = {
            "json": lambda order: json.dumps(order, separators=(",", ":"), ensure_ascii=False).encode(),
            "avro": avro_writer(avro),
            "protobuf": protobuf_writer(protobuf, work),
        }
        self.topics = {}
        for name, write in writers.items():
            progress(f"writing {messages:,} orders as {name}")
            self.topics[name] = self.topic(f"in-{name}")
            fill(self.cluster.addresses, self.topics[name], map(write, orders))

    def topic(self, name: str) -> str:
        self.number += 1
        return self.cluster.topic(f"{name}-{self.number}", PARTITIONS)

    def engine(self, name: str) -> Moved:
        target = self.topic(f"out-{name}")
        addresses = [self.cluster.addresses]
        config = {
            "schema_registry": {"url": self.registry.url},
            "input": {"kafka": {"addresses": addresses, "topics": [self.topics[name]], "consumer_group": target, "format": name}},
            "pipeline": {"threads": 1, "processors": [{"python": {"script": SCRIPT}}]},
            "output": {"kafka": {"addresses": addresses, "topic": target, "format": self.outputs[name]}},
            "guests": {"runtime": DEFAULT_RUNTIME},
            "logger": {"level": "error"},
            "http": {"enabled": False},
        }
        file = self.work / f"{target}.yaml"
        file.write_text(json.dumps(config))
        return self.moved([self.program, "run", "-c", str(file)], target, ends=False)

    def bare(self) -> Moved:
        target = self.topic("out-bare")
        schemas = map(str, self.schemas)
        loop = [sys.executable, __file__, "--loop", self.cluster.addresses, self.topics["avro"], target, str(self.messages)]
        return self.moved([*loop, *schemas], target, ends=True)

    def moved(self, command: list[str], target: str, ends: bool) -> Moved:
        with running([command]) as (process,):
            began = time.monotonic()
            while not ends and self.cluster.count(target) < self.messages:
                if process.poll() is not None:
                    raise SystemExit(f"{command} ended before all was moved")
                time.sleep(0.1)
            if not ends:
                process.terminate()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode or self.cluster.count(target) != self.messages:
                raise SystemExit(f"{command}: {process.returncode}, {self.cluster.count(target)} messages")
            return Moved(usage.ru_utime + usage.ru_stime, time.monotonic() - began)


def report(bench: Bench, rounds: int) -> str:
    runs: dict[str, list[Moved]] = {}
    for number in range(rounds):
        for name in (*bench.topics, "bare"):
            progress(f"round {number + 1}: {name}")
            runs.setdefault(name, []).append(bench.bare() if name == "bare" else bench.engine(name))
    cost = {name: statistics.median(run.cpu for run in of) / bench.messages * 1e6 for name, of in runs.items()}
    rows = []
    for name, of in runs.items():
        each = [run.cpu / bench.messages * 1e6 for run in of]
        what = "`fastavro` in a bare loop, without a sandbox" if name == "bare" else f"Nerodia, `format: {name}`"
        spread = f"{min(each):.1f} to {max(each):.1f}"
        rows.append([what, f"{cost[name]:.1f}", spread, f"{cost[name] / cost['json']:.2f} ×", f"{cost[name] / cost['bare']:.2f} ×"])
    head = ["orders, Kafka to Kafka", "µs of CPU a message", "least to most", "to JSON", "to the bare loop"]
    return "\n".join([table(head, rows), "", f"{bench.messages:,} orders, {rounds} rounds, one guest, one broker."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-build", action="store_true", help="measure what is built")
    parser.add_argument("--program", default="")
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="also writes integration/bench/FORMATS.md")
    parser.add_argument("--loop", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.loop:
        addresses, source, target, messages, reads, writes = options.loop
        return bare_loop(addresses, source, target, int(messages), (int(reads), int(writes)))
    with tempfile.TemporaryDirectory() as work:
        text = report(Bench(options.program, Path(work), options.messages), options.rounds)
    text = f"# Formats\n\nMade by `scripts/bench-formats.sh --write` on {machine()['processor']}.\n\n{text}\n"
    print(text)
    if options.write:
        (HERE / "FORMATS.md").write_text(text)


if __name__ == "__main__":
    main()
