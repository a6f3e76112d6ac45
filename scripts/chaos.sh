#!/usr/bin/env bash
# Runs three Nerodia processes of one group and three Kafka brokers, any of which is killed, ended, stopped or started
# at any moment, for 20 minutes, while topics come and go, messages take seconds and brokers refuse results. Nothing may
# be lost, changed or out of order, and with exactly_once nothing may come twice. Linux only.
#
#   scripts/chaos.sh                            at_least_once, exactly_once and consumer_protocol (the group's, KIP-848)
#   scripts/chaos.sh --form at_least_once       one of them
#   scripts/chaos.sh --lasts 2m                 a short run
#   scripts/chaos.sh --seed 17                  the same random choices as a run that printed this number
#   scripts/chaos.sh --rate 3000                orders per second, instead of 600
#   scripts/chaos.sh --without refused,slow     without faults: refused, gone, slow, topics, partitions, deaths, newest
#   scripts/chaos.sh --write                    also writes integration/chaos/RESULTS.md
#   scripts/chaos.sh --keep                     keeps the processes' logs, as a failed run does
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; }

wrong() { say "error: $*" && usage >&2 && exit 2; }

forms="at_least_once exactly_once consumer_protocol"
export NERODIA_CHAOS=20m
while [ $# != 0 ]; do
  case "$1" in
    --form | --lasts | --seed | --rate | --without) [ $# -ge 2 ] || wrong "$1 needs a value" ;;
  esac
  case "$1" in
    --form)
      case " $forms " in *" $2 "*) forms=$2 ;; *) wrong "--form is one of: $forms" ;; esac
      shift
      ;;
    --lasts) NERODIA_CHAOS=$2 && shift ;;
    --seed) export NERODIA_CHAOS_SEED=$2 && shift ;;
    --rate) export NERODIA_CHAOS_RATE=$2 && shift ;;
    --without) export NERODIA_CHAOS_WITHOUT=$2 && shift ;;
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
for form in $forms; do
  cargo test --release --locked --test chaos -- --exact "$form" --nocapture || code=1
done
exit "$code"
