#!/usr/bin/env bash
# Builds the image and runs the compose files in docker/, with an engine of its own and, where no image can be
# pulled, with base images made here. Runs as root on Debian; elsewhere it prints why it does nothing. Takes 13 to 20
# minutes, most of them for the build.
#
#   integration/docker/run.sh                builds the image, then checks it and the compose files
#   integration/docker/run.sh --program BIN  an image of that program and the runtimes in runtime/, for a short run
#   integration/docker/run.sh --keep         keeps everything that it made in target/docker, for the next time
#
# Everything is in target/docker, and is removed at the end unless --keep is given.
set -euo pipefail

here=$(cd -P "$(dirname "$(readlink -f "$0")")" && pwd)
root=$(cd -P "$here/../.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

work=${CARGO_TARGET_DIR:-$root/target}/docker
case $work in /*) ;; *) work=$root/$work ;; esac
program="" keep="" project=nerodia-test code=0
export DOCKER_HOST=unix://$work/socket DOCKER_BUILDKIT=1

main() {
  while [ $# != 0 ]; do
    case "$1" in
      --program) [ $# -ge 2 ] || die "--program needs a value" && program=$(readlink -f "$2") && shift ;;
      --keep) keep=yes ;;
      -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit ;;
      *) die "'$1' is no option" ;;
    esac
    shift
  done
  [ "$(uname -s)" = Linux ] || skip "this is no Linux"
  [ "$(id -u)" = 0 ] || skip "only root can start an engine"
  have apt-get || skip "this is no Debian"
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  get_tools
  mkdir -p "$work"
  start_engine
  base_images
  build
  check_image
  check_compose
  check_scale
  say "$passed checks passed"
}

# Runs the documents' commands unchanged, except for the differences of this engine: it is an old one, without compose,
# and its builds reach the package registries through the machine's own network.
docker() {
  case "$1" in
    build) /usr/bin/docker build --network host "${@:2}" ;;
    compose) compose "${@:2}" ;;
    *) /usr/bin/docker "$@" ;;
  esac
}

compose() { docker-compose -p "$project" "$@"; }

passed=0

# check WHAT COMMAND…
check() {
  local what=$1
  shift
  "$@" || die "check failed: $what"
  passed=$((passed + 1))
  say "ok: $what"
}

get_tools() {
  if ! [ -x /usr/bin/dockerd ] && ! [ -x /usr/sbin/dockerd ] || ! have docker-compose || ! have debootstrap; then
    apt_install " docker debootstrap" " docker.io docker-compose debootstrap iptables"
  fi
}

start_engine() {
  # With a low priority, which the engine's processes inherit, so that the machine stays usable.
  nice -n 15 dockerd -H "$DOCKER_HOST" --storage-driver=overlay2 --data-root "$work/data" --exec-root "$work/exec" \
    -p "$work/pid" </dev/null >"$work/dockerd.log" 2>&1 &
  until_true 30 docker info || skip "no engine can start here: $(tail -n 1 "$work/dockerd.log")"
  say "engine: $(docker version -f '{{.Server.Version}}')"
}

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

# Pulls the base images if it can; otherwise makes them from Debian's packages, this machine's Rust and the
# files of scripts/kafka.sh and scripts/registry.sh.
base_images() {
  if [ -z "$keep" ] && timeout 60 docker pull -q debian:bookworm-slim >/dev/null 2>&1; then
    say "base images are pulled"
    return
  fi
  has_image debian:bookworm-slim || debian_image
  has_image rust:1-bookworm || rust_image
  has_image apache/kafka:4.3.1 || kafka_image
  has_image apicurio/apicurio-registry:3.0.9 || registry_image
}

# The image has this machine's access to its package registries: its certificates, apt's settings and resolver.
debian_image() {
  say "making debian:bookworm-slim"
  local folder=$work/debian setting
  rm -rf "$folder"
  nice -n 15 debootstrap --variant=minbase --include=ca-certificates bookworm "$folder" >"$work/debootstrap.log" 2>&1 ||
    die "debootstrap failed; see $work/debootstrap.log"
  cp /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/"
  for setting in /etc/apt/apt.conf.d/*registry* /etc/apt/apt.conf.d/*proxy*; do
    if [ -f "$setting" ]; then cp "$setting" "$folder/etc/apt/apt.conf.d/"; fi
  done
  tar -C "$folder" -c . | docker import -c 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' - debian:bookworm-slim >/dev/null
  rm -rf "$folder"
}

rust_image() {
  say "making rust:1-bookworm"
  require rust
  local folder=$work/rust sysroot
  sysroot=$(rustc --print sysroot)
  rm -rf "$folder"
  mkdir -p "$folder"
  cp -a "$sysroot/bin" "$sysroot/lib" "$folder/"
  docker build -q -t rust:1-bookworm -f - "$folder" >/dev/null <<'DOCKERFILE'
FROM debian:bookworm-slim
ENV PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin CARGO_HOME=/usr/local/cargo
COPY . /usr/local/rust
RUN mkdir -p /usr/local/cargo/bin && ln -s /usr/local/rust/bin/cargo /usr/local/rust/bin/rustc /usr/local/cargo/bin/
DOCKERFILE
  rm -rf "$folder"
}

kafka_image() {
  say "making apache/kafka:4.3.1"
  "$root/scripts/kafka.sh" install
  local folder=$work/kafka
  rm -rf "$folder"
  mkdir -p "$folder/jars"
  cp "$here"/kafka/* "$root/scripts/kafka/log4j2.properties" "$folder/"
  cp "${CARGO_TARGET_DIR:-$root/target}"/kafka/jars/*.jar "$folder/jars/"
  docker build -q -t apache/kafka:4.3.1 "$folder" >/dev/null
  rm -rf "$folder"
}

registry_image() {
  say "making apicurio/apicurio-registry:3.0.9"
  "$root/scripts/registry.sh" install
  local folder=$work/registry
  rm -rf "$folder"
  mkdir -p "$folder"
  cp "$here"/registry/* "$folder/"
  cp -r "${CARGO_TARGET_DIR:-$root/target}/registry/app" "$folder/"
  docker build -q -t apicurio/apicurio-registry:3.0.9 "$folder" >/dev/null
  rm -rf "$folder"
}

build() {
  local started=$SECONDS command
  if [ -z "$program" ]; then
    command=$(documented README.md 'docker build')
    (cd "$root" && BUILDKIT_PROGRESS=plain && export BUILDKIT_PROGRESS && eval "$command") \
      >"$work/build.log" 2>&1 ||
      { tail -n 30 "$work/build.log" >&2 && die "the image could not be built; see $work/build.log"; }
  else
    # From the point after the build, with the Dockerfile's own instructions.
    local folder=$work/prebuilt
    rm -rf "$folder"
    mkdir -p "$folder/target/release" "$folder/runtime" "$folder/docker"
    strip --strip-debug -o "$folder/target/release/nerodia" "$program"
    cp "$root"/runtime/cpython-3.14.wasm* "$folder/runtime/"
    cp "$root/docker/libraries.sh" "$folder/docker/"
    { printf 'FROM rust:1-bookworm AS build\nRUN %s\nWORKDIR /src\nCOPY . .\n' \
      "apt-get update && apt-get install -y --no-install-recommends libssl3 zlib1g ca-certificates" &&
      sed -n '/^COPY docker\/libraries.sh/,$p' "$root/docker/Dockerfile"; } >"$folder/Dockerfile"
    docker build -q -t nerodia "$folder" >/dev/null
    rm -rf "$folder"
  fi
  say "built in $((SECONDS - started)) s; size: $(docker images --format '{{.Size}}' nerodia)"
}

# Runs a container as the docs and compose files do.
locked() { docker run --read-only --cap-drop ALL --security-opt no-new-privileges "$@"; }

check_image() {
  check "not root" [ "$(docker image inspect -f '{{.Config.User}}' nerodia)" = 65532:65532 ]
  check "the compiled runtime is found" has_compiled
  check "no shell" has_no_shell
  check "the README's command prints 42" prints_42
  check "docker/README.md's too" prints_42 docker/README.md
  check "the page of a pipeline, published" has_page
  check "a config, with a read-only root and no capability" sums
  local started
  for _ in 1 2 3; do
    started=$(date +%s%N)
    echo "[11, 6, 20, 5]" | locked -i --rm nerodia eval 'root = sum(this)' >/dev/null
    say "first output, with docker run: $((($(date +%s%N) - started) / 1000000)) ms"
  done
  started=$(date +%s%N)
  locked --rm nerodia --version >/dev/null
  say "docker run alone (--version): $((($(date +%s%N) - started) / 1000000)) ms"
  check "another processor: compiled to /cache" compiles_elsewhere
}

has_compiled() { locked --rm nerodia runtime list | grep 'cpython-3.14 .* compiled ' >/dev/null; }

has_no_shell() {
  local shell
  for shell in sh /bin/sh bash busybox; do
    if docker run --rm --entrypoint "$shell" nerodia -c true 2>/dev/null; then return 1; fi
  done
}

sums() {
  local output
  output=$(echo "[11, 6, 20, 5]" |
    locked -i --rm -v "$root/configs/sum.yaml:/etc/nerodia/sum.yaml:ro" nerodia run -c /etc/nerodia/sum.yaml 2>/dev/null)
  [ "$output" = 42 ]
}

prints_42() { [ "$(eval "$(documented "${1:-README.md}" 'echo "[11, 6, 20, 5]" | docker run')" 2>/dev/null)" = 42 ]; }

has_page() {
  local folder=$work/page result=0
  mkdir -p "$folder"
  cat >"$folder/pipeline.yaml" <<'PIPELINE'
input: { generate: { value: 1, interval: 100ms } }
pipeline: { processors: [{ python: { script: root = this } }] }
output: { drop: {} }
PIPELINE
  (cd "$folder" && eval "$(documented docker/README.md 'docker run --rm --read-only')" >/dev/null 2>&1) &
  local running=$!
  until_true 60 curl -fsS -o /dev/null http://127.0.0.1:4195/ || result=1
  docker ps -q -f ancestor=nerodia | xargs -r /usr/bin/docker stop -t 30 >/dev/null
  wait "$running" || result=1
  return $result
}

# Checks the case of another processor: the image's compiled runtime is hidden.
compiles_elsewhere() {
  [ "$(echo 7 | locked -i --rm --tmpfs /opt/nerodia/runtime/.cache nerodia eval 'root = this' 2>/dev/null)" = 7 ]
}

viewed() { compose -f "$1" logs --no-color --no-log-prefix viewer 2>/dev/null; }

# containers SERVICE prints their ids. The label is compose's own.
containers() {
  docker ps -q -f "label=com.docker.compose.project=$project" -f "label=com.docker.compose.service=$1"
}

log_of() { docker logs "$(containers viewer)" 2>/dev/null; }

# right N UNSETTLED: checks that there are at least N orders, at the right price, and that none is missing.
right() { log_of | python3 "$here/check.py" --at-least "$1" --unsettled "$2" >/dev/null; }

status() { docker inspect -f "$2" "$(containers "$1" | head -n 1)"; }

is_healthy() { [ "$(status "$1" '{{.State.Health.Status}}')" = healthy ]; }

start_compose() {
  export ORDERS_INTERVAL=5ms
  local command
  command=$(documented docker/README.md "docker compose -f $1 up")
  # The image exists already, and the terminal must not block.
  (cd "$root" && eval "${command/up --build/up -d --no-build}") >"$work/compose.log" 2>&1 ||
    { cat "$work/compose.log" >&2 && die "compose could not start $1"; }
}

stop_compose() {
  compose -f "$root/docker/compose.yaml" down -v --remove-orphans -t 40 >>"$work/compose.log" 2>&1 || true
}

# eval_documented BEGINNING runs a command of docker/README.md.
eval_documented() {
  local command
  command=$(documented docker/README.md "$1")
  (cd "$root" && eval "$command") >>"$work/compose.log" 2>&1 || { cat "$work/compose.log" >&2 && die "$command"; }
}

# The command shows it only in a terminal of its own. It is left when it has shown that the pipeline is ready.
shows_top() {
  local command
  command=$(documented docker/README.md "docker compose -f docker/compose.yaml exec")
  rm -f "$work/top.log"
  { until_true 60 top_has_ready; printf q; } |
    (cd "$root" && timeout 90 script -qec "stty cols 120 rows 40; ${command/docker compose/docker-compose -p $project}" \
      /dev/null) >"$work/top.log" && top_has_ready
}

top_has_ready() { grep -aF '● ready' "$work/top.log" >/dev/null; }

# address CONTAINER prints its address in the network of the compose file.
address() { docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"; }

# The id of the schema of priced orders, from the registry.
schema_id() {
  local registry
  registry=http://$(address "$(containers registry)"):8080/apis/ccompat/v7
  [ "$(curl -fsS "$registry/subjects")" = '["orders.priced-value"]' ] &&
    curl -fsS "$registry/subjects/orders.priced-value/versions/latest" | sed 's/.*"id":\([0-9]*\).*/\1/'
}

has_schema() { [ "$(schema_id)" -ge 1 ]; }

# The first bytes of a record, in hexadecimal, as Kafka's own consumer writes it.
first_bytes() {
  docker exec "$(containers kafka)" /opt/kafka/bin/kafka-console-consumer.sh --bootstrap-server kafka:9092 \
    --topic orders.priced --from-beginning --max-messages 1 2>/dev/null | head -c 5 | od -An -tx1 | tr -d ' '
}

names_schema() { [ "$(first_bytes)" = "00$(printf %08x "$(schema_id)")" ]; }

is_asked_to_reload() { docker logs "$(containers nerodia)" 2>&1 | grep 'nothing to reload' >/dev/null; }

priced() { log_of | python3 "$here/check.py" --unsettled 1000000000 2>/dev/null | sed 's/.*"priced": \([0-9]*\).*/\1/'; }

is_quiet() {
  local before
  before=$(priced)
  sleep 5
  [ "$(priced)" = "$before" ]
}

check_compose() {
  stop_compose
  start_compose docker/compose.yaml
  check "priced orders in the viewer's log" until_true 120 right 500 500
  local service
  for service in kafka registry nerodia producer viewer; do check "healthy: $service" until_true 60 is_healthy "$service"; done
  check "the page is published to this machine" curl -fsS -o /dev/null http://127.0.0.1:4195/ready
  check "its view for terminals" shows_top
  say "memory: $(docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' |
    sed "s/${project}_\([a-z]*\)_1 \([^ ]*\) .*/\1 \2/" | sort | paste -sd,)"
  check "the registry has the schema" has_schema
  check "priced orders name it: $(first_bytes)" names_schema
  eval_documented "docker compose -f docker/compose.yaml kill -s HUP"
  check "SIGHUP is for its config" until_true 20 is_asked_to_reload

  # Like a crash: after `docker kill`, the engine would not restart the container.
  local before
  before=$(priced)
  kill -KILL "$(status nerodia '{{.State.Pid}}')"
  check "killed, it is started again" until_true 60 is_restarted
  check "killed, it goes on" until_true 90 right $((before + 1000)) 500
  docker stop -t 40 "$(containers producer)" >/dev/null
  until_true 60 is_quiet || true
  check "killed, nothing is lost: $(log_of | python3 "$here/check.py" || true)" right 1 0
  local end=$SECONDS
  docker stop -t 40 "$(containers nerodia)" >/dev/null
  check "stopped by SIGTERM in $((SECONDS - end)) s" [ $((SECONDS - end)) -lt 25 ]
  eval_documented "docker compose -f docker/compose.yaml down"
  check "taken down, nothing runs" [ -z "$(docker ps -q -f "label=com.docker.compose.project=$project")" ]
  stop_compose
}

is_restarted() { [ "$(status nerodia '{{.RestartCount}}')" -ge 1 ] && is_healthy nerodia; }

# partitions CONTAINER prints how many it has, from its own /stats, over its network.
partitions() {
  curl -fsS "http://$(address "$1"):4195/metrics" | grep -c '^nerodia_kafka_lag_messages{' || true
}

shares() {
  local container counts="" sum=0 count
  for container in $(containers nerodia); do
    count=$(partitions "$container")
    counts="$counts $count"
    [ "$count" -gt 0 ] || return 1
    sum=$((sum + count))
  done
  echo "$counts" >"$work/shares"
  [ "$(echo "$counts" | wc -w)" = 3 ] && [ "$sum" = 12 ]
}

check_scale() {
  start_compose docker/compose.scale.yaml
  check "three share the partitions" until_true 120 shares
  say "partitions of each:$(cat "$work/shares")"
  check "three price all orders" until_true 120 right 2000 500
  docker stop -t 40 "$(containers producer)" >/dev/null
  until_true 60 is_quiet || true
  check "of three nothing is lost: $(log_of | python3 "$here/check.py" || true)" right 1 0
  stop_compose
}

clean_up() {
  code=$?
  trap - EXIT INT TERM HUP
  if [ -f "$work/pid" ]; then
    stop_compose
    local pid
    pid=$(cat "$work/pid")
    kill "$pid" 2>/dev/null || true
    until_true 60 gone "$pid" || true
  fi
  # Removes mounts that the daemon left.
  local mount
  while read -r mount; do umount -l "$mount" 2>/dev/null || true; done \
    < <(awk -v work="$work/" 'index($2, work) == 1 { print $2 }' /proc/mounts | sort -r)
  if [ -z "$keep" ]; then rm -rf "$work"/{data,exec,debian,rust,kafka,registry,prebuilt}; fi
  exit "$code"
}

gone() { ! kill -0 "$1" 2>/dev/null; }

main "$@"
