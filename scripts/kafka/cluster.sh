# shellcheck shell=bash disable=SC2154
# A cluster: its folder, ports, configuration and brokers.
#
#   NAME/options            "BROKERS yes|no", the number and whether it is secure
#   NAME/port               the first of the 16 ports it may use; 4 per broker: plain, controller, TLS, SASL
#   NAME/owners, watchdog   of --owner
#   NAME/kept               exists if it was stopped with KEEP=1
#   NAME/broker-N/          config, data, log, pid

ports_of_cluster=16
patience=90 # seconds until a start has failed; on a busy machine 7 s become 30

choose() {
  name=$1
  case "$name" in
    "" | .* | *[!A-Za-z0-9._-]* | jars | jars.new) wrong "'$name' is no name for a cluster: letters, digits, '.', '_' and '-'" ;;
  esac
  run=$kafka/$name
}

only_name() {
  local cluster=default
  if [ "${1:-}" = --name ]; then
    [ $# -ge 2 ] || wrong "--name needs a value"
    cluster=$2
    shift 2
  fi
  no_more "$@"
  choose "$cluster"
}

load() { [ -f "$run/options" ] && read -r brokers secure <"$run/options"; }

# Only one process at a time changes a cluster. The lock is outside the folder, which may be removed and created again.
lock() {
  mkdir -p "$kafka/.locks"
  exec {cluster_lock}>"$kafka/.locks/$name"
  flock --nonblock "$cluster_lock" || { say "$name: waiting for another scripts/kafka.sh" && flock "$cluster_lock"; }
}

unlock() { exec {cluster_lock}>&-; }

each_broker() { seq -s ' ' "$brokers"; }

# port_of N LISTENER, counted from 0, sets `port`.
port_of() {
  local base
  read -r base <"$run/port"
  port=$((base + 4 * ($1 - 1) + $2))
}

address() {
  local port
  port_of "$1" "$2"
  echo "127.0.0.1:$port"
}

addresses() {
  local i all=""
  for i in $(each_broker); do all=$all,$(address "$i" "$1"); done
  echo "${all#,}"
}

# Prints the addresses of the brokers that can answer: a client that finds a paused one first would wait for it.
working_addresses() {
  local i all=""
  for i in $(each_broker); do
    if works "$i"; then all=$all,$(address "$i" 0); fi
  done
  [ -n "$all" ] || die "no broker of $name runs. Run: scripts/kafka.sh start --name $name"
  echo "${all#,}"
}

create() {
  local wanted_brokers=$1 wanted_secure=$2 owner=$3 i
  if [ -f "$run/kept" ]; then
    [ "$brokers $secure" = "$wanted_brokers $wanted_secure" ] ||
      die "$name was kept with other options (--brokers $brokers, secure: $secure). Run: scripts/kafka.sh stop --name $name"
    rm -f "$run/owners"
  else
    rm -rf "$run" # of one that was not stopped: a machine that went down, say
  fi
  mkdir -p "$run"
  brokers=$wanted_brokers secure=$wanted_secure
  undo=yes
  claim_ports
  adopt "$owner"
  [ "$secure" = no ] || [ -f "$run/ca.pem" ] || make_certificates
  for i in $(each_broker); do write_config "$i"; done
  format
  echo "$brokers $secure" >"$run/options"
}

# Claims a free block of ports below those that the system gives to connections. The file with the number is the claim,
# since a broker takes some time until it listens. Clusters of other folders cannot see it, so the search begins at
# random.
claim_ports() {
  local lock used file low first=20000 blocks start try base
  exec {lock}>"$kafka/.locks/.ports"
  flock "$lock"
  read -r low _ </proc/sys/net/ipv4/ip_local_port_range || low=32768
  blocks=$(((low - first) / ports_of_cluster))
  [ "$blocks" -gt 0 ] || die "no ports are left between $first and those of /proc/sys/net/ipv4/ip_local_port_range"
  used=$(listening_ports)
  for file in "$kafka"/*/port; do
    if [ -f "$file" ] && [ "$file" != "$run/port" ]; then used="$used $(cat "$file")"; fi
  done
  start=$((RANDOM % blocks))
  base=$(cat "$run/port" 2>/dev/null) || base="" # of a kept cluster
  for ((try = 0; try < blocks; try++)); do
    if [ -n "$base" ] && is_free_block "$base"; then
      echo "$base" >"$run/port"
      break
    fi
    base=$((first + (start + try) % blocks * ports_of_cluster))
  done
  [ "$try" != "$blocks" ] || die "no $ports_of_cluster free ports in a row between $first and $low"
  exec {lock}>&-
}

# Needs `used`.
is_free_block() {
  local port
  for ((port = $1; port < $1 + ports_of_cluster; port++)); do
    case " $used " in *" $port "*) return 1 ;; esac
  done
}

# Prints the ports of both IP versions; 0A is LISTEN.
listening_ports() {
  local local_address state all=""
  while read -r _ local_address _ state _; do
    if [ "$state" = 0A ]; then all="$all $((16#${local_address##*:}))"; fi
  done < <(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
  echo "$all"
}

write_config() {
  local i=$1 j voters="" replicas=$brokers in_sync=$(((brokers + 1) / 2))
  for j in $(each_broker); do voters=$voters,$j@$(address "$j" 1); done
  mkdir -p "$run/broker-$i"
  {
    cat "$root/scripts/kafka/broker.properties"
    echo
    echo "node.id=$i"
    echo "log.dirs=$run/broker-$i/data"
    echo "controller.quorum.voters=${voters#,}"
    echo "default.replication.factor=$replicas"
    echo "min.insync.replicas=$in_sync"
    echo "offsets.topic.replication.factor=$replicas"
    echo "transaction.state.log.replication.factor=$replicas"
    echo "transaction.state.log.min.isr=$in_sync"
    echo "share.coordinator.state.topic.replication.factor=$replicas"
    echo "share.coordinator.state.topic.min.isr=$in_sync"
    if [ "$secure" = yes ]; then
      echo "listeners=$(listeners "$i"),TLS://$(address "$i" 2),SASL://$(address "$i" 3)"
      secure_config
    else
      echo "listeners=$(listeners "$i")"
      echo "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"
    fi
  } >"$run/broker-$i/config"
}

listeners() { echo "PLAINTEXT://$(address "$1" 0),CONTROLLER://$(address "$1" 1)"; }

# Formats all brokers at once, each with a JVM of its own.
format() {
  local id i users=() formatting=()
  id=N$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 2-22)
  [ "$secure" = no ] || scram_users
  java_command broker -XX:TieredStopAtLevel=1 -Dkafka.log.level=WARN
  for i in $(each_broker); do
    [ ! -f "$run/broker-$i/data/meta.properties" ] || continue # kept
    "${java[@]}" kafka.tools.StorageTool format -t "$id" -c "$run/broker-$i/config" "${users[@]}" \
      </dev/null >"$run/broker-$i/log" 2>&1 &
    formatting+=("$i $!")
  done
  for i in "${formatting[@]}"; do
    wait "${i#* }" || { show_log "${i% *}" && die "$name: the data of broker ${i% *} could not be made"; }
  done
}

# find_broker N sets `pid`, also for a paused broker.
find_broker() { running_pid "$run/broker-$1/pid" "$run/broker-$1/config"; }

works() {
  local pid
  find_broker "$1" && ! is_paused "$pid"
}

any_broker_runs() {
  local i pid
  for i in $(each_broker); do
    if find_broker "$i"; then return 0; fi
  done
  return 1
}

describe_broker() {
  local pid
  if ! find_broker "$1"; then
    echo "dead"
  elif is_paused "$pid"; then
    echo "pid $pid, paused"
  else
    echo "pid $pid"
  fi
}

# Starts a broker. A running one is not changed, except that a paused one continues.
start_broker() {
  local folder=$run/broker-$1 pid
  if find_broker "$1"; then
    kill -CONT "$pid"
    return
  fi
  java_command broker -Dkafka.log.level=INFO
  daemon "$folder/log" "$folder/pid" "${java[@]}" kafka.Kafka "$folder/config"
}

# signal_broker N KILL|STOP|CONT returns when the signal has had its effect.
signal_broker() {
  local pid
  find_broker "$1" || die "broker $1 of $name does not run. Run: scripts/kafka.sh broker start $1 --name $name"
  kill "-$2" "$pid"
  case "$2" in
    KILL) while find_broker "$1"; do sleep 0.02; done ;;
    STOP) until is_paused "$pid"; do sleep 0.02; done ;;
  esac
}

has_majority() {
  local i count=0
  for i in $(each_broker); do
    if works "$i"; then count=$((count + 1)); fi
  done
  [ "$count" -gt $((brokers / 2)) ]
}

# wait_until_ready N… waits until an admin client sees each of these brokers. If one dies meanwhile, the wait ends at
# once.
wait_until_ready() {
  local i end=$((SECONDS + patience))
  # A broker listens to clients once it has caught up and is not fenced: before that, no JVM need be started to check.
  for i in "$@"; do
    until listens "$i"; do
      still_starting "$@"
      sleep 0.1
    done
  done
  until is_ready "$@"; do still_starting "$@"; done
}

listens() {
  local port
  port_of "$1" 0
  (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

# Needs `end`.
still_starting() {
  local i pid
  for i in "$@"; do
    find_broker "$i" || { show_log "$i" && die "$name: broker $i died while it started"; }
  done
  [ "$SECONDS" -lt "$end" ] || { show_log "$1" && die "$name: not ready after $patience s"; }
}

asking="" # the processes of is_ready, for clean_up

# Checks that an admin client sees these brokers, which it does not when they are fenced, and can list topics.
is_ready() {
  local servers seen=$run/seen.$$ listing topics i found=yes
  servers=$(working_addresses 2>/dev/null) || return 1
  java_command tool -XX:TieredStopAtLevel=1 -Dkafka.log.level=OFF
  # A client whose brokers die would continue to ask for a minute.
  java=(timeout 20 "${java[@]}")
  "${java[@]}" org.apache.kafka.tools.ClusterTool list-endpoints --bootstrap-server "$servers" </dev/null >"$seen" 2>&1 &
  listing=$!
  "${java[@]}" org.apache.kafka.tools.TopicCommand --list --bootstrap-server "$servers" </dev/null >/dev/null 2>&1 &
  topics=$!
  asking="$listing $topics"
  while kill -0 "$listing" 2>/dev/null || kill -0 "$topics" 2>/dev/null; do
    [ -z "${end:-}" ] || still_starting "$@"
    sleep 0.02
  done
  asking=""
  wait "$listing" && wait "$topics" || found=""
  for i in "$@"; do
    grep -q "^$i  *127\.0\.0\.1 " "$seen" || found=""
  done
  rm -f "$seen"
  [ -n "$found" ]
}

show_log() {
  say "the end of $run/broker-$1/log:"
  tail -n 30 "$run/broker-$1/log" >&2
}

# Stops the cluster. With KEEP=1 the brokers shut down in order, and the data is kept; otherwise they are killed.
stop_cluster() {
  local i pid end=$((SECONDS + 20))
  load || brokers=3 # of a start that was killed before it wrote them
  stop_watchdog
  for i in $(each_broker); do
    find_broker "$i" || continue
    if [ "${KEEP:-}" = 1 ]; then
      kill -TERM "$pid"
      kill -CONT "$pid"
    else
      kill -KILL "$pid"
    fi
  done 2>/dev/null
  for i in $(each_broker); do
    while find_broker "$i"; do
      # The last of three brokers has no majority, and may not end by itself.
      if [ "$SECONDS" -ge "$end" ]; then kill -KILL "$pid" 2>/dev/null || true; fi
      sleep 0.02
    done
  done
  if [ "${KEEP:-}" = 1 ] && [ -f "$run/options" ]; then
    touch "$run/kept"
    say "$name: stopped; its data is kept in $run"
  else
    rm -rf "$run"
    say "$name: stopped"
  fi
}

# Set while an interrupted `start` could leave an incomplete cluster.
undo=""

clean_up() {
  local code=$? i pid
  # shellcheck disable=SC2086  # one word a process
  [ -z "$asking" ] || kill $asking 2>/dev/null || true
  if [ -n "$undo" ]; then
    undo=""
    stop_watchdog
    for i in $(each_broker); do
      if find_broker "$i"; then signal_broker "$i" KILL; fi
    done
    # Data that KEEP=1 has kept is not removed.
    [ -f "$run/kept" ] || rm -rf "$run/options" "$run/port" "$run"/broker-*/data
    say "$name: the start was undone; its logs are kept until the next one: $run/broker-*/log"
  fi
  exit "$code"
}
