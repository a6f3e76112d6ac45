#!/usr/bin/env bash
# Makes packages of the program that has its runtime in itself, in dist/: a tar file, a Debian package, a wheel for pip,
# the line tables, a list of all that is in it (SBOM), and checksums. Linux only. integration/packaging/run.sh tries them.
#
#   scripts/package.sh
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

# Built from crates.io the first time, which takes some minutes; kept in target/packaging.
CARGO_DEB=3.8.0
CARGO_CYCLONEDX=0.5.9
WHEEL=0.47.0 # of PyPI: it packs wheels

case "$*" in
  "") ;;
  -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p;}' "$0" && exit ;;
  *) say "error: scripts/package.sh takes no argument" && exit 2 ;;
esac
cd "$root"
[ "$(uname -s)" = Linux ] || die "packages are made on Linux"
# shellcheck disable=SC2046  # one word a tool
require $(build_tools) python binutils dpkg

target=${CARGO_TARGET_DIR:-$root/target}
case $target in /*) ;; *) target=$root/$target ;; esac # as cargo understands it, which runs there
# Cargo.toml names these.
work=$root/target/packaging stage=$root/target/packaging/stage dist=$root/dist
built=$target/release/nerodia
version=$(sed -n '/^\[package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
triple=$(rustc -vV | sed -n 's/^host: //p')
name=nerodia-$version-$triple

main() {
  build_program
  rm -rf "$stage" "$dist"
  mkdir -p "$stage" "$dist"
  stage_files
  say "the tar file"
  tar -C "$stage" --owner=0 --group=0 --sort=name -czf "$dist/$name.tar.gz" "$name"
  make_deb
  make_wheel
  make_sbom
  (cd "$dist" && sha256sum -- * >SHA256SUMS)
  say "made in $SECONDS s:"
  ls -l "$dist" >&2
}

# The program with the runtime takes a build of its own, and the first time, or when build.rs says that the machine code
# does not fit, another one before it, which makes that code.
build_program() {
  scripts/install.sh
  say "building the program (5 to 10 minutes on two cores the first time, and as long again where the runtime has to be compiled)"
  if ! [ -f runtime/embedded/cpython-3.14.txt ] || ! build --features embedded; then
    say "making the machine code that the program shall have"
    build
    "$built" runtime compile --portable >&2
    build --features embedded
  fi
}

build() { cargo build --release --locked --bin nerodia "$@" >&2; }

# The files of all packages, in a folder of the tar file's name: the stripped program, whose line tables are kept apart.
stage_files() {
  local folder=$stage/$name shell
  mkdir -p "$folder/completions"
  objcopy --only-keep-debug "$built" "$dist/$name.debug"
  objcopy --strip-all --add-gnu-debuglink="$dist/$name.debug" "$built" "$folder/nerodia"
  chmod 755 "$folder/nerodia"
  gzip -9 "$dist/$name.debug"
  "$folder/nerodia" man "$folder/man"
  for shell in bash zsh fish; do "$folder/nerodia" completions "$shell" >"$folder/completions/nerodia.$shell"; done
  cp LICENSE "$folder/"
  ln -sfn "$name" "$stage/package" # the name by which Cargo.toml knows it
}

make_deb() {
  cargo_tool cargo-deb "$CARGO_DEB"
  say "the Debian package"
  "$work/tools/bin/cargo-deb" --no-build --no-strip --fast --output "$dist/" >&2
}

# The same program as in the other packages, as a script of the wheel. Not with maturin, which would build its own.
make_wheel() {
  local python=$work/venv-wheel/bin/python folder=$stage/wheel/nerodia_engine-$version tag
  if ! [ -x "$python" ] || ! "$python" -m pip show wheel 2>/dev/null | grep -qx "Version: $WHEEL"; then
    say "installing wheel $WHEEL"
    rm -rf "$work/venv-wheel"
    python3 -m venv "$work/venv-wheel" >&2
    "$python" -m pip install --quiet --disable-pip-version-check "wheel==$WHEEL" >&2
  fi
  say "the wheel"
  mkdir -p "$folder.data/scripts" "$folder.dist-info/licenses"
  cp "$stage/$name/nerodia" "$folder.data/scripts/"
  cp LICENSE "$folder.dist-info/licenses/"
  # It needs the system's OpenSSL, so it is no manylinux wheel.
  tag=py3-none-linux_$(uname -m)
  printf '%s\n' "Wheel-Version: 1.0" "Generator: scripts/package.sh" "Root-Is-Purelib: false" "Tag: $tag" \
    >"$folder.dist-info/WHEEL"
  {
    printf '%s\n' "Metadata-Version: 2.4" "Name: nerodia-engine" "Version: $version" "License-Expression: Apache-2.0" \
      "License-File: LICENSE" "Requires-Python: >=3.9" "Description-Content-Type: text/markdown" \
      "Summary: $(sed -n 's/^description = "\(.*\)"/\1/p' Cargo.toml)" ""
    cat README.md
  } >"$folder.dist-info/METADATA"
  "$python" -m wheel pack --dest-dir "$dist" "$stage/wheel" >&2
}

# The crates, by cargo-cyclonedx, and what is in the runtime, by its own list.
make_sbom() {
  cargo_tool cargo-cyclonedx "$CARGO_CYCLONEDX"
  say "the list of what is in it"
  "$work/tools/bin/cargo-cyclonedx" cyclonedx --format json --features embedded --target "$triple" --quiet \
    --override-filename nerodia-sbom >&2
  python3 - nerodia-sbom.json "$dist/$name.cdx.json" <<'PYTHON'
import json
import re
import sys

found, made = sys.argv[1:]
with open(found, encoding="utf-8") as file:
    sbom = json.load(file)
with open("runtime/requirements.txt", encoding="utf-8") as file:
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)==([^ \\]+)", file.read(), re.M)
for name, version in pinned:
    sbom["components"].append({"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{name}@{version}"})
sbom["components"].append({"type": "platform", "name": "cpython", "version": "3.14", "description": "compiled to WebAssembly; from componentize-py"})
with open(made, "w", encoding="utf-8") as file:
    json.dump(sbom, file, indent=1)
PYTHON
  # It has written one for each package of the workspace.
  find . -path ./target -prune -o -name nerodia-sbom.json -exec rm {} +
}

# cargo_tool NAME VERSION installs a subcommand of cargo, with cargo's own progress.
cargo_tool() {
  if ! "$work/tools/bin/$1" "${1#cargo-}" --version 2>/dev/null | grep -qw "$2"; then
    say "installing $1 $2 into target/packaging"
    cargo install --locked --root "$work/tools" "$1@$2" >&2
  fi
}

main
