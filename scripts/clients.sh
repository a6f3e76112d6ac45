#!/usr/bin/env bash
# Installs Python's clients of Kafka, Avro, Protobuf and the schema registry into target/clients, for tests and benchmarks
# that compare with them. Prints the path of their Python. The versions are in integration/clients.txt.
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

target=${CARGO_TARGET_DIR:-$root/target}
case $target in /*) ;; *) target=$root/$target ;; esac # as cargo understands it, which runs there
clients=$target/clients wanted=$root/integration/clients.txt

case "$*" in
  "") ;;
  -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p;}' "$0" && exit ;;
  *) say "error: scripts/clients.sh takes no argument" && exit 2 ;;
esac
mkdir -p "$target"
exec {lock}>"$target/.clients-lock"
flock "$lock"
# The list is copied last, so that an interrupted installation is done again.
if ! cmp -s "$wanted" "$clients/wanted"; then
  require python
  say "installing Python's clients of Kafka and the schema registry into target/clients"
  rm -rf "$clients"
  python3 -m venv "$clients"
  "$clients/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" >&2
  cp "$wanted" "$clients/wanted"
fi
echo "$clients/bin/python"
