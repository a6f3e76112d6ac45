#!/usr/bin/env bash
# Measures Nerodia and prints tables: the speed of many kinds of work, two guests, first output, memory, and the goals.
# A kind is a sort of document and a script. It runs beside a bare CPython loop, or beside the same script without a part
# of it. All this takes some 10 minutes on two cores and needs an otherwise idle machine. Linux only.
#
#   scripts/bench.sh               builds the release, then measures
#   scripts/bench.sh --list        prints the kinds of work, and measures nothing
#   scripts/bench.sh --kinds A,B   only these, also with --before
#   scripts/bench.sh --runtime R   with this runtime in place of cpython-3.14
#   scripts/bench.sh --telemetry   only the cost of counting and of requests to the web server
#   scripts/bench.sh --scale       only how cost grows, with a broker of its own: batches, guests, partitions, processes
#   scripts/bench.sh --scale A,B   only these of the four
#   scripts/bench.sh --before DIR  only the changes since another checkout, in which everything is built
#   scripts/bench.sh --no-build    measures target/release without building it
#   scripts/bench.sh --quick       a short run, of less than 2 minutes
#   scripts/bench.sh --peers       also Bytewax, from PyPI
#   scripts/bench.sh --write       also writes RESULTS.md, BEFORE.md, SCALE.md or TELEMETRY.md in integration/bench
#   scripts/bench.sh --help        all options
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

# The program that counts nothing is built first: both programs are built to the same path.
uncounted=${CARGO_TARGET_DIR:-$root/target}/release/nerodia-uncounted
case " $* " in
  *" --no-build "* | *" --help "* | *" -h "* | *" --list "*) ;;
  *" --telemetry "*)
    # shellcheck disable=SC2046  # one word a tool
    require $(build_tools) python npm
    (cd "$root" && cargo build --release --locked --bin nerodia --features uncounted) >&2
    cp -f "${uncounted%-uncounted}" "$uncounted"
    ;;
esac
prepare_measuring "$@"
case " $* " in
  *" --no-build "* | *" --help "* | *" -h "* | *" --list "*) ;;
  *" --scale "*) (cd "$root" && cargo build --release --locked --example plain) >&2 ;;
esac
exec python3 "$root/integration/bench/bench.py" --program "$program" --uncounted "$uncounted" "$@"
