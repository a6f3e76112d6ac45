#!/usr/bin/env bash
# Makes a site of README.md and docs/ in target/book, in the order of docs/SUMMARY.md, and checks the links in it. mdBook is
# built once, into target/tools: three minutes of processor time. After that, the site takes a second.
#
#   scripts/book.sh          then open target/book/index.html
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

VERSION=0.5.4

case "$*" in
  "") ;;
  -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p;}' "$0" && exit ;;
  *) say "error: scripts/book.sh takes no arguments" && exit 2 ;;
esac

require rust python
target=${CARGO_TARGET_DIR:-$root/target}
mdbook=$target/tools/bin/mdbook
if [ "$("$mdbook" --version 2>/dev/null)" != "mdbook v$VERSION" ]; then
  say "building mdBook $VERSION"
  # Outside of the repository, whose settings are for the product; without the server.
  (cd / && cargo install mdbook --version "=$VERSION" --locked --no-default-features --features search \
    --root "$target/tools" --target-dir "$target/tools/build" --quiet)
  rm -rf "$target/tools/build"
fi
rm -rf "$target/book" "$target/book-pages"
python3 "$root/scripts/book.py" gather "$root" "$target/book-pages"
"$mdbook" build "$target/book-pages" >&2
python3 "$root/scripts/book.py" check "$target/book"
say "$target/book/index.html"
