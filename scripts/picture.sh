#!/usr/bin/env bash
# Makes the pictures of the page, docs/page.png among them: two members of a group at work for some minutes, with orders
# that fail.
#
#   scripts/picture.sh [MINUTES]     5 if not given; the other pictures are in target/web/picture
#
# It needs what the tests of the page need: scripts/web.sh and scripts/kafka.sh install it.
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"
cd "$root"

minutes=${1:-5}
program=$(readlink -f "${CARGO_TARGET_DIR:-target}/release/nerodia")
shots=target/web/picture
work=$(mktemp -d)
running=""

stop() {
  # shellcheck disable=SC2086  # one word a process
  [ -z "$running" ] || kill $running 2>/dev/null || true
  wait
  scripts/kafka.sh stop --name picture >&2 || true
  rm -rf "$work"
}
trap stop EXIT

# start CONFIG [ARGS…] runs a pipeline in the background.
start() {
  (cd "$work" && exec "$program" run "$@" >>log 2>&1) &
  running="$running $!"
}

scripts/kafka.sh install
scripts/web.sh
KAFKA_ADDRESSES=$(scripts/kafka.sh start --name picture --owner $$ | sed -n 's/^KAFKA_ADDRESSES=//p')
export KAFKA_ADDRESSES
for topic in orders orders.priced orders.dead; do
  scripts/kafka.sh tool TopicCommand --name picture --create --topic "$topic" --partitions 6 >&2
done

cat >"$work/producer.yaml" <<'YAML'
input:
  generate:
    count: 0
    interval: 500us
    script: |
      import math
      n = meta["offset"]
      # Every minute there are more orders, and then fewer again.
      busy = (1 + math.sin(n / 10_000)) / 2
      if n % 100 < 30 + 70 * busy:
          root = {"id": n, "customer": n * 31 % 997, "items": [{"sku": "PEN", "price": 1 + n % 7 / 4, "qty": 1 + n % 3}]}
          if n % 1009 == 0:
              del root["items"][0]["qty"]
          if n % 3001 == 0:
              root["customer"] = None
pipeline:
  processors:
    - python:
        script: |
          meta["key"] = f"order-{this['id']}"
          root = this
output:
  kafka: { addresses: ["${KAFKA_ADDRESSES}"], topic: orders }
http: { address: "127.0.0.1:0" }
YAML

cat >"$work/price.py" <<'PYTHON'
if not this["items"]:
    root = None
else:
    root = {**this, "total": round(sum(item["price"] * item["qty"] for item in this["items"]), 2)}
PYTHON

cat >"$work/discount.py" <<'PYTHON'
share = 0.05 if this["customer"] % 10 == 0 else 0
root = {**this, "discount": round(this["total"] * share, 2)}
PYTHON

cat >"$work/orders.yaml" <<'YAML'
input:
  kafka: { addresses: ["${KAFKA_ADDRESSES}"], topics: [orders], consumer_group: pricing, instance_id: "${INSTANCE}" }
pipeline:
  processors:
    - python: { file: price.py }
    - python: { file: discount.py }
output:
  kafka: { addresses: ["${KAFKA_ADDRESSES}"], topic: orders.priced }
dead_letter:
  kafka: { addresses: ["${KAFKA_ADDRESSES}"], topic: orders.dead }
http: { address: "127.0.0.1:${PORT}" }
YAML

start producer.yaml
INSTANCE=pricing-1 PORT=4197 start orders.yaml
INSTANCE=pricing-2 PORT=4198 start orders.yaml
say "the page is open for $minutes minutes: http://127.0.0.1:4197"
node integration/page/page.mjs --url http://127.0.0.1:4197 --stay "$((60 * minutes))" --shots "$shots" >&2
cp "$shots/1280-light.png" docs/page.png
say "made docs/page.png, and others in $shots"
