#!/usr/bin/env bash
# Measures Kafka to Kafka with orders and with a filter, compared with a bare forwarder (rdkafka, nothing done to the
# messages) and with standard input to standard output, in one run: processor time per message, messages per second,
# memory, and one, two and three processes of a group. It takes some 5 minutes on two cores and needs an otherwise idle
# machine. It starts a broker of its own. Linux only.
#
#   scripts/bench-kafka.sh               builds the release, then measures
#   scripts/bench-kafka.sh --no-build    measures target/release without building it
#   scripts/bench-kafka.sh --write       also writes integration/bench/KAFKA.md
#   scripts/bench-kafka.sh --join        how long each partition stands still when a third member joins, in both protocols
#   scripts/bench-kafka.sh --outages     time until all is ready after 5 s, 60 s and 10 min without a broker (13 min)
#   scripts/bench-kafka.sh --refusals    100,000 records, 1 % of them refused: results, dead letters, the cost of one
#   scripts/bench-kafka.sh --help        all options
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

measure() { # the ignored test of this name
  # shellcheck disable=SC2046  # one word a tool
  require $(build_tools) python npm
  "$root/scripts/install.sh" --all
  cd "$root"
  exec cargo test --release --locked --test kafka -- --ignored --exact "$1" --nocapture
}

case "$*" in
  --join) measure figures::join::a_third_member_joins ;;
  --outages) measure figures::outages::the_broker_goes_and_comes_back ;;
  --refusals) measure figures::refusals::one_in_a_hundred_is_refused ;;
esac

prepare_measuring "$@"
case " $* " in
  *" --no-build "* | *" --help "* | *" -h "*) ;;
  *) (cd "$root" && cargo build --release --locked --example plain) >&2 ;;
esac
exec python3 "$root/integration/bench/kafka.py" --program "$program" "$@"
