# shellcheck shell=bash disable=SC2034,SC2154
# The processes: a number in a pid file is only believed when the process's command line is that of its broker.
# What is asked again and again while we wait is answered without another process: the brokers need the machine.

# words_of PID sets `words` to its command line. A zombie has none. Nor has a process that is just becoming another
# program (setsid becomes java): that one is asked again, for a second.
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

# runs_with PID ARGUMENT: its last argument is that one.
runs_with() {
  local words
  words_of "$1" && [ "${words[-1]}" = "$2" ]
}

# running_pid FILE ARGUMENT sets `pid` to the number in the file, if that process runs with the argument.
running_pid() {
  pid=""
  { read -r pid <"$1"; } 2>/dev/null && [ -n "$pid" ] && runs_with "$pid" "$2"
}

# state_of PID sets `state`, a letter, and `started`, which tells a process from a later one with the same number.
state_of() {
  local line
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  # The second word is the program's name, in which there may be blanks and parentheses.
  read -ra line <<<"${line##*) }"
  state=${line[0]}
  started=${line[19]}
}

is_paused() {
  local state started
  state_of "$1" && [ "$state" = T ]
}

# Starts a command that outlives us and holds nothing of ours: no terminal, no pipe that someone reads to its end, no
# lock. Its number goes into a file: daemon LOG PIDFILE COMMAND…, whose last argument is its alone.
daemon() {
  local log=$1 pid_file=$2 pid
  shift 2
  (
    trap - EXIT INT TERM HUP
    exec </dev/null >>"$log" 2>&1
    cd /
    for fd in "/proc/$BASHPID/fd/"*; do
      fd=${fd##*/}
      # 255 is the script as bash reads it, which exec closes.
      case "$fd" in 0 | 1 | 2 | 255) ;; *) eval "exec $fd>&-" ;; esac
    done
    exec setsid "$@"
  ) &
  pid=$!
  disown "$pid"
  echo "$pid" >"$pid_file"
  # Until the command is there, its command line is ours.
  until runs_with "$pid" "${*: -1}" || ! is_alive "$pid"; do sleep 0.01; done
}

# adopt PID: the cluster lives as long as that process. Without a PID, until `stop`.
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
    daemon "$run/watchdog.log" "$run/watchdog" "$BASH" "$root/scripts/kafka.sh" watch "$run"
  fi
}

# Is one of the owners left?
is_owned() {
  local owner since state started
  while read -r owner since; do
    [ "$owner" != forever ] || return 0
    if is_alive "$owner" && state_of "$owner" && [ "$started" = "$since" ]; then return 0; fi
  done <"$run/owners"
  return 1
} 2>/dev/null

# The watchdog.
watch() {
  local pid
  choose "$(basename "$1")"
  while [ -d "$run" ]; do
    if ! is_owned; then
      lock
      # While we waited for the lock, the cluster may have been stopped, or made anew, or started with a further owner.
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
