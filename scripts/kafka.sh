#!/usr/bin/env bash
# Starts a real Apache Kafka for tests: brokers on this machine, created and removed as needed.
#
#   scripts/kafka.sh install                          only installs what the brokers need
#   scripts/kafka.sh start [--name NAME] [--brokers 1|3] [--secure] [--owner PID]
#   scripts/kafka.sh stop [--name NAME] | stop --all  with KEEP=1, the data stays for the next start
#   scripts/kafka.sh status [--name NAME]             exit code 0 when it is ready, 1 when not
#   scripts/kafka.sh broker kill|pause|resume|start N [--name NAME]
#   scripts/kafka.sh tool TOOL [--name NAME] ARGS…    TopicCommand, AclCommand, ConfigCommand, ConsoleConsumer …
#
# start prints KEY=VALUE lines, KAFKA_ADDRESSES first, once the cluster is ready; everything else goes to standard
# error.
# A start of a running cluster, with the same options, only completes it: brokers that are dead or paused run again.
# With --owner the cluster is stopped when process PID has ended; if several started it, when all of them have.
#
# --secure adds a TLS and a SASL listener, with certificates and users, and an authorizer.
# Topics accept messages up to 10 MiB; for another limit, set a topic's max.message.bytes.
#
# A cluster is in target/kafka/NAME, or in $NERODIA_KAFKA_DIR/NAME; the jars are in target/kafka/jars.
set -euo pipefail

root=$(cd -P "$(dirname "$(readlink -f "$0")")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"
# shellcheck source=scripts/kafka/install.sh
. "$root/scripts/kafka/install.sh"
# shellcheck source=scripts/kafka/cluster.sh
. "$root/scripts/kafka/cluster.sh"
# shellcheck source=scripts/kafka/process.sh
. "$root/scripts/kafka/process.sh"
# shellcheck source=scripts/kafka/secure.sh
. "$root/scripts/kafka/secure.sh"

# shellcheck disable=SC2034  # for kafka/process.sh
watcher=$root/scripts/kafka.sh
target=${CARGO_TARGET_DIR:-$root/target}
case $target in /*) ;; *) target=$root/$target ;; esac # as cargo understands it, which runs there
# shellcheck disable=SC2034  # for kafka/*.sh
jars=$target/kafka/jars
kafka=${NERODIA_KAFKA_DIR:-$target/kafka}
case $kafka in /*) ;; *) kafka=$PWD/$kafka ;; esac
export NERODIA_KAFKA_DIR=$kafka # for the watchdog

# The current cluster, as `choose` and `load` set it.
name="" run="" brokers="" secure=""
java=() # as java_command sets it

main() {
  [ -r /proc/self/cmdline ] || die "scripts/kafka.sh needs Linux: it watches its brokers by /proc"
  local command=${1:-}
  [ $# = 0 ] || shift
  case "$command" in
    install) no_more "$@" && install ;;
    start) start "$@" ;;
    stop) stop "$@" ;;
    status) status "$@" ;;
    broker) broker "$@" ;;
    tool) tool "$@" ;;
    # The script itself runs these two commands.
    archive) archive ;;
    watch) watch "$@" ;;
    -h | --help) usage ;;
    *) wrong "'$command' is no command" ;;
  esac
}

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; }

wrong() { say "error: $*" && usage >&2 && exit 2; }

no_more() { [ $# = 0 ] || wrong "'$1' is one argument too many"; }

start() {
  local cluster=default owner="" wanted_brokers=1 wanted_secure=no
  while [ $# != 0 ]; do
    case "$1" in
      --secure) wanted_secure=yes && shift && continue ;;
      --name | --brokers | --owner) [ $# -ge 2 ] || wrong "$1 needs a value" ;;
      *) wrong "'$1' is no option of start" ;;
    esac
    case "$1" in
      --name) cluster=$2 ;;
      --brokers) wanted_brokers=$2 ;;
      --owner) owner=$2 ;;
    esac
    shift 2
  done
  case "$wanted_brokers" in 1 | 3) ;; *) wrong "--brokers is 1 or 3" ;; esac
  case "$owner" in *[!0-9]*) wrong "--owner is the id of a process" ;; esac
  [ -z "$owner" ] || is_alive "$owner" || die "--owner $owner: there is no such process"
  choose "$cluster"
  install
  [ "$wanted_secure" = no ] || need openssl

  SECONDS=0
  lock
  if load && any_broker_runs; then
    [ "$brokers $secure" = "$wanted_brokers $wanted_secure" ] ||
      die "$name runs with other options (--brokers $brokers, secure: $secure). Run: scripts/kafka.sh stop --name $name"
    adopt "$owner"
  else
    create "$wanted_brokers" "$wanted_secure" "$owner"
  fi
  local i
  for i in $(each_broker); do start_broker "$i"; done
  # shellcheck disable=SC2046  # one word a broker
  wait_until_ready $(each_broker)
  undo=""
  rm -f "$run/kept"
  say "$name: ready after $SECONDS s, on $(addresses 0)"
  echo "KAFKA_ADDRESSES=$(addresses 0)"
  [ "$secure" = no ] || print_secure
}

stop() {
  if [ "${1:-}" = --all ]; then
    shift && no_more "$@"
    local folder
    for folder in "$kafka"/*/options; do
      [ -f "$folder" ] || continue
      (choose "$(basename "$(dirname "$folder")")" && lock && stop_cluster)
    done
    return
  fi
  only_name "$@"
  if [ -d "$run" ]; then lock && stop_cluster; fi
}

status() {
  only_name "$@"
  load || { echo "$name: not running" && exit 1; }
  local i whole=yes
  for i in $(each_broker); do
    echo "$name: broker $i: $(address "$i" 0), $(describe_broker "$i")"
    works "$i" || whole=""
  done
  # shellcheck disable=SC2046  # one word a broker
  if [ -n "$whole" ] && is_ready $(each_broker); then
    echo "$name: ready"
  else
    echo "$name: not ready"
    exit 1
  fi
}

broker() {
  [ $# -ge 2 ] || wrong "broker needs what to do and a number"
  local what=$1 i=$2
  shift 2
  only_name "$@"
  lock
  load || die "$name does not run. Run: scripts/kafka.sh start --name $name"
  case " $(each_broker) " in *" $i "*) ;; *) wrong "'$i' is no broker of $name, which has $brokers" ;; esac
  case "$what" in
    kill) signal_broker "$i" KILL ;;
    pause) signal_broker "$i" STOP ;;
    resume) signal_broker "$i" CONT ;;
    start)
      start_broker "$i"
      if has_majority; then
        wait_until_ready "$i"
      else
        say "$name: not waiting for broker $i, which cannot be ready before most of the $brokers run"
      fi
      ;;
    *) wrong "'$what' is nothing that broker does" ;;
  esac
}

tool() {
  [ $# -ge 1 ] || wrong "tool needs a tool's name"
  local class servers
  class=$(class_of "$1")
  shift
  # Only in this place: some tools have a --name option of their own.
  if [ "${1:-}" = --name ]; then
    [ $# -ge 2 ] || wrong "--name needs a value"
    choose "$2"
    shift 2
  else
    choose default
  fi
  load || die "$name does not run. Run: scripts/kafka.sh start --name $name"
  case "$class $* " in
    *" --bootstrap-server "* | *" --bootstrap-controller "* | *" --help "*) ;;
    *StorageTool* | *DumpLogSegments*) ;; # they read files
    *)
      servers=$(working_addresses)
      # Before a subcommand, except for the one tool whose subcommands need the option after them.
      case "$class" in
        *ClusterTool) set -- "$@" --bootstrap-server "$servers" ;;
        *) set -- --bootstrap-server "$servers" "$@" ;;
      esac
      ;;
  esac
  java_command tool -XX:TieredStopAtLevel=1 -Dkafka.log.level=WARN -Dfile.encoding=UTF-8
  exec "${java[@]}" "$class" "$@"
}

trap clean_up EXIT
trap 'say "interrupted"; exit 130' INT
trap 'exit 143' TERM HUP
main "$@"
exit # what is behind here, if the file changes under a watchdog, is never read
