#!/usr/bin/env python3
"""Reads the viewer's log and recomputes each price: check.py [--at-least N] <LOG

Prints what it counted as JSON. Exit code 1 if a price or a time is wrong or, of the orders up to the greatest that was priced,
less than a batch behind it, one is missing that docker/producer.yaml makes whole.
"""

import argparse
import datetime
import decimal
import json
import sys

DAY = datetime.timedelta(days=1)


def price(n):
    cents = (100 + n * 37 % 1900) * (1 + n % 3) + (10 + n * 11 % 490) * (1 + n % 5)
    return decimal.Decimal(cents) / 100


def is_right(order):
    age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(order["ordered_at"])
    return order["total"] == price(order["id"]) and abs(age) < DAY


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-least", type=int, default=1, help="orders that must be there")
    # Partitions have no common order: the newest order may be there before the one made just before it.
    parser.add_argument("--unsettled", type=int, default=0, help="how many of the newest may still be missing")
    options = parser.parse_args()
    times, wrong, other = {}, [], 0
    for line in sys.stdin:
        if not line.startswith('{"id":'):
            other += 1
            continue
        order = json.loads(line, parse_float=decimal.Decimal)
        times[order["id"]] = times.get(order["id"], 0) + 1
        if not is_right(order):
            wrong.append(order)
    end = max(times, default=-1) + 1 - options.unsettled
    missing = [n for n in range(end) if n % 1000 != 999 and n not in times]
    again = sum(count - 1 for count in times.values())
    counted = {"priced": len(times), "again": again, "missing": len(missing), "wrong": len(wrong), "other_lines": other}
    print(json.dumps(counted))
    if wrong or missing or len(times) < options.at_least:
        sys.exit(f"wrong: {wrong[:3]}, missing: {missing[:10]}, at least {options.at_least} were wanted")


main()
