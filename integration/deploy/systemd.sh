#!/usr/bin/env bash
# Runs configs/deploy/nerodia.service in a real systemd, from Kafka to Kafka, with the commands of docs/operating.md,
# and checks that the page's text around them is true. Takes a minute. Needs root's namespaces, and a machine without a
# systemd of its own, such as a container; elsewhere it prints why it does nothing.
#
# This systemd is the first process of a namespace. Its files are a copy on write of this machine's, which is removed at
# the end, and does not have the units that are enabled here. It shares the network, so it reaches the Kafka outside,
# and the groups of processes (cgroups), which are removed at the end. It has no devices, and cannot set the kernel or
# its clock.
set -euo pipefail

here=$(cd -P "$(dirname "$(readlink -f "$0")")" && pwd)
root=$(cd -P "$here/../.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

page=docs/operating.md
kafka=systemd-$$
systemd=/lib/systemd/systemd
work="" pid="" boot="" code=0
count=0 # of results that were read

main() {
  [ "$(uname -s)" = Linux ] || skip "this is no Linux"
  [ "$(id -u)" = 0 ] || skip "only root can start a systemd"
  [ ! -d /run/systemd/system ] || skip "this machine has a systemd of its own"
  have unshare || skip "there is no unshare"
  have nsenter || skip "there is no nsenter"
  have setpriv || skip "there is no setpriv"
  have pgrep || skip "there is no pgrep"
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  work=$(mktemp -d)
  export copy=$work/copy root systemd
  mkdir "$copy"
  (in_namespaces copy_of_the_machine) 2>"$work/said" || skip "no copy of it can be made here: $(cat "$work/said")"
  if ! [ -x "$systemd" ] && have apt-get; then apt_install " systemd" " systemd"; fi
  [ -x "$systemd" ] || skip "there is no systemd"
  documented "$page" "" >"$work/commands"
  : >"$work/ran" && : >"$work/results"
  "$root/scripts/nerodia" --version >/dev/null # is there what is to be installed?
  start_kafka
  start_systemd
  installed
  confined
  killed
  reloaded
  stopped_after_a_dead_letter
  with_packages
  without_writable_executable_memory
  diff <(sort "$work/commands") <(sort "$work/ran") >&2 || die "not every command of $page was run"
}

start_kafka() {
  local topic
  "$root/scripts/kafka.sh" start --name "$kafka" --owner $$ >"$work/kafka"
  for topic in orders orders.priced orders.dead; do
    "$root/scripts/kafka.sh" tool TopicCommand --name "$kafka" --create --topic "$topic" --partitions 4 >&2
  done
}

start_systemd() {
  in_namespaces become_systemd >"$work/console" 2>&1 &
  boot=$!
  wait_until 30 child_is_systemd
  wait_until 60 inside systemctl is-active --quiet basic.target
}

# in_namespaces FUNCTION: this process becomes one that runs FUNCTION in namespaces of its own, and ends with its
# parent.
in_namespaces() {
  exec setpriv --pdeathsig KILL unshare --mount --pid --uts --ipc --cgroup --fork --kill-child \
    bash -euc "$(declare -f copy_of_the_machine become_systemd); $1"
}

# Makes the working folder the root of a copy of the machine.
copy_of_the_machine() {
  mount -t tmpfs tmpfs "$copy"
  mkdir "$copy/written" "$copy/work" "$copy/root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$copy/written,workdir=$copy/work" "$copy/root"
  cd "$copy/root"
  mount -t tmpfs tmpfs run
  mount -t tmpfs tmpfs tmp
  # In case it is in there, or on a disk of its own.
  mkdir -p "./$root"
  mount --rbind -o ro "$root" "./$root"
  mount -t proc proc proc
  mount --bind -o ro proc/sys proc/sys
  mount --rbind /sys sys
  mount -o remount,bind,ro sys
  mount -t tmpfs -o mode=755 tmpfs dev
  mkdir dev/pts dev/shm
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
  mount -t tmpfs -o mode=1777 tmpfs dev/shm
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  local name
  for name in null zero full random urandom tty; do
    : >"dev/$name"
    mount --bind "/dev/$name" "dev/$name"
  done
}

become_systemd() {
  copy_of_the_machine
  : >etc/machine-id
  rm -rf etc/systemd/system/*.wants etc/systemd/system/*.requires
  # Not chroot: a process in a chroot cannot make user namespaces, which PrivateUsers needs.
  pivot_root . .
  umount -l .
  exec setpriv --bounding-set=-sys_module,-sys_rawio,-sys_time,-sys_boot \
    env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin "$systemd" --unit=basic.target --show-status=no
}

child_is_systemd() {
  pid=$(pgrep -P "$boot") && [ "$(cat "/proc/$pid/comm")" = systemd ]
}

# Runs a command where systemd runs, in the repository's folder.
# shellcheck disable=SC2016  # it is for the bash in there
inside() {
  nsenter -t "$pid" -m -p -u -i -C -w env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    bash -euc 'cd "$1"; shift; "$@"' - "$root" "$@"
}

# documented_inside BEGINNING runs the page's commands that begin with BEGINNING.
documented_inside() {
  local command
  documented "$page" "$1" >"$work/now"
  while IFS= read -r command; do
    inside bash -euc "$command" </dev/null >"$work/said" 2>&1 || die "$page: $command: $(cat "$work/said"); $(state)"
    printf '%s\n' "$command" >>"$work/ran"
  done <"$work/now"
}

installed() {
  documented_inside "install "
  inside tee /etc/nerodia/pipeline.env <"$work/kafka" >/dev/null
  # As the page recommends: without it, the partitions of a killed process wait for its session to end.
  inside sed -i 's/^\( *\)consumer_group:.*/&\n\1instance_id: one/' /etc/nerodia/pipeline.yaml
  documented_inside "systemctl daemon-reload"
  documented_inside "systemctl enable"
  priced '{"id": 1, "items": [{"price": 2, "qty": 3}]}' '{"id":1,"total":6.0}'
  ok "installed by the page's commands, it prices orders"
}

# As in the unit: a user of its own without rights, and a folder that other users cannot read.
confined() {
  local status folder
  status=$(inside cat "/proc/$(property MainPID)/status")
  printf '%s\n' "$status" | awk '
    $1 == "Uid:" && $2 >= 61184 && $2 <= 65519 || $1 == "CapEff:" && $2 ~ /^0+$/ || $1 == "NoNewPrivs:" && $2 == 1 ||
    $1 == "Seccomp:" && $2 == 2 { held++ } END { exit held != 4 }' || die "it is not confined: $status"
  folder=$(inside stat -L -c %a /var/cache/nerodia)
  [ "$folder" = 700 ] || die "/var/cache/nerodia is open to others: $folder"
  [ -n "$(inside find /var/cache/private/nerodia -type f)" ] || die "the compiled runtime is not in /var/cache/nerodia"
  ok "it is a user of its own, without rights"
}

killed() {
  local before
  before=$(property MainPID)
  inside systemctl kill -s KILL nerodia
  wait_until 30 is_another_than "$before"
  priced '{"id": 2, "items": [{"price": 2, "qty": 4}]}' '{"id":2,"total":8.0}'
  ok "killed, it is started again"
}

is_another_than() { [ "$(property MainPID)" != 0 ] && [ "$(property MainPID)" != "$1" ] && is_active; }

reloaded() {
  local before
  before=$(property MainPID)
  inside sed -i 's/"total": /"sum": /' /etc/nerodia/pipeline.yaml
  documented_inside "systemctl reload"
  wait_until 20 logged "config reloaded"
  priced '{"id": 3, "items": [{"price": 2, "qty": 5}]}' '{"id":3,"sum":10.0}'
  [ "$(property MainPID)" = "$before" ] || die "the reload was a new start"
  ok "a changed config is taken over while it runs"
}

stopped_after_a_dead_letter() {
  produce '{"id": 4}'
  [ "$(consume orders.dead 1)" = '{"id": 4}' ] || die "the dead letter is another one"
  documented_inside "systemctl stop"
  [ "$(property ActiveState) $(property ExecMainStatus)" = "failed 1" ] || die "it is not failed: $(state)"
  documented_inside "systemctl reset-failed"
  [ "$(property ActiveState)" = inactive ] || die "it is still failed: $(state)"
  ok "stopped after a dead letter, it is failed until that is cleared"
}

# Checks that the service's user can read a runtime that another user built.
with_packages() {
  printf 'jmespath==1.0.1\n' | inside tee /etc/nerodia/requirements.txt >/dev/null
  documented_inside "NERODIA_RUNTIME_DIR="
  inside sed -i 's/^\( *\)imports: .*/\1packages: requirements.txt\n\1imports: [jmespath]/
    s/round(math.fsum(.*)}/jmespath.search("sum(items[].price)", this)}/' /etc/nerodia/pipeline.yaml
  inside systemctl start nerodia
  priced '{"id": 5, "items": [{"price": 2}, {"price": 5}]}' '{"id":5,"sum":7}'
  inside systemctl stop nerodia
  ok "packages are there for it"
}

without_writable_executable_memory() {
  inside mkdir -p /run/systemd/system/nerodia.service.d
  printf '[Service]\nMemoryDenyWriteExecute=yes\n' |
    inside tee /run/systemd/system/nerodia.service.d/memory.conf >/dev/null
  inside systemctl daemon-reload
  inside systemctl start nerodia || true
  wait_until 60 is_failed
  # After exit code 2 there is no second try.
  [ "$(property ExecMainStatus) $(property NRestarts)" = "2 0" ] || die "it did not end with exit code 2: $(state)"
  logged "MemoryDenyWriteExecute" || die "it does not say why: $(state)"
  ok "with MemoryDenyWriteExecute it ends with exit code 2, once, and says why"
}

# priced ORDER RESULT checks that an order has this result. Others may come again before it, if a killed process had not
# committed them.
priced() {
  produce "$1"
  until grep -qxF -e "$2" "$work/results"; do
    count=$((count + 1))
    consume orders.priced "$count" >"$work/results"
    [ "$(wc -l <"$work/results")" = "$count" ] || die "$1 did not become $2: $(cat "$work/results"); $(state)"
  done
}

produce() { printf '%s\n' "$1" | "$root/scripts/kafka.sh" tool ConsoleProducer --name "$kafka" --topic orders >&2; }

# consume TOPIC COUNT prints the first COUNT messages.
consume() {
  "$root/scripts/kafka.sh" tool ConsoleConsumer --name "$kafka" --topic "$1" --from-beginning --max-messages "$2" \
    --timeout-ms 120000 2>"$work/consumer" || die "reading $1: $(cat "$work/consumer"); $(state)"
}

property() { inside systemctl show -p "$1" --value nerodia; }

is_active() { [ "$(property ActiveState)" = active ]; }

is_failed() { [ "$(property ActiveState)" = failed ]; }

# grep reads everything, so that journalctl does not fail when the text is found early.
logged() { inside journalctl -q -o cat -u nerodia | grep -F -e "$1" >/dev/null; }

# Prints the state, for error messages.
state() {
  inside systemctl status --no-pager --full nerodia 2>&1 || true
  inside journalctl -q -o cat --no-pager -n 20 -u nerodia 2>&1 || true
}

# wait_until SECONDS COMMAND… ends the script if it does not become true.
wait_until() { until_true "$@" || die "not so in time: $*; $([ -z "$pid" ] || state)"; }

ok() { say "ok: $* ($SECONDS s)"; }

clean_up() {
  code=$?
  trap - EXIT INT TERM HUP
  # Its child, everything that the child started, and their files end with it.
  if [ -n "$boot" ]; then
    kill -KILL "$boot" || true
    wait "$boot" || true
  fi 2>/dev/null
  [ -z "$boot" ] || remove_its_cgroups
  if [ -n "$work" ]; then
    [ ! -s "$work/kafka" ] || "$root/scripts/kafka.sh" stop --name "$kafka" >&2 || true
    [ "$code" = 0 ] || [ ! -s "$work/console" ] || cat "$work/console" >&2
    rm -rf "$work"
  fi
  exit "$code"
}

# The cgroups are empty when the last process has ended. Other programs' cgroups do not have these names, since there is
# no other systemd on this machine.
remove_its_cgroups() {
  local left
  for _ in $(seq 50); do
    left=$(find /sys/fs/cgroup -depth -type d 2>/dev/null | grep -E '/(init\.scope|system\.slice|user\.slice)(/|$)' || true)
    [ -n "$left" ] || return 0
    printf '%s\n' "$left" | xargs rmdir 2>/dev/null || true
    sleep 0.1
  done
}

main "$@"
