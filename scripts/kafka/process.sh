# shellcheck shell=bash disable=SC2034,SC2154
# Processes: a number in a pid file counts only if the process's command line is that of its broker. Checks that a wait
# repeats start no other process, because the brokers need the machine.

# words_of PID sets `words` to its command line. A zombie has none, and neither has a process that is about to become
# another program (setsid becomes java): that one is checked again, for a second.
words_of() {
  local state started try
  for try in {1..100}; do
    words=()
    { mapfile -d '' -t words <"/proc/$1/cmdline"; } 2>/dev/null || return 1
    [ "${#words[@]}" = 0 ] || return 0
    state_of "$1" || return 1
    case "$state" in Z | X) return 1 ;; esac
    sleep 0.01
  done
  return 1
}

is_alive() {
  local words
  words_of "$1"
}

# runs_with PID ARGUMENT succeeds if the process's last argument is ARGUMENT.
runs_with() {
  local words
  words_of "$1" && [ "${words[-1]}" = "$2" ]
}

# running_pid FILE ARGUMENT sets `pid` to the number in the file, if that process runs with the argument.
running_pid() {
  pid=""
  { read -r pid <"$1"; } 2>/dev/null && [ -n "$pid" ] && runs_with "$pid" "$2"
}

# state_of PID sets `state`, a letter, and `started`, which distinguishes a process from a later one with the same
# number.
state_of() {
  local line
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  # The second word is the program's name, which may contain blanks and parentheses.
  read -ra line <<<"${line##*) }"
  state=${line[0]}
  started=${line[19]}
}

is_paused() {
  local state started
  state_of "$1" && [ "$state" = T ]
}

# daemon LOG PIDFILE COMMAND… starts a command that outlives this script and holds nothing of it: no terminal, no pipe
# that is read to its end, no lock. Its number goes into PIDFILE. The command's last argument must be unique.
daemon() {
  local log=$1 pid_file=$2 pid
  shift 2
  (
    trap - EXIT INT TERM HUP
    exec </dev/null >>"$log" 2>&1
    cd /
    for fd in "/proc/$BASHPID/fd/"*; do
      fd=${fd##*/}
      # 255 is the script as bash reads it; exec closes it.
      case "$fd" in 0 | 1 | 2 | 255) ;; *) eval "exec $fd>&-" ;; esac
    done
    exec setsid "$@"
  ) &
  pid=$!
  disown "$pid"
  echo "$pid" >"$pid_file"
  # Until the command runs, the process has this script's command line.
  until runs_with "$pid" "${*: -1}" || ! is_alive "$pid"; do sleep 0.01; done
}

# adopt PID: what runs in the folder `run` lives as long as that process; without a PID, until `stop`. Its watchdog is
# `watch` of the script `watcher`.
adopt() {
  local pid state started
  if [ -z "$1" ]; then
    echo forever >>"$run/owners"
    stop_watchdog
    return
  fi
  state_of "$1" || die "--owner $1: the process is gone"
  echo "$1 $started" >>"$run/owners"
  if ! grep -qx forever "$run/owners" && ! running_pid "$run/watchdog" "$run"; then
    daemon "$run/watchdog.log" "$run/watchdog" "$BASH" "$watcher" watch "$run"
  fi
}

# Succeeds if one of the owners is still alive.
is_owned() {
  local owner since state started
  while read -r owner since; do
    [ "$owner" != forever ] || return 0
    if is_alive "$owner" && state_of "$owner" && [ "$started" = "$since" ]; then return 0; fi
  done <"$run/owners"
  return 1
} 2>/dev/null

# Watches the owners, as the watchdog.
watch() {
  local pid
  choose "$(basename "$1")"
  while [ -d "$run" ]; do
    if ! is_owned; then
      lock
      # While this waited for the lock, the cluster may have been stopped, created again, or started with a further
      # owner.
      if ! { read -r pid <"$run/watchdog"; } 2>/dev/null || [ "$pid" != $$ ]; then return; fi
      if ! is_owned; then
        say "$name: its owner is gone"
        KEEP="" stop_cluster
        return
      fi
      unlock
    fi
    sleep 0.5
  done
}

stop_watchdog() {
  local pid
  if running_pid "$run/watchdog" "$run" && [ "$pid" != $$ ]; then kill -KILL "$pid" 2>/dev/null || true; fi
  rm -f "$run/watchdog"
}
