#!/usr/bin/env bash
# Three Nerodia processes of one group and three Kafka brokers, any of which is killed, ended, stopped or started at any
# moment, for 10 minutes: nothing may be lost, changed or out of order, and with exactly_once nothing come twice. Linux only.
#
#   scripts/chaos.sh                            at_least_once and exactly_once
#   scripts/chaos.sh --delivery at_least_once   one of them
#   scripts/chaos.sh --lasts 2m                 a short look
#   scripts/chaos.sh --seed 17                  the same chances as a run that printed this number
#   scripts/chaos.sh --rate 3000                so many orders a second, in place of 1500
#   scripts/chaos.sh --write                    writes integration/chaos/RESULTS.md too
#   scripts/chaos.sh --keep                     keeps the processes' logs, as a run that fails does
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; }

wrong() { say "error: $*" && usage >&2 && exit 2; }

deliveries="at_least_once exactly_once"
export NERODIA_CHAOS=10m
while [ $# != 0 ]; do
  case "$1" in
    --delivery | --lasts | --seed | --rate) [ $# -ge 2 ] || wrong "$1 needs a value" ;;
  esac
  case "$1" in
    --delivery)
      case "$2" in at_least_once | exactly_once) deliveries=$2 ;; *) wrong "--delivery is at_least_once or exactly_once" ;; esac
      shift
      ;;
    --lasts) NERODIA_CHAOS=$2 && shift ;;
    --seed) export NERODIA_CHAOS_SEED=$2 && shift ;;
    --rate) export NERODIA_CHAOS_RATE=$2 && shift ;;
    --write) export NERODIA_CHAOS_REPORT=$root/integration/chaos/RESULTS.md ;;
    --keep) export NERODIA_CHAOS_KEEP=yes ;;
    -h | --help) usage && exit ;;
    *) wrong "'$1' is no option" ;;
  esac
  shift
done

# shellcheck disable=SC2046  # one word a tool
require $(build_tools) python npm
"$root/scripts/install.sh" --all
cd "$root"
code=0
for delivery in $deliveries; do
  cargo test --release --locked --test chaos -- --exact "$delivery" --include-ignored --nocapture || code=1
done
exit "$code"
