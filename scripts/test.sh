#!/usr/bin/env bash
# Runs every check and every test, on both runtimes, and ends at the first that fails.
#
#   scripts/test.sh          everything, as CI runs it
#   scripts/test.sh quick    before a commit: format, clippy, unit tests, and one test of each part of the program
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"
cd "$root"

case "$*" in
  "" | quick) ;;
  -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p;}' "$0" && exit ;;
  *) say "error: scripts/test.sh takes no argument but 'quick'" && exit 2 ;;
esac

if [ "${CI:-}" = true ] || [ -n "${NO_COLOR:-}" ] || ! [ -t 1 ]; then
  bold="" red="" plain=""
  export CARGO_TERM_COLOR=never
else
  bold=$(printf '\033[1m') red=$(printf '\033[31m') plain=$(printf '\033[0m')
fi

current="set-up"
passed="" # stays so when a signal ends it

# step "heading" command …
step() {
  current=$1
  shift
  printf '\n%s== %s%s  (%s s)\n' "$bold" "$current" "$plain" "$SECONDS"
  "$@"
}

at_the_end() {
  if [ -n "$passed" ]; then
    printf '\n%s== all checks passed in %s s%s\n' "$bold" "$SECONDS" "$plain"
  else
    printf '\n%s== FAILED: %s, after %s s%s\n' "$red" "$current" "$SECONDS" "$plain"
  fi
}

shell_scripts() {
  local scripts="scripts/lib.sh scripts/install.sh scripts/nerodia scripts/test.sh scripts/bench.sh scripts/bench-kafka.sh scripts/bench-formats.sh scripts/soak.sh scripts/chaos.sh scripts/fuzz.sh fuzz/rustc.sh scripts/kafka.sh scripts/clients.sh scripts/kafka/*.sh scripts/registry.sh scripts/web.sh scripts/deny.sh scripts/accelerator.sh scripts/deploy.sh scripts/package.sh scripts/book.sh scripts/picture.sh docker/libraries.sh integration/deploy/systemd.sh integration/docker/run.sh integration/packaging/run.sh integration/docker/kafka/run integration/docker/kafka/tool integration/docker/registry/run .ci/run" script
  # shellcheck disable=SC2086  # one word a file, and a pattern
  for script in $scripts; do bash -n "$script"; done
  # shellcheck disable=SC2086  # one word a file
  if have shellcheck; then shellcheck -x $scripts; else echo "shellcheck is not installed: only bash -n was run"; fi
}

python_compiles() {
  python3 - runtime/*.py runtime/entrypoint/*.py scripts/*.py integration/*/*.py <<'PYTHON'
import sys

for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        compile(file.read(), name, "exec")
PYTHON
}

install_servers() { scripts/kafka.sh install && scripts/registry.sh install; }

# Including private items: this documentation is for developers.
documentation() { RUSTDOCFLAGS=-Dwarnings cargo doc --release --locked -p nerodia -p nerodia-codec --no-deps --document-private-items; }

# With the debug assertions of our crates, which the shipped program does not have, and without optimization, which
# takes a third of the time; the dependencies are not built again. Only the library, so target/release/nerodia stays the
# shipped program, which the other tests run.
unit_tests() {
  NERODIA_TEST_PYTHON=$(scripts/clients.sh) NERODIA_TEST_FASTAVRO=1 NERODIA_TEST_PROTOBUF=1 \
    cargo test --release --locked -p nerodia -p nerodia-codec --lib \
    --config profile.release.package.nerodia-codec.debug-assertions=true \
    --config profile.release.package.nerodia-codec.opt-level=0 \
    --config profile.release.package.nerodia.debug-assertions=true \
    --config profile.release.package.nerodia.opt-level=0
}

# tests_of TARGET THREADS. Those of chaos want all processors, one after the other.
tests_of() { cargo test --release --locked --test "$1" -- --test-threads="$2"; }

# Most tests of Kafka wait, for a session or a broker: so twice as many of them run as there are processors, and those of
# the command line run beside them. What they print is shown when both have ended.
two_targets() {
  local log=${CARGO_TARGET_DIR:-target}/kafka-tests.log status=0
  cargo test --release --locked --no-run --test cli --test kafka
  tests_of kafka "$((2 * threads))" >"$log" 2>&1 &
  tests_of cli "$threads" || status=$?
  wait $! || status=$?
  cat "$log"
  return "$status"
}

clippy() { cargo clippy --release --locked --workspace --all-targets -- -D warnings; }

# One test of each part: lines in and out, a guest's death, a reload, the web server, Kafka to Kafka.
smoke="
lifecycle::every_kind_of_line::cpython_3_14
dying::raising::cpython_3_12
reload::what_was_begun_is_finished_by_the_old_script
web::ready_when_it_is
choices::several_results_of_a_message
"

smoke_tests() {
  local output passed wanted
  # shellcheck disable=SC2086  # one word a test
  output=$(cargo test --release --locked --test cli --test ui --test kafka -- --exact $smoke | tee /dev/stderr)
  passed=$(grep -c ' \.\.\. ok$' <<<"$output") || true
  wanted=$(wc -w <<<"$smoke")
  # A name that matches no test runs none, without an error.
  [ "$passed" = "$wanted" ] || { say "error: $passed of $wanted smoke tests ran" && return 1; }
}

trap at_the_end EXIT
if [ "${1:-}" = quick ]; then
  # shellcheck disable=SC2046  # one word a tool
  require $(build_tools)
  step "format" cargo fmt --all --check
  step "runtimes" scripts/install.sh --all
  step "Kafka and registry" install_servers
  step "clippy" clippy
  step "unit tests" unit_tests
  step "smoke tests" smoke_tests
  passed=yes
  exit
fi

# shellcheck disable=SC2046  # one word a tool
require $(build_tools) python npm
threads=$(getconf _NPROCESSORS_ONLN)
# The quick ones first. All cargo commands use one profile, because Wasmtime takes minutes to build.
step "format" cargo fmt --all --check
step "shell scripts" shell_scripts
step "Python sources" python_compiles
step "accelerator" scripts/accelerator.sh --check
step "runtimes" scripts/install.sh --all
step "Kafka and registry" install_servers
step "web" scripts/web.sh
step "dependencies" scripts/deny.sh
step "clippy" clippy
step "documentation" documentation
step "configs of docker/" scripts/nerodia lint docker/orders.yaml docker/producer.yaml docker/viewer.yaml
step "tests of the configs" scripts/nerodia test configs/*.yaml
step "deployment files" scripts/deploy.sh
step "the unit in systemd" integration/deploy/systemd.sh
step "unit tests" unit_tests
step "tests of the documentation in the code" cargo test --release --locked --doc
step "tests of the command line and of Kafka" two_targets
step "tests of the pages" tests_of docs "$threads"
step "the site of the pages" scripts/book.sh
step "tests of the web server and top" tests_of ui "$threads"
step "chaos" tests_of chaos 1
passed=yes
