#!/usr/bin/env bash
# Builds runtime/_nerodia.abi3.so, the part of cpython-3.14 that is C, from runtime/accelerator.
#
#   scripts/accelerator.sh           builds it; needs clang 19 and its linker (Debian: clang-19, lld-19)
#   scripts/accelerator.sh --check   checks that it was built from the sources that are here; where the compiler is
#                                    there, also that the compiler makes the same bytes of them
#
# The built file is committed, as few machines have a compiler for WebAssembly, with the sums of its sources beside it.
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"
cd "$root/runtime"

library=_nerodia.abi3.so
sums=accelerator/sha256sums
work=""

build() {
  local source objects=""
  for source in accelerator/*.c; do
    # Freestanding: what it needs of a C library, it takes from that of CPython.
    clang-19 --target=wasm32-wasip1 -std=c17 -O3 -fPIC -ffreestanding -nostdlib \
      -mbulk-memory -mnontrapping-fptoint -msign-ext -Wall -Wextra -Werror -Wno-unused-parameter \
      -c "$source" -o "$work/$(basename "$source").o"
    objects="$objects $work/$(basename "$source").o"
  done
  # shellcheck disable=SC2086  # one word a file
  wasm-ld-19 -shared --experimental-pic --allow-undefined --strip-all --export=PyInit__nerodia $objects -o "$work/$library"
}

sums_of_all() { sha256sum accelerator/*.c accelerator/*.h "$library"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case "$*" in
  "")
    if ! have clang-19 || ! have wasm-ld-19; then
      die "clang-19 and wasm-ld-19 are needed (Debian: apt-get install clang-19 lld-19)"
    fi
    build
    mv "$work/$library" "$library"
    sums_of_all >"$sums"
    say "built runtime/$library, $(wc -c <"$library") bytes; cpython-3.14 has to be installed again"
    ;;
  --check)
    [ "$(sums_of_all)" = "$(cat "$sums")" ] || die "runtime/$library is not what scripts/accelerator.sh built from runtime/accelerator: run it"
    if have clang-19 && have wasm-ld-19; then
      build
      cmp "$work/$library" "$library" || die "the compiler makes other bytes of runtime/accelerator than runtime/$library has"
    fi
    ;;
  -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p;}' "$0" ;;
  *) say "error: scripts/accelerator.sh takes no argument but --check" && exit 2 ;;
esac
