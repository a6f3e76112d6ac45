#!/bin/sh
# Used as RUSTC_WORKSPACE_WRAPPER: this repository's crates are instrumented for libFuzzer and checked for overflows;
# their dependencies are the same as in any other build. (cargo-fuzz sets RUSTFLAGS, which builds Wasmtime again.)
# A build script runs while cargo builds, without libFuzzer.
case " $* " in *" build_script_build "*) exec "$@" ;; esac
exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions=yes -Coverflow-checks=yes
