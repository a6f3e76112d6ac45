#!/usr/bin/env bash
# Tries the packages that scripts/package.sh has put into dist/, each in a Debian 12 that has nothing but its base: installs
# it, as its page says, and lets it answer. Needs root and debootstrap; the roots are kept in target/packaging.
#
#   integration/packaging/run.sh [OTHER]     OTHER: a tar file of another version, which is to run beside this one
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/../.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

case "$*" in
  -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p;}' "$0" && exit ;;
esac
if [ $# -gt 1 ] || ! [ -f "${1:-$0}" ]; then say "error: integration/packaging/run.sh takes one tar file, or nothing" && exit 2; fi
other=${1:+$(realpath "$1")}
[ "$(id -u)" = 0 ] || skip "only root can change the root of a process"
work=$root/target/packaging roots=$root/target/packaging/roots dist=$root/dist
tried="" # the root of the package that is tried
checks=0

main() {
  local tar deb wheel command
  tar=$(one "*.tar.gz") deb=$(one "*.deb") wheel=$(one "*.whl")
  have debootstrap || apt_install " debootstrap" " debootstrap"
  (cd "$dist" && sha256sum --check --quiet SHA256SUMS) || die "dist/ is not what its checksums say"
  bare_base

  begin "$tar"
  measure "apt-get install libssl3" inside apt-get install -y --no-install-recommends libssl3
  measure "tar -xzf" inside tar -xzf "/dist/$(basename "$tar")" --no-same-owner -C /opt
  answers "/opt/$(basename "$tar" .tar.gz)/nerodia"
  stands_still "/opt/$(basename "$tar" .tar.gz)"
  if [ -n "$other" ]; then beside_another "/opt/$(basename "$tar" .tar.gz)"; fi
  end

  begin "$deb"
  command=$(documented README.md "apt-get install")
  measure "$command" inside sh -c "cd / && $command"
  command=$(documented README.md "echo \"[11, 6, 20, 5]\" | nerodia eval")
  [ "$(inside sh -c "$command")" = 42 ] || die "the README's command does not give 42"
  check "$command"
  answers nerodia
  inside test -e /usr/share/man/man1/nerodia.1.gz || die "the package has no manual page"
  check "nerodia.1 is there"
  inside dpkg -r nerodia >/dev/null
  if inside test -e /usr/bin/nerodia; then die "dpkg -r leaves the program"; fi
  check "dpkg -r takes it away"
  end

  begin "$wheel"
  measure "apt-get install python3-venv" inside apt-get install -y --no-install-recommends python3-venv
  measure "python3 -m venv" inside python3 -m venv /opt/venv
  measure "pip install" inside /opt/venv/bin/pip install --quiet --disable-pip-version-check --no-index "/dist/$(basename "$wheel")"
  answers /opt/venv/bin/nerodia
  end
  echo "$checks checks passed"
}

# Prints the only file in dist/ of this pattern.
one() {
  local found
  found=$(find "$dist" -maxdepth 1 -name "$1" 2>/dev/null)
  if [ -z "$found" ] || [ "$(wc -l <<<"$found")" != 1 ]; then die "dist/ has not one $1; run scripts/package.sh"; fi
  echo "$found"
}

# bare_base makes a Debian with nothing but its base, once.
bare_base() {
  [ -e "$roots/bare.done" ] && return
  say "making a Debian (a minute)"
  rm -rf "$roots/bare"
  mkdir -p "$roots"
  debootstrap --variant=minbase bookworm "$roots/bare" >"$roots/bare.log" 2>&1 || die "debootstrap failed; see $roots/bare.log"
  touch "$roots/bare.done"
}

# begin PACKAGE gives a package a root of its own.
begin() {
  tried=$roots/tried
  rm -rf --one-file-system "$tried"
  cp -a "$roots/bare" "$tried"
  cp /etc/apt/apt.conf.d/*artifact* /etc/apt/apt.conf.d/*proxy* "$tried/etc/apt/apt.conf.d/" 2>/dev/null || true
  cp /etc/resolv.conf "$tried/etc/"
  mkdir "$tried/dist"
  cp "$1" "$tried/dist/"
  mount -t proc proc "$tried/proc"
  # Debian's lists are older than its updates.
  inside apt-get update >/dev/null 2>&1 || say "apt-get update failed: the packages of the base are used"
  printf '\n%s: %s MB\n' "$(basename "$1")" "$(megabytes "$1")"
}

end() {
  umount "$tried/proc"
  rm -rf --one-file-system "$tried"
  tried=""
}

inside() { chroot "$tried" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"; }

megabytes() { stat -c %s "$1" | awk '{ printf "%.1f", $1 / 1e6 }'; }

check() { checks=$((checks + 1)) && echo "  $1"; }

# measure WORDS COMMAND… reports the time and the megabytes that a command takes.
measure() {
  local words=$1 before after begin
  shift
  before=$(du -sxm "$tried" | cut -f1)
  begin=$(date +%s.%N)
  "$@" >"$work/tried.log" 2>&1 || { cat "$work/tried.log" >&2 && die "$words failed"; }
  printf '  %s: %.1f s' "$words" "$(echo "$(date +%s.%N) - $begin" | bc)"
  after=$(du -sxm "$tried" | cut -f1)
  echo ", $((after - before)) MB"
}

# answers PROGRAM checks that it answers: first, again, and for a user without a home in a root that nobody can write to.
answers() {
  local first again other
  first=$(ask "$1") && again=$(ask "$1")
  mount --bind "$tried" "$tried"
  mount -o remount,bind,ro "$tried"
  other=$(ask "$1" --userspec=65534:65534) || other=failed
  umount "$tried"
  [ "$other" != failed ] || die "it does not answer to nobody in a read-only root"
  check "answers in $first ms, again in $again ms, to nobody in a read-only root in $other ms"
}

# Prints the milliseconds until the answer, the least of three.
ask() {
  local program=$1 times="" begin answer
  shift
  for _ in 1 2 3; do
    begin=$(date +%s%N)
    answer=$(echo '[11, 6, 20, 5]' | chroot "$@" "$tried" env -i PATH=/usr/bin:/bin "$program" eval 'root = sum(this)')
    [ "$answer" = 42 ] || { say "it answers '$answer'" && return 1; }
    times="$times $((($(date +%s%N) - begin) / 1000000))"
  done
  tr ' ' '\n' <<<"$times" | grep . | sort -n | head -n 1
}

# Two of it beside each other, at the same time: neither writes, so neither can disturb the other.
stands_still() {
  local first=$1 second=$1-again written
  cp -a "$tried$first" "$tried$second"
  touch "$work/stamp"
  ask "$first/nerodia" >"$work/first" &
  ask "$second/nerodia" >"$work/second" || die "the second of two does not answer"
  wait $! || die "the first of two does not answer"
  written=$(find "$tried" -xdev -newer "$work/stamp" -type f)
  [ -z "$written" ] || die "it has written files: $written"
  check "two beside each other answer, and write no file"
}

# Two versions beside each other answer at the same time, and each says its own version.
beside_another() {
  local first=$1 second first_version second_version
  cp "$other" "$tried/dist/"
  inside tar -xzf "/dist/$(basename "$other")" --no-same-owner -C /opt
  second=/opt/$(basename "$other" .tar.gz)
  first_version=$(inside "$first/nerodia" --version) second_version=$(inside "$second/nerodia" --version)
  [ "$first_version" != "$second_version" ] || die "both say that they are $first_version"
  for _ in 1 2 3 4 5; do
    ask "$first/nerodia" >"$work/first" &
    ask "$second/nerodia" >"$work/second" || die "$second_version does not answer"
    wait $! || die "$first_version does not answer"
  done
  check "$first_version and $second_version beside each other answer, five times at the same time"
}

clean_up() {
  if [ -n "$tried" ]; then
    umount "$tried/proc" 2>/dev/null || true
    umount "$tried" 2>/dev/null || true
  fi
}

trap clean_up EXIT
main
