#!/usr/bin/env bash
# Measures orders as JSON, Avro and Protobuf from Kafka to Kafka, and `fastavro` in a bare loop of confluent-kafka beside
# them, in one run. It takes some 5 minutes on two cores and needs an otherwise idle machine. It starts a broker and a schema
# registry of its own. Linux only.
#
#   scripts/bench-formats.sh               builds the release, then measures
#   scripts/bench-formats.sh --no-build    measures target/release without building it
#   scripts/bench-formats.sh --write       also writes integration/bench/FORMATS.md
#   scripts/bench-formats.sh --help        all options
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

prepare_measuring "$@"
case " $* " in
  *" --no-build "* | *" --help "* | *" -h "*) ;;
  *) (cd "$root" && cargo build --release --locked --example plain) >&2 ;;
esac
python=$("$root/scripts/clients.sh")
# shellcheck disable=SC2154  # set by prepare_measuring
exec "$python" "$root/integration/bench/formats.py" --program "$program" "$@"
