#!/bin/bash
# A whole cluster on this machine, without containers: a broker, Redis, and a process for each role. For trying out and for tests; not for production
# (one broker, one copy of everything: docs/cluster.md says what production needs).
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'HELP'
usage: scripts/cluster.sh up              start what is not running, wait until all is ready, print addresses
       scripts/cluster.sh status          who runs, where, and whether it is ready; exit status 1 if one is not
       scripts/cluster.sh down [--clean]  stop exactly what `up` started; data stays, unless --clean

Where the broker comes from, one of:
  KAFKA_HOME=/opt/kafka          an unpacked Kafka, 3.7 or later, from https://kafka.apache.org/downloads (needs Java 17)
  KAFKA_BROKERS=host:port[,…]    brokers that run already; they are left running
  KAFKA_STARTER=path             a script with `start DIR --port P` and `stop DIR`
Settings, with their defaults:
  CLUSTER_DIR=./cluster          credentials, logs, data, process ids
  CLUSTER_PORT=8180              ingress on +1 and +2, gateway +3, workers +4 to +6, projector +7, callout +8
  CLUSTER_KAFKA_PORT=19092       the broker's (and the next one); CLUSTER_REDIS_PORT=16379
  CLUSTER_PARTITIONS=24          of topics that are made; CLUSTER_PREFIX=cluster. is before their names
  CLUSTER_PATIENCE=60            seconds until a process that is not ready counts as failed
  TRUNKLINE=.build/release/trunkline
HELP
}

dir=${CLUSTER_DIR:-./cluster}
base=${CLUSTER_PORT:-8180}
kafka_port=${CLUSTER_KAFKA_PORT:-19092}
redis_port=${CLUSTER_REDIS_PORT:-16379}
partitions=${CLUSTER_PARTITIONS:-24}
prefix=${CLUSTER_PREFIX-cluster.}
patience=${CLUSTER_PATIENCE:-60}
trunkline=${TRUNKLINE:-.build/release/trunkline}

# name, roles, port: in the order in which they are started; stopped in the reverse.
nodes=(
  "worker-1 worker $((base + 4))" "worker-2 worker $((base + 5))" "worker-3 worker $((base + 6))"
  "projector-1 projector $((base + 7))" "callout-1 callout $((base + 8))" "gateway-1 gateway $((base + 3))"
  "ingress-1 ingress $((base + 1))" "ingress-2 ingress $((base + 2))"
)

say() { echo "cluster: $*"; }
fail() { printf 'cluster: %s\n' "$@" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A process is ours only if it is the one that was started: ids are used again, the time of birth with them is not.
born() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
remember() { echo "$2 $(born "$2")" >"$dir/pids/$1"; }
pid_of() {
  local pid time
  [[ -f $dir/pids/$1 ]] || return 1
  read -r pid time <"$dir/pids/$1" || return 1
  [[ -n $time && $(born "$pid") == "$time" && $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -c1) != Z ]] && echo "$pid"
}

# launch NAME PORT COMMAND…: in the background, its own session, log in logs/NAME.log.
launch() {
  local name=$1 port=$2
  shift 2
  if pid_of "$name" >/dev/null; then return; fi
  setsid nohup "$@" >>"$dir/logs/$name.log" 2>&1 </dev/null &
  remember "$name" $!
  say "$name started (pid $!)"
}

# await NAME PORT CHECK…: until CHECK succeeds; shows the log of who ended or took too long.
await() {
  local name=$1 until=$((SECONDS + patience)) pid
  shift
  until "$@"; do
    if ! pid=$(pid_of "$name"); then blame "$name" "ended while starting"; fi
    if ((SECONDS >= until)); then blame "$name" "(pid $pid) is not ready after $patience s"; fi
    sleep 0.2
  done
}
blame() {
  echo "cluster: $1 $2; the end of $dir/logs/$1.log:" >&2
  tail -n 20 "$dir/logs/$1.log" | sed 's/^/  | /' >&2
  say "stopping what was started" >&2
  down >&2
  exit 1
}

is_ready() { [[ $(curl -s -o /dev/null -m 2 -w '%{http_code}' "http://127.0.0.1:$1/ready") == 200 ]]; }
redis_answers() { [[ $(redis-cli -p "$redis_port" ping 2>/dev/null) == PONG ]]; }

kafka_source() {
  local given=()
  for name in KAFKA_HOME KAFKA_BROKERS KAFKA_STARTER; do if [[ -n ${!name:-} ]]; then given+=("$name"); fi; done
  case ${#given[@]} in
    1) echo "${given[0]}" ;;
    0) fail "no Kafka is named. One of:" "  KAFKA_HOME=/path/to/kafka_2.13-4.x   unpacked from https://kafka.apache.org/downloads (3.7 or later; needs Java 17)" \
         "  KAFKA_BROKERS=host:port             brokers that run already" "for example: make cluster-up KAFKA_HOME=/opt/kafka" ;;
    *) fail "one of KAFKA_HOME, KAFKA_BROKERS and KAFKA_STARTER is enough; received ${given[*]}" ;;
  esac
}

start_kafka() {
  local source=$1
  case $source in
    KAFKA_BROKERS) brokers=$KAFKA_BROKERS ;;
    KAFKA_STARTER)
      brokers=127.0.0.1:$kafka_port
      [[ -x $KAFKA_STARTER ]] || fail "KAFKA_STARTER: $KAFKA_STARTER is not a program"
      realpath "$KAFKA_STARTER" >"$dir/kafka.starter"
      say "starting a broker with $KAFKA_STARTER"
      "$KAFKA_STARTER" start "$dir/kafka" --port "$kafka_port" >>"$dir/logs/kafka.log" 2>&1 || { tail -n 20 "$dir/logs/kafka.log" >&2; fail "the broker did not start"; } ;;
    KAFKA_HOME)
      brokers=127.0.0.1:$kafka_port
      start_own_kafka ;;
  esac
}

start_own_kafka() {
  local home properties=$dir/kafka/server.properties
  home=$(realpath "$KAFKA_HOME")
  [[ -x $home/bin/kafka-server-start.sh ]] || fail "KAFKA_HOME: $home has no bin/kafka-server-start.sh"
  have java || [[ -x ${JAVA_HOME:-}/bin/java ]] || fail "Kafka needs Java 17: apt-get install openjdk-17-jre-headless"
  if pid_of kafka >/dev/null; then return; fi
  if answers "$kafka_port"; then fail "kafka: something else answers on port $kafka_port; choose another CLUSTER_KAFKA_PORT"; fi
  mkdir -p "$dir/kafka"
  cat >"$properties" <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((kafka_port + 1))
listeners=PLAINTEXT://127.0.0.1:$kafka_port,CONTROLLER://127.0.0.1:$((kafka_port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$kafka_port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=$dir/kafka/data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=8
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
P
  export LOG_DIR=$dir/logs/kafka KAFKA_HEAP_OPTS=${KAFKA_HEAP_OPTS:--Xms512m -Xmx512m}
  if [[ ! -f $dir/kafka/data/meta.properties ]]; then
    "$home/bin/kafka-storage.sh" format -t "$("$home/bin/kafka-storage.sh" random-uuid)" -c "$properties" >>"$dir/logs/kafka.log" 2>&1 ||
      { tail -n 20 "$dir/logs/kafka.log" >&2; fail "the broker's storage could not be formatted"; }
  fi
  launch kafka "$kafka_port" "$home/bin/kafka-server-start.sh" "$properties"
  await kafka answers "$kafka_port"
}

# Made once, so that what is in the topics stays this account's.
credentials() {
  local file=$dir/credentials
  if [[ ! -f $file ]]; then
    (umask 077; printf 'TRUNKLINE_ACCOUNT_SID=AC%s\nTRUNKLINE_AUTH_TOKEN=%s\n' "$(random)" "$(random)" >"$file")
  fi
  set -a
  # shellcheck disable=SC1090
  . "$file"
  set +a
}
random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

up() {
  local source node name roles port
  source=$(kafka_source)
  [[ -x $trunkline ]] || fail "$trunkline is not there: make build"
  for tool in redis-server redis-cli curl; do have $tool || fail "$tool is missing: apt-get install redis-server curl"; done
  mkdir -p "$dir/data" "$dir/pids" "$dir/logs" "$dir/redis"
  chmod 700 "$dir"
  dir=$(realpath "$dir")
  credentials
  # Before anything is started, so that a failure leaves nothing half-way.
  for node in "redis - $redis_port" "${nodes[@]}"; do
    read -r name roles port <<<"$node"
    if ! pid_of "$name" >/dev/null && answers "$port"; then
      fail "$name: something else answers on port $port; stop it, or choose another port (scripts/cluster.sh help)"
    fi
  done
  start_kafka "$source"
  # No snapshots: hot state is made again from the log, and never evicted while it is needed.
  launch redis "$redis_port" redis-server --port "$redis_port" --bind 127.0.0.1 --save "" --appendonly no --maxmemory-policy noeviction --dir "$dir/redis"
  await redis redis_answers
  say "topics at $brokers"
  local waiting=$((SECONDS + patience))
  until "$trunkline" topics apply --kafka "$brokers" --topic-prefix "$prefix" --partitions "$partitions" --development >"$dir/logs/topics.log" 2>&1; do
    # A broker that has only just begun may not have elected its leaders yet; a refusal stays one.
    if ((SECONDS >= waiting)) || ! grep -q 'no answer from Kafka' "$dir/logs/topics.log"; then
      grep -vE '^  ' "$dir/logs/topics.log" >&2
      say "stopping what was started" >&2
      down >&2
      exit 1
    fi
  done
  for node in "${nodes[@]}"; do
    read -r name roles port <<<"$node"
    launch "$name" "$port" "$trunkline" serve --kafka "$brokers" --redis "redis://127.0.0.1:$redis_port" --roles "$roles" --node "$name" \
      --topic-prefix "$prefix" --data-dir "$dir/data/$name" --http "127.0.0.1:$port"
  done
  for node in "${nodes[@]}"; do
    read -r name roles port <<<"$node"
    await "$name" is_ready "$port"
  done
  cat <<END

The cluster is ready.
  API            http://127.0.0.1:$((base + 1))  http://127.0.0.1:$((base + 2))
  event streams  http://127.0.0.1:$((base + 3))
  Kafka          $brokers (topics $prefix…)
  Redis          redis://127.0.0.1:$redis_port
  credentials    $dir/credentials
  logs           $dir/logs/NAME.log
Try it:  . $dir/credentials; curl -u "\$TRUNKLINE_ACCOUNT_SID:\$TRUNKLINE_AUTH_TOKEN" http://127.0.0.1:$((base + 1))/v1/Workspaces
Stop it: make cluster-down      (data stays; CLEAN=1 deletes it)
END
}

# Asks nicely, then does not ask.
stop() {
  local name=$1 pid until=$((SECONDS + 30))
  if ! pid=$(pid_of "$name"); then rm -f "$dir/pids/$name"; return; fi
  kill "$pid" 2>/dev/null || true
  while pid_of "$name" >/dev/null; do
    if ((SECONDS >= until)); then
      say "$name (pid $pid) does not end: killed"
      kill -KILL "$pid" 2>/dev/null || true
      until=$((SECONDS + 5))
    fi
    sleep 0.1
  done
  rm -f "$dir/pids/$name"
  say "$name stopped"
}

down() {
  local i name
  if [[ -d $dir/pids ]]; then
    for ((i = ${#nodes[@]} - 1; i >= 0; i--)); do stop "${nodes[i]%% *}"; done
    stop redis
    stop kafka
  fi
  if [[ -f $dir/kafka.starter ]]; then
    "$(<"$dir/kafka.starter")" stop "$(realpath "$dir")/kafka" >>"$dir/logs/kafka.log" 2>&1 || say "the broker could not be stopped; see $dir/logs/kafka.log"
    rm -f "$dir/kafka.starter"
    say "broker stopped"
  fi
}

status() {
  local node name roles port pid state bad=0
  for node in "redis - $redis_port" "${nodes[@]}"; do
    read -r name roles port <<<"$node"
    state=ready
    if ! pid=$(pid_of "$name"); then state="not running"; pid=-
    elif [[ $name == redis ]]; then redis_answers || state="not ready"
    elif ! is_ready "$port"; then state="not ready"; fi
    [[ $state == ready ]] || bad=1
    printf '%-12s %-12s pid %-8s 127.0.0.1:%s\n' "$name" "$state" "$pid" "$port"
  done
  return $bad
}

case ${1:-help} in
  up) up ;;
  down)
    down
    if [[ ${2:-} == --clean && -d $dir ]]; then
      # Only what `up` made, whatever CLUSTER_DIR was set to.
      rm -rf "$dir/pids" "$dir/logs" "$dir/redis" "$dir/data" "$dir/kafka" "$dir/credentials"
      rmdir "$dir" 2>/dev/null || say "$dir has other things in it and stays"
      say "deleted $dir"
    fi ;;
  status) status ;;
  help | -h | --help) usage ;;
  *) usage >&2; exit 2 ;;
esac
