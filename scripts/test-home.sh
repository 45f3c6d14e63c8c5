# What tests and figures of the cluster home stand on; to be sourced. `start_home` sets TRUNKLINE_TEST_KAFKA and TRUNKLINE_TEST_REDIS where they are not set already: a broker
# from KAFKA_STARTER (a script with `start DIR --port P` and `clean DIR`) and the distribution's Redis, on ports of their own; `end_home` stops what it started.
# `problem` is called with what went wrong.
home=

start_home() {
  home=$(mktemp -d)
  local port
  if [[ -z ${TRUNKLINE_TEST_KAFKA:-} && -n ${KAFKA_STARTER:-} ]]; then
    port=$(free_port)
    if "$KAFKA_STARTER" start "$home/kafka" --port "$port" >"$home/kafka.log" 2>&1; then
      export TRUNKLINE_TEST_KAFKA=127.0.0.1:$port
    else
      problem "the broker did not start: $(tail -3 "$home/kafka.log")"
    fi
  fi
  if [[ -z ${TRUNKLINE_TEST_REDIS:-} ]] && command -v redis-server >/dev/null; then
    port=$(free_port)
    redis-server --port "$port" --save "" --appendonly no --dir "$home" --pidfile "$home/redis.pid" --daemonize yes >/dev/null
    export TRUNKLINE_TEST_REDIS=redis://127.0.0.1:$port
  fi
}

end_home() {
  [[ -n $home ]] || return 0
  if [[ -d $home/kafka ]]; then "$KAFKA_STARTER" clean "$home/kafka" >/dev/null 2>&1; fi
  if [[ -f $home/redis.pid ]]; then kill "$(<"$home/redis.pid")"; fi
  rm -rf "$home"
  home=
}

# The first of as many in a row as a broker takes.
free_port() { python3 Tests/Acceptance/ports.py; }
