#!/usr/bin/env bash
# Starts a real schema registry for tests: Apicurio Registry, which speaks the REST API of Confluent's registry.
#
#   scripts/registry.sh install                          only installs what the registry needs
#   scripts/registry.sh start [--name NAME] [--owner PID]
#   scripts/registry.sh stop [--name NAME] | stop --all
#   scripts/registry.sh status [--name NAME]             exit code 0 when it is ready, 1 when not
#   scripts/registry.sh kill|pause|resume [--name NAME]
#
# start prints REGISTRY_URL=http://127.0.0.1:PORT/apis/ccompat/v7 once the registry answers; everything else goes to
# standard error. A start of a running registry changes nothing, except that a paused one continues. A start of one that
# was killed starts it again, on its port and with its schemas.
# With --owner the registry is stopped when process PID has ended; if several started it, when all of them have.
#
# A registry is in target/registry/NAME, or in $NERODIA_REGISTRY_DIR/NAME; the program is in target/registry/app.
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"
# For Java and Maven.
# shellcheck source=scripts/kafka/install.sh
. "$root/scripts/kafka/install.sh"
# shellcheck source=scripts/kafka/process.sh
. "$root/scripts/kafka/process.sh"

ARTIFACT=io.apicurio:apicurio-registry-app:3.0.9:tar.gz:all
# Later versions of the plugin want the pom of the artifact's parent, which is not in Maven's central repository.
GET=org.apache.maven.plugins:maven-dependency-plugin:2.8:get

# shellcheck disable=SC2034  # for kafka/process.sh
watcher=$root/scripts/registry.sh
target=${CARGO_TARGET_DIR:-$root/target}
case $target in /*) ;; *) target=$root/$target ;; esac # as cargo understands it, which runs there
app=$target/registry/app
all=${NERODIA_REGISTRY_DIR:-$target/registry}
case $all in /*) ;; *) all=$PWD/$all ;; esac
export NERODIA_REGISTRY_DIR=$all # for the watchdog

patience=120 # seconds until a start has failed; on a busy machine 4 s become 40
ports=(15000 19999) # below those of scripts/kafka.sh

# The current registry, as `choose` sets it: its name and its folder. That has the files port, pid, log, owners, watchdog
# and the data of the registry.
name="" run=""

main() {
  [ -r /proc/self/cmdline ] || die "scripts/registry.sh needs Linux: it watches the registry by /proc"
  local command=${1:-}
  [ $# = 0 ] || shift
  case "$command" in
    install) no_more "$@" && install_registry ;;
    start) start "$@" ;;
    stop) stop "$@" ;;
    status) status "$@" ;;
    kill | pause | resume) only_name "$@" && signal "$command" ;;
    watch) watch "$@" ;; # the script itself runs this command
    -h | --help) usage ;;
    *) wrong "'$command' is no command" ;;
  esac
}

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p;}' "$0"; }

wrong() { say "error: $*" && usage >&2 && exit 2; }

no_more() { [ $# = 0 ] || wrong "'$1' is one argument too many"; }

choose() {
  name=$1
  case "$name" in
    "" | .* | *[!A-Za-z0-9._-]* | app | app.new) wrong "'$name' is no name for a registry: letters, digits, '.', '_' and '-'" ;;
  esac
  run=$all/$name
}

only_name() {
  local wanted=default
  if [ "${1:-}" = --name ]; then
    [ $# -ge 2 ] || wrong "--name needs a value"
    wanted=$2
    shift 2
  fi
  no_more "$@"
  choose "$wanted"
}

# Only one process at a time changes a registry. The lock is outside the folder, which may be removed and created again.
lock() {
  mkdir -p "$all/.locks"
  exec {registry_lock}>"$all/.locks/$name"
  flock --nonblock "$registry_lock" || { say "$name: waiting for another scripts/registry.sh" && flock "$registry_lock"; }
}

unlock() { exec {registry_lock}>&-; }

install_registry() {
  need java
  if is_unpacked; then return; fi
  need mvn
  mkdir -p "$target/registry"
  local lock new=$app.new
  exec {lock}>"$target/registry/.install-lock"
  flock --nonblock "$lock" || { say "waiting for another scripts/registry.sh install" && flock "$lock"; }
  if ! is_unpacked; then # by another install that had the lock before us
    SECONDS=0
    say "fetching Apicurio Registry with Maven"
    rm -rf "$new"
    mkdir "$new"
    # -C: ends with an error if the file's checksum is not Maven's. The file goes into a repository of its own, where it
    # can be found.
    (cd "$new" && mvn -q -B -C "$GET" -Dmaven.repo.local="$new/repository" -Dartifact="$ARTIFACT" -Dtransitive=false) \
      </dev/null >"$new/maven.log" 2>&1 ||
      { cat "$new/maven.log" >&2 && die "Maven could not fetch the registry; what it said stands above. Nothing was kept."; }
    tar -xzf "$new"/repository/io/apicurio/apicurio-registry-app/*/*.tar.gz -C "$new"
    rm -rf "$new/repository"
    echo "$ARTIFACT" >"$new/artifact"
    rm -rf "$app"
    mv "$new" "$app"
    say "installed in $SECONDS s"
  fi
  exec {lock}>&-
}

# The file is moved into place with the rest, so that is complete.
is_unpacked() { [ "$(cat "$app/artifact" 2>/dev/null)" = "$ARTIFACT" ]; }

start() {
  local wanted=default owner=""
  while [ $# != 0 ]; do
    case "$1" in
      --name | --owner) [ $# -ge 2 ] || wrong "$1 needs a value" ;;
      *) wrong "'$1' is no option of start" ;;
    esac
    case "$1" in
      --name) wanted=$2 ;;
      --owner) owner=$2 ;;
    esac
    shift 2
  done
  case "$owner" in *[!0-9]*) wrong "--owner is the id of a process" ;; esac
  [ -z "$owner" ] || is_alive "$owner" || die "--owner $owner: there is no such process"
  choose "$wanted"
  install_registry

  SECONDS=0
  lock
  local pid
  if find_registry; then
    kill -CONT "$pid"
    adopt "$owner"
  else
    mkdir -p "$run"
    undo=yes
    [ -f "$run/port" ] || claim_port
    adopt "$owner"
    daemon "$run/log" "$run/pid" java -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData \
      -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$(cat "$run/port")" -Dquarkus.http.io-threads=2 \
      -Dapicurio.datasource.url="jdbc:h2:file:$run/data;WRITE_DELAY=0" \
      -jar "$app"/apicurio-registry-app-*-runner.jar "$run"
  fi
  wait_until_ready
  undo=""
  say "$name: ready after $SECONDS s, on $(url)"
  echo "REGISTRY_URL=$(url)"
}

stop() {
  if [ "${1:-}" = --all ]; then
    shift && no_more "$@"
    local file
    for file in "$all"/*/port; do
      [ -f "$file" ] || continue
      (choose "$(basename "$(dirname "$file")")" && lock && stop_cluster)
    done
    return
  fi
  only_name "$@"
  if [ -d "$run" ]; then lock && stop_cluster; fi
}

status() {
  local pid
  only_name "$@"
  [ -f "$run/port" ] || { echo "$name: not running" && exit 1; }
  if ! find_registry; then
    echo "$name: $(url), dead"
  elif is_paused "$pid"; then
    echo "$name: $(url), pid $pid, paused"
  elif answers; then
    echo "$name: $(url), pid $pid, ready"
    exit 0
  else
    echo "$name: $(url), pid $pid, not ready"
  fi
  exit 1
}

# signal kill|pause|resume returns when the signal has had its effect.
signal() {
  local pid
  lock
  find_registry || die "$name does not run. Run: scripts/registry.sh start --name $name"
  case "$1" in
    kill)
      kill -KILL "$pid"
      while find_registry; do sleep 0.02; done
      ;;
    pause)
      kill -STOP "$pid"
      until is_paused "$pid"; do sleep 0.02; done
      ;;
    resume) kill -CONT "$pid" ;;
  esac
}

url() { echo "http://127.0.0.1:$(cat "$run/port")/apis/ccompat/v7"; }

# Sets `pid`, also for a paused registry.
find_registry() { running_pid "$run/pid" "$run"; }

# Claims a free port. The file with the number is the claim, since the registry takes some time until it listens.
# Registries of other folders cannot see it, so the search begins at random.
claim_port() {
  local lock claimed="" file port try count=$((ports[1] - ports[0] + 1)) first=$RANDOM
  exec {lock}>"$all/.locks/.ports"
  flock "$lock"
  for file in "$all"/*/port; do
    if [ -f "$file" ]; then claimed="$claimed $(cat "$file")"; fi
  done
  for ((try = 0; try < count; try++)); do
    port=$((ports[0] + (first + try) % count))
    case " $claimed " in *" $port "*) continue ;; esac
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port" >"$run/port"
      break
    fi
  done
  [ "$try" != "$count" ] || die "no port from ${ports[0]} to ${ports[1]} is free"
  exec {lock}>&-
}

# Succeeds if the registry answers a request. A paused one only accepts the connection.
answers() {
  local port answer
  read -r port <"$run/port"
  {
    exec 3<>"/dev/tcp/127.0.0.1/$port" &&
      printf 'GET /apis/ccompat/v7/subjects HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3 &&
      read -r -t 5 answer <&3
  } 2>/dev/null || return 1
  exec 3>&-
  case "$answer" in "HTTP/1."?" 200 "*) ;; *) return 1 ;; esac
}

wait_until_ready() {
  local pid
  # In a process of its own: a connection that is refused ends the shell that has it as a redirection of `exec`.
  until (answers); do
    find_registry || { show_log && die "$name: the registry died while it started"; }
    [ "$SECONDS" -lt "$patience" ] || { show_log && die "$name: not ready after $patience s"; }
    sleep 0.1
  done
}

show_log() {
  say "the end of $run/log:"
  tail -n 30 "$run/log" >&2
}

# Stops the registry. The name is that which `watch` of process.sh calls.
stop_cluster() {
  local pid
  stop_watchdog
  if find_registry; then
    kill -KILL "$pid" 2>/dev/null || true
    while find_registry; do sleep 0.02; done
  fi
  rm -rf "$run"
  say "$name: stopped"
}

# Set while an interrupted `start` could leave a registry that nobody stops.
undo=""

# shellcheck disable=SC2317,SC2329  # called by the trap
clean_up() {
  local code=$? pid
  if [ -n "$undo" ]; then
    undo=""
    stop_watchdog
    if find_registry; then kill -KILL "$pid" 2>/dev/null || true; fi
    rm -rf "$run/owners" "$run/pid"
    say "$name: the start was undone; its log is kept until the next stop: $run/log"
  fi
  exit "$code"
}

trap clean_up EXIT
trap 'say "interrupted"; exit 130' INT
trap 'exit 143' TERM HUP
main "$@"
exit # what is behind here, if the file changes under a watchdog, is never read
