#!/usr/bin/env bash
# Installs what the tests of the web server need: Prometheus' own parser (PyPI) and a driver for Chromium (npm), both in
# target/web or next to their test, and Chromium itself (Debian's package, as root). Without Chromium the test of the
# page reports that, and is skipped. Also installs tmux, the terminal in which `nerodia top` is tested.
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

PARSER=prometheus-client==0.26.0

require python npm
venv=${CARGO_TARGET_DIR:-$root/target}/web/venv
if ! "$venv/bin/python" -c 'import prometheus_client' 2>/dev/null; then
  say "installing $PARSER"
  rm -rf "$venv"
  python3 -m venv "$venv" >&2
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$PARSER" >&2
fi
page=$root/integration/page
if ! [ -f "$page/node_modules/playwright-core/package.json" ]; then
  say "installing playwright-core"
  (cd "$page" && npm ci --no-audit --no-fund --silent) >&2
fi
if ! have chromium && have apt-get && [ "$(id -u)" = 0 ]; then
  apt_install " chromium" " chromium"
fi
have tmux || apt_install " tmux" " tmux"
have chromium || say "no Chromium here: the page is not looked at"
