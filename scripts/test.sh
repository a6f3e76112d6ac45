#!/usr/bin/env bash
# Runs every check and every test, on both runtimes, and ends at the first that fails.
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"
cd "$root"

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
  local scripts="scripts/lib.sh scripts/install.sh scripts/nerodia scripts/test.sh scripts/bench.sh scripts/bench-kafka.sh scripts/soak.sh scripts/chaos.sh scripts/fuzz.sh fuzz/rustc.sh scripts/kafka.sh scripts/kafka/*.sh scripts/web.sh scripts/deploy.sh docker/libraries.sh integration/deploy/systemd.sh integration/docker/run.sh integration/docker/kafka/run integration/docker/kafka/kafka-topics.sh .ci/run" script
  # shellcheck disable=SC2086  # one word a file, and a pattern
  for script in $scripts; do bash -n "$script"; done
  # shellcheck disable=SC2086  # one word a file
  if have shellcheck; then shellcheck -x $scripts; else echo "shellcheck is not installed: only bash -n was run"; fi
}

python_compiles() {
  python3 - runtime/*.py scripts/*.py integration/*/*.py <<'PYTHON'
import sys

for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        compile(file.read(), name, "exec")
PYTHON
}

documentation() { RUSTDOCFLAGS=-Dwarnings cargo doc --release --locked --no-deps; }

trap at_the_end EXIT
# shellcheck disable=SC2046  # one word a tool
require $(build_tools) python npm
# The cheap ones first. All of cargo's use one profile: Wasmtime takes minutes to build.
step "format" cargo fmt --all --check
step "shell scripts" shell_scripts
step "Python sources" python_compiles
step "runtimes" scripts/install.sh --all
step "Kafka" scripts/kafka.sh install
step "web" scripts/web.sh
step "clippy" cargo clippy --release --locked --workspace --all-targets -- -D warnings
step "documentation" documentation
step "configs of docker/" scripts/nerodia lint docker/orders.yaml docker/producer.yaml docker/viewer.yaml
step "tests of the configs" scripts/nerodia test configs/*.yaml
step "deployment files" scripts/deploy.sh
step "the unit in systemd" integration/deploy/systemd.sh
# With this crate's debug assertions, which the shipped program lacks, and without optimization, which takes a third of the
# time; the dependencies stay as they are. Of the library alone, so target/release/nerodia stays the shipped one, which the
# tests after it run.
step "unit tests with debug assertions" cargo test --release --locked --lib \
  --config profile.release.package.nerodia.debug-assertions=true \
  --config profile.release.package.nerodia.opt-level=0
step "tests" cargo test --release --locked
passed=yes
