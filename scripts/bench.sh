#!/usr/bin/env bash
# Measures Nerodia beside a bare CPython loop and prints tables: speed, first output, memory, and what was wanted.
# It takes some 8 minutes on two cores and wants the machine to itself. Linux only.
#
#   scripts/bench.sh               builds the release, then measures
#   scripts/bench.sh --telemetry   what counting and being asked costs, and nothing else
#   scripts/bench.sh --before DIR  what has changed since another checkout, in which all is built, and nothing else
#   scripts/bench.sh --no-build    measures what is in target/release as it is
#   scripts/bench.sh --quick       a short look
#   scripts/bench.sh --peers       Bytewax too, from PyPI
#   scripts/bench.sh --write       writes RESULTS.md, BEFORE.md or TELEMETRY.md in integration/bench too
#   scripts/bench.sh --help        all options
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

# What counts nothing is built first: both come to the same place.
uncounted=${CARGO_TARGET_DIR:-$root/target}/release/nerodia-uncounted
case " $* " in
  *" --no-build "* | *" --help "* | *" -h "*) ;;
  *" --telemetry "*)
    # shellcheck disable=SC2046  # one word a tool
    require $(build_tools) python npm
    (cd "$root" && cargo build --release --locked --bin nerodia --features uncounted) >&2
    cp -f "${uncounted%-uncounted}" "$uncounted"
    ;;
esac
prepare_measuring "$@"
exec python3 "$root/integration/bench/bench.py" --program "$program" --uncounted "$uncounted" "$@"
