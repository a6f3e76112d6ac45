#!/usr/bin/env bash
# Measures Nerodia, compared with a bare CPython loop, and prints tables: speed, first output, memory, and the goals. It
# takes some 8 minutes on two cores and needs an otherwise idle machine. Linux only.
#
#   scripts/bench.sh               builds the release, then measures
#   scripts/bench.sh --telemetry   only the cost of counting and of requests to the web server
#   scripts/bench.sh --before DIR  only the changes since another checkout, in which everything is built
#   scripts/bench.sh --no-build    measures target/release without building it
#   scripts/bench.sh --quick       a short run
#   scripts/bench.sh --peers       also Bytewax, from PyPI
#   scripts/bench.sh --write       also writes RESULTS.md, BEFORE.md or TELEMETRY.md in integration/bench
#   scripts/bench.sh --help        all options
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

# The program that counts nothing is built first: both programs are built to the same path.
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
