#!/usr/bin/env bash
# Gives libFuzzer's inputs to the codecs, to replies and first lines of guests, to input lines and to configs; libFuzzer
# is guided by the code that it reaches. Also compares scripts that run as functions and at top level. Nothing may
# panic, grow without bound, hang or differ. Inputs that reach new code are kept in fuzz/corpus, to be committed; `cargo
# test` runs all of them. Linux only.
#
#   scripts/fuzz.sh                    10 minutes for each target
#   scripts/fuzz.sh --minutes 60       an hour for each target
#   scripts/fuzz.sh config             one target: json, avro, protobuf, marshal, response, handshake, lines, config or
#                                      scripts
#   scripts/fuzz.sh config FILE        this one input, such as one that a failed run has left
#   scripts/fuzz.sh --seed 17          the same random choices, as far as one process can repeat them
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; }

wrong() { say "error: $*" && usage >&2 && exit 2; }

native="json avro protobuf marshal response handshake lines config"
differential=$root/integration/fuzz/scripts.py
minutes=10 seed=$RANDOM targets="" input=""
while [ $# != 0 ]; do
  case "$1" in
    --minutes | --seed)
      [ $# -ge 2 ] || wrong "$1 needs a value"
      case "$2" in "" | *[!0-9]*) wrong "$1 is a number" ;; esac
      if [ "$1" = --minutes ]; then minutes=$2; else seed=$2; fi
      shift
      ;;
    -h | --help) usage && exit ;;
    -*) wrong "'$1' is no option" ;;
    *)
      if [ -z "$targets" ]; then
        case " $native scripts " in *" $1 "*) targets=$1 ;; *) wrong "'$1' is no target" ;; esac
      else
        [ -z "$input" ] || wrong "'$1' is one argument too many"
        [ -f "$1" ] || wrong "'$1' is no file"
        input=$(readlink -f "$1")
      fi
      ;;
  esac
  shift
done
if [ -z "$targets" ]; then
  targets=$native
  [ ! -f "$differential" ] || targets="$targets scripts"
fi

# shellcheck disable=SC2046  # one word a tool
require $(build_tools)
cd "$root"
target=${CARGO_TARGET_DIR:-$root/target}
case $target in /*) ;; *) target=$root/$target ;; esac
work=$target/fuzz
mkdir -p "$work"

# Prints one of libFuzzer's figures, or nothing.
figure() { sed -n "s/^stat::$1: *//p" "$2"; }

# Prints the progress so far, from libFuzzer's last line.
progress() { grep -o '#[0-9]*.*cov: [0-9]*.*corp: [0-9]*.*exec/s: [0-9]*' "$1" | tail -n 1 || true; }

# native NAME: fuzzes for the given time. Reports a finding, if there is one, with the command that repeats it.
fuzz_native() {
  local name=$1 program=$target/release/$1 log=$work/$1.log grown=$work/corpus/$1 code=0 pid next end
  mkdir -p "$grown" "$work/findings" "fuzz/corpus/$name"
  say "$name: $minutes minutes, seed $seed, $(find "fuzz/corpus/$name" -type f | wc -l) inputs in the corpus"
  "$program" "$grown" "fuzz/corpus/$name" "-max_total_time=$((60 * minutes))" "-seed=$seed" -max_len=8192 -timeout=10 \
    -rss_limit_mb=1024 -print_final_stats=1 "-artifact_prefix=$work/findings/$name-" >"$log" 2>&1 &
  pid=$!
  running=$pid
  next=$((SECONDS + 30)) end=$((SECONDS + 60 * minutes + 60))
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    if [ "$SECONDS" -ge "$next" ]; then
      say "$name: $(progress "$log")"
      next=$((SECONDS + 30))
    fi
    if [ "$SECONDS" -ge "$end" ]; then kill -KILL "$pid" 2>/dev/null || true; fi # it may just have ended
  done
  wait "$pid" || code=$?
  running=""
  if [ "$code" != 0 ]; then
    found=1
    tail -n 40 "$log" >&2
    say "$name: FOUND something; repeat it with: scripts/fuzz.sh $name $(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)"
  fi
  keep "$name" "$program"
  say "$name: $(figure number_of_executed_units "$log") inputs, $(find "fuzz/corpus/$name" -type f | wc -l) kept in fuzz/corpus/$name"
}

# Keeps the fewest and shortest of all inputs that reach every branch that any of them reaches.
keep() {
  local name=$1 program=$2 fresh=$work/$1.fresh # targets may run side by side
  rm -rf "$fresh"
  mkdir -p "$fresh"
  # A crash does not belong to a corpus: the test that replays it would fail until the bug is fixed.
  "$program" -merge=1 -use_counters=0 -max_len=8192 -timeout=10 "$fresh" "fuzz/corpus/$name" "$work/corpus/$name" \
    >"$work/$name.merge.log" 2>&1 || die "the corpus of $name cannot be reduced: see $work/$name.merge.log"
  [ -n "$(ls "$fresh")" ] || die "the corpus of $name would be empty: see $work/$name.merge.log"
  rm -rf "fuzz/corpus/$name"
  mv "$fresh" "fuzz/corpus/$name"
}

fuzz_scripts() {
  [ -f "$differential" ] || die "there is no $differential"
  "$root/scripts/install.sh" --all
  cargo build --release --locked >&2
  say "scripts: $minutes minutes, seed $seed"
  python3 "$differential" --minutes "$minutes" --seed "$seed" || found=1
}

found=0 running=""
trap '[ -z "$running" ] || kill "$running" 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

case "$targets" in
  scripts) ;;
  *)
    # Only the crates of this repository are instrumented, so nothing else is built again.
    RUSTC_WORKSPACE_WRAPPER=$root/fuzz/rustc.sh \
      cargo build --release --locked --package nerodia-fuzz --features libfuzzer --bins >&2
    ;;
esac
if [ -n "$input" ]; then
  [ "$targets" != scripts ] || wrong "a script's input is its seed"
  exec "$target/release/$targets" "$input"
fi
for name in $targets; do
  case "$name" in
    scripts) fuzz_scripts ;;
    *) fuzz_native "$name" ;;
  esac
done
exit "$found"
