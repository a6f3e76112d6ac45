#!/usr/bin/env bash
# Checks the files in configs/deploy, with the tools of their readers: systemd's own for the unit, Kubernetes' schemas
# for the manifests, Prometheus' promtool for the alerts, `nerodia lint` for the pipeline. Also checks that the commands
# of docs/operating.md install them, and that they fit together. What the checks need goes into target/deploy: Python
# packages of pinned versions (PyPI), and promtool (out of Debian's package, which is not installed). If a tool is
# unavailable, this is reported, and its check is skipped.
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

deploy=$root/configs/deploy
checks=$root/integration/deploy
target=${CARGO_TARGET_DIR:-$root/target}
case $target in /*) ;; *) target=$root/$target ;; esac # as cargo understands it, which runs there
tools=$target/deploy
venv=$tools/venv

# Everything is made in another place, and moved when it is complete.
install_packages_of_python() {
  if cmp -s "$checks/requirements.txt" "$venv/requirements.txt"; then return; fi
  say "installing $(grep -c == "$checks/requirements.txt") Python packages for the checks"
  rm -rf "$venv"
  python3 -m venv "$venv" >&2
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$checks/requirements.txt" >&2
  cp "$checks/requirements.txt" "$venv/"
}

# promtool PATH sets `promtool`, or leaves it empty.
find_promtool() {
  promtool=$(command -v promtool || true)
  [ -z "$promtool" ] || return 0
  promtool=$tools/promtool
  if [ -x "$promtool" ]; then return; fi
  if have apt-get && have dpkg-deb && unpack_promtool >&2; then return; fi
  promtool=""
}

unpack_promtool() {
  local new=$tools/prometheus.$$
  say "fetching promtool"
  mkdir -p "$new"
  (
    cd "$new"
    # A fresh container has no package lists, and only root may fetch them.
    apt-get -qq download prometheus 2>/dev/null || { apt-get -qq update && apt-get -qq download prometheus; }
    dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool
    mv usr/bin/promtool "$tools/promtool"
  ) || {
    rm -rf "$new"
    return 1
  }
  rm -rf "$new"
}

# The program that the unit starts is not installed on this machine.
check_unit() {
  if ! have systemd-analyze && have apt-get && [ "$(id -u)" = 0 ]; then apt_install " systemd-analyze" " systemd"; fi
  if ! have systemd-analyze; then
    say "no systemd-analyze here: the unit is not checked"
    return
  fi
  local said
  sed 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' "$deploy/nerodia.service" >"$work/nerodia.service"
  # systemd-analyze only warns about unknown or wrong settings.
  said=$(systemd-analyze verify --man=no --recursive-errors=no "$work/nerodia.service" 2>&1) ||
    die "systemd-analyze verify: $said"
  said=$(printf '%s' "$said" | grep -F nerodia.service || true)
  [ -z "$said" ] || die "systemd-analyze verify: $said"
  # The exposure may be at most 2.0 of 10.
  systemd-analyze security --offline=yes --threshold=20 "$work/nerodia.service" >"$work/exposure" ||
    die "the unit is exposed: $(cat "$work/exposure")"
}

check_kubernetes() {
  local said
  said=$("$venv/bin/kubernetes-validate" --strict --quiet "$deploy/kubernetes.yaml" 2>&1) || die "kubernetes.yaml: $said"
}

check_alerts() {
  find_promtool
  if [ -z "$promtool" ]; then
    say "no promtool here: the alerts are not checked by it"
    return
  fi
  local said
  cp "$deploy/alerts.yaml" "$checks/alerts.test.yaml" "$work"
  said=$("$promtool" check rules "$work/alerts.yaml" 2>&1) || die "promtool: $said"
  said=$("$promtool" test rules "$work/alerts.test.yaml" 2>&1) || die "promtool: $said"
}

check_pipeline() {
  local said
  said=$("$venv/bin/python" "$checks/check.py" config |
    KAFKA_USER=user KAFKA_PASSWORD=password "$root/scripts/nerodia" lint - 2>&1) || die "kubernetes.yaml: $said"
}

# Runs the commands of docs/operating.md that install it, with a folder instead of `/`; then what they installed.
check_installation() {
  local installed=$work/installed lines said
  lines=$(documented docs/operating.md "install -" | sed -E "s# /(opt|etc)/# $installed/\1/#g")
  mkdir -p "$installed/etc/systemd/system"
  "$root/scripts/nerodia" --version >/dev/null # is there what is to be installed?
  said=$(cd "$root" && bash -euc "$lines" 2>&1) || die "docs/operating.md: $said"
  said=$(cd "$installed" && env -u NERODIA_RUNTIME_DIR NERODIA_CACHE_DIR="$root/runtime/.cache" \
    opt/nerodia/nerodia lint etc/nerodia/pipeline.yaml 2>&1) || die "installed as in docs/operating.md: $said"
  cmp -s "$installed/etc/systemd/system/nerodia.service" "$deploy/nerodia.service" || die "the unit is not installed"
}

require python
mkdir -p "$tools"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
install_packages_of_python
check_unit
check_kubernetes
check_pipeline
check_alerts
check_installation
"$venv/bin/python" "$checks/check.py" || die "the files in configs/deploy do not fit together; what is wrong stands above"
