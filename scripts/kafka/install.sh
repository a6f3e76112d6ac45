# shellcheck shell=bash disable=SC2034,SC2154
# What a broker needs: Java, the jars, and archives of loaded classes, which halve the start time of a JVM.

# Java and Maven are needed only when something is to be fetched or run.
install() {
  need java
  if is_installed; then return; fi
  need mvn
  mkdir -p "$jars/.." "$kafka/.locks"
  local lock new
  exec {lock}>"$target/kafka/.install-lock"
  flock --nonblock "$lock" || { say "waiting for another scripts/kafka.sh install" && flock "$lock"; }
  if ! is_installed; then # by another install that had the lock before us
    SECONDS=0
    say "fetching Kafka's jars with Maven"
    new=$jars.new
    rm -rf "$new"
    mkdir "$new"
    # -C: ends with an error if a jar's checksum is not the registry's.
    mvn -q -B -C -f "$root/scripts/kafka/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
      -DoutputDirectory="$new" </dev/null >"$new/maven.log" 2>&1 ||
      { cat "$new/maven.log" >&2 && die "Maven could not fetch the jars; what it said stands above. Nothing was kept."; }
    cp "$root/scripts/kafka/pom.xml" "$new/"
    rm -rf "$jars"
    mv "$new" "$jars"
    # A process of its own, since it sets variables for another cluster. Without the archives everything works, but
    # slower.
    "$BASH" "$root/scripts/kafka.sh" archive </dev/null >&2 || say "no archive could be made: brokers and tools start slower"
    say "installed in $SECONDS s"
  fi
  exec {lock}>&-
}

# The pom next to the jars is the one with which they were fetched. It is moved into place with them, so they are
# complete.
is_installed() { cmp -s "$root/scripts/kafka/pom.xml" "$jars/pom.xml"; }

has_java() {
  local version
  version=$(java -version 2>&1) || return 1
  version=${version#*\"}
  version=${version%%[.\"-]*}
  [ "$version" -ge 17 ] 2>/dev/null
}

has_mvn() { have mvn; }

has_openssl() { have openssl; }

# `require` of lib.sh knows the tools that the build needs; these are needed only by this script.
need() {
  "has_$1" && return
  local packages
  packages=$(packages_for " $1" "java=openjdk-17-jre-headless" "mvn=maven" "openssl=openssl")
  if ! have apt-get; then
    die "missing: $1. Install with your system's packages: Java 17 or newer, Maven, openssl."
  fi
  apt_install " $1" "$packages"
  "has_$1" || die "$1 is still missing after its packages were installed"
}

# In an order that does not depend on the locale: an archive fits only the class path with which it was made.
class_path() {
  local LC_ALL=C all
  all=$(printf '%s:' "$jars"/*.jar)
  echo "${all%:}"
}

# java_command broker|tool OPTIONS… sets `java`; the main class and its arguments must be added.
java_command() {
  local kind=$1
  shift
  java=(java -Xmx512m -XX:+UseSerialGC -XX:-UsePerfData "$@")
  java+=("-Dlog4j2.configurationFile=$root/scripts/kafka/log4j2.properties")
  # Otherwise the JVM would warn on standard output about an archive that another Java made; it works without the
  # archive.
  java+=(-Xlog:disable -Xlog:all=error:stderr)
  if [ -n "${archive:-}" ]; then
    java+=("-XX:ArchiveClassesAtExit=$archive")
  elif [ -f "$jars/$kind.jsa" ]; then
    java+=("-XX:SharedArchiveFile=$jars/$kind.jsa")
  fi
  java+=(-cp "$(class_path)")
}

# Makes the archives from the classes that a broker and a tool load while they work. Needs the jars, and the lock of
# install.
archive() {
  local with=no pid
  if has_openssl; then with=yes; fi
  choose archives
  lock
  stop_cluster 2>/dev/null # one that was left when this was killed
  create 1 "$with" $$
  archive=$run/broker.jsa start_broker 1
  wait_until_ready 1
  archive=$run/tool.jsa java_command tool -XX:TieredStopAtLevel=1 -Dkafka.log.level=WARN
  "${java[@]}" org.apache.kafka.tools.TopicCommand --list --bootstrap-server "$(addresses 0)" >/dev/null
  find_broker 1
  kill -TERM "$pid"
  while find_broker 1; do sleep 0.1; done
  mv "$run/broker.jsa" "$run/tool.jsa" "$jars/"
  undo=""
  stop_cluster 2>/dev/null
}

# Prints org.apache.kafka.tools.X for X; a few tools are in other packages.
class_of() {
  case "$1" in
    ConfigCommand) echo "kafka.admin.$1" ;;
    StorageTool) echo "kafka.tools.$1" ;;
    ConsoleConsumer | ConsoleShareConsumer) echo "org.apache.kafka.tools.consumer.$1" ;;
    ConsumerGroupCommand | ShareGroupCommand) echo "org.apache.kafka.tools.consumer.group.$1" ;;
    ReassignPartitionsCommand) echo "org.apache.kafka.tools.reassign.$1" ;;
    StreamsGroupCommand) echo "org.apache.kafka.tools.streams.$1" ;;
    *) echo "org.apache.kafka.tools.$1" ;;
  esac
}
