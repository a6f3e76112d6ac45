#!/usr/bin/env bash
# Measures Nerodia beside a bare CPython loop and prints tables: speed, first output, memory, and what was wanted.
# It takes some 6 minutes on two cores and wants the machine to itself. Linux only.
#
#   scripts/bench.sh               builds the release, then measures
#   scripts/bench.sh --no-build    measures target/release/nerodia as it is
#   scripts/bench.sh --quick       a short look
#   scripts/bench.sh --peers       Bytewax too, from PyPI
#   scripts/bench.sh --write       writes integration/bench/RESULTS.md too
#   scripts/bench.sh --help        all options
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

prepare_measuring "$@"
exec python3 "$root/integration/bench/bench.py" --program "$program" "$@"
