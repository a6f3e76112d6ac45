#!/usr/bin/env bash
# Runs a pipeline under load for 10 minutes while its guests crash every second, checks that every message comes out
# once and in order, and prints the curve of its memory. Linux only.
#
#   scripts/soak.sh                builds the release, then runs
#   scripts/soak.sh --no-build     runs target/release/nerodia without building it
#   scripts/soak.sh --minutes 1    a short run
#   scripts/soak.sh --write        also writes integration/soak/RESULTS.md
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

prepare_measuring "$@"
arguments=()
for argument in "$@"; do [ "$argument" = --no-build ] || arguments+=("$argument"); done
exec python3 "$root/integration/soak/soak.py" --program "$program" ${arguments[@]+"${arguments[@]}"}
