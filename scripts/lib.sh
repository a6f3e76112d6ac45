# shellcheck shell=bash disable=SC2154
# Functions that the scripts share. This file is sourced, after `root` was set to the repository's folder. It uses only
# what bash 3.2 has, because macOS has no newer one.

say() { printf '%s\n' "nerodia: $*" >&2; }

die() {
  say "error: $*"
  exit 1
}

# Ends the script if a check cannot be done on this machine.
skip() { say "skipped: $*" && exit 0; }

have() { command -v "$1" >/dev/null 2>&1; }

# Checks that every tool is there, or ends the script: `require rust c python npm`. On Debian, as root, the packages are
# installed; elsewhere the script only prints what to do.
require() {
  find_cargo
  local tool missing=""
  for tool in "$@"; do
    "has_$tool" || missing="$missing $tool"
  done
  [ -n "$missing" ] || return 0
  case "$missing " in
    # No distribution is sure to have a recent enough Rust, so nothing is installed in that case.
    *" rust "*) die "$(rust_advice)" ;;
  esac
  install_packages "$missing"
  for tool in $missing; do
    "has_$tool" || die "$tool is still missing after its packages were installed"
  done
}

RUST_NEEDED=1.95 # the newest `rust-version` among Cargo.lock's crates

# rustup puts cargo in a folder that only login shells search.
find_cargo() {
  local bin="${CARGO_HOME:-${HOME:-/nonexistent}/.cargo}/bin"
  if ! have cargo && [ -x "$bin/cargo" ]; then PATH="$bin:$PATH"; fi
}

has_rust() {
  local version
  version=$(cd "$root" && cargo --version 2>/dev/null) || return 1
  version=${version#cargo }
  version=${version%% *}
  [ "$(printf '%s\n' "$RUST_NEEDED" "$version" | sort -t. -k1,1n -k2,2n | head -n 1)" = "$RUST_NEEDED" ]
}

rust_advice() {
  if have cargo; then
    echo "Rust $RUST_NEEDED or newer is needed, and this is $(cd "$root" && cargo --version 2>&1 | head -n 1)."
    have rustup && echo "Run: rustup update stable" && return
  else
    echo "Rust $RUST_NEEDED or newer is needed, and there is no cargo."
  fi
  echo "Install it with rustup, as the Rust project's own page 'Install Rust' says, then run this again."
}

has_c() { have cc; }

has_cmake() { have cmake; }

# Checks for what librdkafka's build needs, and for its libraries for TLS and compression.
has_librdkafka() {
  have c++ && have make && have pkg-config && pkg-config --exists libssl libcrypto zlib
}

# On Debian, venv is a package of its own: without it `import venv` works without ensurepip, and every venv fails.
has_python() { python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))' >/dev/null 2>&1; }

has_npm() { have npm; }

has_binutils() { have objcopy; }

has_dpkg() { have dpkg-deb && have dpkg-shlibdeps; }

# Prints what `cargo build` needs, from Cargo.lock: librdkafka is built with make; cmake is needed only if a crate uses
# it.
build_tools() {
  echo rust c
  if grep -q '^name = "rdkafka-sys"$' "$root/Cargo.lock"; then echo librdkafka; fi
  if grep -q '^name = "cmake"$' "$root/Cargo.lock"; then echo cmake; fi
}

# apt_install " c npm" " gcc libc6-dev npm" installs the packages for missing tools, or prints how to.
apt_install() {
  local missing="$1" packages="$2"
  if [ "$(id -u)" != 0 ]; then
    die "missing:$missing. Run: sudo apt-get install -y$packages"
  fi
  say "missing:$missing; running apt-get install -y$packages"
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086  # one word a package
  { apt-get update && apt-get install -y --no-install-recommends $packages; } </dev/null >&2 ||
    die "apt-get failed; what it said stands above"
}

install_packages() {
  local missing="$1" packages
  if have apt-get; then
    packages=$(packages_for "$missing" "c=gcc libc6-dev" "cmake=cmake make g++" \
      "librdkafka=g++ make pkg-config libssl-dev zlib1g-dev" "python=python3 python3-venv" "npm=npm" "binutils=binutils" "dpkg=dpkg-dev")
    apt_install "$missing" "$packages"
  elif have dnf; then
    packages=$(packages_for "$missing" "c=gcc" "cmake=cmake gcc-c++ make" \
      "librdkafka=gcc-c++ make pkgconf openssl-devel zlib-devel" "python=python3" "npm=npm" "binutils=binutils" "dpkg=dpkg dpkg-dev")
    die "missing:$missing. Run: sudo dnf install -y$packages"
  elif have brew; then
    packages=$(packages_for "$missing" "c=llvm" "cmake=cmake" "librdkafka=make pkg-config openssl zlib" "python=python3" "npm=node")
    die "missing:$missing. Run: brew install$packages"
  else
    die "missing:$missing. Install with your system's packages: a C compiler called cc, g++, make, pkg-config, the headers of OpenSSL and zlib, cmake, python3 with venv, npm."
  fi
}

# packages_for " c npm" "c=gcc libc6-dev" "npm=npm" prints " gcc libc6-dev npm".
packages_for() {
  local missing="$1" entry
  shift
  for entry in "$@"; do
    case "$missing " in
      *" ${entry%%=*} "*) printf ' %s' "${entry#*=}" ;;
    esac
  done
}

# documented FILE BEGINNING prints the commands that begin with BEGINNING, out of FILE's blocks marked `sh elsewhere:
# …`, which the named script runs: without comments, and each on one line.
documented() {
  # shellcheck disable=SC2016  # Markdown's backquotes
  sed -n '/^```sh elsewhere:/,/^```$/{/^```/d;p;}' "$root/$1" |
    sed -e ':line' -e '/\\$/{N;s/\\\n *//;b line' -e '}' -e 's/  *# .*//' |
    awk -v beginning="$2" 'index($0, beginning) == 1 { print; found = 1 } END { exit !found }' ||
    die "$1 has no command that begins with '$2'"
}

# until_true SECONDS COMMAND… repeats the command silently until it succeeds; fails when the time is over.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.5
  done
}

# Prepares what scripts/bench.sh and scripts/soak.sh measure: the release, built again unless the arguments have
# --no-build.
prepare_measuring() {
  program=${CARGO_TARGET_DIR:-$root/target}/release/nerodia
  export NERODIA_RUNTIME_DIR=${NERODIA_RUNTIME_DIR:-$root/runtime}
  case " $* " in
    *" --no-build "* | *" --help "* | *" -h "* | *" --list "*) return ;;
  esac
  # shellcheck disable=SC2046  # one word a tool
  require $(build_tools) python npm
  "$root/scripts/install.sh" --all
  (cd "$root" && cargo build --release --locked) >&2
  "$program" runtime compile >&2
}
